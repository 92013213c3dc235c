//! The chain of CNAME and DNAME records that leads to an answer.

use crate::wire::lower::LowerName;
use crate::wire::name::MAX_NAME;

/// Most records that are followed, as in BIND 9. Of a longer chain only its first records are
/// answered.
pub(super) const MAX_LINKS: usize = 16;

/// Most names of a chain: the question's name and the target of each link.
pub(super) const MAX_NAMES: usize = MAX_LINKS + 1;

/// A record that leads from one name to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The `RRset` of a CNAME at the name.
    Cname(u32),
    /// The `RRset` of a DNAME above the name, from which a CNAME is synthesised (RFC 6672
    /// section 3.2).
    Dname(u32),
}

impl Link {
    /// Number of the record's `RRset`.
    pub fn rrset(self) -> u32 {
        let (Self::Cname(rrset) | Self::Dname(rrset)) = self;
        rrset
    }
}

/// The records followed so far, in order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chain {
    links: [Option<Link>; MAX_LINKS],
    /// Hashes of the names at which the links were found.
    visited: [u32; MAX_LINKS],
    length: usize,
}

impl Chain {
    /// The links, in order.
    pub fn links(&self) -> impl Iterator<Item = Link> {
        self.links.iter().take(self.length).filter_map(|link| *link)
    }

    /// Removes all links.
    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    /// Whether there is no link: the answer is at the question's own name.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a link that was found at `name`; false when the chain is full.
    pub(super) fn push(&mut self, link: Link, name: &LowerName) -> bool {
        let (Some(slot), Some(visited)) =
            (self.links.get_mut(self.length), self.visited.get_mut(self.length))
        else {
            return false;
        };
        *slot = Some(link);
        *visited = name.hash();
        self.length += 1;
        true
    }

    /// Whether a link was found at `name` before, and the chain therefore loops. Names are compared
    /// by their hash.
    pub(super) fn visited(&self, name: &LowerName) -> bool {
        self.visited.iter().take(self.length).any(|visited| *visited == name.hash())
    }
}

/// Replaces the last `owner_length` octets of `name` by `target` (RFC 6672 section 2.2); false when
/// the result is too long for a name.
pub(super) fn rename(name: &mut LowerName, owner_length: usize, target: &[u8]) -> bool {
    let mut renamed = [0; MAX_NAME];
    match substitute(name.wire(), owner_length, target, &mut renamed) {
        Some(length) => name.set(renamed.get(..length).unwrap_or_default()),
        None => false,
    }
}

/// Writes to `out` the octets of `name`, the last `owner_length` of which are replaced by `target`.
/// Returns the length in octets; `None` when the result is too long for a name.
pub(crate) fn substitute(
    name: &[u8],
    owner_length: usize,
    target: &[u8],
    out: &mut [u8; MAX_NAME],
) -> Option<usize> {
    let prefix = name.get(..name.len().checked_sub(owner_length)?)?;
    let length = prefix.len() + target.len();
    out.get_mut(..prefix.len())?.copy_from_slice(prefix);
    out.get_mut(prefix.len()..length)?.copy_from_slice(target);
    Some(length)
}
