//! A walk over the search tree of an untrusted MMDB file.
//!
//! The walk of the maxminddb crate bounds its depth but not its work: with nodes that share
//! children it runs practically for ever. This walk counts the nodes that it visits. Layout:
//! MaxMind DB format 2.0, "Binary Search Tree Section".

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::geo::embedded::{IPV4_MAPPED, SIX_TO_FOUR};

/// Number of bits that lead from the root of an IPv6 tree to its IPv4 part, `::/96`.
const IPV4_DEPTH: u8 = 96;

/// Number of zero octets between the tree and the data ("Data Section Separator").
pub(super) const SEPARATOR: u32 = 16;

/// Greatest number of visits per node. Each node of a plain tree is visited once; a file in which
/// equal subtrees are shared needs more visits.
const VISITS_PER_NODE: u64 = 8;

/// The tree of a file; `bytes` has exactly `node_count` nodes.
#[derive(Clone, Copy)]
pub(super) struct Tree<'a> {
    bytes: &'a [u8],
    node_count: u32,
    record_size: u16,
    ipv6: bool,
}

/// A network with a data record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    /// First address. An IPv4 address is its 32 bits, in IPv6 trees too.
    pub(super) start: u128,
    /// Last address.
    pub(super) end: u128,
    /// The pointer to the record, as in the tree; equal pointers lead to the same data.
    pub(super) pointer: u32,
    ipv6: bool,
}

impl Leaf {
    /// The first address, as the reader takes it for a look-up.
    pub(super) fn address(&self) -> IpAddr {
        match u32::try_from(self.start) {
            Ok(bits) => IpAddr::V4(Ipv4Addr::from(bits)),
            Err(_) => IpAddr::V6(Ipv6Addr::from(self.start)),
        }
    }

    /// First and last IPv4 address of the leaf; `None` if it has no IPv4 addresses.
    pub(super) fn v4(&self) -> Option<(u32, u32)> {
        let start = u32::try_from(self.start).ok()?;
        Some((start, u32::try_from(self.end).unwrap_or(u32::MAX)))
    }

    /// The IPv6 ranges of the leaf, without addresses that embed IPv4 addresses.
    pub(super) fn v6(&self) -> impl Iterator<Item = (u128, u128)> {
        let range = if self.ipv6 { Some((self.start, self.end)) } else { None };
        range.into_iter().flat_map(|(start, end)| {
            // The ranges between the embedded parts, which are in ascending order.
            let after = EMBEDDED.into_iter().map(|(_, last)| last + 1);
            let before = EMBEDDED.into_iter().skip(1).map(|(first, _)| first - 1);
            after.zip(before.chain([u128::MAX])).filter_map(move |(first, last)| {
                let (start, end) = (start.max(first), end.min(last));
                (start <= end).then_some((start, end))
            })
        })
    }
}

/// The parts of the IPv6 space that repeat IPv4, in ascending order. The first is `::/96`, where
/// the tree keeps IPv4.
const EMBEDDED: [(u128, u128); 3] = [(0, 0xffff_ffff), IPV4_MAPPED, SIX_TO_FOUR];

impl<'a> Tree<'a> {
    /// The tree at the beginning of `file`; `None` if the file is shorter than the tree.
    pub(super) fn new(
        file: &'a [u8],
        node_count: u32,
        record_size: u16,
        ipv6: bool,
    ) -> Option<Tree<'a>> {
        // A node is two records: 6, 7 or 8 octets.
        let size = usize::try_from(node_count).ok()?.checked_mul(usize::from(record_size) / 4)?;
        Some(Tree { bytes: file.get(..size)?, node_count, record_size, ipv6 })
    }

    /// Whether the separator follows the tree in `file`.
    pub(super) fn is_separated(&self, file: &[u8]) -> bool {
        let separator =
            file.get(self.bytes.len()..).and_then(|rest| rest.get(..SEPARATOR as usize));
        separator.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
    }

    /// Calls `leaf` for every network with data, in ascending order of addresses.
    ///
    /// Aliases of the IPv4 part of an IPv6 tree (such as `2002::/16`) are not followed.
    ///
    /// # Errors
    /// The tree is damaged, or `leaf` returned an error.
    pub(super) fn walk<E>(
        &self,
        mut leaf: impl FnMut(Leaf) -> Result<(), E>,
    ) -> Result<(), TreeError<E>> {
        let bits: u8 = if self.ipv6 { 128 } else { 32 };
        let ipv4_start = if self.ipv6 { self.ipv4_start() } else { None };
        let max_visits =
            u64::from(self.node_count).saturating_mul(VISITS_PER_NODE).saturating_add(1024);
        let mut visits = 0_u64;
        let mut stack = Vec::with_capacity(usize::from(bits) + 1);
        stack.push((0_u32, 0_u128, 0_u8));
        while let Some((node, start, depth)) = stack.pop() {
            visits += 1;
            if visits > max_visits {
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

    /// The node for `::/96`; `None` if the tree is not that deep.
    fn ipv4_start(&self) -> Option<u32> {
        let mut node = 0;
        for _ in 0..IPV4_DEPTH {
            node = self.node(node)?.0;
        }
        (node < self.node_count).then_some(node)
    }

    /// Left and right record of a node; `None` if there is no such node.
    #[allow(clippy::many_single_char_names, reason = "the bytes of a node, one by one")]
    fn node(&self, node: u32) -> Option<(u32, u32)> {
        let width = usize::from(self.record_size) / 4;
        let start = usize::try_from(node).ok()?.checked_mul(width)?;
        let bytes = self.bytes.get(start..start.checked_add(width)?)?;
        Some(match *bytes {
            [a, b, c, d, e, f] => {
                (u32::from_be_bytes([0, a, b, c]), u32::from_be_bytes([0, d, e, f]))
            }
            // 28 bits: the middle octet has the highest four bits of both records, left one first.
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

/// Why a walk failed.
#[derive(Debug)]
pub(super) enum TreeError<E> {
    /// A node is deeper than the last bit of an address.
    TooDeep,
    /// The walk visits far more nodes than there are: nodes point at each other.
    Endless,
    /// The error of the callback.
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
