//! The CNAME and DNAME records that an answer runs through.

use crate::wire::lower::LowerName;
use crate::wire::name::MAX_NAME;

/// Most records that are followed: as many as BIND follows. A longer chain ends with what was gathered.
pub(super) const MAX_LINKS: usize = 16;

/// Most names of a chain: that of the question, and the target of each link.
pub(super) const MAX_NAMES: usize = MAX_LINKS + 1;

/// One record that leads from a name to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// A CNAME at the name, by its `RRset`.
    Cname(u32),
    /// A DNAME above the name, by its `RRset`; a CNAME is made up from it (RFC 6672 section 3.2).
    Dname(u32),
}

impl Link {
    /// Its `RRset`.
    pub fn rrset(self) -> u32 {
        let (Self::Cname(rrset) | Self::Dname(rrset)) = self;
        rrset
    }
}

/// The records followed so far, first one first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chain {
    links: [Option<Link>; MAX_LINKS],
    visited: [u32; MAX_LINKS],
    length: usize,
}

impl Chain {
    /// The links, in order.
    pub fn links(&self) -> impl Iterator<Item = Link> {
        self.links.iter().take(self.length).filter_map(|link| *link)
    }

    /// Starts anew.
    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    /// Whether the answer stands at the question's own name.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a link that was found at `name`; false when there is no room for it.
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

    /// Whether a link was found at `name` before: the chain is a loop.
    pub(super) fn visited(&self, name: &LowerName) -> bool {
        self.visited.iter().take(self.length).any(|visited| *visited == name.hash())
    }
}

/// Replaces the last `owner_length` octets of `name` by `target` (RFC 6672 section 2.2); false when that is too long.
pub(super) fn rename(name: &mut LowerName, owner_length: usize, target: &[u8]) -> bool {
    let mut renamed = [0; MAX_NAME];
    match substitute(name.wire(), owner_length, target, &mut renamed) {
        Some(length) => name.set(renamed.get(..length).unwrap_or_default()),
        None => false,
    }
}

/// Writes `name` with its last `owner_length` octets replaced by `target`; the length, or none when it is too long.
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
