//! The search tree of an MMDB file, walked once and distrusted.
//!
//! maxminddb's own walk bounds its depth, not its work: nodes that share children make it take for ever. This one
//! counts. Layout: MaxMind DB format 2.0, "Binary Search Tree Section".

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many bits of an IPv6 tree lead to the root of its IPv4 part, `::/96`.
const IPV4_DEPTH: u8 = 96;

/// Zero bytes between the tree and the data ("Data Section Separator").
pub(super) const SEPARATOR: u32 = 16;

/// A sane tree visits each node once; writers that share equal subtrees visit some more often.
const VISITS_PER_NODE: u64 = 8;

/// The tree part of the file, whose size was checked to be `node_count` nodes.
#[derive(Clone, Copy)]
pub(super) struct Tree<'a> {
    bytes: &'a [u8],
    node_count: u32,
    record_size: u16,
    ipv6: bool,
}

/// A network that the tree has a data record for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    /// First address; an IPv4 address is its 32 bits, in an IPv6 tree as in an IPv4 one.
    pub(super) start: u128,
    /// Last address.
    pub(super) end: u128,
    /// The record's pointer as it stands in the tree: the same pointer is the same data.
    pub(super) pointer: u32,
    ipv6: bool,
}

impl Leaf {
    /// The first address, as a reader looks it up.
    pub(super) fn address(&self) -> IpAddr {
        match u32::try_from(self.start) {
            Ok(bits) => IpAddr::V4(Ipv4Addr::from(bits)),
            Err(_) => IpAddr::V6(Ipv6Addr::from(self.start)),
        }
    }

    /// The IPv4 addresses of the leaf.
    pub(super) fn v4(&self) -> Option<(u32, u32)> {
        let start = u32::try_from(self.start).ok()?;
        Some((start, u32::try_from(self.end).unwrap_or(u32::MAX)))
    }

    /// The IPv6 addresses of the leaf, without those that stand for IPv4 addresses.
    pub(super) fn v6(&self) -> impl Iterator<Item = (u128, u128)> {
        let whole = if self.ipv6 { Some((self.start, self.end)) } else { None };
        whole.into_iter().flat_map(|(start, end)| {
            // What lies between the embedded parts, which are in ascending order.
            let after = EMBEDDED.into_iter().map(|(_, last)| last + 1);
            let before = EMBEDDED.into_iter().skip(1).map(|(first, _)| first - 1);
            after.zip(before.chain([u128::MAX])).filter_map(move |(first, last)| {
                let (start, end) = (start.max(first), end.min(last));
                (start <= end).then_some((start, end))
            })
        })
    }
}

/// Where IPv6 space repeats IPv4: `::/96` (the tree's own place for it), `::ffff:0:0/96` (RFC 4291), `2002::/16`
/// (RFC 3056).
const EMBEDDED: [(u128, u128); 3] =
    [(0, 0xffff_ffff), (0xffff_0000_0000, 0xffff_ffff_ffff), (0x2002 << 112, (0x2003 << 112) - 1)];

impl<'a> Tree<'a> {
    /// The tree at the beginning of `file`; `None` when the file is shorter than it.
    pub(super) fn new(
        file: &'a [u8],
        node_count: u32,
        record_size: u16,
        ipv6: bool,
    ) -> Option<Tree<'a>> {
        // A node is two records: 6, 7 or 8 bytes.
        let size = usize::try_from(node_count).ok()?.checked_mul(usize::from(record_size) / 4)?;
        Some(Tree { bytes: file.get(..size)?, node_count, record_size, ipv6 })
    }

    /// Whether the tree ends in `file` where its metadata says.
    pub(super) fn is_separated(&self, file: &[u8]) -> bool {
        let separator =
            file.get(self.bytes.len()..).and_then(|rest| rest.get(..SEPARATOR as usize));
        separator.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
    }

    /// Calls `leaf` for every network with data, in ascending order of addresses.
    ///
    /// IPv4 aliases in an IPv6 tree (`2002::/16` and the like pointing at the IPv4 part) are not followed.
    ///
    /// # Errors
    /// Says what is wrong with the tree, or hands on the first error of `leaf`.
    pub(super) fn walk<E>(
        &self,
        mut leaf: impl FnMut(Leaf) -> Result<(), E>,
    ) -> Result<(), TreeError<E>> {
        let bits: u8 = if self.ipv6 { 128 } else { 32 };
        let ipv4_start = if self.ipv6 { self.ipv4_start() } else { None };
        let most = u64::from(self.node_count).saturating_mul(VISITS_PER_NODE).saturating_add(1024);
        let mut visits = 0_u64;
        let mut stack = Vec::with_capacity(usize::from(bits) + 1);
        stack.push((0_u32, 0_u128, 0_u8));
        while let Some((node, start, depth)) = stack.pop() {
            visits += 1;
            if visits > most {
                return Err(TreeError::Endless);
            }
            if node == self.node_count {
                continue;
            }
            let rest = u32::from(bits - depth);
            if node > self.node_count {
                let end = start | 1_u128.checked_shl(rest).map_or(u128::MAX, |size| size - 1);
                leaf(Leaf { start, end, pointer: node, ipv6: self.ipv6 })
                    .map_err(TreeError::Leaf)?;
                continue;
            }
            if depth == bits {
                return Err(TreeError::TooDeep);
            }
            if Some(node) == ipv4_start && start != 0 {
                continue;
            }
            let (left, right) = self.node(node).ok_or(TreeError::Endless)?;
            stack.push((right, start | 1 << (rest - 1), depth + 1));
            stack.push((left, start, depth + 1));
        }
        Ok(())
    }

    /// The node under `::/96`, if the tree goes that deep.
    fn ipv4_start(&self) -> Option<u32> {
        let mut node = 0;
        for _ in 0..IPV4_DEPTH {
            node = self.node(node)?.0;
        }
        (node < self.node_count).then_some(node)
    }

    /// Left and right record of a node; `None` when it is not one.
    #[allow(clippy::many_single_char_names, reason = "the bytes of a node, one by one")]
    fn node(&self, node: u32) -> Option<(u32, u32)> {
        let width = usize::from(self.record_size) / 4;
        let start = usize::try_from(node).ok()?.checked_mul(width)?;
        let bytes = self.bytes.get(start..start.checked_add(width)?)?;
        Some(match *bytes {
            [a, b, c, d, e, f] => {
                (u32::from_be_bytes([0, a, b, c]), u32::from_be_bytes([0, d, e, f]))
            }
            // 28 bits: the middle byte has the highest four bits of both, the left ones first.
            [a, b, c, m, d, e, f] => {
                (u32::from_be_bytes([m >> 4, a, b, c]), u32::from_be_bytes([m & 0x0f, d, e, f]))
            }
            [a, b, c, d, e, f, g, h] => {
                (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
            }
            _ => return None,
        })
    }
}

/// Why a walk ended early.
#[derive(Debug)]
pub(super) enum TreeError<E> {
    /// There are nodes below the last bit of the address.
    TooDeep,
    /// Nodes point at each other.
    Endless,
    /// The callback's error.
    Leaf(E),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(start: u128, end: u128) -> Leaf {
        Leaf { start, end, pointer: 0, ipv6: true }
    }

    #[test]
    fn ipv4_is_cut_out_of_ipv6() {
        let whole = leaf(0, u128::MAX);
        assert_eq!(whole.v4(), Some((0, u32::MAX)));
        let parts: Vec<_> = whole.v6().collect();
        assert_eq!(
            parts,
            [
                (1 << 32, 0xfffe_ffff_ffff),
                (1 << 48, (0x2002 << 112) - 1),
                (0x2003 << 112, u128::MAX)
            ]
        );
        assert_eq!(leaf(0x2002 << 112, 0x2002 << 112).v6().count(), 0);
        assert_eq!(leaf(7, 8).v4(), Some((7, 8)));
        assert_eq!(leaf(7, 8).v6().count(), 0);
        assert_eq!(leaf(1 << 100, 1 << 101).v4(), None);
    }

    #[test]
    fn nodes_that_share_children_do_not_take_for_ever() {
        // 24-bit nodes; both children of node n are node n + 1: 2^100 paths.
        let count = 100_u32;
        let mut bytes = Vec::new();
        for node in 0..count {
            for _ in 0..2 {
                bytes.extend_from_slice(&(node + 1).to_be_bytes()[1..]);
            }
        }
        let tree = Tree::new(&bytes, count, 24, true).unwrap();
        assert!(matches!(tree.walk(|_| Ok::<(), ()>(())), Err(TreeError::Endless)));
        // A node that is its own child.
        let tree = Tree::new(&[0; 6], 1, 24, false).unwrap();
        assert!(matches!(tree.walk(|_| Ok::<(), ()>(())), Err(TreeError::TooDeep)));
        assert!(Tree::new(&[0; 5], 1, 24, false).is_none());
    }
}
