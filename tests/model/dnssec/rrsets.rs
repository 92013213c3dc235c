//! The sets of records of a section, each with its signatures.

use super::names::DnsName;
use crate::support::reply::Record;
use crate::support::rr;

pub(super) const RRSIG: u16 = 46;
pub(super) const NSEC: u16 = 47;
pub(super) const DNSKEY: u16 = 48;
pub(super) const CDS: u16 = 59;
pub(super) const CDNSKEY: u16 = 60;

/// Records with the same owner and type.
#[derive(Debug, Clone)]
pub(super) struct Set {
    pub owner: DnsName,
    pub rtype: u16,
    pub ttl: u32,
    pub rdatas: Vec<Vec<u8>>,
    pub signatures: Vec<Rrsig>,
}

/// The data of an RRSIG record (RFC 4034 section 3.1).
#[derive(Debug, Clone)]
pub(super) struct Rrsig {
    pub covered: u16,
    pub algorithm: u8,
    pub labels: usize,
    pub original_ttl: u32,
    pub expiration: u32,
    pub inception: u32,
    pub signer: DnsName,
    /// TTL of the record itself.
    pub ttl: u32,
    pub rdata: Vec<u8>,
}

impl Rrsig {
    pub(super) fn parse(record: &Record) -> Self {
        let rdata = &record.rdata;
        let long = |at: usize| u32::from_be_bytes(rdata[at..at + 4].try_into().unwrap());
        Self {
            covered: u16::from_be_bytes([rdata[0], rdata[1]]),
            algorithm: rdata[2],
            labels: rdata[3].into(),
            original_ttl: long(4),
            expiration: long(8),
            inception: long(12),
            signer: DnsName::of_wire(&rdata[18..]).0,
            ttl: record.ttl,
            rdata: rdata.clone(),
        }
    }
}

/// The sets of a section. No record is there twice, unless a chain of aliases comes by the same
/// DNAME record again; the records of a set have one TTL (RFC 2181
/// section 5.2) and stand together with their signatures, and each signature covers something.
pub(super) fn sets(section: &[Record]) -> Result<Vec<Set>, String> {
    let mut sets: Vec<Set> = Vec::new();
    for record in section.iter().filter(|record| record.rtype != RRSIG) {
        let owner = DnsName::of_wire(&record.owner).0;
        let known = sets.iter_mut().find(|set| set.owner == owner && set.rtype == record.rtype);
        let Some(set) = known else {
            let (rtype, ttl, rdatas) = (record.rtype, record.ttl, vec![record.rdata.clone()]);
            sets.push(Set { owner, rtype, ttl, rdatas, signatures: Vec::new() });
            continue;
        };
        if set.rdatas.contains(&record.rdata) {
            if record.rtype == rr::DNAME {
                continue;
            }
            return Err(format!("twice: {record:?}"));
        }
        if set.ttl != record.ttl {
            return Err(format!("another TTL than its set: {record:?}"));
        }
        set.rdatas.push(record.rdata.clone());
    }
    for record in section.iter().filter(|record| record.rtype == RRSIG) {
        let (owner, rrsig) = (DnsName::of_wire(&record.owner).0, Rrsig::parse(record));
        let covered = sets.iter_mut().find(|set| set.owner == owner && set.rtype == rrsig.covered);
        let Some(set) = covered else {
            return Err(format!("a signature of nothing: {record:?}"));
        };
        if set.signatures.iter().any(|known| known.rdata == rrsig.rdata) {
            if rrsig.covered == rr::DNAME {
                continue;
            }
            return Err(format!("twice: {record:?}"));
        }
        set.signatures.push(rrsig);
    }
    Ok(sets)
}
