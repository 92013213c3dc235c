//! Looks up a name among the names of all zones.

use crate::snapshot::names::{NodeId, Probe};
use crate::snapshot::static_data::{Below, NodeKind, StaticData, Zone};
use crate::wire::lower::LowerName;

/// The node that determines the answer for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameMatch {
    /// The name itself, or the wildcard from which its records are synthesised.
    Node(NodeId),
    /// A DNAME record above the name.
    Dname {
        /// The node that has the DNAME record.
        node: NodeId,
        /// The DNAME `RRset`.
        rrset: u32,
        /// Length in octets of that node's name.
        owner_length: usize,
    },
    /// The closest encloser (RFC 4592 section 3.3.1): the name does not exist, or it is below a
    /// delegation.
    ClosestEncloser(NodeId),
    /// The name is in no zone served here.
    Nothing,
}

impl NameMatch {
    /// The node, whichever way it matches.
    pub(super) fn node(self) -> Option<NodeId> {
        match self {
            Self::Node(node) | Self::Dname { node, .. } | Self::ClosestEncloser(node) => Some(node),
            Self::Nothing => None,
        }
    }
}

/// Finds the zone that a name lies in. Returns `None` if that zone is not served here.
pub fn zone_of<'s>(static_data: &'s StaticData, name: &LowerName) -> Option<&'s Zone> {
    let (closest, _) = static_data.names.closest(name, static_data.names.probe(name))?;
    let node = static_data.nodes.get(closest as usize)?;
    static_data.zones.get(node.zone as usize)
}

/// Finds the node that determines the answer for a name: the name itself, a wildcard, a DNAME, or
/// the closest encloser (RFC 1034 section 4.3.2, RFC 4592 section 3.3). `probe` is the name's own
/// ([`NameTable::probe`](crate::snapshot::names::NameTable::probe)).
pub fn find(static_data: &StaticData, name: &LowerName, probe: Probe) -> NameMatch {
    let Some((closest, before)) = static_data.names.closest(name, probe) else {
        return NameMatch::Nothing;
    };
    if before == 0 {
        return NameMatch::Node(closest);
    }
    let Some(node) = static_data.nodes.get(closest as usize) else { return NameMatch::Nothing };
    match (node.kind, node.below) {
        (NodeKind::Cut(_), _) | (_, Below::Nothing) => NameMatch::ClosestEncloser(closest),
        (_, Below::Wildcard(wildcard)) => NameMatch::Node(wildcard),
        (_, Below::Dname(rrset)) => {
            NameMatch::Dname { node: closest, rrset, owner_length: name.wire().len() - before }
        }
    }
}
