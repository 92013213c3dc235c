//! The release, put together from those who have a word in it: the feed, a record in a file, a directory of databases.

use jiff::Timestamp;

use super::line::Line;
use super::{Offered, Release};

/// What files say of the release in the feed's place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReleaseSources {
    /// The record in a file: all of the release but extra databases.
    pub line: SourceState<Line>,
    /// The versions of main, daily and bytecode in a directory.
    pub versions: SourceState<[u32; 3]>,
}

/// What a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceState<T> {
    /// It is not asked.
    #[default]
    Unused,
    /// It is asked, and has never said anything usable.
    Silent,
    /// What it last said that was usable.
    Says(T),
}

impl ReleaseSources {
    /// The release that is offered, and since when nobody has said anything newer: where a record is read, that is its
    /// stamp, else the feed's time. None where somebody who is asked is silent.
    pub fn release(&self, feed: Option<Offered<'_>>) -> Option<(Release, Timestamp)> {
        let (mut release, generated) = match &self.line {
            SourceState::Unused => feed.map(|feed| (feed.release.clone(), feed.generated))?,
            SourceState::Silent => return None,
            SourceState::Says(line) => {
                let mut release = line.release.clone();
                // A record has no place for these.
                if let Some(Offered { release: Release { extra, rollback, .. }, .. }) = feed {
                    (release.extra, release.rollback) = (extra.clone(), *rollback);
                }
                (release, line.stamp)
            }
        };
        match self.versions {
            SourceState::Unused => {}
            SourceState::Silent => return None,
            SourceState::Says(versions) => release = release.with_core(versions),
        }
        Some((release, generated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_word() {
        let feed: Release = serde_json::from_str(
            r#"{"software":"1.4.6","main":63,"daily":10,"bytecode":339,"flevel":90,"extra":{"test":6},"rollback":true}"#,
        )
        .unwrap();
        let generated = Timestamp::from_second(1_795_000_000).unwrap();
        let offered = Some(Offered { release: &feed, generated });
        let line = Line::parse("1.5.0:64:20:1794999600:0:91:49192:340", generated).unwrap();
        let of = |line: SourceState<Line>, versions, feed| {
            let (release, since) = ReleaseSources { line, versions }.release(feed)?;
            Some((release.record(0), release.extra.len(), since.as_second()))
        };
        let some = |record: &str, extra, since| Some((record.to_owned(), extra, since));
        let (fed, read) = (1_795_000_000, 1_794_999_600);
        let (unused, says, dir) =
            (SourceState::Unused, SourceState::Says(line), SourceState::Says([65, 30, 341]));
        assert_eq!(
            of(unused, SourceState::Unused, offered),
            some("1.4.6:63:10:0:1:90:49192:339", 1, fed)
        );
        assert_eq!(
            of(SourceState::Unused, dir, offered),
            some("1.4.6:65:30:0:1:90:49192:341", 1, fed)
        );
        assert_eq!(
            of(says.clone(), SourceState::Unused, offered),
            some("1.5.0:64:20:0:0:91:49192:340", 1, read)
        );
        assert_eq!(of(says.clone(), dir, None), some("1.5.0:65:30:0:0:91:49192:341", 0, read));
        assert_eq!(of(SourceState::Unused, dir, None), None);
        assert_eq!(of(SourceState::Silent, dir, offered), None);
        assert_eq!(of(says, SourceState::Silent, offered), None);
    }
}
