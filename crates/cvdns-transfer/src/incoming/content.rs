//! The records of a version of a zone.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use super::record::ReceivedRecord;
use super::steps::Difference;
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;
use cvdns_core::zone::Records;

/// The records of a version of a zone, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneContent {
    soa: ReceivedRecord,
    /// All others, in canonical order.
    records: Vec<ReceivedRecord>,
}

/// Why differences do not lead from a version to another one. The two sides no longer have the same
/// version, and only a whole zone helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceError {
    /// They begin with another serial.
    Serial,
    /// They delete a record that is not there.
    Missing,
    /// They add a record that is there.
    Present,
}

impl ZoneContent {
    /// The content that a whole transfer brought, whose first record is the SOA record. Duplicates
    /// are ignored (RFC 5936 section 2.2). Returns `None` if there is no SOA record.
    pub fn of_transfer(records: Vec<ReceivedRecord>) -> Option<Self> {
        let (mut soa, mut others): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.rtype == rtype::SOA);
        others.sort();
        others.dedup();
        Some(Self { soa: soa.pop()?, records: others })
    }

    /// The content of a zone's records as they are served. Returns `None` without a SOA record.
    pub fn of_records(records: &Records) -> Option<Self> {
        let mut all = Vec::new();
        for set in records.sets() {
            let (owner, rtype, ttl) = (set.owner_name(), set.rtype(), set.ttl());
            let record = |rdata: &[u8]| ReceivedRecord {
                owner: owner.clone(),
                rtype,
                ttl,
                rdata: rdata.into(),
            };
            all.extend(set.rdatas().map(record));
        }
        Self::of_transfer(all)
    }

    /// The content after these differences.
    ///
    /// # Errors
    /// When they do not belong to this content.
    pub fn apply(self, differences: Vec<Difference>) -> Result<Self, DifferenceError> {
        let Self { mut soa, records } = self;
        // Whether each record that any of them names is there in the end.
        let mut changed: BTreeMap<ReceivedRecord, bool> = BTreeMap::new();
        let is_there = |changed: &BTreeMap<ReceivedRecord, bool>, record: &ReceivedRecord| {
            let changed = changed.get(record).copied();
            changed.unwrap_or_else(|| records.binary_search(record).is_ok())
        };
        for Difference { from, deleted, to, added } in differences {
            if from.serial() != soa.serial() {
                return Err(DifferenceError::Serial);
            }
            for record in deleted {
                if !is_there(&changed, &record) {
                    return Err(DifferenceError::Missing);
                }
                changed.insert(record, false);
            }
            for record in added {
                if is_there(&changed, &record) {
                    return Err(DifferenceError::Present);
                }
                // The key, too, is to be the new one: TTL and case may differ.
                changed.remove(&record);
                changed.insert(record, true);
            }
            soa = to;
        }
        Ok(Self { soa, records: merged(records, changed) })
    }

    /// The serial.
    pub fn serial(&self) -> u32 {
        self.soa.serial().unwrap_or_default()
    }

    /// The name of the zone.
    pub fn zone(&self) -> &Name {
        &self.soa.owner
    }

    /// All records: the SOA record, then the others in canonical order.
    pub fn records(&self) -> impl Iterator<Item = &ReceivedRecord> {
        std::iter::once(&self.soa).chain(&self.records)
    }
}

/// The records of both, in order; what changed takes the place of what was there.
fn merged(
    before: Vec<ReceivedRecord>,
    changed: BTreeMap<ReceivedRecord, bool>,
) -> Vec<ReceivedRecord> {
    let mut out = Vec::with_capacity(before.len());
    let mut before = before.into_iter().peekable();
    for (record, is_there) in changed {
        while let Some(next) = before.next_if(|next| next.cmp(&record) == Ordering::Less) {
            out.push(next);
        }
        let _replaced = before.next_if(|next| *next == record);
        if is_there {
            out.push(record);
        }
    }
    out.extend(before);
    out
}

impl fmt::Display for DifferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serial => "the differences begin with another serial",
            Self::Missing => "the differences delete a record that is not there",
            Self::Present => "the differences add a record that is there",
        })
    }
}

impl std::error::Error for DifferenceError {}
