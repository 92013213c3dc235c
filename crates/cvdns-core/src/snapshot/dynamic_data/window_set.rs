//! Windows as ready-made records.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::snapshot::fallback::FallbackLevel;
use crate::snapshot::windows::{Share, Starts, Windows, shuffle};
use crate::snapshot::yields::Candidate;
use crate::wire::{HEADER, MAX_MESSAGE, class, rtype};

/// Octets of an A record that points at the question's name: pointer, type, class, TTL, length, address.
pub const A_SIZE: usize = 16;
/// Octets of an AAAA record that points at the question's name.
pub const AAAA_SIZE: usize = 28;

/// Room that the longest header, question and OPT record leave of the longest message.
const ROOM: usize = MAX_MESSAGE - 1024;

/// The windows of one address family. Half a cache line, from which one load leads to the records of a window; where mirrors
/// of unequal weight all fit into an answer, two do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowSet {
    /// The records; in front of them, where it is needed, a table of the records at which windows start, each a `u16`.
    octets: Arc<[u8]>,
    /// How many windows there are; 0: no address.
    pub count: u32,
    /// Octets from one start to the next; with a table, octets of a record.
    apart: u32,
    /// Octets of a window.
    length: u32,
    /// Records of a window.
    pub size: u16,
    /// From how far along the path they are.
    pub reach: FallbackLevel,
    /// Whether there is a table.
    tabled: bool,
}

/// Octets of an entry of the table.
const ENTRY: usize = size_of::<u16>();

/// What addresses are answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    /// Time to live in seconds.
    pub ttl: u32,
    /// Most addresses; 0: as many as a message holds.
    pub max: u16,
    /// What settles the order.
    pub day: u64,
}

/// An address of either family.
pub(super) trait Address: Copy + Eq {
    /// The type of its records.
    const RTYPE: u16;
    /// Octets of a record.
    const RECORD: usize;
    /// A number that is its own, or hardly anyone else's.
    fn key(self) -> u64;
    /// Appends its octets.
    fn put(self, octets: &mut Vec<u8>);
}

impl Address for Ipv4Addr {
    const RTYPE: u16 = rtype::A;
    const RECORD: usize = A_SIZE;

    fn key(self) -> u64 {
        self.to_bits().into()
    }

    fn put(self, octets: &mut Vec<u8>) {
        octets.extend(self.octets());
    }
}

impl Address for Ipv6Addr {
    const RTYPE: u16 = rtype::AAAA;
    const RECORD: usize = AAAA_SIZE;

    fn key(self) -> u64 {
        let bits = self.to_bits();
        shuffle((bits >> 64) as u64) ^ bits as u64
    }

    fn put(self, octets: &mut Vec<u8>) {
        octets.extend(self.octets());
    }
}

impl WindowSet {
    /// Lays out the windows of these candidates.
    pub(super) fn new<A: Address>(candidates: &[Candidate<A>], terms: Terms) -> Self {
        let most = (ROOM / A::RECORD) as u16;
        let max = if terms.max == 0 { most } else { terms.max.min(most) };
        let share = |candidate: &Candidate<A>| Share {
            key: candidate.address.key(),
            capacity: candidate.capacity,
        };
        let shares: Vec<Share> = candidates.iter().map(share).collect();
        let Windows { layout, starts, size } = Windows::new(&shares, max, terms.day);
        let (table, count, apart) = match &starts {
            Starts::Every { apart, count } => (&[][..], *count, apart * A::RECORD),
            Starts::At(starts) => (starts.as_slice(), starts.len(), A::RECORD),
        };
        let mut octets = Vec::with_capacity(table.len() * ENTRY + layout.len() * A::RECORD);
        octets.extend(table.iter().flat_map(|start| start.to_ne_bytes()));
        for index in &layout {
            let Some(candidate) = candidates.get(*index as usize) else { continue };
            octets.extend_from_slice(&[0xc0, HEADER as u8]);
            octets.extend_from_slice(&A::RTYPE.to_be_bytes());
            octets.extend_from_slice(&class::IN.to_be_bytes());
            octets.extend_from_slice(&terms.ttl.to_be_bytes());
            octets.extend_from_slice(&((A::RECORD - 12) as u16).to_be_bytes());
            candidate.address.put(&mut octets);
        }
        Self {
            octets: octets.into(),
            count: count as u32,
            apart: apart as u32,
            length: (size * A::RECORD) as u32,
            size: size as u16,
            reach: FallbackLevel::Near,
            tabled: !table.is_empty(),
        }
    }

    /// The records of one window; `turn` is a fraction of 2^64 that chooses it.
    pub fn window(&self, turn: u64) -> &[u8] {
        self.numbered(self.chosen(turn))
    }

    /// The number of that window, from 0.
    pub fn chosen(&self, turn: u64) -> usize {
        ((u128::from(turn) * u128::from(self.count)) >> 64) as usize
    }

    /// The records of the window of this number.
    pub fn numbered(&self, chosen: usize) -> &[u8] {
        let apart = self.apart as usize;
        let from = if self.tabled { self.tabled(chosen, apart) } else { chosen * apart };
        self.octets.get(from..from + self.length as usize).unwrap_or_default()
    }

    fn tabled(&self, chosen: usize, record: usize) -> usize {
        let entry = self.octets.get(chosen * ENTRY..).and_then(|rest| rest.first_chunk());
        let start = entry.copied().map(u16::from_ne_bytes).unwrap_or_default();
        self.count as usize * ENTRY + usize::from(start) * record
    }

    /// The records that windows are slices of: each address at least once.
    pub fn records(&self) -> &[u8] {
        let table = if self.tabled { self.count as usize * ENTRY } else { 0 };
        self.octets.get(table..).unwrap_or_default()
    }

    /// Octets of memory.
    pub fn octets(&self) -> usize {
        self.octets.len()
    }
}
