//! Links between nodes and between zones, made when all names are known.

use std::collections::HashMap;

use crate::snapshot::names::NameList;
use crate::snapshot::static_data::{Below, NodeKind, Parent, ParentDs, StaticData};
use crate::wire::lower::LowerName;
use crate::wire::name::parent as wire_parent;

/// Links each wildcard to the node directly above it. `names` are those of the nodes.
pub(super) fn link_wildcards(static_data: &mut StaticData, names: &NameList) {
    for (wildcard, name) in (0..).zip(names.iter()) {
        let above = name.strip_prefix(b"\x01*").and_then(|above| static_data.names.get(above));
        let zone = static_data.nodes.get(wildcard as usize).map(|node| node.zone);
        // A DNAME record hides all names below it.
        if let Some(node) = above.and_then(|above| static_data.nodes.get_mut(above as usize))
            && Some(node.zone) == zone
            && node.below == Below::Nothing
        {
            node.below = Below::Wildcard(wildcard);
        }
    }
}

/// Links each zone to its parent zone, if that is served too. `apexes` are the nodes of the zones'
/// apexes, and `with_ds` the parents that have DS records of a zone, both by the zone's number.
pub(super) fn link_parents(
    static_data: &mut StaticData,
    names: &NameList,
    apexes: &HashMap<u32, usize>,
    with_ds: &HashMap<u32, Parent>,
) {
    for (zone, apex) in apexes {
        let parent =
            with_ds.get(zone).copied().or_else(|| parent_of(static_data, names.get(*apex)?));
        if let Some(zone) = static_data.zones.get_mut(*zone as usize) {
            zone.parent = parent;
        }
    }
}

/// The parent zone of the zone with this origin, found by the closest existing name above it.
fn parent_of(static_data: &StaticData, origin: &[u8]) -> Option<Parent> {
    let mut name = LowerName::new();
    name.set(wire_parent(origin)?);
    let (closest, _) = static_data.names.closest(&name, static_data.names.probe(&name))?;
    let node = static_data.nodes.get(closest as usize)?;
    let ds = match node.kind {
        NodeKind::Cut(cut) => static_data.cut(cut).map_or(ParentDs::None, ParentDs::Referral),
        NodeKind::Unavailable(why) => ParentDs::Unavailable(why),
        _ => ParentDs::None,
    };
    Some(Parent { zone: node.zone, ds })
}
