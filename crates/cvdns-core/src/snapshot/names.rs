//! All names that exist, in one table that is asked once per query.

use crate::wire::lower::{LowerName, WORD, hash, labels};

/// A node's number in the frame.
pub type NodeId = u32;

/// An open-addressed hash table of lower-case wire names, at most half full so that most look-ups need one probe.
#[derive(Debug, Clone, Default)]
pub struct NameTable {
    slots: Box<[Slot]>,
    /// Names, each with zeros behind up to whole words.
    words: Vec<[u8; WORD]>,
    /// Most labels of any name: a longer name is not asked for, only its end.
    labels: usize,
}

/// The first slot of a look-up. It is most often the only one, and read before what it leads to is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Probe(Slot);

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    hash: u32,
    node: NodeId,
    /// Where the name stands in `words`.
    at: u32,
    /// Its length; 0: the slot is free.
    length: u8,
}

/// Names in lower case and wire form, one behind the other.
#[derive(Debug, Default)]
pub(super) struct NameList {
    octets: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl NameList {
    /// Adds a name, in lower case.
    pub(super) fn push(&mut self, name: &[u8]) {
        let begin = self.octets.len();
        self.octets.extend_from_slice(name);
        if let Some(name) = self.octets.get_mut(begin..) {
            // Length octets are at most 63, below 'A'.
            name.make_ascii_lowercase();
        }
        self.ends.push(self.octets.len());
    }

    /// The name of this number.
    pub(super) fn get(&self, number: usize) -> Option<&[u8]> {
        let begin =
            number.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.octets.get(begin..*self.ends.get(number)?)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.ends.len()).map(|number| self.get(number).unwrap_or_default())
    }
}

impl NameTable {
    /// The table of these names, each in lower case and different from the others; a name's place is its node.
    pub fn new<'n>(names: impl ExactSizeIterator<Item = &'n [u8]>) -> Self {
        let size = (names.len() * 2).next_power_of_two().max(2);
        let mut table =
            Self { slots: vec![Slot::default(); size].into(), words: Vec::new(), labels: 0 };
        for (node, name) in names.enumerate() {
            table.insert(name, node as NodeId);
        }
        table.words.shrink_to_fit();
        table
    }

    fn insert(&mut self, name: &[u8], node: NodeId) {
        let at = self.words.len() as u32;
        self.labels = self.labels.max(labels(name));
        let (whole, rest) = name.as_chunks();
        self.words.extend_from_slice(whole);
        let mut last = [0; WORD];
        if let (1.., Some(slot)) = (rest.len(), last.get_mut(..rest.len())) {
            slot.copy_from_slice(rest);
            self.words.push(last);
        }
        let hash = hash(name);
        let mask = self.slots.len() - 1;
        for step in 0..self.slots.len() {
            if let Some(slot) = self.slots.get_mut((hash as usize + step) & mask)
                && slot.length == 0
            {
                *slot = Slot { hash, node, at, length: name.len().min(255) as u8 };
                return;
            }
        }
    }

    /// Where a look-up begins.
    #[inline]
    pub fn probe(&self, name: &LowerName) -> Probe {
        let mask = self.slots.len().wrapping_sub(1);
        Probe(self.slots.get(name.hash() as usize & mask).copied().unwrap_or_default())
    }

    /// The name at or nearest above `name` that exists: its node and how many octets stand before it.
    pub fn closest(&self, name: &LowerName, Probe(slot): Probe) -> Option<(NodeId, usize)> {
        let is_it = |slot: &Slot, words: &[[u8; WORD]]| {
            usize::from(slot.length) == name.wire().len()
                && words
                    .iter()
                    .zip(name.words())
                    .all(|(a, b)| u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b))
        };
        if slot.hash == name.hash()
            && self.words.get(slot.at as usize..).is_some_and(|words| is_it(&slot, words))
        {
            return Some((slot.node, 0));
        }
        self.find(name.hash(), is_it).map(|node| (node, 0)).or_else(|| self.above(name))
    }

    fn above(&self, name: &LowerName) -> Option<(NodeId, usize)> {
        let wire = name.wire();
        let mut before = 0;
        // The name itself does not exist, nor does any with more labels than all.
        for _ in self.labels.min(name.labels().saturating_sub(1))..name.labels() {
            before += 1 + usize::from(*wire.get(before)?);
        }
        let mut rest = wire.get(before..)?;
        // Each turn takes a label off.
        while let Some((length, tail)) = rest.split_first() {
            if let Some(node) = self.get(rest) {
                return Some((node, wire.len() - rest.len()));
            }
            rest = tail.get(usize::from(*length)..)?;
        }
        None
    }

    /// All names, in no order, each with its node.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &[u8])> {
        let words = self.words.as_flattened();
        self.slots.iter().filter(|slot| slot.length > 0).filter_map(move |slot| {
            let at = slot.at as usize * WORD;
            Some((slot.node, words.get(at..at + usize::from(slot.length))?))
        })
    }

    /// The node of a name in lower case.
    pub(super) fn get(&self, lower: &[u8]) -> Option<NodeId> {
        self.find(hash(lower), |slot, words| {
            words.as_flattened().get(..usize::from(slot.length)) == Some(lower)
        })
    }

    fn find(&self, hash: u32, is_it: impl Fn(&Slot, &[[u8; WORD]]) -> bool) -> Option<NodeId> {
        let mask = self.slots.len().wrapping_sub(1);
        for step in 0..self.slots.len() {
            let slot = self.slots.get((hash as usize + step) & mask)?;
            if slot.length == 0 {
                return None;
            }
            if slot.hash == hash && is_it(slot, self.words.get(slot.at as usize..)?) {
                return Some(slot.node);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_others_are_not() {
        let names: Vec<Vec<u8>> =
            (0..500).map(|i: u32| format!("\x04{i:04}\x03net\0").into_bytes()).collect();
        let table = NameTable::new(names.iter().map(Vec::as_slice));
        let closest = |table: &NameTable, wire: &[u8]| {
            let mut name = LowerName::new();
            assert!(name.set(wire));
            table.closest(&name, table.probe(&name))
        };
        for (node, name) in names.iter().enumerate() {
            assert_eq!(closest(&table, name), Some((node as NodeId, 0)));
        }
        assert_eq!(closest(&table, b"\x049999\x03net\0"), None);
        assert_eq!(closest(&table, b"\x01x\x040007\x03net\0"), Some((7, 2)));
        assert_eq!(closest(&table, b"\x01x\x01y\x01z\x040007\x03net\0"), Some((7, 6)));
        assert_eq!(closest(&table, b"\x03com\0"), None);
        assert_eq!(closest(&NameTable::default(), b"\0"), None);
    }
}
