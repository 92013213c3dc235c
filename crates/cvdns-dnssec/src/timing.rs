//! When a key is published and when it signs: the timing metadata of key files.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The moments in the life of a key, as `dnssec-settime` of BIND sets them. `None`: not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyTiming {
    /// When it was made.
    pub created: Option<Timestamp>,
    /// From when it is in the zone.
    pub publish: Option<Timestamp>,
    /// From when it signs.
    pub activate: Option<Timestamp>,
    /// From when it is revoked (RFC 5011).
    pub revoke: Option<Timestamp>,
    /// From when it no longer signs.
    pub inactive: Option<Timestamp>,
    /// From when it is no longer in the zone.
    pub delete: Option<Timestamp>,
    /// From when the parent is told of it by CDS and CDNSKEY records (RFC 7344).
    pub sync_publish: Option<Timestamp>,
    /// From when the parent is no longer told of it.
    pub sync_delete: Option<Timestamp>,
}

/// A moment of a key and its name in files.
type Named = (&'static str, Option<Timestamp>);

impl KeyTiming {
    /// A key that is published and signs from a moment on.
    pub fn from(now: Timestamp) -> Self {
        Self { created: Some(now), publish: Some(now), activate: Some(now), ..Self::default() }
    }

    /// All moments with their names in files, in the order in which BIND writes them.
    pub fn named(&self) -> [Named; 8] {
        [
            ("Created", self.created),
            ("Publish", self.publish),
            ("Activate", self.activate),
            ("Revoke", self.revoke),
            ("Inactive", self.inactive),
            ("Delete", self.delete),
            ("SyncPublish", self.sync_publish),
            ("SyncDelete", self.sync_delete),
        ]
    }

    /// The moment with this name in files; `None` if there is none of that name.
    pub(crate) fn slot(&mut self, name: &str) -> Option<&mut Option<Timestamp>> {
        Some(match name {
            "Created" => &mut self.created,
            "Publish" => &mut self.publish,
            "Activate" => &mut self.activate,
            "Revoke" => &mut self.revoke,
            "Inactive" => &mut self.inactive,
            "Delete" => &mut self.delete,
            "SyncPublish" => &mut self.sync_publish,
            "SyncDelete" => &mut self.sync_delete,
            _ => return None,
        })
    }

    /// Whether nothing is set, as in files of `ldns-keygen`: the key is published and signs.
    pub fn is_unset(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the key is in the zone at a moment. As in BIND, a key that is to sign and has no
    /// moment of publication is published at once.
    pub fn is_published(&self, now: Timestamp) -> bool {
        let is_wanted = match self.publish {
            Some(publish) => publish <= now,
            None => self.activate.is_some() || self.is_unset(),
        };
        is_wanted && !is_past(self.delete, now)
    }

    /// Whether the key signs at a moment, if it can.
    pub fn is_active(&self, now: Timestamp) -> bool {
        let is_begun = is_past(self.activate, now) || self.is_unset();
        is_begun && !is_past(self.inactive, now) && !is_past(self.delete, now)
    }

    /// Whether CDS and CDNSKEY records may tell the parent of the key.
    pub fn is_synced(&self, now: Timestamp) -> bool {
        self.sync_publish.is_none_or(|from| from <= now) && !is_past(self.sync_delete, now)
    }

    /// The first moment after `now` at which something changes.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let moments = self.named().into_iter().filter(|(name, _)| *name != "Created");
        moments.filter_map(|(_, moment)| moment).filter(|moment| *moment > now).min()
    }
}

fn is_past(moment: Option<Timestamp>, now: Timestamp) -> bool {
    moment.is_some_and(|moment| moment <= now)
}

/// Reads a moment as key files have it: `YYYYMMDDHHMMSS` in UTC.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    if text.len() != 14 || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize| text.get(from..from + 2)?.parse::<i8>().ok();
    let year = text.get(..4)?.parse().ok()?;
    let moment = DateTime::new(year, part(4)?, part(6)?, part(8)?, part(10)?, part(12)?, 0).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Writes a moment as key files have it.
pub(crate) fn text(moment: Timestamp) -> String {
    moment.strftime("%Y%m%d%H%M%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u8) -> Timestamp {
        parse(&format!("202611{day:02}000000")).unwrap()
    }

    #[test]
    fn moments_are_read_and_written() {
        let moment = parse("20261130184003").unwrap();
        assert_eq!(moment.to_string(), "2026-11-30T18:40:03Z");
        assert_eq!(text(moment), "20261130184003");
        for bad in ["", "2026113018400", "20261131000000", "2026113018400x", "20261130250000"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    /// The rules of BIND (`get_hints` of lib/dns/dnssec.c).
    #[test]
    fn a_key_lives_as_in_bind() {
        let unset = KeyTiming::default();
        assert!(unset.is_published(at(1)) && unset.is_active(at(1)) && unset.is_synced(at(1)));
        // dnssec-keygen -G
        let generated = KeyTiming { created: Some(at(1)), ..unset };
        assert!(!generated.is_published(at(2)) && !generated.is_active(at(2)));
        let to_come = KeyTiming { activate: Some(at(5)), ..generated };
        assert!(to_come.is_published(at(2)) && !to_come.is_active(at(2)));
        let whole = KeyTiming {
            publish: Some(at(3)),
            inactive: Some(at(7)),
            delete: Some(at(9)),
            sync_publish: Some(at(6)),
            sync_delete: Some(at(8)),
            ..to_come
        };
        let life = |day| {
            let now = at(day);
            (whole.is_published(now), whole.is_active(now), whole.is_synced(now))
        };
        assert_eq!(life(2), (false, false, false));
        assert_eq!(life(3), (true, false, false));
        assert_eq!(life(5), (true, true, false));
        assert_eq!(life(6), (true, true, true));
        assert_eq!(life(7), (true, false, true));
        assert_eq!(life(8), (true, false, false));
        assert_eq!(life(9), (false, false, false));
        let changes: Vec<_> =
            std::iter::successors(whole.next_change(at(1)), |now| whole.next_change(*now))
                .collect();
        assert_eq!(changes, [3, 5, 6, 7, 8, 9].map(at));
    }
}
