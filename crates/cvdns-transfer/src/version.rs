//! A zone as it is at one serial, and how one version differs from the next.

use cvdns_core::wire::name::{Name, wire_length};

use crate::records::{RecordSet, ZoneRecord};

/// The SOA record of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soa {
    /// The TTL in seconds.
    pub ttl: u32,
    /// The data: two names and five numbers, of which the first is the serial.
    rdata: Box<[u8]>,
}

/// A zone as it is at one serial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The name of the zone.
    pub zone: Name,
    /// The SOA record.
    pub soa: Soa,
    /// All other records.
    pub records: RecordSet,
}

/// What leads from one version of a zone to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The SOA record of the earlier version.
    pub from: Soa,
    /// The SOA record of the later version.
    pub to: Soa,
    /// The records that only the earlier version has.
    pub deleted: RecordSet,
    /// The records that only the later version has.
    pub added: RecordSet,
}

/// Octets of the numbers in the data of a SOA record (RFC 1035 section 3.3.13).
const NUMBERS: usize = 20;

/// Octets of a record beside its owner and data.
const FIXED: usize = 10;

impl Soa {
    /// A SOA record. `None` if the data is not that of one.
    pub fn new(ttl: u32, rdata: &[u8]) -> Option<Self> {
        let first = wire_length(rdata)?;
        let second = wire_length(rdata.get(first..)?)?;
        let is_whole = rdata.len() == first.checked_add(second)?.checked_add(NUMBERS)?;
        is_whole.then(|| Self { ttl, rdata: rdata.into() })
    }

    /// The data.
    pub fn rdata(&self) -> &[u8] {
        &self.rdata
    }

    /// The serial.
    pub fn serial(&self) -> u32 {
        let numbers = self.rdata.last_chunk::<NUMBERS>().and_then(|all| all.first_chunk::<4>());
        numbers.map_or(0, |serial| u32::from_be_bytes(*serial))
    }

    /// The same with another serial.
    #[must_use]
    pub fn with_serial(&self, serial: u32) -> Self {
        let mut soa = self.clone();
        if let Some(numbers) = soa.rdata.last_chunk_mut::<NUMBERS>()
            && let Some(slot) = numbers.first_chunk_mut::<4>()
        {
            *slot = serial.to_be_bytes();
        }
        soa
    }

    fn record<'r>(&'r self, zone: &'r Name) -> ZoneRecord<'r> {
        let rtype = cvdns_core::wire::rtype::SOA;
        ZoneRecord { owner: zone.wire(), rtype, ttl: self.ttl, rdata: &self.rdata }
    }

    /// Octets in a message without compression.
    fn length(&self, zone: &Name) -> usize {
        zone.wire().len() + FIXED + self.rdata.len()
    }
}

impl Version {
    /// The serial.
    pub fn serial(&self) -> u32 {
        self.soa.serial()
    }

    /// The SOA as a record of the zone.
    pub fn soa_record(&self) -> ZoneRecord<'_> {
        self.soa.record(&self.zone)
    }

    /// Octets of a whole transfer (AXFR) without headers and compression.
    pub fn octets(&self) -> usize {
        self.records.octets().len() + 2 * self.soa.length(&self.zone)
    }

    /// What leads from this version to a later one.
    pub fn difference(&self, later: &Self) -> Difference {
        let (deleted, added) = self.records.compare(&later.records);
        Difference { from: self.soa.clone(), to: later.soa.clone(), deleted, added }
    }
}

impl Difference {
    /// The SOA records of both versions as records of the zone.
    pub fn soa_records<'r>(&'r self, zone: &'r Name) -> [ZoneRecord<'r>; 2] {
        [self.from.record(zone), self.to.record(zone)]
    }

    /// Octets in a transfer without compression.
    pub fn octets(&self, zone: &Name) -> usize {
        self.deleted.octets().len()
            + self.added.octets().len()
            + self.from.length(zone)
            + self.to.length(zone)
    }
}
