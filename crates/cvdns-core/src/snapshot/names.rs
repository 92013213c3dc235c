//! The table of all existing names, consulted once per query.

use crate::wire::lower::{LowerName, WORD, hash, labels};
use crate::wire::name::{MAX_NAME, parent};

/// Number of a node in [`StaticData::nodes`](super::StaticData::nodes).
pub type NodeId = u32;

/// The label of wildcards in wire form.
const WILDCARD: &[u8] = b"\x01*";

/// A hash table of names in lower-case wire form. It uses open addressing and is at most half full,
/// so that most look-ups need one probe.
#[derive(Debug, Clone, Default)]
pub struct NameTable {
    slots: Box<[Slot]>,
    /// The names, each padded with zeros to whole words.
    words: Vec<[u8; WORD]>,
    /// Most labels of any name in the table: of a name with more labels only the last ones are
    /// looked up.
    labels: usize,
}

/// The first slot of a look-up, which is most often the only one. It is read ahead of the name that
/// it refers to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Probe(Slot);

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    hash: u32,
    node: NodeId,
    /// Index of the name in `words`.
    at: u32,
    /// Length of the name in octets; 0 in a free slot.
    length: u8,
}

/// Names in lower-case wire form, stored one after the other.
#[derive(Debug, Default)]
pub(super) struct NameList {
    octets: Vec<u8>,
    /// Where each name ends in `octets`.
    ends: Vec<usize>,
}

impl NameList {
    /// Adds a name in wire form, converted to lower case.
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

    /// All names, in the order of their numbers.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.ends.len()).map(|number| self.get(number).unwrap_or_default())
    }
}

impl NameTable {
    /// The table of these names, which are in lower-case wire form and distinct. The node of a name
    /// is its position among them.
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

    /// Reads the first slot of a look-up.
    #[inline]
    pub fn probe(&self, name: &LowerName) -> Probe {
        let mask = self.slots.len().wrapping_sub(1);
        Probe(self.slots.get(name.hash() as usize & mask).copied().unwrap_or_default())
    }

    /// The closest existing name at or above `name`: its node, and how many octets of `name`
    /// precede it. `None` when no such name exists. The second argument is what
    /// [`NameTable::probe`] returned for the name.
    pub fn closest(&self, name: &LowerName, Probe(slot): Probe) -> Option<(NodeId, usize)> {
        let is_name = |slot: &Slot, words: &[[u8; WORD]]| {
            usize::from(slot.length) == name.wire().len()
                && words
                    .iter()
                    .zip(name.words())
                    .all(|(a, b)| u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b))
        };
        if slot.hash == name.hash()
            && self.words.get(slot.at as usize..).is_some_and(|words| is_name(&slot, words))
        {
            return Some((slot.node, 0));
        }
        self.find(name.hash(), is_name).map(|node| (node, 0)).or_else(|| self.above(name))
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

    /// The wildcard from which a name that does not exist would be synthesised: below its closest
    /// encloser (RFC 4592 section 3.3.1). Both are in lower-case wire form. `None` if no name above
    /// exists.
    pub fn wildcard<'w>(&self, lower: &[u8], room: &'w mut [u8; MAX_NAME]) -> Option<&'w [u8]> {
        let mut above = parent(lower)?;
        while self.get(above).is_none() {
            above = parent(above)?;
        }
        let length = WILDCARD.len() + above.len();
        room.get_mut(..WILDCARD.len())?.copy_from_slice(WILDCARD);
        room.get_mut(WILDCARD.len()..length)?.copy_from_slice(above);
        room.get(..length)
    }

    /// All names with their nodes, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &[u8])> {
        let words = self.words.as_flattened();
        self.slots.iter().filter(|slot| slot.length > 0).filter_map(move |slot| {
            let at = slot.at as usize * WORD;
            Some((slot.node, words.get(at..at + usize::from(slot.length))?))
        })
    }

    /// The node of a name in lower-case wire form.
    pub fn get(&self, lower: &[u8]) -> Option<NodeId> {
        self.find(hash(lower), |slot, words| {
            words.as_flattened().get(..usize::from(slot.length)) == Some(lower)
        })
    }

    fn find(&self, hash: u32, is_name: impl Fn(&Slot, &[[u8; WORD]]) -> bool) -> Option<NodeId> {
        let mask = self.slots.len().wrapping_sub(1);
        for step in 0..self.slots.len() {
            let slot = self.slots.get((hash as usize + step) & mask)?;
            if slot.length == 0 {
                return None;
            }
            if slot.hash == hash && is_name(slot, self.words.get(slot.at as usize..)?) {
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
