//! The release, composed of its sources: the feed, a record in a file, a directory of databases.

use jiff::Timestamp;

use super::record_line::RecordLine;
use super::{DatedRelease, Release};

/// The sources of the release that take the place of the feed's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReleaseSources {
    /// The record in a file: all of the release except extra databases.
    pub line: SourceState<RecordLine>,
    /// The versions of main, daily and bytecode in a directory of databases.
    pub versions: SourceState<[u32; 3]>,
}

/// The state of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceState<T> {
    /// The source is not configured.
    #[default]
    Unused,
    /// The source is configured, but has never been usable.
    Missing,
    /// The last usable content of the source.
    Read(T),
}

impl ReleaseSources {
    /// The release, and when its source last confirmed it: the stamp of the record if one is
    /// configured, otherwise the time of the feed. `None` while a configured source is missing, or
    /// without any source.
    pub fn release(&self, feed: Option<DatedRelease<'_>>) -> Option<(Release, Timestamp)> {
        let (mut release, generated) = match &self.line {
            SourceState::Unused => feed.map(|feed| (feed.release.clone(), feed.generated))?,
            SourceState::Missing => return None,
            SourceState::Read(line) => {
                let mut release = line.release.clone();
                // A record does not have these fields.
                if let Some(DatedRelease { release: Release { extra, rollback, .. }, .. }) = feed {
                    (release.extra, release.rollback) = (extra.clone(), *rollback);
                }
                (release, line.stamp)
            }
        };
        match self.versions {
            SourceState::Unused => {}
            SourceState::Missing => return None,
            SourceState::Read(versions) => release = release.with_core(versions),
        }
        Some((release, generated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_determines_its_part() {
        let feed: Release = serde_json::from_str(
            r#"{"software":"1.4.6","main":63,"daily":10,"bytecode":339,"flevel":90,"extra":{"test":6},"rollback":true}"#,
        )
        .unwrap();
        let generated = Timestamp::from_second(1_795_000_000).unwrap();
        let offered = Some(DatedRelease { release: &feed, generated });
        let line = RecordLine::parse("1.5.0:64:20:1794999600:0:91:49192:340", generated).unwrap();
        let of = |line: SourceState<RecordLine>, versions, feed| {
            let (release, since) = ReleaseSources { line, versions }.release(feed)?;
            Some((release.record(0), release.extra.len(), since.as_second()))
        };
        let some = |record: &str, extra, since| Some((record.to_owned(), extra, since));
        let (fed, read) = (1_795_000_000, 1_794_999_600);
        let (unused, says, dir) =
            (SourceState::Unused, SourceState::Read(line), SourceState::Read([65, 30, 341]));
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
        assert_eq!(of(SourceState::Missing, dir, offered), None);
        assert_eq!(of(says, SourceState::Missing, offered), None);
    }
}
