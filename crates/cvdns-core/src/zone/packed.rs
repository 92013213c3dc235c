//! The records of a zone in few blocks of memory: a million records are a million times anything
//! kept for one.

use std::ops::Range;

use super::records::Records;
use crate::problem::Location;
use crate::wire::lower::hash;
use crate::wire::name::{MAX_NAME, Name, lowered, wire_length};

/// `RRsets`, those of one owner side by side, with an index of the owners.
#[derive(Debug, Clone, Default)]
pub(super) struct Packed {
    /// Owners in wire form as they were first written.
    names: Vec<u8>,
    /// RDATA, each behind its length of two octets.
    data: Vec<u8>,
    /// In the order in which the file first names them.
    owners: Vec<Owner>,
    sets: Vec<Set>,
    /// Owners by the hash of their names; at most half of it is in use.
    index: Box<[Slot]>,
    /// A place in each file that records stand in.
    sources: Vec<Location>,
}

/// A place of the index.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// The hash of the name: others are told apart without a look at theirs.
    hash: u32,
    /// The owner's number plus one; 0: the place is free.
    owner: u32,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    /// Where its name begins in `names`.
    name: u32,
    /// Its first set.
    first: u32,
}

#[derive(Debug, Clone, Copy)]
struct Set {
    /// Where its RDATA begins in `data`.
    data: u32,
    owner: u32,
    ttl: u32,
    /// The octets of its source that are meant.
    begin: u32,
    end: u32,
    source: u32,
    rtype: u16,
    count: u16,
}

/// Records of one owner and type (RFC 9499 section 5), as [`Records`] hold them; RFC 2181 section
/// 5.2: one TTL for all.
#[derive(Debug, Clone, Copy)]
pub struct Rrset<'r> {
    packed: &'r Packed,
    set: &'r Set,
    number: u32,
}

/// The RDATA of the records of an `RRset`, uncompressed and without their lengths, in the file's
/// order.
#[derive(Debug, Clone)]
pub struct Rdatas<'r> {
    rest: &'r [u8],
    count: u16,
}

/// An owner of records.
#[derive(Debug, Clone, Copy)]
pub struct OwnerSets<'r> {
    packed: &'r Packed,
    /// Its number within the zone, in the order in which the file first names it.
    pub number: u32,
}

/// Places of the smallest index.
const SMALLEST_INDEX: usize = 8;

/// More than four gigabytes of names or data, or as many sets, in one zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct TooMuch;

impl Packed {
    /// Room for the index of so many owners: it does not have to grow for them.
    pub(super) fn with_room(owners: usize) -> Self {
        let size = owners.saturating_mul(2).next_power_of_two().max(SMALLEST_INDEX);
        Self { index: vec![Slot::default(); size].into(), ..Self::default() }
    }

    /// The number of an owner, which is added if it is not there.
    pub(super) fn owner(&mut self, written: &[u8]) -> Result<u32, TooMuch> {
        // Records of one owner mostly follow each other.
        if let Some(last) =
            self.owner_count().checked_sub(1).filter(|last| self.name(*last) == written)
        {
            return Ok(last);
        }
        if self.index.len() < (self.owners.len() + 1) * 2 {
            self.place_all(self.index.len() * 2);
        }
        let mut lower = [0; MAX_NAME];
        let lower = lowered(written, &mut lower);
        let hash = hash(lower);
        match self.look_up(lower, hash) {
            Ok(owner) => Ok(owner),
            Err(free) => {
                let number = u32::try_from(self.owners.len()).map_err(|_| TooMuch)?;
                let name = u32::try_from(self.names.len()).map_err(|_| TooMuch)?;
                self.names.extend_from_slice(written);
                self.owners.push(Owner { name, first: 0 });
                if let Some(slot) = self.index.get_mut(free) {
                    *slot = Slot { hash, owner: number + 1 };
                }
                Ok(number)
            }
        }
    }

    /// Begins a set. Sets are added in the order of their owners' numbers.
    pub(super) fn begin(
        &mut self,
        owner: u32,
        rtype: u16,
        ttl: u32,
        location: &Location,
    ) -> Result<(), TooMuch> {
        let data = u32::try_from(self.data.len()).map_err(|_| TooMuch)?;
        let source = self.source(location);
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let Range { start, end } = location.span();
        let (begin, end) = (place(start), place(end));
        self.sets.push(Set { data, owner, ttl, begin, end, source, rtype, count: 0 });
        Ok(())
    }

    /// Adds a record to the set that was begun last, and lowers that one's TTL to its own.
    pub(super) fn push(&mut self, rdata: &[u8], ttl: u32) {
        let (Some(set), Ok(length)) = (self.sets.last_mut(), u16::try_from(rdata.len())) else {
            return;
        };
        set.count = set.count.saturating_add(1);
        set.ttl = set.ttl.min(ttl);
        self.data.extend_from_slice(&length.to_be_bytes());
        self.data.extend_from_slice(rdata);
    }

    /// Ends the building: each owner learns its sets, and room that was taken for more is given
    /// back.
    pub(super) fn finish(&mut self) {
        let mut sets = (0..).zip(&self.sets).peekable();
        for (number, owner) in (0..).zip(&mut self.owners) {
            owner.first = sets.peek().map_or(self.sets.len() as u32, |(first, _)| *first);
            while sets.next_if(|(_, set)| set.owner == number).is_some() {}
        }
        let size = (self.owners.len() * 2).next_power_of_two().max(SMALLEST_INDEX);
        if size < self.index.len() {
            self.place_all(size);
        }
        self.names.shrink_to_fit();
        self.data.shrink_to_fit();
        self.owners.shrink_to_fit();
        self.sets.shrink_to_fit();
    }

    /// How many owners there are.
    fn owner_count(&self) -> u32 {
        self.owners.len() as u32
    }

    /// A name of `names`, in wire form.
    fn name(&self, owner: u32) -> &[u8] {
        let at = self.owners.get(owner as usize).map_or(0, |owner| owner.name as usize);
        let rest = self.names.get(at..).unwrap_or_default();
        rest.get(..wire_length(rest).unwrap_or(0)).unwrap_or_default()
    }

    /// The numbers of the sets of an owner.
    fn sets_of(&self, owner: u32) -> Range<u32> {
        let first = |owner: usize| self.owners.get(owner).map(|owner| owner.first);
        let end = first(owner as usize + 1).unwrap_or(self.sets.len() as u32);
        first(owner as usize).unwrap_or(end)..end
    }

    /// The owner of this lower-case name.
    fn find(&self, lower: &[u8]) -> Option<u32> {
        self.look_up(lower, hash(lower)).ok()
    }

    /// The owner of this lower-case name, or the free place in the index where it would stand.
    fn look_up(&self, lower: &[u8], hash: u32) -> Result<u32, usize> {
        let mask = self.index.len().wrapping_sub(1);
        let mut place = hash as usize & mask;
        // Half of the places are free: the loop ends, at the latest after all of them.
        for _ in 0..self.index.len() {
            let slot = self.index.get(place).copied().unwrap_or_default();
            let Some(owner) = slot.owner.checked_sub(1) else { return Err(place) };
            if slot.hash == hash && self.name(owner).eq_ignore_ascii_case(lower) {
                return Ok(owner);
            }
            place = (place + 1) & mask;
        }
        Err(place)
    }

    /// Makes the index anew, with so many places, a power of two that has room for all owners
    /// twice.
    fn place_all(&mut self, size: usize) {
        let mut index: Box<[Slot]> = vec![Slot::default(); size.max(SMALLEST_INDEX)].into();
        let mask = index.len().wrapping_sub(1);
        for slot in self.index.iter().filter(|slot| slot.owner > 0) {
            let mut place = slot.hash as usize & mask;
            while index.get(place).is_some_and(|taken| taken.owner > 0) {
                place = (place + 1) & mask;
            }
            if let Some(free) = index.get_mut(place) {
                *free = *slot;
            }
        }
        self.index = index;
    }

    /// The number of the file that a place is in.
    fn source(&mut self, location: &Location) -> u32 {
        // Records of one file mostly follow each other. That a file stands here twice does no harm.
        let known = self.sources.iter().rposition(|source| source.is_in_file_of(location));
        known.unwrap_or_else(|| {
            self.sources.push(location.clone());
            self.sources.len() - 1
        }) as u32
    }
}

impl Records {
    /// The `RRset` of this number.
    pub fn set(&self, number: u32) -> Option<Rrset<'_>> {
        let set = self.packed.sets.get(number as usize)?;
        Some(Rrset { packed: &self.packed, set, number })
    }

    /// All `RRsets`, those of one owner side by side.
    pub fn sets(&self) -> impl Iterator<Item = Rrset<'_>> {
        (0..).zip(&self.packed.sets).map(|(number, set)| Rrset {
            packed: &self.packed,
            set,
            number,
        })
    }

    /// All owners.
    pub fn owners(&self) -> impl Iterator<Item = OwnerSets<'_>> {
        (0..self.packed.owner_count()).map(|number| OwnerSets { packed: &self.packed, number })
    }

    /// The owner of this name in lower-case wire form.
    pub fn owner(&self, lower: &[u8]) -> Option<OwnerSets<'_>> {
        let number = self.packed.find(lower)?;
        Some(OwnerSets { packed: &self.packed, number })
    }

    /// The `RRset` of this owner and type.
    pub fn get(&self, owner: &Name, rtype: u16) -> Option<Rrset<'_>> {
        self.get_wire(owner.wire(), rtype)
    }

    /// The same, by the owner's wire form.
    pub fn get_wire(&self, owner: &[u8], rtype: u16) -> Option<Rrset<'_>> {
        let mut lower = [0; MAX_NAME];
        self.owner(lowered(owner, &mut lower))?.get(rtype)
    }
}

impl<'r> OwnerSets<'r> {
    /// Its name in wire form, as it was first written.
    pub fn name(&self) -> &'r [u8] {
        self.packed.name(self.number)
    }

    /// Its `RRsets`, by type.
    pub fn sets(&self) -> impl Iterator<Item = Rrset<'r>> + Clone + use<'r> {
        let packed = self.packed;
        packed.sets_of(self.number).filter_map(move |number| {
            let set = packed.sets.get(number as usize)?;
            Some(Rrset { packed, set, number })
        })
    }

    /// Its `RRset` of this type.
    pub fn get(&self, rtype: u16) -> Option<Rrset<'r>> {
        self.sets().find(|set| set.rtype() == rtype)
    }
}

impl<'r> Rrset<'r> {
    /// Its number within the zone.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The owner in wire form, as it was first written.
    pub fn owner(&self) -> &'r [u8] {
        self.packed.name(self.set.owner)
    }

    /// The owner, for messages.
    pub fn owner_name(&self) -> Name {
        Name::from_wire(self.owner()).unwrap_or_else(|_| Name::root())
    }

    /// Type.
    pub fn rtype(&self) -> u16 {
        self.set.rtype
    }

    /// Time to live in seconds.
    pub fn ttl(&self) -> u32 {
        self.set.ttl
    }

    /// How many records there are.
    pub fn count(&self) -> u16 {
        self.set.count
    }

    /// RDATA of each record.
    pub fn rdatas(&self) -> Rdatas<'r> {
        let rest = self.packed.data.get(self.set.data as usize..).unwrap_or_default();
        Rdatas { rest, count: self.set.count }
    }

    /// RDATA of the first record.
    pub fn first(&self) -> Option<&'r [u8]> {
        self.rdatas().next()
    }

    /// Where the first of them stands.
    pub fn location(&self) -> Location {
        let source = self.packed.sources.get(self.set.source as usize);
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::problem::Problems;
    use crate::zone::records::ResourceRecord;
    use proptest::prelude::*;

    fn name(labels: &str) -> Name {
        Name::parse(labels, &Name::root()).unwrap()
    }

    fn record(owner: u32, rtype: u16, rdata: &[u8]) -> ResourceRecord {
        // The case differs from record to record.
        let owner = if rdata.len().is_multiple_of(2) {
            format!("N{owner}.Z.")
        } else {
            format!("n{owner}.z.")
        };
        ResourceRecord {
            owner: name(&owner),
            rtype,
            ttl: 60,
            rdata: rdata.into(),
            location: Location::file("z"),
        }
    }

    proptest! {
        /// As a map of maps would have them.
        #[test]
        fn sets_are_found_as_they_were_put_in(
            list in prop::collection::vec((0..40u32, 65_280..65_284u16, prop::collection::vec(0..3u8, 0..4)), 0..200)
        ) {
            let mut map: BTreeMap<(u32, u16), Vec<Vec<u8>>> = BTreeMap::new();
            for (owner, rtype, rdata) in &list {
                let set = map.entry((*owner, *rtype)).or_default();
                if !set.contains(rdata) {
                    set.push(rdata.clone());
                }
            }
            let records = list.iter().map(|(owner, rtype, rdata)| record(*owner, *rtype, rdata)).collect();
            let zone = Records::build(&name("z."), records, &Location::file("z"), &mut Problems::default());
            prop_assert_eq!(zone.sets().count(), map.len());
            for owner in 0..41 {
                for rtype in 65_280..65_284 {
                    let set = zone.get(&name(&format!("n{owner}.z.")), rtype);
                    let held = set.map(|set| set.rdatas().map(<[u8]>::to_vec).collect::<Vec<_>>());
                    prop_assert_eq!(held.as_ref(), map.get(&(owner, rtype)));
                    prop_assert_eq!(set.map(|set| set.number()), set.and_then(|set| zone.set(set.number())).map(|set| set.number()));
                }
            }
            for owner in zone.owners() {
                prop_assert!(owner.sets().all(|set| set.owner() == owner.name()));
                prop_assert_eq!(zone.owner(&owner.name().to_ascii_lowercase()).map(|found| found.number), Some(owner.number));
            }
        }
    }

    /// A zone that was made for few grows.
    #[test]
    fn the_index_grows_with_its_owners() {
        let mut packed = Packed::default();
        let wire = |number: u32| name(&format!("n{number}.z.")).wire().to_vec();
        for number in 0..1000 {
            assert_eq!(packed.owner(&wire(number)).ok(), Some(number));
        }
        packed.finish();
        assert!((0..1000).all(|number| packed.find(&wire(number)) == Some(number)));
        assert!((1000..1100).all(|number| packed.find(&wire(number)).is_none()));
        assert!(Packed::default().find(&wire(0)).is_none());
    }

    #[test]
    fn places_are_told_for_each_file() {
        let texts = ["a 60 A 192.0.2.1\n", "\n\nb 60 A 192.0.2.1\n"];
        let spots = [("one", texts[0], 0..1), ("two", texts[1], 2..3)]
            .map(|(file, text, span)| Location::at(&file.into(), &text.into(), span));
        let records = (0..).zip(&spots).map(|(number, location)| ResourceRecord {
            location: location.clone(),
            ..record(number, 1, &[1; 4])
        });
        let zone = Records::build(
            &name("z."),
            records.collect(),
            &Location::file("z"),
            &mut Problems::default(),
        );
        let told: Vec<String> = zone.sets().map(|set| set.location().to_string()).collect();
        assert_eq!(told, ["one:1:1", "two:3:1"]);
    }
}
