//! Compares the DS records of the parent with the keys of the zone.

use super::finding::Kind;
use cvdns_core::dnssec::{Dnskey, key_tag};
use cvdns_core::wire::name::Name;
use cvdns_dnssec::{DigestType, key_digest};

/// What is wrong with the DS records of the parent, where these keys sign the keys of the zone.
pub(super) fn compare_ds(zone: &Name, keys: &[Dnskey], found: &[Vec<u8>]) -> Vec<(Kind, String)> {
    if found.is_empty() {
        return vec![(Kind::DsMissing, "the parent has no DS record".to_owned())];
    }
    let of_keys = |rdata: &&Vec<u8>| keys.iter().any(|key| is_of(rdata, zone, &key.rdata()));
    let (known, unknown): (Vec<_>, Vec<_>) = found.iter().partition(of_keys);
    if known.is_empty() {
        let what = format!(
            "no DS record of the parent ({}) is one of the keys that sign the zone's keys ({})",
            listed(found.iter().map(|rdata| tag(rdata))),
            listed(keys.iter().map(Dnskey::tag))
        );
        return vec![(Kind::DsOfOtherKeys, what)];
    }
    let lacks =
        keys.iter().filter(|key| !known.iter().any(|rdata| is_of(rdata, zone, &key.rdata())));
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
    let unverified = known.iter().filter(|rdata| digest_type(rdata).is_none()).map(|rdata| {
        let what = format!(
            "the digest of the parent's DS record for key {} has the type {}, which cannot be \
             verified here",
            tag(rdata),
            rdata.get(3).copied().unwrap_or_default()
        );
        (Kind::DsUnverified, what)
    });
    lacks.chain(unknown).chain(unverified).collect()
}

fn digest_type(rdata: &[u8]) -> Option<DigestType> {
    DigestType::of_number(*rdata.get(3)?)
}

/// Whether a DS record refers to a key, of which `key` is the data of the DNSKEY record. Of digests
/// of other types, which cannot be made here, tag and algorithm are compared.
pub(super) fn is_of(rdata: &[u8], zone: &Name, key: &[u8]) -> bool {
    let Some(([_, _, algorithm, _], digest)) = rdata.split_first_chunk() else { return false };
    let is_named = tag(rdata) == key_tag(key) && key.get(3) == Some(algorithm);
    is_named && digest_type(rdata).is_none_or(|of| key_digest(zone, key, of) == digest)
}

pub(super) fn tag(rdata: &[u8]) -> u16 {
    rdata.first_chunk().map_or(0, |tag| u16::from_be_bytes(*tag))
}

pub(super) fn listed(tags: impl Iterator<Item = u16>) -> String {
    let tags: Vec<String> = tags.map(|tag| tag.to_string()).collect();
    if tags.is_empty() { "none".to_owned() } else { tags.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvdns_core::dnssec::Algorithm;
    use cvdns_dnssec::{KeyPair, ds};

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
        // SHA-1, which parents may still have.
        assert_eq!(kinds(&[&one], &[of(&one, DigestType::Sha1)]), []);
        let sha1 = [&a[..3], &[1], &[0; 20]].concat();
        assert_eq!(kinds(&[&one], &[sha1]), [Kind::DsOfOtherKeys]);
        // GOST R 34.11-94 (RFC 5933); a digest of another key; no record at all.
        let gost = [&a[..3], &[3], &[0; 32]].concat();
        let said = compare_ds(&zone, std::slice::from_ref(&one), &[gost]);
        let what = format!(
            "the digest of the parent's DS record for key {} has the type 3, which cannot be \
             verified here",
            one.tag()
        );
        assert_eq!(said, [(Kind::DsUnverified, what)]);
        let wrong = [&a[..4], &[0; 32]].concat();
        assert_eq!(kinds(&[&one], &[wrong]), [Kind::DsOfOtherKeys]);
        assert_eq!(kinds(&[&one], &[Vec::new()]), [Kind::DsOfOtherKeys]);
    }
}
