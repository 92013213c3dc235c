//! Finds the names of signed zones that have NSEC records.

use std::collections::BTreeSet;

use crate::snapshot::names::NameList;
use crate::snapshot::nsec_chain::{ChainName, NsecChain};
use crate::snapshot::static_data::{Answer, Node, NodeKind, StaticData};
use crate::wire::rtype;

/// The chains of all zones; those of zones that are not signed are empty. `names` are those of the
/// nodes.
pub(super) fn nsec_chains(static_data: &StaticData, names: &NameList) -> Box<[NsecChain]> {
    let is_signed: Vec<bool> =
        static_data.zones.iter().map(|zone| zone.signing.is_some()).collect();
    if !is_signed.contains(&true) {
        return Box::default();
    }
    let mut of_zones: Vec<Vec<ChainName>> = is_signed.iter().map(|_| Vec::new()).collect();
    let mut add = |zone: u32, name: ChainName| {
        if is_signed.get(zone as usize) == Some(&true)
            && let Some(names) = of_zones.get_mut(zone as usize)
        {
            names.push(name);
        }
    };
    for (node, name) in static_data.nodes.iter().zip(names.iter()) {
        if let Some(own) = of_node(static_data, node, name) {
            add(node.zone, own);
        }
        if let Some((parent, delegation)) = of_parent(static_data, node, name) {
            add(parent, delegation);
        }
    }
    of_zones.into_iter().map(NsecChain::new).collect()
}

/// A name with the types that it has in its own zone. An empty non-terminal has no NSEC record (RFC
/// 4035 section 2.3).
fn of_node(static_data: &StaticData, node: &Node, name: &[u8]) -> Option<ChainName> {
    let answers = static_data.answers(node);
    let mut types: BTreeSet<u16> = answers.iter().map(|answer| answer.rtype).collect();
    let pools = answers.iter().filter(|of| matches!(of.answer, Answer::Pool { .. }));
    let pool_types = pools.map(|answer| answer.rtype).collect();
    if let NodeKind::Cut(_) = node.kind {
        types.insert(rtype::NS);
    }
    (!types.is_empty()).then(|| ChainName::new(name, types, pool_types))
}

/// The apex of a zone as a name of the parent zone that is served here too. It is delegated there,
/// whether or not the parent's file says so: the names below it are not the parent's.
fn of_parent(static_data: &StaticData, node: &Node, name: &[u8]) -> Option<(u32, ChainName)> {
    if !matches!(node.kind, NodeKind::Apex | NodeKind::Unavailable(_)) {
        return None;
    }
    let parent = static_data.zone(node.zone)?.parent.filter(|parent| parent.ds.is_of_parent())?;
    let ds = parent.ds.has_records().then_some(rtype::DS);
    let types = [rtype::NS].into_iter().chain(ds).collect();
    Some((parent.zone, ChainName::new(name, types, Vec::new())))
}
