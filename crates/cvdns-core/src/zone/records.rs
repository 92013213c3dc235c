//! The static records of a zone, sorted into `RRsets`.

mod canonical;
mod checks;
mod rrsets;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashSet;

use super::packed::{CapacityExceeded, PackedRrsets};
use crate::problem::{Location, Problems};
use crate::wire::name::{Name, wire_length};
use crate::wire::{HEADER, MAX_MESSAGE, rtype};

pub use super::packed::{OwnerSets, Rdatas, Rrset};
pub use canonical::canonical;
use rrsets::ZoneRrsets;

/// Types that only signing adds to a zone (RFC 4034, RFC 5155).
const MADE_BY_SIGNING: [u16; 4] = [rtype::RRSIG, rtype::NSEC, rtype::NSEC3, rtype::NSEC3PARAM];

/// All records of a zone's master file, in `RRsets`.
#[derive(Debug, Clone)]
pub struct Records {
    /// The zone's name.
    pub origin: Name,
    packed: PackedRrsets,
}

/// A record of the master file.
#[derive(Debug, Clone)]
pub struct ResourceRecord {
    /// The owner name.
    pub owner: Name,
    /// Type.
    pub rtype: u16,
    /// TTL in seconds.
    pub ttl: u32,
    /// RDATA, uncompressed.
    pub rdata: Box<[u8]>,
    /// Location in the file.
    pub location: Location,
}

impl Records {
    /// Sorts records into `RRsets`, and reports records that cannot be served. `file` is the whole
    /// master file, for problems without a location in it.
    pub fn build(
        origin: &Name,
        records: Vec<ResourceRecord>,
        file: &Location,
        problems: &mut Problems,
    ) -> Self {
        let mut zone =
            Self { origin: origin.clone(), packed: PackedRrsets::with_capacity(records.len()) };
        if zone.sort(&records, problems).is_err() {
            let what = format!("the records of {origin} take more than 4 GiB");
            problems.error(file.clone(), what, "split the zone");
        }
        drop(records);
        zone.packed.finish();
        checks::check(zone.rrsets(), file, problems);
        zone
    }

    /// These records with the records of the zone's keys. What else DNSSEC adds to a zone is an
    /// error: it is made here.
    #[must_use]
    pub fn with_keys(&self, keys: &[ResourceRecord], problems: &mut Problems) -> Self {
        if let Some(set) = self.sets().find(|set| MADE_BY_SIGNING.contains(&set.rtype())) {
            problems.error(
                set.location(),
                format!("the zone {} is signed here, and has signatures already", self.origin),
                "leave RRSIG, NSEC, NSEC3 and NSEC3PARAM records out, or the table [dnssec]",
            );
        }
        let record = |set: &Rrset<'_>, rdata: &[u8]| ResourceRecord {
            owner: set.owner_name(),
            rtype: set.rtype(),
            ttl: set.ttl(),
            rdata: rdata.into(),
            location: set.location(),
        };
        let own = self
            .sets()
            .flat_map(|set| set.rdatas().map(move |rdata| record(&set, rdata)).collect::<Vec<_>>());
        // A key that is in the file too is there once; its TTL is that of the file.
        let mut records: Vec<ResourceRecord> = own.collect();
        for key in keys {
            let same = |of: &&ResourceRecord| of.rtype == key.rtype && of.owner == self.origin;
            let ttl = records.iter().find(same).map_or(key.ttl, |record| record.ttl);
            let is_there = records.iter().filter(same).any(|record| record.rdata == key.rdata);
            if !is_there {
                records.push(ResourceRecord { ttl, ..key.clone() });
            }
        }
        let mut zone = Self {
            origin: self.origin.clone(),
            packed: PackedRrsets::with_capacity(records.len()),
        };
        if zone.sort(&records, problems).is_err() {
            let what = format!("the records of {} take more than 4 GiB", self.origin);
            problems.error(Location::file(""), what, "split the zone");
        }
        zone.packed.finish();
        zone
    }

    /// A single record without a master file, unchecked; its owner is the zone.
    pub fn of_one(record: &ResourceRecord) -> Self {
        let mut zone = Self { origin: record.owner.clone(), packed: PackedRrsets::default() };
        if let Ok(owner) = zone.packed.owner(record.owner.wire())
            && zone.packed.begin(owner, record.rtype, record.ttl, &record.location).is_ok()
        {
            zone.packed.push(&record.rdata, record.ttl);
        }
        zone.packed.finish();
        zone
    }

    /// Groups the records by owner and type.
    fn sort(
        &mut self,
        records: &[ResourceRecord],
        problems: &mut Problems,
    ) -> Result<(), CapacityExceeded> {
        let mut order: Vec<(u32, u16, u32)> = Vec::with_capacity(records.len());
        for (number, record) in (0..).zip(records) {
            if is_servable(record, &self.origin, problems) {
                order.push((self.packed.owner(record.owner.wire())?, record.rtype, number));
            }
        }
        // Records of one `RRset` keep the order of the file.
        order.sort_unstable();
        for group in order.chunk_by(|(owner, rtype, _), (next, of, _)| (owner, rtype) == (next, of))
        {
            let Some((owner, ..)) = group.first() else { continue };
            let set = group.iter().filter_map(|(_, _, number)| records.get(*number as usize));
            self.add(*owner, set, problems)?;
        }
        Ok(())
    }

    /// Adds the records of one owner and type as an `RRset`.
    fn add<'r>(
        &mut self,
        owner: u32,
        mut records: impl Iterator<Item = &'r ResourceRecord>,
        problems: &mut Problems,
    ) -> Result<(), CapacityExceeded> {
        let Some(first) = records.next() else { return Ok(()) };
        self.packed.begin(owner, first.rtype, first.ttl, &first.location)?;
        let mut ttl = first.ttl;
        let mut length = HEADER + first.owner.wire().len() + 4;
        // Stays empty, without an allocation, for the many `RRsets` of one record.
        let mut seen: HashSet<Cow<'r, [u8]>> = HashSet::new();
        let mut last = first;
        for record in std::iter::once(first).chain(records) {
            if record.ttl != ttl {
                problems.warning(
                    record.location.clone(),
                    format!("TTL {} differs from TTL {ttl} of the same owner and type", record.ttl),
                    "the lower TTL is served (RFC 2181 section 5.2)",
                );
                ttl = ttl.min(record.ttl);
            }
            if !std::ptr::eq(record, last) && seen.is_empty() {
                seen.insert(canonical(last.rtype, &last.rdata));
            }
            if !std::ptr::eq(record, last) && !seen.insert(canonical(record.rtype, &record.rdata)) {
                problems.warning(
                    record.location.clone(),
                    "the record is a duplicate",
                    "remove it; the record is served once",
                );
                continue;
            }
            last = record;
            length += min_length(record);
            if length > MAX_MESSAGE {
                problems.error(
                    first.location.clone(),
                    format!("the records of {} do not fit into one message", first.owner),
                    "header, question and records have up to 65,535 octets: remove some records",
                );
                return Ok(());
            }
            self.packed.push(&record.rdata, record.ttl);
        }
        Ok(())
    }

    /// The `RRset` of this number.
    pub fn set(&self, number: u32) -> Option<Rrset<'_>> {
        self.packed.set(number)
    }

    /// All `RRsets`, in the order of their owners.
    pub fn sets(&self) -> impl Iterator<Item = Rrset<'_>> {
        self.packed.sets()
    }

    /// All owners, in the order of their first occurrence in the file.
    pub fn owners(&self) -> impl Iterator<Item = OwnerSets<'_>> {
        self.packed.owners()
    }

    /// The owner with this name in lower-case wire form.
    pub fn owner(&self, lower: &[u8]) -> Option<OwnerSets<'_>> {
        self.packed.find(lower)
    }

    /// The `RRset` of this owner and type.
    pub fn get(&self, owner: &Name, rtype: u16) -> Option<Rrset<'_>> {
        self.get_wire(owner.wire(), rtype)
    }

    /// The `RRset` of this owner, in wire form, and type.
    pub fn get_wire(&self, owner: &[u8], rtype: u16) -> Option<Rrset<'_>> {
        self.rrsets().get_wire(owner, rtype)
    }

    /// The NS records of the zone cut at or above `name` that is closest to the apex (RFC 1034
    /// section 4.2.1); `None` if `name` is not delegated.
    pub fn cut_above(&self, name: &Name) -> Option<Rrset<'_>> {
        self.rrsets().cut_above(name)
    }

    fn rrsets(&self) -> ZoneRrsets<'_> {
        ZoneRrsets { origin: &self.origin, packed: &self.packed }
    }

    /// TTL of negative answers in seconds: the lower one of the SOA record's MINIMUM and TTL (RFC
    /// 2308 section 5). 0 without a SOA record.
    pub fn negative_ttl(&self) -> u32 {
        let Some(soa) = self.get(&self.origin, rtype::SOA) else { return 0 };
        let minimum = soa.first().and_then(|rdata| rdata.last_chunk::<4>());
        minimum.map_or(0, |bytes| u32::from_be_bytes(*bytes)).min(soa.ttl())
    }

    /// For how many seconds a secondary answers without its primary: EXPIRE of the SOA record (RFC
    /// 1035 section 3.3.13). 0 without a SOA record.
    pub fn expire(&self) -> u32 {
        let soa = self.get(&self.origin, rtype::SOA);
        let numbers = soa.and_then(|soa| soa.first()?.last_chunk::<8>().copied());
        let expire = numbers.and_then(|numbers| numbers.first_chunk::<4>().copied());
        expire.map_or(0, u32::from_be_bytes)
    }
}

/// Whether a record can be served from this zone; reports why if not.
fn is_servable(record: &ResourceRecord, origin: &Name, problems: &mut Problems) -> bool {
    if !record.owner.is_within(origin) {
        problems.error(
            record.location.clone(),
            format!("{} is not within the zone {origin}", record.owner),
            "move the record to its own zone, or check the final dot of its owner",
        );
        return false;
    }
    if matches!(record.rtype, rtype::OPT | 128..=255) {
        problems.error(
            record.location.clone(),
            format!("type {} exists in messages only", record.rtype),
            "remove the record",
        );
        return false;
    }
    true
}

/// The least length of a record in an answer, in octets: a compression pointer, type, class, TTL
/// and RDLENGTH, and the RDATA, in which a name can shrink to one octet where answers compress it.
fn min_length(record: &ResourceRecord) -> usize {
    let shortest = match record.rtype {
        rtype::NS | rtype::CNAME | rtype::PTR => 1,
        rtype::MX => 3,
        rtype::SOA => 22,
        _ => record.rdata.len(),
    };
    shortest + 12
}

/// The target in the RDATA of a CNAME, DNAME or NS record; `None` if the RDATA is not one name.
pub fn target(rdata: &[u8]) -> Option<&[u8]> {
    (wire_length(rdata)? == rdata.len()).then_some(rdata)
}
