//! States of keys: several at once, and sets of keys that were signed elsewhere.

use std::collections::BTreeSet;
use std::sync::Arc;

use cvdns_core::dnssec::{Algorithm, Dnskey, ForeignSignature, ZoneSigning};
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::inputs::Inputs;
use cvdns_core::snapshot::signatures::{SignatureStore, Signatures};
use jiff::Timestamp;

use super::checked::{Checker, Network, compiled, snapshot};
use super::judge::Verdict;
use super::keys::{ED25519_CSK, P256_SPLIT, Signs, public_keys, signing};
use super::names::DnsName;
use super::rrsets::{CDNSKEY, CDS, DNSKEY, RRSIG, Rrsig};
use super::verified::Trust;
use crate::support::packet::{DO, Query};
use crate::support::reply::Reply;
use crate::support::rr;

const TIME: &str = "2026-11-22T17:05:00Z";

const RECORDS: &str = "$TTL 300\n@ SOA ns.example.net. host.example.net. 1 3600 900 604800 120\n\
                       @ NS ns.example.net.\nwww A 192.0.2.1\n*.w TXT \"w\"\n";

const QUESTIONS: [(&str, u16); 9] = [
    ("z.test", DNSKEY),
    ("z.test", CDS),
    ("z.test", CDNSKEY),
    ("z.test", rr::SOA),
    ("www.z.test", rr::A),
    ("www.z.test", rr::AAAA),
    ("x.z.test", rr::A),
    ("x.w.z.test", rr::TXT),
    ("x.w.z.test", rr::A),
];

/// The zone, signed by this.
fn network(change: impl FnOnce(&mut Inputs) -> ZoneSigning) -> Network {
    let zone = "format = 1\norigin = \"z.test\"\nrecords = \"z\"\n";
    let mut problems = Problems::default();
    let mut inputs = Inputs::of_zone(zone, RECORDS, "", &mut problems).unwrap();
    let time: Timestamp = TIME.parse().unwrap();
    let plain = snapshot(&compiled(&inputs, None).unwrap(), None, time);
    let signing = change(&mut inputs);
    let mut trust = Trust { now: u32::try_from(time.as_second()).unwrap(), ..Trust::default() };
    trust.keys.insert(DnsName::parse("z.test"), public_keys(&signing));
    inputs.zones[0].zones[0].signing = Some(Arc::new(signing));
    let mut signed = snapshot(&compiled(&inputs, None).unwrap(), None, time);
    let store = SignatureStore::new();
    signed.sign(&Signatures::default(), &store, time.as_second());
    Network { plain, signed, store, trust }
}

/// Has all questions judged. Returns the signatures of each answer: type covered and key tag.
#[track_caller]
fn signatures(network: &Network) -> Vec<BTreeSet<(u16, u16)>> {
    let mut checker = Checker::new(network);
    let mut all = Vec::new();
    for (name, qtype) in QUESTIONS {
        let judged = checker.ask(name, qtype).unwrap_or_else(|why| panic!("{why}"));
        assert!(!matches!(judged.verdict, Verdict::Truncated | Verdict::Code(_)), "{name}");
        let query = Query::new(name, qtype).edns(1232).opt(|opt| opt.flags |= DO);
        let client = std::net::IpAddr::from([127, 0, 0, 1]);
        let transport = cvdns_core::answer::Transport::Tcp;
        let packet = super::checked::respond(&network.signed, &query, 0, client, transport);
        let reply = Reply::parse(&packet);
        let records = reply.answer.iter().chain(&reply.authority);
        let signatures = records.filter(|record| record.rtype == RRSIG);
        let tag = |rdata: &[u8]| u16::from_be_bytes([rdata[16], rdata[17]]);
        all.push(
            signatures.map(|record| (Rrsig::parse(record).covered, tag(&record.rdata))).collect(),
        );
    }
    checker.finish();
    all
}

/// While a key takes the place of another one, both sign everything: of the same algorithm, and of
/// two.
#[test]
fn each_key_that_signs_the_zone_signs_everything() {
    const SAME: super::keys::Scheme = &[
        (Algorithm::EcdsaP256Sha256, Signs::Keys),
        (Algorithm::EcdsaP256Sha256, Signs::Zone),
        (Algorithm::EcdsaP256Sha256, Signs::Zone),
    ];
    for scheme in [SAME, super::keys::TWO_ALGORITHMS] {
        let mut zone_keys = BTreeSet::new();
        let network = network(|inputs| {
            let origin = &inputs.zones[0].zones[0].records.origin;
            let signing = signing(origin, scheme);
            zone_keys.extend(signing.zone_keys.iter().map(|key| key.dnskey.tag()));
            signing
        });
        assert_eq!(zone_keys.len(), 2);
        for (question, signatures) in QUESTIONS.iter().zip(signatures(&network)) {
            let types: BTreeSet<u16> = signatures.iter().map(|(covered, _)| *covered).collect();
            for covered in types.difference(&BTreeSet::from([DNSKEY, CDS, CDNSKEY])) {
                let by = signatures.iter().filter(|of| of.0 == *covered).map(|of| of.1);
                assert_eq!(by.collect::<BTreeSet<_>>(), zone_keys, "{question:?} TYPE{covered}");
            }
        }
    }
}

/// A key that is published and does not sign yet, or no longer (RFC 7583 section 2).
#[test]
fn a_key_that_is_only_published_signs_nothing() {
    let mut silent = 0;
    let network = network(|inputs| {
        let origin = &inputs.zones[0].zones[0].records.origin;
        let (mut own, other) = (signing(origin, ED25519_CSK), signing(origin, ED25519_CSK));
        let key = other.zone_keys[0].dnskey.clone();
        let key = Dnskey { flags: Dnskey::ZONE_SIGNING, ..key };
        silent = key.tag();
        own.key_records.push(super::keys::record(origin, DNSKEY, key.rdata()));
        own
    });
    for signatures in signatures(&network) {
        assert!(!signatures.is_empty() && signatures.iter().all(|(_, tag)| *tag != silent));
    }
}

/// Where the key for keys is kept offline, the signatures of the set of keys are served as they
/// came.
#[test]
fn signatures_of_keys_that_were_made_elsewhere_are_served_as_they_are() {
    let mut kept = None;
    let here = network(|inputs| {
        let signing = signing(&inputs.zones[0].zones[0].records.origin, P256_SPLIT);
        kept = Some(signing.clone());
        signing
    });
    let of = |network: &Network, qtype: u16| -> Vec<Vec<u8>> {
        let query = Query::new("z.test", qtype).edns(1232).opt(|opt| opt.flags |= DO);
        let client = std::net::IpAddr::from([127, 0, 0, 1]);
        let transport = cvdns_core::answer::Transport::Tcp;
        let packet = super::checked::respond(&network.signed, &query, 0, client, transport);
        Reply::parse(&packet).rdata(RRSIG)
    };
    let mut foreign = Vec::new();
    for covered in [DNSKEY, CDS, CDNSKEY] {
        let rdatas = of(&here, covered);
        assert_eq!(rdatas.len(), 1);
        foreign.extend(
            rdatas.into_iter().map(|rdata| ForeignSignature { covered, rdata: rdata.into() }),
        );
    }
    let wanted = foreign.clone();
    let edge = network(|_| {
        let signing = kept.unwrap();
        ZoneSigning { key_set_keys: Vec::new(), foreign, ..signing }
    });
    for ForeignSignature { covered, rdata } in wanted {
        assert_eq!(of(&edge, covered), [rdata.to_vec()]);
    }
    signatures(&edge);
    // The first of them to expire is what the server must know of.
    assert!(edge.signed.signatures.lifetime().unwrap().expiration > i64::from(edge.trust.now));
}
