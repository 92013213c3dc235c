//! The one place where an answer is chosen. What is served, explained and exported is what [`decide`] says.

use std::net::IpAddr;

use super::chain::{self, Chain, Link};
use crate::geo::client_table::Place;
use crate::snapshot::Snapshot;
use crate::snapshot::frame::{Answer, Cut, Frame, Node, NodeKind, ParentDs};
use crate::snapshot::live::PoolAnswer;
use crate::snapshot::pools::{Along, PathId};
use crate::snapshot::template::{Template, TemplateId};
use crate::wire::query::LowerName;
use crate::wire::rtype;

/// Why an answer is what it is.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'s> {
    /// The zone that answers; none: not ours.
    pub zone: Option<u32>,
    /// The CNAME and DNAME records on the way.
    pub chain: Chain,
    /// What stands at its end.
    pub outcome: Outcome<'s>,
    /// Where the client was placed, when the answer depends on that.
    pub client: Option<Placement>,
}

/// What an answer says.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'s> {
    /// Static records.
    Static {
        /// Ready-made.
        template: TemplateId,
        /// As data.
        rrset: u32,
    },
    /// Addresses of mirrors.
    Pool {
        /// Under which limits.
        rule: u32,
        /// Along which path.
        path: PathId,
        /// What it yields.
        answer: &'s PoolAnswer,
        /// AAAA instead of A.
        ipv6: bool,
    },
    /// What the release says.
    Text(Template<'s>),
    /// ANY, answered minimally (RFC 8482).
    MinimalAny,
    /// The name exists, the type does not (RFC 2308 section 2.2).
    NoData,
    /// The name does not exist (RFC 2308 section 2.1).
    NxDomain,
    /// The name lies in a delegated zone.
    Referral(Cut),
    /// The chain leads out of the zone or in a circle: what was gathered is all.
    ChainEnds,
    /// A DNAME makes the name too long (RFC 6672 section 2.2): YXDOMAIN.
    TooLong,
    /// Nothing is known yet that could be answered: SERVFAIL, so that resolvers ask another server.
    NotReady,
    /// The record is too old to be trusted: SERVFAIL too.
    Expired,
    /// Not below any zone of ours.
    NotOurs,
}

/// Who asks, as far as answers depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Its address, or a network's.
    pub address: IpAddr,
}

/// Where a client was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Its path.
    pub path: PathId,
    /// Length in bits of the prefix for which that holds (RFC 7871 section 7.2.1).
    pub scope: u8,
}

/// What was found of a name.
enum Found<'s> {
    /// The name itself, or the wildcard that stands for it.
    Node(&'s Node),
    /// A DNAME above it, with the length of its owner in octets.
    Subtree { node: &'s Node, rrset: u32, owner_length: usize },
    /// Only names above it, down to this node.
    Above(&'s Node),
    /// Nothing of ours.
    Nothing,
}

/// Chooses the answer to a question in class IN. `name` is changed on the way: at the end it is the chain's last name.
pub fn decide<'s>(snapshot: &'s Snapshot, name: &mut LowerName, qtype: u16, client: Client) -> Decision<'s> {
    let mut decision =
        Decision { zone: None, chain: Chain::default(), outcome: Outcome::NotOurs, client: None };
    decision.outcome = decision.follow(snapshot, name, qtype, client);
    decision
}

impl<'s> Decision<'s> {
    /// Goes from name to name until one has the answer.
    fn follow(
        &mut self,
        snapshot: &'s Snapshot,
        name: &mut LowerName,
        qtype: u16,
        client: Client,
    ) -> Outcome<'s> {
        let frame = &*snapshot.frame;
        loop {
            let found = find(frame, name);
            let (Found::Node(node) | Found::Subtree { node, .. } | Found::Above(node)) = found else {
                return if self.chain.is_empty() { Outcome::NotOurs } else { Outcome::ChainEnds };
            };
            // A chain is followed inside its zone only: another one may change hands without this one's knowledge.
            if *self.zone.get_or_insert(node.zone) != node.zone {
                return Outcome::ChainEnds;
            }
            let (link, owner_length) = match (found, node.kind) {
                (Found::Node(_), NodeKind::Alias(rrset)) if !matches!(qtype, rtype::CNAME | rtype::ANY) => {
                    (Link::Cname(rrset), name.wire().len())
                }
                (Found::Node(_), _) => return self.at(snapshot, node, qtype, client),
                (Found::Subtree { rrset, owner_length, .. }, _) => (Link::Dname(rrset), owner_length),
                (Found::Above(_), NodeKind::Cut(cut)) => return Outcome::Referral(cut),
                (Found::Above(_) | Found::Nothing, _) => return Outcome::NxDomain,
            };
            if !self.chain.push(link, name) {
                return Outcome::ChainEnds;
            }
            let target = frame.rrset(link.rrset()).and_then(|set| set.rdatas.first());
            if !target.is_some_and(|target| chain::rename(name, owner_length, target)) {
                return Outcome::TooLong;
            }
            // The CNAME made up from a DNAME is itself the answer to a question for CNAME.
            let asked_for = matches!(link, Link::Dname(_)) && qtype == rtype::CNAME;
            if asked_for || self.chain.visited(name) {
                return Outcome::ChainEnds;
            }
        }
    }

    /// The answer at a node that exists.
    fn at(&mut self, snapshot: &'s Snapshot, node: &Node, qtype: u16, client: Client) -> Outcome<'s> {
        let frame = &*snapshot.frame;
        match node.kind {
            NodeKind::Cut(cut) if qtype != rtype::DS => return Outcome::Referral(cut),
            NodeKind::Apex { parent: Some(parent) } if qtype == rtype::DS => {
                self.zone = Some(parent.zone);
                return match parent.ds {
                    ParentDs::None => Outcome::NoData,
                    ParentDs::Records { template, rrset } => Outcome::Static { template, rrset },
                    ParentDs::Referral(cut) => Outcome::Referral(cut),
                };
            }
            _ => {}
        }
        if qtype == rtype::ANY {
            return any(snapshot, node);
        }
        match frame.holding(node, qtype) {
            None => Outcome::NoData,
            Some(Answer::Static { template, rrset }) => Outcome::Static { template, rrset },
            Some(Answer::Text(number)) => text(snapshot, number),
            Some(Answer::Pool { rule, along }) => {
                let path = match along {
                    Along::Path(path) => path,
                    Along::Client => self.place(frame, rule, client),
                };
                pool(snapshot, rule, path, qtype == rtype::AAAA)
            }
        }
    }

    /// The client's path.
    fn place(&mut self, frame: &Frame, rule: u32, client: Client) -> PathId {
        let clients = frame.plan_of(rule).and_then(|plan| plan.clients.as_deref());
        let place = clients.map_or(Place { value: 0, scope: 0 }, |clients| clients.get(client.address));
        self.client = Some(Placement { path: place.value, scope: place.scope });
        place.value
    }
}

fn text(snapshot: &Snapshot, number: u32) -> Outcome<'_> {
    let missing = if snapshot.live.expired(number) { Outcome::Expired } else { Outcome::NotReady };
    snapshot.live.text(number).map_or(missing, Outcome::Text)
}

fn pool(snapshot: &Snapshot, rule: u32, path: PathId, ipv6: bool) -> Outcome<'_> {
    let Some(answer) = snapshot.live.pool(rule, path) else { return Outcome::NotReady };
    let windows = if ipv6 { answer.ipv6.count } else { answer.ipv4.count };
    if windows == 0 { Outcome::NoData } else { Outcome::Pool { rule, path, answer, ipv6 } }
}

/// ANY is answered minimally, but for the record: builds of freshclam ask for it so and read the first record
/// (CLIENTS: "ANY at this name").
fn any<'s>(snapshot: &'s Snapshot, node: &Node) -> Outcome<'s> {
    let holdings = snapshot.frame.holdings(node);
    for holding in holdings {
        match holding.answer {
            Answer::Text(number) => return text(snapshot, number),
            Answer::Static { template, rrset } if holding.rtype == rtype::CNAME => {
                return Outcome::Static { template, rrset };
            }
            _ => {}
        }
    }
    if holdings.is_empty() { Outcome::NoData } else { Outcome::MinimalAny }
}

/// Finds what rules a name: itself, a wildcard, or what stands above it (RFC 1034 section 4.3.2, RFC 4592 section 3.3).
fn find<'s>(frame: &'s Frame, name: &LowerName) -> Found<'s> {
    let wire = name.wire();
    let Some((closest, before)) = frame.names.closest(wire) else { return Found::Nothing };
    let Some(node) = frame.nodes.get(closest as usize) else { return Found::Nothing };
    if before == 0 {
        return Found::Node(node);
    }
    if let NodeKind::Cut(_) = node.kind {
        return Found::Above(node);
    }
    if let Some(rrset) = node.subtree {
        return Found::Subtree { node, rrset, owner_length: wire.len() - before };
    }
    match node.wildcard.and_then(|wildcard| frame.nodes.get(wildcard as usize)) {
        Some(wildcard) => Found::Node(wildcard),
        None => Found::Above(node),
    }
}
