//! The changes of a mirror's state as a whole.
//!
//! The history has the changes that checks make, address by address. That a mirror lags, is drained
//! or is back is seen when its page is written. The document beside the page keeps it.

use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use cvdns_core::health::MirrorCondition;
use cvdns_io::read_optional_text;
use cvdns_pages::{Change, place};

use super::past::CHANGES;

/// Most octets of a document. Texts in it are cut.
const MAX_DOCUMENT: u64 = 4 << 20;

/// How a mirror's state as a whole changed.
#[derive(Debug, Clone, Default)]
pub(super) struct Own {
    /// The state that was written last; `None` if none was.
    pub(super) state: Option<MirrorCondition>,
    /// The changes, the newest first.
    pub(super) changes: Vec<Change>,
}

/// What a document of a mirror tells of that.
#[derive(Deserialize)]
struct Kept {
    state: String,
    changes: Vec<KeptChange>,
}

#[derive(Deserialize)]
struct KeptChange {
    at: Timestamp,
    address: Option<IpAddr>,
    from: Option<String>,
    to: String,
    reason: String,
}

impl Own {
    /// Reads what the document of a mirror says that is in the directory of all pages. Nothing is
    /// known if there is none that can be read.
    pub(super) fn read(root: &Path, host: &str) -> Self {
        let path = root.join(place::mirror_file(host, place::MIRROR_JSON));
        let text = read_optional_text(&path, MAX_DOCUMENT).ok().flatten();
        text.and_then(|text| Self::parse(&text)).unwrap_or_default()
    }

    fn parse(document: &str) -> Option<Self> {
        let kept: Kept = serde_json::from_str(document).ok()?;
        let whole = kept.changes.into_iter().filter(|change| change.address.is_none());
        let change = |KeptChange { at, from, to, reason, .. }: KeptChange| {
            let from = match from {
                Some(from) => Some(MirrorCondition::named(&from)?),
                None => None,
            };
            let to = MirrorCondition::named(&to)?;
            Some(Change { at, address: None, from, to, reason })
        };
        // Documents of former versions have no changes of mirrors, but their states.
        let changes: Vec<Change> = whole.filter_map(change).collect();
        let state = MirrorCondition::named(&kept.state).filter(|_| !changes.is_empty());
        Some(Self { state, changes })
    }

    /// Notes the state of a moment, for this reason. `since` is when it began by the feed, and
    /// `past` are the changes of the addresses: one that tells the same is enough.
    pub(super) fn note(
        &mut self,
        (to, reason): (MirrorCondition, &str),
        (since, now): (Option<Timestamp>, Timestamp),
        past: &[Change],
    ) {
        let from = self.state.replace(to);
        if from == Some(to) {
            return;
        }
        let is_told = |change: &Change| {
            from.is_some() && change.from == from && change.to == to && Some(change.at) == since
        };
        if !past.iter().any(is_told) {
            let change = Change { at: now, address: None, from, to, reason: reason.to_owned() };
            self.changes.insert(0, change);
            self.changes.truncate(CHANGES);
        }
    }

    /// When the present state began, if that was seen.
    pub(super) fn since(&self) -> Option<Timestamp> {
        let last = self.changes.first().filter(|last| last.from.is_some())?;
        (Some(last.to) == self.state).then_some(last.at)
    }

    /// These changes and those of the addresses, the newest first.
    pub(super) fn with(&self, past: Vec<Change>) -> Vec<Change> {
        let mut changes = self.changes.clone();
        changes.extend(past);
        changes.sort_by_key(|change| std::cmp::Reverse(change.at));
        changes.truncate(CHANGES);
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: MirrorCondition = MirrorCondition::Up;
    const DOWN: MirrorCondition = MirrorCondition::Down;
    const LAGGING: MirrorCondition = MirrorCondition::Lagging;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_795_453_200 + 60 * minute).unwrap()
    }

    fn of_address(minute: i64, from: MirrorCondition, to: MirrorCondition) -> Change {
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        Change { at: at(minute), address, from: Some(from), to, reason: String::new() }
    }

    fn told(own: &Own) -> Vec<(i64, Option<MirrorCondition>, MirrorCondition)> {
        let minute = |at: Timestamp| (at.as_second() - 1_795_453_200) / 60;
        own.changes.iter().map(|of| (minute(of.at), of.from, of.to)).collect()
    }

    #[test]
    fn a_change_is_told_once_by_the_mirror_or_by_its_address() {
        let mut own = Own::default();
        let past = [of_address(5, UP, DOWN), of_address(9, DOWN, UP)];
        own.note((UP, ""), (None, at(0)), &[]);
        assert_eq!((told(&own), own.since()), (vec![(0, None, UP)], None));
        // The addresses tell this.
        own.note((DOWN, "refused"), (Some(at(5)), at(6)), &past[..1]);
        own.note((UP, ""), (Some(at(9)), at(9)), &past);
        assert_eq!(told(&own), [(0, None, UP)]);
        // And not this, though the feed has the mirror up since then.
        own.note((LAGGING, "9 versions"), (Some(at(9)), at(20)), &past);
        own.note((LAGGING, "10 versions"), (Some(at(9)), at(21)), &past);
        assert_eq!(own.since(), Some(at(20)));
        own.note((UP, ""), (Some(at(9)), at(30)), &past);
        let expected = [(30, Some(LAGGING), UP), (20, Some(UP), LAGGING), (0, None, UP)];
        assert_eq!(told(&own), expected);
        let times: Vec<Timestamp> =
            own.with(past.to_vec()).iter().map(|change| change.at).collect();
        assert_eq!(times, [at(30), at(20), at(9), at(5), at(0)]);
    }

    #[test]
    fn a_document_is_read_back_and_a_damaged_one_is_nothing() {
        let text = r#"{"state":"lagging","more":[1],"changes":[
            {"at":"2026-11-23T17:20:00Z","address":null,"from":"up","to":"lagging","reason":"r"},
            {"at":"2026-11-23T17:10:00Z","address":"192.0.2.1","from":"down","to":"up","reason":""},
            {"at":"2026-11-23T17:00:00Z","address":null,"from":null,"to":"up","reason":""}]}"#;
        let own = Own::parse(text).unwrap();
        assert_eq!(own.state, Some(LAGGING));
        assert_eq!(told(&own), [(20, Some(UP), LAGGING), (0, None, UP)]);
        assert_eq!(own.since(), Some(at(20)));
        for cut in 1..text.len() {
            assert!(Own::parse(&text[..cut]).is_none(), "{cut}");
        }
        // A former version's document: its first page of this version begins the list.
        let former = Own::parse(r#"{"state":"up","changes":[]}"#).unwrap();
        assert_eq!((former.state, former.changes.len()), (None, 0));
    }
}
