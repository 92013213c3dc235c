//! Histories of zones as octets of a file.

use std::fmt;

use cvdns_core::wire::name::{Name, wire_length};
use ring::digest::{SHA256, digest};

use crate::history::History;
use crate::records::RecordSet;
use crate::version::{Difference, Soa, Version};

/// How a file begins: what it is, and its format.
const BEGIN: &[u8] = b"cvdns versions of a zone 1\n";

/// Octets of the checksum at the end (SHA-256).
const CHECKSUM: usize = 32;

/// Why octets are not the file of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKept {
    /// They begin differently: another file, or another format.
    Begin,
    /// The checksum is not that of the rest.
    Checksum,
    /// The parts do not fit together.
    Parts,
}

/// The file of a history.
pub fn to_octets(history: &History) -> Vec<u8> {
    let newest = history.newest();
    let mut out = BEGIN.to_vec();
    out.extend(newest.zone.wire());
    put_soa(&mut out, &newest.soa);
    put_records(&mut out, &newest.records);
    for difference in history.differences() {
        put_soa(&mut out, &difference.from);
        put_records(&mut out, &difference.deleted);
        put_soa(&mut out, &difference.to);
        put_records(&mut out, &difference.added);
    }
    let checksum = digest(&SHA256, &out);
    out.extend(checksum.as_ref());
    out
}

/// The history in a file.
///
/// # Errors
/// When the file is another one, or damaged.
pub fn from_octets(octets: &[u8]) -> Result<History, NotKept> {
    let rest = octets.strip_prefix(BEGIN).ok_or(NotKept::Begin)?;
    let (_, checksum) = rest.split_last_chunk::<CHECKSUM>().ok_or(NotKept::Checksum)?;
    let (summed, _) = octets.split_last_chunk::<CHECKSUM>().ok_or(NotKept::Checksum)?;
    if digest(&SHA256, summed).as_ref() != checksum {
        return Err(NotKept::Checksum);
    }
    let parts = summed.get(BEGIN.len()..).unwrap_or_default();
    read(parts).ok_or(NotKept::Parts)
}

fn read(octets: &[u8]) -> Option<History> {
    let (zone, mut rest) = octets.split_at_checked(wire_length(octets)?)?;
    let zone = Name::from_wire(zone).ok()?;
    let newest = Version { zone, soa: take_soa(&mut rest)?, records: take_records(&mut rest)? };
    let mut differences = Vec::new();
    while !rest.is_empty() {
        differences.push(Difference {
            from: take_soa(&mut rest)?,
            deleted: take_records(&mut rest)?,
            to: take_soa(&mut rest)?,
            added: take_records(&mut rest)?,
        });
    }
    History::of_parts(newest, differences)
}

fn put_soa(out: &mut Vec<u8>, soa: &Soa) {
    out.extend(soa.ttl.to_be_bytes());
    out.extend((soa.rdata().len() as u16).to_be_bytes());
    out.extend(soa.rdata());
}

fn put_records(out: &mut Vec<u8>, records: &RecordSet) {
    out.extend((records.octets().len() as u64).to_be_bytes());
    out.extend(records.octets());
}

fn take<'o>(rest: &mut &'o [u8], length: usize) -> Option<&'o [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn take_soa(rest: &mut &[u8]) -> Option<Soa> {
    let ttl = u32::from_be_bytes(*take(rest, 4)?.first_chunk()?);
    let length = u16::from_be_bytes(*take(rest, 2)?.first_chunk()?);
    Soa::new(ttl, take(rest, length.into())?)
}

fn take_records(rest: &mut &[u8]) -> Option<RecordSet> {
    let length = u64::from_be_bytes(*take(rest, 8)?.first_chunk()?);
    RecordSet::from_octets(take(rest, usize::try_from(length).ok()?)?)
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begin => "it is no file of this version of cvdns",
            Self::Checksum => "its checksum is wrong",
            Self::Parts => "its parts do not fit together",
        })
    }
}
