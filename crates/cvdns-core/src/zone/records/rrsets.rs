//! Lookups in the `RRsets` of a zone.

use crate::wire::name::{MAX_NAME, Name, lowered};
use crate::wire::rtype;
use crate::zone::packed::{OwnerSets, PackedRrsets, Rrset};

/// The `RRsets` of a zone.
#[derive(Clone, Copy)]
pub(super) struct ZoneRrsets<'z> {
    /// The zone's name.
    pub(super) origin: &'z Name,
    pub(super) packed: &'z PackedRrsets,
}

impl<'z> ZoneRrsets<'z> {
    /// All `RRsets`, in the order of their owners.
    pub(super) fn sets(self) -> impl Iterator<Item = Rrset<'z>> {
        self.packed.sets()
    }

    /// All owners, in the order of their first occurrence in the file.
    pub(super) fn owners(self) -> impl Iterator<Item = OwnerSets<'z>> {
        self.packed.owners()
    }

    /// The `RRset` of this owner and type.
    pub(super) fn get(self, owner: &Name, rtype: u16) -> Option<Rrset<'z>> {
        self.get_wire(owner.wire(), rtype)
    }

    /// The `RRset` of this owner, in wire form, and type.
    pub(super) fn get_wire(self, owner: &[u8], rtype: u16) -> Option<Rrset<'z>> {
        let mut lower = [0; MAX_NAME];
        self.packed.find(lowered(owner, &mut lower))?.get(rtype)
    }

    /// The NS records of the zone cut at or above `name` that is closest to the apex (RFC 1034
    /// section 4.2.1); `None` if `name` is not delegated.
    pub(super) fn cut_above(self, name: &Name) -> Option<Rrset<'z>> {
        let mut found = None;
        let mut at = Some(name.clone());
        while let Some(here) = at.filter(|here| here != self.origin && here.is_within(self.origin))
        {
            found = self.get(&here, rtype::NS).or(found);
            at = here.parent();
        }
        found
    }
}
