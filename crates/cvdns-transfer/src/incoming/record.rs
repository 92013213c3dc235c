//! A record of a zone as it is transferred.

use std::cmp::Ordering;

use cvdns_core::wire::name::{MAX_NAME, Name, lowered};
use cvdns_core::wire::rtype;
use cvdns_core::zone::records::canonical;

/// A record of a zone. Two are the same if owner, type and data are; case of names and TTL do not
/// count.
#[derive(Debug, Clone)]
pub struct ReceivedRecord {
    /// The owner name.
    pub owner: Name,
    /// Type.
    pub rtype: u16,
    /// TTL in seconds.
    pub ttl: u32,
    /// RDATA with uncompressed names.
    pub rdata: Box<[u8]>,
}

impl ReceivedRecord {
    /// The serial, if this is a SOA record.
    pub fn serial(&self) -> Option<u32> {
        let at = self.rdata.len().checked_sub(20).filter(|_| self.rtype == rtype::SOA)?;
        self.rdata.get(at..)?.first_chunk().map(|octets| u32::from_be_bytes(*octets))
    }
}

impl Ord for ReceivedRecord {
    /// The canonical order (RFC 4034 section 6): by owner, type and data.
    fn cmp(&self, other: &Self) -> Ordering {
        by_labels(self.owner.wire(), other.owner.wire())
            .then_with(|| self.rtype.cmp(&other.rtype))
            .then_with(|| {
                canonical(self.rtype, &self.rdata).cmp(&canonical(other.rtype, &other.rdata))
            })
    }
}

impl PartialOrd for ReceivedRecord {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ReceivedRecord {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ReceivedRecord {}

/// The canonical order of names: label by label from the root, without regard to case (RFC 4034
/// section 6.1).
fn by_labels(one: &[u8], other: &[u8]) -> Ordering {
    if one == other {
        return Ordering::Equal;
    }
    let (mut room, mut other_room) = ([0; MAX_NAME], [0; MAX_NAME]);
    let one = labels(lowered(one, &mut room));
    let other = labels(lowered(other, &mut other_room));
    one.iter().rev().cmp(other.iter().rev())
}

/// The labels of a name, without that of the root.
fn labels(mut name: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::with_capacity(8);
    while let Some((length @ 1..=63, rest)) = name.split_first() {
        let Some((label, rest)) = rest.split_at_checked(usize::from(*length)) else { break };
        out.push(label);
        name = rest;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(owner: &str, ttl: u32, target: &str) -> ReceivedRecord {
        let name = |text: &str| Name::parse(text, &Name::root()).unwrap();
        let rdata = name(target).wire().into();
        ReceivedRecord { owner: name(owner), rtype: rtype::CNAME, ttl, rdata }
    }

    /// The example of RFC 4034 section 6.1.
    #[test]
    fn names_have_the_canonical_order() {
        let sorted = [
            "example",
            "a.example",
            "yljkjljk.a.example",
            "Z.a.example",
            "zABC.a.EXAMPLE",
            "z.example",
            r"\001.z.example",
            "*.z.example",
            r"\200.z.example",
        ];
        let records = sorted.map(|owner| record(owner, 0, "t"));
        assert!(records.is_sorted_by(|one, other| one < other));
    }

    #[test]
    fn case_and_ttl_do_not_count() {
        assert_eq!(record("a.b", 1, "t.x"), record("A.b", 2, "T.X"));
        assert_ne!(record("a.b", 1, "t.x"), record("a.b", 1, "t.y"));
    }
}
