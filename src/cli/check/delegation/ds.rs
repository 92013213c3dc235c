//! Compares the DS records of the parent with the keys of the zone.

use super::finding::Kind;
use cvdns_core::dnssec::Dnskey;
use cvdns_core::wire::name::Name;
use cvdns_dnssec::{DigestType, ds};

/// What is wrong with the DS records of the parent, where these keys sign the keys of the zone.
pub(super) fn compare_ds(zone: &Name, keys: &[Dnskey], found: &[Vec<u8>]) -> Vec<(Kind, String)> {
    if found.is_empty() {
        return vec![(Kind::DsMissing, "the parent has no DS record".to_owned())];
    }
    let of_keys = |rdata: &&Vec<u8>| keys.iter().any(|key| is_of(rdata, zone, key));
    let (known, unknown): (Vec<_>, Vec<_>) = found.iter().partition(of_keys);
    if known.is_empty() {
        let what = format!(
            "no DS record of the parent ({}) is one of the keys that sign the zone's keys ({})",
            listed(found.iter().map(|rdata| tag(rdata))),
            listed(keys.iter().map(Dnskey::tag))
        );
        return vec![(Kind::DsOfOtherKeys, what)];
    }
    let lacks = keys.iter().filter(|key| !known.iter().any(|rdata| is_of(rdata, zone, key)));
    let lacks = lacks.map(|key| {
        (Kind::KeyWithoutDs, format!("the parent has no DS record for key {}", key.tag()))
    });
    let unknown = unknown.into_iter().map(|rdata| {
        let what = format!(
            "the parent has a DS record for key {}, which does not sign the zone's keys",
            tag(rdata)
        );
        (Kind::DsOfUnknownKey, what)
    });
    lacks.chain(unknown).collect()
}

/// Whether a DS record refers to a key. Of digests of other types, which cannot be made here, tag
/// and algorithm are compared.
fn is_of(rdata: &[u8], zone: &Name, key: &Dnskey) -> bool {
    let Some([_, _, algorithm, kind]) = rdata.first_chunk() else { return false };
    match DigestType::ALL.into_iter().find(|of| *of as u8 == *kind) {
        Some(digest) => ds(zone, key, digest) == rdata,
        None => (tag(rdata), *algorithm) == (key.tag(), key.algorithm.number()),
    }
}

fn tag(rdata: &[u8]) -> u16 {
    rdata.first_chunk().map_or(0, |tag| u16::from_be_bytes(*tag))
}

fn listed(tags: impl Iterator<Item = u16>) -> String {
    let tags: Vec<String> = tags.map(|tag| tag.to_string()).collect();
    if tags.is_empty() { "none".to_owned() } else { tags.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvdns_core::dnssec::Algorithm;
    use cvdns_dnssec::KeyPair;

    #[test]
    fn each_difference_is_found() {
        let zone = Name::parse("a.example", &Name::root()).unwrap();
        let key = || KeyPair::generate(Algorithm::Ed25519, 257).unwrap().0.dnskey().clone();
        let (one, two) = (key(), key());
        let of = |key: &Dnskey, digest| ds(&zone, key, digest);
        let kinds = |keys: &[&Dnskey], found: &[Vec<u8>]| -> Vec<Kind> {
            let keys: Vec<Dnskey> = keys.iter().copied().cloned().collect();
            compare_ds(&zone, &keys, found).into_iter().map(|(kind, _)| kind).collect()
        };
        let (a, b) = (of(&one, DigestType::Sha256), of(&two, DigestType::Sha384));
        assert_eq!(kinds(&[&one], &[]), [Kind::DsMissing]);
        assert_eq!(kinds(&[&one], std::slice::from_ref(&a)), []);
        assert_eq!(kinds(&[&one, &two], &[a.clone(), b.clone()]), []);
        assert_eq!(kinds(&[&one], std::slice::from_ref(&b)), [Kind::DsOfOtherKeys]);
        assert_eq!(kinds(&[&one], &[a.clone(), b.clone()]), [Kind::DsOfUnknownKey]);
        assert_eq!(kinds(&[&one, &two], std::slice::from_ref(&a)), [Kind::KeyWithoutDs]);
        assert_eq!(kinds(&[], std::slice::from_ref(&a)), [Kind::DsOfOtherKeys]);
        // SHA-1, which parents may still have; a digest of another key; no record at all.
        let sha1 = [&a[..3], &[1], &[0; 20]].concat();
        assert_eq!(kinds(&[&one], &[sha1]), []);
        let wrong = [&a[..4], &[0; 32]].concat();
        assert_eq!(kinds(&[&one], &[wrong]), [Kind::DsOfOtherKeys]);
        assert_eq!(kinds(&[&one], &[Vec::new()]), [Kind::DsOfOtherKeys]);
    }
}
