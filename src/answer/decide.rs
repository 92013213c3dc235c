//! The one place where an answer is chosen. What is served, explained and exported is what [`decide`] says.

use std::net::IpAddr;

use super::chain::{self, Chain, Link};
use crate::snapshot::Snapshot;
use crate::snapshot::frame::{Answer, Cut, Frame, Node, NodeKind};
use crate::snapshot::live::PoolAnswer;
use crate::snapshot::pools::PathId;
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
enum Found {
    /// The name itself, or the wildcard that stands for it.
    Node(Node),
    /// A DNAME above it, with the length of its owner in octets.
    Subtree { node: Node, rrset: u32, owner_length: usize },
    /// Only names above it, down to this node.
    Above(Node),
    /// Nothing of ours.
    Nothing,
}

/// Chooses the answer to a question in class IN. `name` is changed on the way: at the end it is the chain's last name.
pub fn decide<'s>(snapshot: &'s Snapshot, name: &mut LowerName, qtype: u16, client: Client) -> Decision<'s> {
    let frame = &*snapshot.frame;
    let mut decision =
        Decision { zone: None, chain: Chain::default(), outcome: Outcome::NotOurs, client: None };
    loop {
        let found = find(frame, name);
        let node = match &found {
            Found::Node(node) | Found::Subtree { node, .. } | Found::Above(node) => *node,
            Found::Nothing => return decision.end(Outcome::ChainEnds),
        };
        // A chain is followed inside its zone only: another one may change hands without this one's knowledge.
        if *decision.zone.get_or_insert(node.zone) != node.zone {
            return decision.end(Outcome::ChainEnds);
        }
        let (link, renamed) = match found {
            Found::Node(Node { kind: NodeKind::Alias(rrset), .. })
                if !matches!(qtype, rtype::CNAME | rtype::ANY) =>
            {
                let target = frame.rrset(rrset).and_then(|set| set.rdatas.first());
                if !decision.chain.push(Link::Cname(rrset), name) {
                    return decision.end(Outcome::ChainEnds);
                }
                (Link::Cname(rrset), target.is_some_and(|target| name.set(target)))
            }
            Found::Subtree { rrset, owner_length, .. } => {
                if !decision.chain.push(Link::Dname(rrset), name) {
                    return decision.end(Outcome::ChainEnds);
                }
                let target = frame.rrset(rrset).and_then(|set| set.rdatas.first());
                let renamed = target.is_some_and(|target| chain::rename(name, owner_length, target));
                (Link::Dname(rrset), renamed)
            }
            Found::Node(node) => return decision.at(snapshot, &node, qtype, client),
            Found::Above(Node { kind: NodeKind::Cut(cut), .. }) => {
                return decision.end(Outcome::Referral(cut));
            }
            Found::Above(_) | Found::Nothing => return decision.end(Outcome::NxDomain),
        };
        if !renamed {
            return decision.end(Outcome::TooLong);
        }
        // The CNAME made up from a DNAME is itself the answer to a question for CNAME.
        let asked_for = matches!(link, Link::Dname(_)) && qtype == rtype::CNAME;
        if asked_for || decision.chain.visited(name) {
            return decision.end(Outcome::ChainEnds);
        }
    }
}

impl<'s> Decision<'s> {
    fn end(self, outcome: Outcome<'s>) -> Self {
        let outcome = match outcome {
            Outcome::ChainEnds if self.chain.is_empty() => Outcome::NotOurs,
            outcome => outcome,
        };
        Self { outcome, ..self }
    }

    /// The answer at a node that exists.
    fn at(mut self, snapshot: &'s Snapshot, node: &Node, qtype: u16, client: Client) -> Self {
        let frame = &*snapshot.frame;
        match node.kind {
            NodeKind::Cut(cut) if qtype != rtype::DS => return self.end(Outcome::Referral(cut)),
            NodeKind::Apex { parent: Some(parent), ds } if qtype == rtype::DS => {
                self.zone = Some(parent);
                let held = ds.map(|(template, rrset)| Outcome::Static { template, rrset });
                return self.end(held.unwrap_or(Outcome::NoData));
            }
            _ => {}
        }
        let answer = match qtype {
            rtype::ANY => return self.any(snapshot, node),
            _ => frame.holding(node, qtype),
        };
        match answer {
            None => self.end(Outcome::NoData),
            Some(Answer::Static { template, rrset }) => self.end(Outcome::Static { template, rrset }),
            Some(Answer::Text(text)) => {
                let outcome = snapshot.live.text(text).map_or(Outcome::NotReady, Outcome::Text);
                self.end(outcome)
            }
            Some(Answer::Pool { rule, path }) => {
                self.pool(snapshot, rule, path, qtype == rtype::AAAA, client)
            }
        }
    }

    fn pool(
        mut self,
        snapshot: &'s Snapshot,
        rule: u32,
        path: Option<PathId>,
        ipv6: bool,
        client: Client,
    ) -> Self {
        let path = path.unwrap_or_else(|| {
            let clients = snapshot.frame.plan_of(rule).and_then(|plan| plan.clients.as_deref());
            let place = clients.map(|clients| clients.get(client.address));
            let placement = place
                .map_or(Placement { path: 0, scope: 0 }, |p| Placement { path: p.value, scope: p.scope });
            self.client = Some(placement);
            placement.path
        });
        let Some(answer) = snapshot.live.pool(rule, path) else { return self.end(Outcome::NotReady) };
        let set = if ipv6 { answer.ipv6 } else { answer.ipv4 };
        self.end(if set.count == 0 { Outcome::NoData } else { Outcome::Pool { rule, path, answer, ipv6 } })
    }

    /// ANY is answered minimally, but for the record: builds of freshclam ask for it so and read the first record
    /// (CLIENTS: "ANY at this name").
    fn any(self, snapshot: &'s Snapshot, node: &Node) -> Self {
        let frame = &*snapshot.frame;
        let text = frame.holdings(node).iter().find_map(|holding| match holding.answer {
            Answer::Text(text) => Some(text),
            _ => None,
        });
        if let Some(text) = text {
            return self.end(snapshot.live.text(text).map_or(Outcome::NotReady, Outcome::Text));
        }
        if let (NodeKind::Alias(_), Some(Answer::Static { template, rrset })) =
            (node.kind, frame.holding(node, rtype::CNAME))
        {
            return self.end(Outcome::Static { template, rrset });
        }
        self.end(if node.count == 0 { Outcome::NoData } else { Outcome::MinimalAny })
    }
}

/// Finds what rules a name: itself, a wildcard, or what stands above it (RFC 1034 section 4.3.2, RFC 4592 section 3.3).
fn find(frame: &Frame, name: &LowerName) -> Found {
    let wire = name.wire();
    if let Some(node) = frame.names.get(wire).and_then(|node| frame.nodes.get(node as usize)) {
        return Found::Node(*node);
    }
    let Some((closest, before)) = frame.names.closest(wire) else { return Found::Nothing };
    let Some(node) = frame.nodes.get(closest as usize) else { return Found::Nothing };
    if let NodeKind::Cut(_) = node.kind {
        return Found::Above(*node);
    }
    if let Some(rrset) = node.subtree {
        return Found::Subtree { node: *node, rrset, owner_length: wire.len() - before };
    }
    match node.wildcard.and_then(|wildcard| frame.nodes.get(wildcard as usize)) {
        Some(wildcard) => Found::Node(*wildcard),
        None => Found::Above(*node),
    }
}
