//! Catalog zones (RFC 9432): a zone that lists zones, from which secondaries learn what to serve.

use std::fmt::Write as _;

use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;
use ring::digest::{SHA256, digest};

use crate::history::Content;
use crate::records::{RecordCollector, ZoneRecord};
use crate::version::Soa;

/// TTL of the records in seconds. Nobody asks for them (RFC 9432 section 4.1), so it means nothing.
const TTL: u32 = 0;

/// REFRESH, RETRY, EXPIRE and MINIMUM of the SOA record, in seconds: notifications make them matter
/// only where one is lost.
const TIMERS: [u32; 4] = [300, 60, 1_209_600, 0];

/// Octets of the hash that becomes the label of a member, of which each has two hex digits.
const HASH: usize = 16;

/// What a catalog zone says that lists these zones. `now` is its serial, if that is greater than
/// before: seconds since 1970, so that the serials rise even where earlier ones are forgotten.
/// `None` if the catalog's name is too long to have members.
pub fn catalog<'n>(
    name: &Name,
    members: impl IntoIterator<Item = &'n Name>,
    now: u64,
) -> Option<Content> {
    let mut records = RecordCollector::default();
    let invalid = Name::parse("invalid.", &Name::root()).ok()?;
    let mut add = |owner: &Name, rtype, rdata: &[u8]| {
        records.add(ZoneRecord { owner: owner.wire(), rtype, ttl: TTL, rdata })
    };
    // Both are demanded, and nobody resolves them (section 4.1).
    add(name, rtype::NS, invalid.wire())?;
    add(&Name::parse("version", name).ok()?, rtype::TXT, b"\x012")?;
    for member in members {
        add(&owner(name, member)?, rtype::PTR, member.wire())?;
    }
    let mut soa = [invalid.wire(), invalid.wire(), &[0; 4]].concat();
    soa.extend(TIMERS.iter().flat_map(|timer| timer.to_be_bytes()));
    Some(Content {
        zone: name.clone(),
        soa: Soa::new(TTL, &soa)?,
        records: records.finish(),
        soa_signer: None,
        sum: now as u32,
        follows_sum: false,
    })
}

/// The owner of a member's record: a hash of its name, so that it is the same in every catalog and
/// at every time. Otherwise secondaries would reset the zone (RFC 9432 section 4.2).
fn owner(catalog: &Name, member: &Name) -> Option<Name> {
    let hash = digest(&SHA256, member.to_lower().wire());
    let mut label = String::new();
    for octet in hash.as_ref().iter().take(HASH) {
        let _ = write!(label, "{octet:02x}");
    }
    Name::parse(&format!("{label}.zones"), catalog).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text, &Name::root()).unwrap()
    }

    /// The records that RFC 9432 section 4 demands.
    #[test]
    fn a_catalog_lists_its_members() {
        let zones = [name("clamav.net"), name("DE.clamav.net")];
        let content = catalog(&name("catalog.example"), &zones, 1_795_000_000).unwrap();
        let mut found: Vec<(String, u16)> = Vec::new();
        for record in content.records.iter() {
            found.push((Name::from_wire(record.owner).unwrap().to_string(), record.rtype));
        }
        found.sort();
        let label = |zone: &str| owner(&name("catalog.example"), &name(zone)).unwrap().to_string();
        let mut expected = vec![
            ("catalog.example".to_owned(), rtype::NS),
            ("version.catalog.example".to_owned(), rtype::TXT),
            (label("clamav.NET"), rtype::PTR),
            (label("de.clamav.net"), rtype::PTR),
        ];
        expected.sort();
        assert_eq!(found, expected);
        assert_eq!(label("clamav.net").len(), 32 + ".zones.catalog.example".len());
        assert_eq!(content.sum, 1_795_000_000);
        let long = name(&format!("{0}.{0}.{0}.{0}", "a".repeat(60)));
        assert!(catalog(&long, &zones, 1).is_none());
    }
}
