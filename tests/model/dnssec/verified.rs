//! Signatures, verified by hickory-proto.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use hickory_proto::dnssec::Verifier as _;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, RRSIG};
use hickory_proto::op::Message;
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};

use super::names::DnsName;
use super::rrsets::{Rrsig, Set};
use crate::support::packet;
use crate::support::rr;

/// The keys of signed zones, and the moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust {
    /// RDATA of the DNSKEY records of each zone.
    pub keys: BTreeMap<DnsName, Vec<Vec<u8>>>,
    /// Zones that are served and not signed.
    pub unsigned: Vec<DnsName>,
    /// Unix seconds.
    pub now: u32,
}

impl Trust {
    /// The signed zone that a name is in; `None` if it is in none, or in an unsigned one below.
    pub(super) fn zone_of(&self, name: &DnsName) -> Option<&DnsName> {
        let within = |zone: &&DnsName| name.is_within(zone);
        let signed = self.keys.keys().filter(within).max_by_key(|zone| zone.count())?;
        let other = self.unsigned.iter().filter(within).map(DnsName::count).max();
        (other < Some(signed.count())).then_some(signed)
    }

    /// The signed zone above the apex of a zone.
    pub(super) fn above(&self, apex: &DnsName) -> Option<&DnsName> {
        self.zone_of(&apex.last(apex.count().checked_sub(1)?))
    }

    /// The algorithms by which the sets of a zone must be signed: those of all keys (RFC 4035
    /// section 2.2).
    pub(super) fn algorithms(&self, zone: &DnsName) -> HashSet<u8> {
        self.keys[zone].iter().map(|rdata| rdata[3]).collect()
    }
}

/// Verifies signatures, each only once.
#[derive(Debug, Default)]
pub(super) struct Verifier {
    known: HashSet<u64>,
}

impl Verifier {
    /// How many different signatures were verified.
    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    /// Verifies a signature of a set.
    pub(super) fn verify(&mut self, set: &Set, rrsig: &Rrsig, trust: &Trust) -> Result<(), String> {
        let mut hasher = DefaultHasher::new();
        let mut sorted = set.rdatas.clone();
        sorted.sort();
        (&set.owner, set.rtype, sorted, &rrsig.rdata).hash(&mut hasher);
        let number = hasher.finish();
        if self.known.contains(&number) {
            return Ok(());
        }
        let keys = trust.keys.get(&rrsig.signer);
        let keys = keys.ok_or_else(|| format!("signed by {}", rrsig.signer))?;
        let records = records(set)?;
        let name = records[0].name.clone();
        let signature = signature(set, rrsig)?;
        let mut last = "no key has the tag and the algorithm".to_owned();
        for key in keys.iter().map(|rdata| key(rdata)) {
            let is_of_key = key.calculate_key_tag().ok() == Some(signature.input().key_tag)
                && key.algorithm() == signature.input().algorithm;
            if !is_of_key {
                continue;
            }
            match key.verify_rrsig(&name, DNSClass::IN, &signature, records.iter()) {
                Ok(()) => {
                    self.known.insert(number);
                    return Ok(());
                }
                Err(error) => last = error.to_string(),
            }
        }
        Err(format!("{} TYPE{}: {last}: {rrsig:?}", set.owner, set.rtype))
    }
}

/// A message with these records alone, read by hickory-proto.
fn read(owner: &DnsName, rtype: u16, ttl: u32, rdatas: &[&[u8]]) -> Result<Vec<Record>, String> {
    let count = u16::try_from(rdatas.len()).unwrap();
    let mut octets = packet::header(0, packet::QR, [0, count, 0, 0]);
    for rdata in rdatas {
        octets.extend(owner.wire());
        octets.extend(rtype.to_be_bytes());
        octets.extend(rr::IN.to_be_bytes());
        octets.extend(ttl.to_be_bytes());
        octets.extend(packet::length(rdata));
        octets.extend(*rdata);
    }
    Message::from_vec(&octets).map(|message| message.answers).map_err(|error| error.to_string())
}

fn records(set: &Set) -> Result<Vec<Record>, String> {
    let rdatas: Vec<&[u8]> = set.rdatas.iter().map(Vec::as_slice).collect();
    read(&set.owner, set.rtype, set.ttl, &rdatas)
}

fn signature(set: &Set, rrsig: &Rrsig) -> Result<RRSIG, String> {
    let records = read(&set.owner, super::rrsets::RRSIG, rrsig.ttl, &[&rrsig.rdata])?;
    match records.into_iter().next().map(|record| record.data) {
        Some(RData::DNSSEC(DNSSECRData::RRSIG(rrsig))) => Ok(rrsig),
        other => Err(format!("no RRSIG: {other:?}")),
    }
}

fn key(rdata: &[u8]) -> DNSKEY {
    assert_eq!(RecordType::from(super::rrsets::DNSKEY), RecordType::DNSKEY);
    let records = read(&DnsName::parse("."), super::rrsets::DNSKEY, 0, &[rdata]).unwrap();
    match records.into_iter().next().map(|record| record.data) {
        Some(RData::DNSSEC(DNSSECRData::DNSKEY(key))) => key,
        other => panic!("no DNSKEY: {other:?}"),
    }
}
