//! All names that exist, in one table that is asked once per query.

use crate::wire::name::parent;
use crate::wire::query::hash;

/// A node's number in the frame.
pub type NodeId = u32;

/// An open-addressed hash table of lower-case wire names, at most half full so that most look-ups need one probe.
#[derive(Debug, Clone, Default)]
pub struct NameTable {
    slots: Box<[Slot]>,
    octets: Vec<u8>,
    /// Most labels of any name: a longer name is not asked for, only its end.
    labels: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    hash: u32,
    node: NodeId,
    /// Where the name stands in `octets`.
    at: u32,
    /// Its length; 0: the slot is free.
    length: u8,
}

impl NameTable {
    /// The table of these names, each in lower case and different from the others; a name's place is its node.
    pub fn new<'n>(names: impl ExactSizeIterator<Item = &'n [u8]>) -> Self {
        let size = (names.len() * 2).next_power_of_two().max(2);
        let mut table = Self { slots: vec![Slot::default(); size].into(), octets: Vec::new(), labels: 0 };
        for (node, name) in names.enumerate() {
            table.insert(name, node as NodeId);
        }
        table
    }

    fn insert(&mut self, name: &[u8], node: NodeId) {
        let at = self.octets.len() as u32;
        self.labels = self.labels.max(labels(name));
        self.octets.extend_from_slice(name);
        let hash = hash(name);
        let mask = self.slots.len() - 1;
        let mut place = hash as usize & mask;
        while let Some(slot) = self.slots.get_mut(place) {
            if slot.length == 0 {
                *slot = Slot { hash, node, at, length: name.len().min(255) as u8 };
                return;
            }
            place = (place + 1) & mask;
        }
    }

    /// The node of a name in lower case.
    pub fn get(&self, lower: &[u8]) -> Option<NodeId> {
        let hash = hash(lower);
        let mask = self.slots.len().wrapping_sub(1);
        let mut place = hash as usize & mask;
        loop {
            let slot = self.slots.get(place)?;
            if slot.length == 0 {
                return None;
            }
            if slot.hash == hash
                && self.octets.get(slot.at as usize..)?.get(..usize::from(slot.length)) == Some(lower)
            {
                return Some(slot.node);
            }
            place = (place + 1) & mask;
        }
    }

    /// The name at or nearest above `lower` that exists: its node and how many octets stand before it.
    pub fn closest(&self, lower: &[u8]) -> Option<(NodeId, usize)> {
        let mut before = 0;
        for _ in self.labels..labels(lower) {
            before += 1 + usize::from(*lower.get(before)?);
        }
        loop {
            let rest = lower.get(before..)?;
            if let Some(node) = self.get(rest) {
                return Some((node, before));
            }
            match rest.first() {
                None | Some(0) => return None,
                Some(length) => before += 1 + usize::from(*length),
            }
        }
    }
}

/// How many labels a name has, the root label not counted.
fn labels(mut wire: &[u8]) -> usize {
    let mut count = 0;
    while let Some(rest) = parent(wire) {
        wire = rest;
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_others_are_not() {
        let names: Vec<Vec<u8>> =
            (0..500).map(|i: u32| format!("\x04{i:04}\x03net\0").into_bytes()).collect();
        let table = NameTable::new(names.iter().map(Vec::as_slice));
        for (node, name) in names.iter().enumerate() {
            assert_eq!(table.get(name), Some(node as NodeId));
        }
        assert_eq!(table.get(b"\x049999\x03net\0"), None);
        assert_eq!(table.closest(b"\x01x\x040007\x03net\0"), Some((7, 2)));
        assert_eq!(table.closest(b"\x01x\x01y\x01z\x040007\x03net\0"), Some((7, 6)));
        assert_eq!(table.closest(b"\x03com\0"), None);
        assert_eq!(NameTable::default().get(b"\0"), None);
    }
}
