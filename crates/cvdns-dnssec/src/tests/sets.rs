//! What the keys of a zone do together.

use std::time::Duration;

use cvdns_core::dnssec::{PrivateKey as _, ZoneSigning};
use cvdns_core::problem::Problems;
use cvdns_core::zone::records::ResourceRecord;
use domain::utils::base64;
use jiff::Timestamp;

use super::{KSK, ZSK, at, name, own, place, records};
use crate::rr_type::{CDNSKEY, CDS, DNSKEY};
use crate::rrsig::Rrsig;
use crate::{KeyRole, KeySet, SignedKeySet, SigningInputs, ZoneKey, trusted_keys, zone_signing};

const RRSIG: u16 = 46;
const NO: [&str; 0] = [];

fn set(keys: Vec<ZoneKey>) -> KeySet {
    KeySet { zone: name("example.net."), keys }
}

fn sign(
    keys: &KeySet,
    signed: Option<&SignedKeySet>,
    now: Timestamp,
) -> (Option<ZoneSigning>, Vec<String>) {
    let (mut problems, location) = (Problems::default(), place());
    let validity = Duration::from_secs(14 * 86_400);
    let inputs = SigningInputs { keys, signed, validity, location: &location };
    let signing = zone_signing(&inputs, now, &mut problems);
    // The names of the files of keys are all the same here, and their tags differ.
    (signing, problems.iter().map(ToString::to_string).collect())
}

/// The tags of keys that sign the zone, and of those that sign the keys.
fn signers(signing: &ZoneSigning) -> (Vec<u16>, Vec<u16>) {
    let tags = |keys: &[cvdns_core::dnssec::SigningKey]| {
        keys.iter().map(|key| key.dnskey.tag()).collect::<Vec<_>>()
    };
    (tags(&signing.zone_keys), tags(&signing.key_set_keys))
}

fn count(signing: &ZoneSigning, rtype: u16) -> usize {
    signing.key_records.iter().filter(|record| record.rtype == rtype).count()
}

#[test]
fn a_single_key_signs_everything() {
    let keys = set(vec![own(KSK, "")]);
    let (signing, problems) = sign(&keys, None, at(1));
    assert_eq!(problems, NO);
    let signing = signing.unwrap();
    let tag = keys.keys[0].dnskey.tag();
    assert_eq!(signers(&signing), (vec![tag], vec![tag]));
    assert_eq!([DNSKEY, CDS, CDNSKEY].map(|rtype| count(&signing, rtype)), [1, 1, 1]);
    assert!(signing.key_records.iter().all(|record| record.ttl == 3600));
    assert_eq!(keys.at(at(1))[0].role, KeyRole::Csk);
}

#[test]
fn a_rollover_of_the_zsk_goes_step_by_step() {
    let (ksk, one) = (
        own(KSK, ""),
        own(
            ZSK,
            "Publish: 20261101000000\nActivate: 20261101000000\n\
         Inactive: 20261110000000\nDelete: 20261120000000\n",
        ),
    );
    let other = own(ZSK, "Publish: 20261105000000\nActivate: 20261110000000\n");
    let [k, a, b] = [&ksk, &one, &other].map(|key| key.dnskey.tag());
    let keys = set(vec![ksk, one, other]);
    let steps = [(2, vec![a], 2), (5, vec![a], 3), (10, vec![b], 3), (20, vec![b], 2)];
    for (day, zone, published) in steps {
        let (signing, problems) = sign(&keys, None, at(day));
        assert_eq!(problems, NO, "{day}");
        let signing = signing.unwrap();
        assert_eq!(signers(&signing), (zone, vec![k]), "{day}");
        assert_eq!(count(&signing, DNSKEY), published, "{day}");
    }
    let next = |day| keys.next_change(at(day));
    assert_eq!([1, 5, 10, 20].map(next), [Some(at(5)), Some(at(10)), Some(at(20)), None]);
}

/// RFC 6781 section 4.1.1.1: a zone-signing key is in the zone before it signs.
#[test]
fn a_zsk_that_signs_too_early_is_said() {
    let (old, new) =
        ("Publish: 20261101000000\nActivate: 20261101000000\n", "Publish: 20261110000000\n");
    let early = |tag: u16, until: &str, settime: &str| {
        format!(
            "k.key:2:1: ZSK {tag} is in the zone since 2026-11-10T00:00:00Z and signs it alone: \
             until {until}, resolvers that have the keys without it refuse the zone (have it sign \
             from then on, and the old key until then: dnssec-settime -A {settime} (RFC 6781 \
             section 4.1.1.1); in a zone that was not signed before, leave it)"
        )
    };
    let said = |keys: &KeySet, hour: i64| {
        let now = at(10) + jiff::SignedDuration::from_hours(hour);
        sign(keys, None, now).1
    };
    let signs_at_once = own(ZSK, &format!("{new}Activate: 20261110000000\n"));
    let tag = signs_at_once.dnskey.tag();
    let mut keys = set(vec![own(KSK, old), signs_at_once]);
    assert_eq!(said(&keys, 0), [early(tag, "2026-11-10T01:00:00Z", "20261110010000")]);
    assert_eq!(said(&keys, 1), NO);
    // The largest TTL of the files.
    keys.keys[0].ttl = Some(7200);
    assert_eq!(said(&keys, 1), [early(tag, "2026-11-10T02:00:00Z", "20261110020000")]);
    assert_eq!(said(&keys, 2), NO);
    // Another one that resolvers know signs as well.
    keys.keys.push(own(ZSK, old));
    assert_eq!(said(&keys, 0), NO);
    // It waits: the key that signs the keys signs the zone until then.
    let waits = own(ZSK, &format!("{new}Activate: 20261110020000\n"));
    let keys = set(vec![own(KSK, old), waits]);
    assert_eq!((said(&keys, 0), said(&keys, 2)), (Vec::new(), Vec::new()));
    // A new zone.
    let keys = set(vec![
        own(KSK, &format!("{new}Activate: 20261110000000\n")),
        own(ZSK, &format!("{new}Activate: 20261110000000\n")),
    ]);
    assert_eq!(said(&keys, 0), NO);
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of sets of keys")]
fn who_cannot_sign_is_said() {
    let public = |mut key: ZoneKey| {
        key.private = None;
        key
    };
    let tags = |keys: &KeySet| keys.keys.iter().map(|key| key.dnskey.tag()).collect::<Vec<_>>();
    let begins = |keys: &KeySet, expected: &[String]| {
        let (signing, problems) = sign(keys, None, at(15));
        assert_eq!(signing.is_none(), expected.iter().any(|text| text.contains("nothing signs")));
        assert_eq!(problems.len(), expected.len(), "{problems:#?}\n{expected:#?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.contains(expected), "{problem}\n{expected}");
        }
    };

    let keys = set(vec![public(own(KSK, ""))]);
    let tag = tags(&keys)[0];
    let lacks = format!("CSK {tag} has no private key here (");
    begins(
        &keys,
        &[
            format!("zone.toml: nothing signs the zone example.net: {lacks}"),
            format!("zone.toml: nothing signs the keys of the zone example.net: {lacks}"),
            "keys of ED25519 are published, and none of them signs the zone".to_owned(),
        ],
    );

    // A key that stands by is no fault.
    begins(&set(vec![own(KSK, ""), public(own(KSK, ""))]), &[]);

    begins(
        &set(vec![own(ZSK, "")]),
        &[
            "nothing signs the keys of the zone example.net: no key has the flag for that (257) ("
                .to_owned(),
            "keys of ED25519 are published, and none of them signs the keys".to_owned(),
        ],
    );

    let keys = set(vec![own(KSK, ""), own(ZSK, "Publish: 20261101000000\n")]);
    let tag = tags(&keys)[0];
    begins(
        &keys,
        &[format!("no zone-signing key of ED25519 is active: key {tag} signs everything")],
    );

    let keys = set(vec![
        own(KSK, "Publish: 20261101000000\nActivate: 20261101000000\nInactive: 20261114000000\n"),
        own(KSK, "Publish: 20261101000000\n"),
        own(ZSK, ""),
    ]);
    let [a, b, _] = tags(&keys)[..] else { panic!("three") };
    begins(
        &keys,
        &[
            format!(
                "example.net: KSK {a} is inactive since 2026-11-14T00:00:00Z; KSK {b} is never \
                 active by its moments ("
            )
            .replace("example.net:", "nothing signs the keys of the zone example.net:"),
            "none of them signs the keys".to_owned(),
        ],
    );

    let mut lost = own(ZSK, "Publish: 20261101000000\nActivate: 20261101000000\n");
    lost.private = None;
    let keys = set(vec![own(KSK, ""), own(ZSK, ""), lost]);
    let tag = tags(&keys)[2];
    begins(
        &keys,
        &[format!(
            "ZSK {tag} is in the zone and does not sign here: its private key is not here (that is \
             right for a key of another signer of the zone (RFC 8901); if it is one of this server, "
        )],
    );
}

/// DS records refer to what is in the zone (RFC 7344 section 4.1): in a rollover of the algorithm,
/// keys sign before and after that (RFC 6781 section 4.1.4).
#[test]
fn only_published_keys_are_trusted() {
    let keys = set(vec![
        own(KSK, "Publish: 20261101000000\nActivate: 20261101000000\n"),
        own(KSK, "Publish: 20261110000000\nActivate: 20261101000000\n"),
    ]);
    let [old, new] = [0, 1].map(|number: usize| keys.keys[number].dnskey.tag());
    let trusted = |day| {
        let signing = sign(&keys, None, at(day)).0.unwrap();
        assert_eq!(signers(&signing).1, [old, new]);
        trusted_keys(&signing).iter().map(cvdns_core::dnssec::Dnskey::tag).collect::<Vec<_>>()
    };
    assert_eq!((trusted(9), trusted(10)), (vec![old], vec![old, new]));
}

#[test]
fn a_key_that_ends_without_a_successor_is_said() {
    let first = "Publish: 20261101000000\nActivate: 20261101000000\n";
    let said = |keys: &KeySet, day| sign(keys, None, at(day)).1;
    let key = own(KSK, &format!("{first}Inactive: 20261120000000\n"));
    let tag = key.dnskey.tag();
    let mut keys = set(vec![key]);
    let what = format!(
        "zone.toml: from 2026-11-20T00:00:00Z on nothing signs the zone example.net: CSK {tag} is \
         inactive since 2026-11-20T00:00:00Z (make its successor in time by `cvdns keys generate \
         example.net` (docs/dnssec.md), or have the key go on by dnssec-settime)"
    );
    assert_eq!(said(&keys, 12), NO);
    assert_eq!(said(&keys, 13), [what]);
    // A successor that is there in time, after other changes.
    keys.keys.push(own(KSK, "Publish: 20261115000000\nActivate: 20261120000000\n"));
    assert_eq!(said(&keys, 13), NO);
    // One that comes too late.
    keys.keys[1].timing.activate = Some(at(21));
    assert!(said(&keys, 13)[0].contains("from 2026-11-20T00:00:00Z on nothing signs the zone"));
    // The zone-signing key goes on, and nothing signs the keys.
    let keys = set(vec![own(KSK, &format!("{first}Delete: 20261118000000\n")), own(ZSK, first)]);
    let expected = "from 2026-11-18T00:00:00Z on nothing signs the keys of the zone example.net: ";
    let said = said(&keys, 13);
    assert!(said.len() == 1 && said[0].contains(expected), "{said:?}");
}

/// RFC 5011 section 2.1: a revoked key signs the set that says so.
#[test]
fn a_revoked_key_signs_the_keys_alone() {
    let keys = set(vec![own(KSK, ""), own(KSK | 0x80, "")]);
    let (signing, problems) = sign(&keys, None, at(1));
    let signing = signing.unwrap();
    let [good, revoked] = [0, 1].map(|number: usize| keys.keys[number].dnskey.tag());
    assert_eq!(signers(&signing), (vec![good], vec![good, revoked]));
    assert_eq!([DNSKEY, CDS].map(|rtype| count(&signing, rtype)), [2, 1]);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains(&format!("key {revoked} is revoked: it signs nothing but the ")));
}

/// The records of a key set and their signatures, as a signer elsewhere makes them.
fn signed_elsewhere(keys: &[&ZoneKey], by: &ZoneKey, from: &str, to: &str) -> Vec<ResourceRecord> {
    let text = |key: &&ZoneKey| {
        let data = base64::encode_string(&key.dnskey.public_key);
        format!("example.net. 1800 IN DNSKEY {} 3 15 {data}\n", key.dnskey.flags)
    };
    let mut all = records(&keys.iter().map(text).collect::<String>());
    let dummy = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
                 AA==";
    let tag = by.dnskey.tag();
    let rrsig = format!(
        "example.net. 1800 IN RRSIG DNSKEY 15 2 900 {to} {from} {tag} example.net. {dummy}\n"
    );
    let mut rrsig = records(&rrsig).remove(0);
    let mut sorted: Vec<&[u8]> = all.iter().map(|record| &*record.rdata).collect();
    sorted.sort_unstable();
    let head = &rrsig.rdata[..18 + 13];
    assert!(Rrsig::parse(&rrsig.rdata).is_some());
    let mut octets = head.to_vec();
    for rdata in sorted {
        octets.extend(name("example.net.").wire());
        octets.extend([0, 48, 0, 1, 0, 0, 3, 132]);
        octets.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
        octets.extend_from_slice(rdata);
    }
    let signature = by.private.as_ref().unwrap().sign(&octets).unwrap();
    rrsig.rdata = [head, &signature].concat().into();
    assert_eq!(rrsig.rtype, RRSIG);
    all.push(rrsig);
    all
}

#[test]
fn a_key_set_that_was_signed_elsewhere_is_verified() {
    let (ksk, zsk, stranger) = (own(KSK, ""), own(ZSK, ""), own(KSK, ""));
    let read = |records: &[ResourceRecord]| {
        let mut problems = Problems::default();
        let zone = name("example.net.");
        let set = SignedKeySet::of_records(&zone, records, &place(), at(10), &mut problems);
        (set, problems.iter().map(|problem| problem.what.clone()).collect::<Vec<_>>())
    };
    let (from, to) = ("20261101000000", "20261121000000");
    let (signed, problems) = read(&signed_elsewhere(&[&ksk, &zsk], &ksk, from, to));
    assert_eq!(problems, NO);
    let signed = signed.unwrap();
    assert_eq!((signed.expiry(), signed.next_change(at(10))), (Some(at(21)), Some(at(21))));
    // TTL: at most what was signed.
    assert!(signed.records().iter().all(|record| record.ttl == 900));

    let keys = set(vec![zsk.clone()]);
    let (signing, problems) = sign(&keys, Some(&signed), at(10));
    assert_eq!(problems, NO);
    let signing = signing.unwrap();
    assert_eq!(signers(&signing), (vec![zsk.dnskey.tag()], vec![]));
    assert_eq!((count(&signing, DNSKEY), signing.foreign.len()), (2, 1));
    assert_eq!(signing.foreign[0].covered, DNSKEY);

    let by = format!("the signature of DNSKEY by key {}", ksk.dnskey.tag());
    for (day, expected, is_error) in [
        (17, format!("{by} expires at 2026-11-21T00:00:00Z"), false),
        (21, format!("{by} has expired at 2026-11-21T00:00:00Z"), true),
    ] {
        let (signing, problems) = sign(&keys, Some(&signed), at(day));
        assert_eq!(signing.is_none(), is_error, "{day}");
        assert!(problems[0].contains(&expected), "{problems:?}");
    }
    let early = at(1).checked_sub(jiff::SignedDuration::from_secs(1)).unwrap();
    let (signing, problems) = sign(&keys, Some(&signed), early);
    assert!(signing.is_none());
    assert!(problems[0].contains(&format!("{by} is not valid before 2026-11-01T00:00:00Z")));

    // A key that is not in the set signs nothing.
    let (signing, problems) = sign(&set(vec![own(ZSK, "")]), Some(&signed), at(10));
    assert!(signing.is_none());
    assert!(problems[0].contains(" is not in the key set, so it signs nothing ("), "{problems:?}");
    assert!(problems[1].contains(" is not published ("), "{problems:?}");
    // Its key-signing key belongs elsewhere.
    let (signing, problems) = sign(&set(vec![zsk.clone(), ksk.clone()]), Some(&signed), at(10));
    assert!(signing.is_some());
    assert!(problems[0].contains(" is here, and the key set is signed elsewhere ("));

    let mut other = signed_elsewhere(&[&ksk, &zsk], &ksk, from, to);
    other.remove(1);
    assert_eq!(
        read(&other).1,
        [format!("{by} is wrong: it is one of other records or of another key")]
    );
    let by_stranger = signed_elsewhere(&[&ksk, &zsk], &stranger, from, to);
    let by = by.replace(&ksk.dnskey.tag().to_string(), &stranger.dnskey.tag().to_string());
    assert_eq!(
        read(&by_stranger).1,
        [format!("{by} was made by a key that is not in the key set")]
    );
    assert_eq!(read(&[]).1, ["there is no DNSKEY record of example.net in the key set"]);
    let mut bare = signed_elsewhere(&[&ksk, &zsk], &ksk, from, to);
    bare.pop();
    let unsigned = read(&bare).0.unwrap();
    assert_eq!(unsigned.expiry(), None);
    let (signing, problems) = sign(&keys, Some(&unsigned), at(10));
    assert!(signing.is_none());
    assert!(problems[0].contains("the DNSKEY records of example.net are not signed ("));
}
