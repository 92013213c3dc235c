//! IPv6 addresses by where ranges start: an index of the first 16 bits, then a search among few.
//!
//! An entry is where a range starts; the scope is computed from the range's two ends, which gives the prefix at which a merged
//! trie of bits would end. IPv6 networks are too sparse for IPv4's trie, which takes twice the time and 6 MB for them.

use super::{LookUp, Place};

/// Stands for the list of networks that are cut deeper.
const DEEPER: u16 = u16::MAX - 1;

/// The numbers and scopes of all addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Networks {
    /// By the upper half of addresses, as hardly a range starts within a /64: half the memory, and twice as many starts
    /// in a cache line.
    upper: Ranges<u64>,
    /// The inside of the /64 networks that are cut.
    deep: Ranges<u128>,
}

impl Networks {
    /// The table of ranges, each a start and a number below 2^16 − 2; they rise, the first starts at the first address.
    pub(super) fn new(steps: &[(u128, u16)]) -> Self {
        let (upper, deep) = halves(steps);
        Self { upper: Ranges::new(&upper), deep: Ranges::new(&deep) }
    }

    /// Looks an address up.
    pub(super) fn get(&self, address: u128) -> Place {
        self.found(address, self.upper.seek((address >> 64) as u64))
    }

    /// Looks several addresses up.
    pub(super) fn get_all(&self, look_ups: &mut [LookUp<u128>]) {
        for look_up in &mut *look_ups {
            look_up.at = self.upper.seek((look_up.address >> 64) as u64);
        }
        for look_up in look_ups {
            look_up.place = self.found(look_up.address, look_up.at);
        }
    }

    fn found(&self, address: u128, between: (u32, u32)) -> Place {
        let place = self.upper.found((address >> 64) as u64, between);
        if place.value == DEEPER {
            self.deep.found(address, self.deep.seek(address))
        } else {
            place
        }
    }

    /// How much memory it takes.
    pub(super) fn octets(&self) -> usize {
        self.upper.octets() + self.deep.octets()
    }
}

/// Starts and their values.
type List<A> = Vec<(A, u16)>;

/// The starts by the upper half of their address; and those within /64 networks that are cut, each of which is a range of
/// `DEEPER` in the first list.
///
/// Scopes come out as from one list. Within a cut /64 a start in it is nearer than all that the second list leaves out.
/// From outside, whether a range ends at the /64 or within it, the longest prefix without that end is the same.
fn halves(steps: &[(u128, u16)]) -> (List<u64>, List<u128>) {
    let (mut upper, mut deep) = (Vec::with_capacity(steps.len()), Vec::new());
    let mut before = 0;
    for network in steps.chunk_by(|(a, _), (b, _)| a >> 64 == b >> 64) {
        let (Some((first, value)), Some((last, behind))) = (network.first(), network.last()) else {
            continue;
        };
        let half = (first >> 64) as u64;
        // Where the /64 before was cut, its end is no news.
        if upper.last().is_some_and(|(start, _)| *start == half) {
            upper.pop();
        }
        if *last as u64 == 0 {
            upper.push((half, *value));
        } else {
            upper.push((half, DEEPER));
            upper.extend(half.checked_add(1).map(|next| (next, *behind)));
            if *first as u64 != 0 {
                deep.push((u128::from(half) << 64, before));
            }
            deep.extend_from_slice(network);
        }
        before = *behind;
    }
    (upper, deep)
}

/// An address, or its upper half.
trait Key: Copy + Ord {
    /// Its first 64 bits, zeros behind if there are fewer.
    fn lead(self) -> u64;
    /// How long a prefix around it must be to leave the other out.
    fn parting(self, other: Self) -> u32;
    /// The address before.
    fn before(self) -> Option<Self>;
}

macro_rules! key {
    ($type:ty, $address:ident => $lead:expr) => {
        impl Key for $type {
            fn lead(self) -> u64 {
                let $address = self;
                $lead
            }
            fn parting(self, other: Self) -> u32 {
                (self ^ other).leading_zeros() + 1
            }
            fn before(self) -> Option<Self> {
                self.checked_sub(1)
            }
        }
    };
}

key!(u64, address => address);
key!(u128, address => (address >> 64) as u64);

/// Ranges by where they start, and a way to find one in few steps.
///
/// A bucket holds what starts with the same 16 bits. Buckets are uneven: of a country database's IPv6 ranges a third lies
/// in two /16. So each is cut into equal slots, one for four to eight starts, which leaves few of them to search. More slots
/// were no faster: the index then takes the cache that the starts should have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ranges<A> {
    starts: Box<[A]>,
    /// Apart, as padding next to the starts would take as much memory again.
    values: Box<[u16]>,
    /// Up to the last in which a range starts.
    buckets: Box<[Bucket]>,
    /// For each slot the first range that starts in it or later; one more at the end.
    slots: Box<[u32]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    first_slot: u32,
    /// How many of an address's bits do not select its slot.
    shift: u8,
}

/// Leading bits that select the bucket.
const BUCKET_BITS: u32 = 16;
/// The bits behind them.
const REST_BITS: u32 = 64 - BUCKET_BITS;

fn bucket_of(lead: u64) -> usize {
    (lead >> REST_BITS) as usize
}

impl Bucket {
    fn slot(self, lead: u64) -> usize {
        let rest = lead & ((1 << REST_BITS) - 1);
        self.first_slot as usize + (rest >> self.shift) as usize
    }
}

impl<A: Key> Ranges<A> {
    fn new(steps: &[(A, u16)]) -> Self {
        let starts: Box<[A]> = steps.iter().map(|(start, _)| *start).collect();
        let values = steps.iter().map(|(_, value)| *value).collect();
        let (mut buckets, mut slots) = (Vec::new(), Vec::new());
        let mut position = 0;
        for within in starts.chunk_by(|a, b| bucket_of(a.lead()) == bucket_of(b.lead())) {
            let lead = within.first().map_or(0, |start| start.lead());
            while buckets.len() < bucket_of(lead) {
                buckets.push(Bucket { first_slot: slots.len() as u32, shift: REST_BITS as u8 });
                slots.push(position);
            }
            let bits = within.len().ilog2().saturating_sub(2);
            let bucket = Bucket { first_slot: slots.len() as u32, shift: (REST_BITS - bits) as u8 };
            buckets.push(bucket);
            for start in within {
                slots.resize(slots.len().max(bucket.slot(start.lead()) + 1), position);
                position += 1;
            }
            slots.resize(bucket.first_slot as usize + (1 << bits), position);
        }
        slots.push(position);
        Self { starts, values, buckets: buckets.into(), slots: slots.into() }
    }

    /// Between which two places the first range that starts behind the address is: behind all starts where these are in
    /// buckets before.
    fn seek(&self, address: A) -> (u32, u32) {
        let lead = address.lead();
        let slot = self.buckets.get(bucket_of(lead)).map_or(usize::MAX, |bucket| bucket.slot(lead));
        let ends = slot.checked_add(2).and_then(|end| self.slots.get(slot..end));
        match ends {
            Some([low, high]) => (*low, *high),
            _ => (self.starts.len() as u32, self.starts.len() as u32),
        }
    }

    fn found(&self, address: A, (low, high): (u32, u32)) -> Place {
        let within = self.starts.get(low as usize..high as usize).unwrap_or_default();
        let next = low as usize + within.partition_point(|start| *start <= address);
        let at = next.checked_sub(1);
        // The longest prefix that leaves out both neighbours leaves out the nearer one.
        let before = at.and_then(|at| self.starts.get(at)?.before());
        let after = self.starts.get(next);
        let scope = before.map_or(0, |before| address.parting(before));
        let scope = scope.max(after.map_or(0, |after| address.parting(*after)));
        let value = at.and_then(|at| self.values.get(at).copied());
        Place { value: value.unwrap_or_default(), scope: scope as u8 }
    }

    fn octets(&self) -> usize {
        size_of_val(&*self.starts)
            + size_of_val(&*self.values)
            + size_of_val(&*self.buckets)
            + size_of_val(&*self.slots)
    }
}
