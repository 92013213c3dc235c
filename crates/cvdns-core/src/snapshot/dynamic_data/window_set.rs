//! Windows as records in wire form.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::snapshot::combined_windows::{self, CandidateGroup};
use crate::snapshot::fallback::FallbackLevel;
use crate::snapshot::windows::{Starts, WeightedCandidate, Windows, shuffle};
use crate::snapshot::yields::{Candidate, FamilyYield, Group};
use crate::wire::{HEADER, MAX_MESSAGE, class, rtype};

/// Size in octets of an A record whose owner is a compression pointer to the question: pointer,
/// type, class, TTL, RDLENGTH, address.
pub const A_SIZE: usize = 16;

/// Size in octets of an AAAA record whose owner is a compression pointer to the question.
pub const AAAA_SIZE: usize = 28;

/// Octets for addresses in the longest message, next to header, question and OPT record.
const ROOM: usize = MAX_MESSAGE - 1024;

/// The windows of one address family. It is half a cache line, from which one load leads to the
/// records of a window. Two loads are needed where mirrors of unequal weight all fit into one
/// answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowSet {
    /// The records. With [`Layout::Table`], a table precedes them that gives for each window the
    /// index of its first record, as a `u16` in native byte order.
    octets: Arc<[u8]>,
    /// Number of windows; 0 when there are no addresses.
    pub count: u32,
    /// Octets from the start of one window to the start of the next; with a table, octets of a
    /// record.
    stride: u32,
    /// Length of a window in octets.
    length: u32,
    /// Number of records in a window.
    pub size: u16,
    /// How far the path was followed for the addresses.
    pub fallback: FallbackLevel,
    /// How the records are laid out.
    layout: Layout,
}

/// How the records of windows are laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Layout {
    /// Windows start at regular distances.
    #[default]
    Regular,
    /// The same, and a window has addresses of several groups.
    Groups,
    /// A table precedes the records.
    Table,
}

/// Where the data of a prepared record start, in octets.
const RDATA: usize = 12;

/// Size in octets of an entry of the table.
const ENTRY: usize = size_of::<u16>();

/// The answers that a path yields under a rule, in one cache line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[repr(align(64))]
pub struct PoolAnswer {
    /// A records.
    pub ipv4: WindowSet,
    /// AAAA records.
    pub ipv6: WindowSet,
}

/// What windows are made from, besides their candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WindowParameters {
    /// Time to live in seconds.
    pub ttl: u32,
    /// Most addresses in a window; 0 means as many as a message holds.
    pub max: u16,
    /// The UTC day, which determines the order.
    pub day: u64,
}

/// An IPv4 or IPv6 address.
pub(super) trait Address: Copy + Eq {
    /// The type of its record.
    const RTYPE: u16;
    /// Size of a record in octets.
    const RECORD: usize;
    /// A number by which the address is shuffled: the same on every server, and rarely shared with
    /// another address.
    fn key(self) -> u64;
    /// Appends the octets of the address.
    fn put(self, octets: &mut Vec<u8>);
}

impl PoolAnswer {
    /// The windows of one address family.
    pub fn windows(&self, ipv6: bool) -> &WindowSet {
        if ipv6 { &self.ipv6 } else { &self.ipv4 }
    }
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
    /// Makes the windows of what a path yields.
    pub(super) fn new<A: Address>(
        family_yield: &FamilyYield<A>,
        parameters: WindowParameters,
    ) -> Self {
        let most = (ROOM / A::RECORD) as u16;
        let max = if parameters.max == 0 { most } else { parameters.max.min(most) };
        let candidates = &family_yield.candidates;
        let weighted = |candidate: &Candidate<A>| WeightedCandidate {
            key: candidate.address.key(),
            capacity: candidate.capacity,
        };
        let weighted: Vec<WeightedCandidate> = candidates.iter().map(weighted).collect();
        let mut rest = weighted.as_slice();
        let pools: Vec<Vec<(usize, u64)>> = family_yield.groups.iter().map(Group::demand).collect();
        let groups = family_yield.groups.iter().zip(&pools).map(|(group, pools)| {
            let (own, others) = rest.split_at_checked(group.len()).unwrap_or((rest, &[]));
            rest = others;
            CandidateGroup { candidates: own, take: group.take, pools }
        });
        let groups: Vec<CandidateGroup<'_>> = groups.collect();
        let windows = combined_windows::windows(&groups, max, parameters.day);
        let Windows { layout, starts, size, groups } = windows;
        let (table, count, stride) = match &starts {
            Starts::Every { stride, count } => (&[][..], *count, stride * A::RECORD),
            Starts::At(starts) => (starts.as_slice(), starts.len(), A::RECORD),
        };
        let mut octets = Vec::with_capacity(table.len() * ENTRY + layout.len() * A::RECORD);
        octets.extend(table.iter().flat_map(|start| start.to_ne_bytes()));
        for index in &layout {
            let Some(candidate) = candidates.get(*index as usize) else { continue };
            octets.extend_from_slice(&[0xc0, HEADER as u8]);
            octets.extend_from_slice(&A::RTYPE.to_be_bytes());
            octets.extend_from_slice(&class::IN.to_be_bytes());
            octets.extend_from_slice(&parameters.ttl.to_be_bytes());
            octets.extend_from_slice(&((A::RECORD - RDATA) as u16).to_be_bytes());
            candidate.address.put(&mut octets);
        }
        Self {
            octets: octets.into(),
            count: count as u32,
            stride: stride as u32,
            length: (size * A::RECORD) as u32,
            size: size as u16,
            fallback: FallbackLevel::Near,
            layout: match groups {
                _ if !table.is_empty() => Layout::Table,
                0 | 1 => Layout::Regular,
                _ => Layout::Groups,
            },
        }
    }

    /// TTL of the records in seconds; 0 without windows.
    pub fn ttl(&self) -> u32 {
        // The pointer to the owner, type and class precede it.
        let ttl = self.records().get(6..10).and_then(|ttl| ttl.try_into().ok());
        ttl.map_or(0, u32::from_be_bytes)
    }

    /// Whether these are the same windows in the same place of memory.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.octets, &other.octets)
    }

    /// Where the windows are in memory, which tells apart windows that exist at the same time.
    pub fn address(&self) -> usize {
        self.octets.as_ptr().addr()
    }

    /// The records of the window that `turn`, a fraction of 2^64, chooses.
    pub fn window(&self, turn: u64) -> &[u8] {
        self.numbered(self.chosen(turn))
    }

    /// The number, from 0, of the window that `turn` chooses.
    pub fn chosen(&self, turn: u64) -> usize {
        ((u128::from(turn) * u128::from(self.count)) >> 64) as usize
    }

    /// The records of the window with this number.
    pub fn numbered(&self, chosen: usize) -> &[u8] {
        let stride = self.stride as usize;
        let from = match self.layout {
            Layout::Table => self.start_from_table(chosen, stride),
            Layout::Regular | Layout::Groups => chosen * stride,
        };
        let records = self.octets.get(from..from + self.length as usize);
        debug_assert!(records.is_some(), "a window is outside of its records");
        records.unwrap_or_default()
    }

    /// Where a window starts, in octets, according to the table; `record` is the size of a record.
    fn start_from_table(&self, chosen: usize, record: usize) -> usize {
        let entry = self.octets.get(chosen * ENTRY..).and_then(|rest| rest.first_chunk());
        let start = entry.copied().map(u16::from_ne_bytes).unwrap_or_default();
        self.count as usize * ENTRY + usize::from(start) * record
    }

    /// The records of which windows are slices: each address at least once.
    pub fn records(&self) -> &[u8] {
        let has_table = self.layout == Layout::Table;
        let table = if has_table { self.count as usize * ENTRY } else { 0 };
        self.octets.get(table..).unwrap_or_default()
    }

    /// The data of the first record of each window: the address that clients use.
    pub fn first_places(&self) -> impl Iterator<Item = &[u8]> {
        let record = self.length.checked_div(self.size.into()).unwrap_or_default() as usize;
        let windows = (0..self.count as usize).map(|number| self.numbered(number));
        windows.filter_map(move |window| window.get(RDATA..record))
    }

    /// Whether windows have addresses of several groups: those of the first ones come first.
    pub fn has_groups(&self) -> bool {
        self.layout == Layout::Groups
    }

    /// Size of the records and the table in octets.
    pub fn octets(&self) -> usize {
        self.octets.len()
    }
}
