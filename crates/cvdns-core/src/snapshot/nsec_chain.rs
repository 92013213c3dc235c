//! The names of a signed zone in canonical order, each of which denies those behind it (RFC 4034
//! section 4).

use std::collections::BTreeSet;

use super::names::NameList;
use super::static_data::{Answer, NodeKind, StaticData};
use crate::dnssec::OrderKey;
use crate::wire::rtype;

/// The names of a zone that have records or are delegated. Each has an NSEC record.
#[derive(Debug, Default)]
pub struct NsecChain {
    names: Vec<ChainName>,
}

/// A name of the chain.
#[derive(Debug, PartialEq, Eq)]
pub struct ChainName {
    /// Its order key.
    key: Box<[u8]>,
    /// The name in lower-case wire form.
    pub name: Box<[u8]>,
    /// The types that it has, in ascending order, without RRSIG and NSEC.
    pub types: Box<[u16]>,
    /// Which of these types are answered with addresses of mirrors: there may be none at times.
    pub pool_types: Box<[u16]>,
}

/// Where a name is in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainPlace {
    /// It is the name of this number.
    At(usize),
    /// It is behind the name of this number, and before the next one.
    Behind(usize),
}

impl NsecChain {
    /// The chains of all zones; those of zones that are not signed are empty. `names` are those of
    /// the nodes.
    pub(super) fn all(static_data: &StaticData, names: &NameList) -> Box<[Self]> {
        if static_data.zones.iter().all(|zone| zone.signing.is_none()) {
            return Box::default();
        }
        let mut chains: Vec<Self> = static_data.zones.iter().map(|_| Self::default()).collect();
        for (node, name) in static_data.nodes.iter().zip(names.iter()) {
            let mut add = |zone: u32, types: BTreeSet<u16>, pool_types: Vec<u16>| {
                let is_signed = static_data.zone(zone).is_some_and(|zone| zone.signing.is_some());
                if let Some(chain) = chains.get_mut(zone as usize).filter(|_| is_signed) {
                    let key = OrderKey::new(name).octets().into();
                    let types = types.into_iter().collect();
                    let pool_types = pool_types.into();
                    chain.names.push(ChainName { key, name: name.into(), types, pool_types });
                }
            };
            let answers = static_data.answers(node);
            let mut types: BTreeSet<u16> = answers.iter().map(|answer| answer.rtype).collect();
            let pools = answers.iter().filter(|of| matches!(of.answer, Answer::Pool { .. }));
            let pool_types = pools.map(|answer| answer.rtype).collect();
            if let NodeKind::Cut(_) = node.kind {
                types.insert(rtype::NS);
            }
            // An empty non-terminal has no NSEC record (RFC 4035 section 2.3).
            if !types.is_empty() {
                add(node.zone, types, pool_types);
            }
            // A zone that is served here too is a delegation of its parent, whether or not the
            // parent's file says so: its names are not the parent's.
            let zone = static_data.zone(node.zone);
            let is_apex = matches!(node.kind, NodeKind::Apex | NodeKind::Unavailable(_));
            if let Some(parent) = zone.filter(|_| is_apex).and_then(|zone| zone.parent)
                && parent.ds.is_of_parent()
            {
                let ds = parent.ds.has_records().then_some(rtype::DS);
                add(parent.zone, [rtype::NS].into_iter().chain(ds).collect(), Vec::new());
            }
        }
        for chain in &mut chains {
            chain.names.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        }
        chains.into()
    }

    /// The names, in canonical order: the zone's apex first.
    pub fn names(&self) -> &[ChainName] {
        &self.names
    }

    /// The name behind the name of this number: behind the last one, the first one.
    pub fn next(&self, number: usize) -> Option<&ChainName> {
        self.names.get(number + 1).or_else(|| self.names.first())
    }

    /// Where a name is, which is in lower-case wire form and within the zone. `None` if the chain
    /// is empty.
    pub fn place(&self, name: &[u8]) -> Option<ChainPlace> {
        let key = OrderKey::new(name);
        match self.names.binary_search_by(|of| (*of.key).cmp(key.octets())) {
            Ok(number) => Some(ChainPlace::At(number)),
            Err(behind) => behind.checked_sub(1).map(ChainPlace::Behind),
        }
    }
}

impl ChainPlace {
    /// The number of the name whose NSEC record says what there is of the name.
    pub fn number(self) -> usize {
        let (Self::At(number) | Self::Behind(number)) = self;
        number
    }
}
