//! Compact storage of a zone's `RRsets` in few allocations. Zones may have millions of records, so
//! that any overhead per record counts.

use std::ops::Range;

use crate::problem::Location;
use crate::wire::lower::hash;
use crate::wire::name::{MAX_NAME, Name, lowered, wire_length};

/// `RRsets` in the order of their owners, with a hash table of the owners.
#[derive(Debug, Clone, Default)]
pub(super) struct PackedRrsets {
    /// Owner names in wire form, spelled as at their first occurrence.
    names: Vec<u8>,
    /// RDATA, each after its length in two octets.
    data: Vec<u8>,
    /// Owners in the order of their first occurrence.
    owners: Vec<PackedOwner>,
    sets: Vec<PackedRrset>,
    /// Hash table of the owners with open addressing; at most half of it is in use.
    index: Box<[HashSlot]>,
    /// A location in each file that has records.
    sources: Vec<Location>,
}

/// A slot of the hash table.
#[derive(Debug, Clone, Copy, Default)]
struct HashSlot {
    /// Hash of the name, which rules out most other names without comparing them.
    hash: u32,
    /// The owner's number plus one; 0 if the slot is free.
    owner: u32,
}

#[derive(Debug, Clone, Copy)]
struct PackedOwner {
    /// Start of its name in `names`.
    name: u32,
    /// Number of its first `RRset`.
    first: u32,
}

#[derive(Debug, Clone, Copy)]
struct PackedRrset {
    /// Start of its RDATA in `data`.
    data: u32,
    owner: u32,
    ttl: u32,
    /// Octet range of its first record in the file.
    begin: u32,
    end: u32,
    /// Its file, as an index in `sources`.
    source: u32,
    rtype: u16,
    count: u16,
}

/// Records of one owner and type (RFC 9499 section 5), with one TTL for all (RFC 2181 section 5.2).
#[derive(Debug, Clone, Copy)]
pub struct Rrset<'r> {
    packed: &'r PackedRrsets,
    set: &'r PackedRrset,
    number: u32,
}

/// Iterator over the RDATA of an `RRset`, uncompressed and without lengths, in the order of the
/// file.
#[derive(Debug, Clone)]
pub struct Rdatas<'r> {
    rest: &'r [u8],
    count: u16,
}

/// An owner with its `RRsets`.
#[derive(Debug, Clone, Copy)]
pub struct OwnerSets<'r> {
    packed: &'r PackedRrsets,
    /// The owner's number in the zone, in the order of first occurrence.
    pub number: u32,
}

/// Number of slots of the smallest hash table.
const SMALLEST_INDEX: usize = 8;

/// The names or the data of a zone exceed 4 GiB, or its owners 32-bit numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct CapacityExceeded;

impl PackedRrsets {
    /// An empty storage whose hash table has room for this number of owners.
    pub(super) fn with_capacity(owners: usize) -> Self {
        let size = owners.saturating_mul(2).next_power_of_two().max(SMALLEST_INDEX);
        Self { index: vec![HashSlot::default(); size].into(), ..Self::default() }
    }

    /// The number of an owner, which is added if it is new.
    pub(super) fn owner(&mut self, written: &[u8]) -> Result<u32, CapacityExceeded> {
        // Most records have the same owner as the record before.
        if let Some(last) =
            self.owner_count().checked_sub(1).filter(|last| self.name(*last) == written)
        {
            return Ok(last);
        }
        if self.index.len() < (self.owners.len() + 1) * 2 {
            self.rehash(self.index.len() * 2);
        }
        let mut lower = [0; MAX_NAME];
        let lower = lowered(written, &mut lower);
        let hash = hash(lower);
        match self.look_up(lower, hash) {
            Ok(owner) => Ok(owner),
            Err(free) => {
                let number = u32::try_from(self.owners.len()).map_err(|_| CapacityExceeded)?;
                let name = u32::try_from(self.names.len()).map_err(|_| CapacityExceeded)?;
                self.names.extend_from_slice(written);
                self.owners.push(PackedOwner { name, first: 0 });
                if let Some(slot) = self.index.get_mut(free) {
                    *slot = HashSlot { hash, owner: number + 1 };
                }
                Ok(number)
            }
        }
    }

    /// Starts an `RRset`. `RRsets` must be added in the order of their owners' numbers.
    pub(super) fn begin(
        &mut self,
        owner: u32,
        rtype: u16,
        ttl: u32,
        location: &Location,
    ) -> Result<(), CapacityExceeded> {
        let data = u32::try_from(self.data.len()).map_err(|_| CapacityExceeded)?;
        let source = self.source(location);
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let Range { start, end } = location.span();
        let (begin, end) = (offset(start), offset(end));
        self.sets.push(PackedRrset { data, owner, ttl, begin, end, source, rtype, count: 0 });
        Ok(())
    }

    /// Adds a record to the last `RRset`, whose TTL becomes the lower one of the two.
    pub(super) fn push(&mut self, rdata: &[u8], ttl: u32) {
        let (Some(set), Ok(length)) = (self.sets.last_mut(), u16::try_from(rdata.len())) else {
            debug_assert!(false, "RDATA of up to 65,535 octets follows `begin`");
            return;
        };
        set.count = set.count.saturating_add(1);
        set.ttl = set.ttl.min(ttl);
        self.data.extend_from_slice(&length.to_be_bytes());
        self.data.extend_from_slice(rdata);
    }

    /// Completes the storage: assigns the `RRsets` to their owners, and frees unused memory.
    pub(super) fn finish(&mut self) {
        let mut sets = (0..).zip(&self.sets).peekable();
        for (number, owner) in (0..).zip(&mut self.owners) {
            owner.first = sets.peek().map_or(self.sets.len() as u32, |(first, _)| *first);
            while sets.next_if(|(_, set)| set.owner == number).is_some() {}
        }
        let size = (self.owners.len() * 2).next_power_of_two().max(SMALLEST_INDEX);
        if size < self.index.len() {
            self.rehash(size);
        }
        self.names.shrink_to_fit();
        self.data.shrink_to_fit();
        self.owners.shrink_to_fit();
        self.sets.shrink_to_fit();
    }

    /// The `RRset` of this number.
    pub(super) fn set(&self, number: u32) -> Option<Rrset<'_>> {
        let set = self.sets.get(number as usize)?;
        Some(Rrset { packed: self, set, number })
    }

    /// All `RRsets`, in the order of their owners.
    pub(super) fn sets(&self) -> impl Iterator<Item = Rrset<'_>> {
        (0..).zip(&self.sets).map(|(number, set)| Rrset { packed: self, set, number })
    }

    /// All owners, in the order of their numbers.
    pub(super) fn owners(&self) -> impl Iterator<Item = OwnerSets<'_>> {
        (0..self.owner_count()).map(|number| OwnerSets { packed: self, number })
    }

    /// The owner with this lower-case name.
    pub(super) fn find(&self, lower: &[u8]) -> Option<OwnerSets<'_>> {
        let number = self.look_up(lower, hash(lower)).ok()?;
        Some(OwnerSets { packed: self, number })
    }

    /// Number of owners.
    fn owner_count(&self) -> u32 {
        self.owners.len() as u32
    }

    /// The name of an owner in wire form.
    fn name(&self, owner: u32) -> &[u8] {
        let name = self.owners.get(owner as usize).and_then(|owner| {
            let rest = self.names.get(owner.name as usize..)?;
            rest.get(..wire_length(rest)?)
        });
        debug_assert!(name.is_some(), "owner {owner} has a name");
        name.unwrap_or_default()
    }

    /// The numbers of an owner's `RRsets`.
    fn sets_of(&self, owner: u32) -> Range<u32> {
        let first = |owner: usize| self.owners.get(owner).map(|owner| owner.first);
        let end = first(owner as usize + 1).unwrap_or(self.sets.len() as u32);
        first(owner as usize).unwrap_or(end)..end
    }

    /// The number of the owner with this lower-case name, or the free slot where it belongs.
    fn look_up(&self, lower: &[u8], hash: u32) -> Result<u32, usize> {
        let mask = self.index.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        // Half of the slots are free, so the loop returns early; the bound is for safety.
        for _ in 0..self.index.len() {
            let slot = self.index.get(at).copied().unwrap_or_default();
            let Some(owner) = slot.owner.checked_sub(1) else { return Err(at) };
            if slot.hash == hash && self.name(owner).eq_ignore_ascii_case(lower) {
                return Ok(owner);
            }
            at = (at + 1) & mask;
        }
        Err(at)
    }

    /// Rebuilds the hash table with `size` slots, a power of two and at least twice the number of
    /// owners.
    fn rehash(&mut self, size: usize) {
        let mut index: Box<[HashSlot]> = vec![HashSlot::default(); size.max(SMALLEST_INDEX)].into();
        let mask = index.len().wrapping_sub(1);
        for slot in self.index.iter().filter(|slot| slot.owner > 0) {
            let mut at = slot.hash as usize & mask;
            while index.get(at).is_some_and(|taken| taken.owner > 0) {
                at = (at + 1) & mask;
            }
            if let Some(free) = index.get_mut(at) {
                *free = *slot;
            }
        }
        self.index = index;
    }

    /// The index in `sources` of the file of a location.
    fn source(&mut self, location: &Location) -> u32 {
        // Most records are in the same file as the record before. A duplicate would do no harm.
        let known = self.sources.iter().rposition(|source| source.is_in_file_of(location));
        known.unwrap_or_else(|| {
            self.sources.push(location.clone());
            self.sources.len() - 1
        }) as u32
    }
}

impl<'r> OwnerSets<'r> {
    /// The owner name in wire form, spelled as at its first occurrence.
    pub fn name(&self) -> &'r [u8] {
        self.packed.name(self.number)
    }

    /// The owner's `RRsets`, in ascending order of type.
    pub fn sets(&self) -> impl Iterator<Item = Rrset<'r>> + Clone + use<'r> {
        let packed = self.packed;
        packed.sets_of(self.number).filter_map(move |number| packed.set(number))
    }

    /// The owner's `RRset` of this type.
    pub fn get(&self, rtype: u16) -> Option<Rrset<'r>> {
        self.sets().find(|set| set.rtype() == rtype)
    }
}

impl<'r> Rrset<'r> {
    /// The number of the `RRset` in the zone.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The owner name in wire form, spelled as at its first occurrence.
    pub fn owner(&self) -> &'r [u8] {
        self.packed.name(self.set.owner)
    }

    /// The owner name, for messages.
    pub fn owner_name(&self) -> Name {
        let name = Name::from_wire(self.owner());
        debug_assert!(name.is_ok(), "owners are names");
        name.unwrap_or_else(|_| Name::root())
    }

    /// Type.
    pub fn rtype(&self) -> u16 {
        self.set.rtype
    }

    /// TTL in seconds.
    pub fn ttl(&self) -> u32 {
        self.set.ttl
    }

    /// Number of records.
    pub fn count(&self) -> u16 {
        self.set.count
    }

    /// The RDATA of each record.
    pub fn rdatas(&self) -> Rdatas<'r> {
        let rest = self.packed.data.get(self.set.data as usize..);
        debug_assert!(rest.is_some(), "set {} has data", self.number);
        Rdatas { rest: rest.unwrap_or_default(), count: self.set.count }
    }

    /// The RDATA of the first record.
    pub fn first(&self) -> Option<&'r [u8]> {
        self.rdatas().next()
    }

    /// Location of the first record.
    pub fn location(&self) -> Location {
        let source = self.packed.sources.get(self.set.source as usize);
        debug_assert!(source.is_some(), "set {} has a source", self.number);
        let span = self.set.begin as usize..self.set.end as usize;
        source.map_or_else(|| Location::file(""), |source| source.moved_to(span))
    }
}

impl<'r> Iterator for Rdatas<'r> {
    type Item = &'r [u8];

    fn next(&mut self) -> Option<&'r [u8]> {
        self.count = self.count.checked_sub(1)?;
        let (length, rest) = self.rest.split_first_chunk()?;
        let (rdata, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        self.rest = rest;
        Some(rdata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_table_grows_with_its_owners() {
        let mut packed = PackedRrsets::default();
        let wire = |number: u32| {
            Name::parse(&format!("n{number}.z."), &Name::root()).unwrap().wire().to_vec()
        };
        for number in 0..1000 {
            assert_eq!(packed.owner(&wire(number)).ok(), Some(number));
        }
        packed.finish();
        let find = |number: u32| packed.find(&wire(number)).map(|owner| owner.number);
        assert!((0..1000).all(|number| find(number) == Some(number)));
        assert!((1000..1100).all(|number| find(number).is_none()));
        assert!(PackedRrsets::default().find(&wire(0)).is_none());
    }
}
