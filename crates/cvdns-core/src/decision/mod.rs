//! The one place where an answer is chosen. What is served, explained and exported is what [`decide`] says.
//!
//! The responder has all of it within its own function, where a decision need not be put into memory: that is an eighth of what an answer
//! takes. Others ask [`decide_apart`].
#![allow(clippy::inline_always, reason = "what a second caller would undo, for all queries")]

mod chain;

use std::hint::black_box;
use std::net::IpAddr;

use crate::geo::client_table::Place;
use crate::release::Announced;
use crate::snapshot::Snapshot;
use crate::snapshot::dynamic_data::PoolAnswer;
use crate::snapshot::name_class::NameClass;
use crate::snapshot::names::{NodeId, Probe};
use crate::snapshot::pools::{Along, PathId};
use crate::snapshot::static_data::{
    Answer, Below, Cut, Node, NodeKind, Parent, ParentDs, StaticData,
};
use crate::snapshot::template::{Template, TemplateId};
use crate::wire::lower::LowerName;
use crate::wire::rtype;

pub(crate) use chain::substitute;
pub use chain::{Chain, Link};

/// Why an answer is what it is. The records on the way to it stand in the [`Trail`].
#[derive(Debug, Clone, Copy)]
pub struct Decision<'s> {
    /// The zone that answers; none: not ours.
    pub zone: Option<u32>,
    /// What stands at the end of the chain, or at the name itself.
    pub outcome: Outcome<'s>,
    /// Where the client was placed, when the answer depends on that.
    pub client: Option<Place>,
    /// As what it is counted: by the name that has the answer.
    pub class: NameClass,
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
        /// Where it is counted.
        place: u32,
        /// AAAA instead of A.
        ipv6: bool,
    },
    /// What is announced of the release.
    Text {
        /// Ready-made.
        template: Template<'s>,
        /// What that follows from.
        announced: &'s Announced,
        /// It is too old to be trusted, and answered all the same (`on-stale`).
        stale: bool,
    },
    /// The answer to a download report.
    Ping {
        /// Ready-made.
        template: TemplateId,
        /// As data.
        rrset: u32,
        /// Octets of the name below which reports are asked.
        suffix: u8,
    },
    /// ANY, answered minimally (RFC 8482).
    MinimalAny,
    /// The name exists, the type does not (RFC 2308 section 2.2).
    NoData,
    /// The same at a name that is answered with mirrors, of which none has an address of the type.
    NoAddresses {
        /// Under which limits.
        rule: u32,
        /// Along which path.
        path: PathId,
    },
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
    /// What the snapshot leads to is not there: a defect of cvdns. SERVFAIL, as any other answer might be kept for
    /// everybody.
    Broken,
    /// Not below any zone of ours.
    NotOurs,
}

/// What is asked, in class IN.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// The name.
    pub name: &'q LowerName,
    /// QTYPE.
    pub qtype: u16,
    /// Where that name stands.
    pub found: Found,
}

/// Who asks, as far as answers depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Its address, or a network's.
    pub address: IpAddr,
    /// Where this plan's table has it, when it was looked up already.
    pub placed: Option<(u32, Place)>,
}

/// The way from the question's name to the name that has the answer; kept by its user between queries.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    /// The CNAME and DNAME records on the way.
    pub chain: Chain,
    /// The name at the chain's end, when there is a chain.
    pub name: LowerName,
}

/// What was found of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The name itself, or the wildcard that stands for it.
    Node(NodeId),
    /// A DNAME above it, with the length of its owner in octets.
    Subtree {
        /// The DNAME's node.
        node: NodeId,
        /// Its `RRset`.
        rrset: u32,
        /// In octets.
        owner_length: usize,
    },
    /// Only names above it, down to this node.
    Above(NodeId),
    /// Nothing of ours.
    Nothing,
}

/// Chooses the answer to a question in class IN.
#[inline(always)]
pub fn decide<'s>(
    snapshot: &'s Snapshot,
    question: Question<'_>,
    client: &Client,
    trail: &mut Trail,
) -> Decision<'s> {
    trail.chain.clear();
    let mut decision = Decision::new(None, Outcome::NotOurs);
    decision.outcome = decision.follow(snapshot, question, client, trail);
    decision
}

/// The same, for those who ask now and then, and by a name and an address alone.
#[cold]
#[inline(never)]
pub fn decide_apart<'s>(
    snapshot: &'s Snapshot,
    name: &LowerName,
    qtype: u16,
    address: IpAddr,
    trail: &mut Trail,
) -> Decision<'s> {
    let static_data = &*snapshot.static_data;
    let question =
        Question { name, qtype, found: find(static_data, name, static_data.names.probe(name)) };
    decide(snapshot, question, &Client { address, placed: None }, trail)
}

impl<'s> Decision<'s> {
    /// An answer that depends neither on clients nor on mirrors.
    pub fn new(zone: Option<u32>, outcome: Outcome<'s>) -> Self {
        Self { zone, outcome, client: None, class: NameClass::Foreign }
    }

    /// Goes from name to name until one has the answer.
    #[inline(always)]
    fn follow(
        &mut self,
        snapshot: &'s Snapshot,
        question: Question<'_>,
        client: &Client,
        trail: &mut Trail,
    ) -> Outcome<'s> {
        let static_data = &*snapshot.static_data;
        let Question { qtype, mut found, .. } = question;
        for _ in 0..chain::MAX_NAMES {
            let Some(number) = found.node() else {
                return if trail.chain.is_empty() { Outcome::NotOurs } else { Outcome::ChainEnds };
            };
            let Some(node) = static_data.nodes.get(number as usize) else {
                return broken("a node");
            };
            self.class = NameClass::Static;
            // A chain is followed inside its zone only: another one may change hands without this one's knowledge.
            if *self.zone.get_or_insert(node.zone) != node.zone {
                return Outcome::ChainEnds;
            }
            let (link, owner_length) = match (found, node.kind) {
                (Found::Node(_), NodeKind::Alias(rrset)) if !is_beside_alias(qtype) => {
                    (Link::Cname(rrset), None)
                }
                (Found::Node(_), _) => return self.at(snapshot, node, qtype, client),
                (Found::Subtree { rrset, owner_length, .. }, _) => {
                    (Link::Dname(rrset), Some(owner_length))
                }
                (Found::Above(_), NodeKind::Cut(cut)) => return referral(static_data, cut),
                (Found::Above(_) | Found::Nothing, _) => return Outcome::NxDomain,
            };
            if trail.chain.is_empty() {
                trail.name.clone_from(question.name);
            }
            if !trail.chain.push(link, &trail.name) {
                return Outcome::ChainEnds;
            }
            let name = &mut trail.name;
            let owner_length = owner_length.unwrap_or(name.wire().len());
            let target = static_data.rrset(link.rrset()).and_then(|set| set.first());
            let Some(target) = target else { return broken("an alias") };
            if !chain::rename(name, owner_length, target) {
                return Outcome::TooLong;
            }
            // The CNAME made up from a DNAME is itself the answer to a question for CNAME.
            let asked_for = matches!(link, Link::Dname(_)) && qtype == rtype::CNAME;
            if asked_for || trail.chain.visited(name) {
                return Outcome::ChainEnds;
            }
            found = find(static_data, name, static_data.names.probe(name));
        }
        Outcome::ChainEnds
    }

    /// The answer at a node that exists.
    #[inline(always)]
    fn at(
        &mut self,
        snapshot: &'s Snapshot,
        node: &Node,
        qtype: u16,
        client: &Client,
    ) -> Outcome<'s> {
        let static_data = &*snapshot.static_data;
        self.class = node.class;
        match node.kind {
            NodeKind::Cut(cut) if qtype != rtype::DS => return referral(static_data, cut),
            NodeKind::Apex if qtype == rtype::DS => {
                if let Some(parent) = static_data.zone(node.zone).and_then(|zone| zone.parent) {
                    return self.above(parent);
                }
            }
            _ => {}
        }
        if qtype == rtype::ANY {
            return any(snapshot, node);
        }
        match static_data.holding(node, qtype) {
            None => Outcome::NoData,
            Some(Answer::Static { template, rrset }) => Outcome::Static { template, rrset },
            Some(Answer::Text(number)) => text(snapshot, number),
            Some(Answer::Ping { template, rrset, suffix }) => {
                Outcome::Ping { template, rrset, suffix }
            }
            Some(Answer::Pool { rule, along }) => {
                let path = match along {
                    Along::Path(path) => path,
                    Along::Client => match self.place(static_data, rule, client) {
                        Some(path) => path,
                        None => return broken("the table of clients"),
                    },
                };
                pool(snapshot, rule, path, qtype == rtype::AAAA)
            }
        }
    }

    /// What the zone above says of DS records at the top of this one.
    fn above(&mut self, parent: Parent) -> Outcome<'s> {
        self.zone = Some(parent.zone);
        match parent.ds {
            ParentDs::None => Outcome::NoData,
            ParentDs::Records { template, rrset } => Outcome::Static { template, rrset },
            ParentDs::Referral(cut) => Outcome::Referral(cut),
        }
    }

    /// The client's path. `None` is a defect: a rule leads to a plan, and a name that asks for it has the table made.
    #[inline(always)]
    fn place(&mut self, static_data: &StaticData, rule: u32, client: &Client) -> Option<PathId> {
        let plan = static_data.rules.get(rule as usize)?.plan;
        let place = match client.placed {
            Some((of, place)) if of == plan => place,
            _ => static_data.clients(plan)?.get(client.address),
        };
        self.client = Some(place);
        Some(place.value)
    }
}

impl Found {
    fn node(self) -> Option<NodeId> {
        match self {
            Self::Node(node) | Self::Subtree { node, .. } | Self::Above(node) => Some(node),
            Self::Nothing => None,
        }
    }
}

/// The plan in whose table the client of a question must be looked up, when its own name needs that; reads what the answer is
/// going to be taken from.
pub(crate) fn look_ahead(static_data: &StaticData, found: Found, qtype: u16) -> Option<u32> {
    let Found::Node(node) = found else { return None };
    match static_data.holding(static_data.nodes.get(node as usize)?, qtype)? {
        Answer::Pool { rule, along: Along::Client } => {
            Some(static_data.rules.get(rule as usize)?.plan)
        }
        Answer::Static { template, .. } => {
            // A zone of many names does not fit the cache.
            black_box(
                static_data
                    .templates
                    .get(template)
                    .and_then(|template| template.octets.first())
                    .copied(),
            );
            None
        }
        _ => None,
    }
}

fn referral<'s>(static_data: &StaticData, cut: u32) -> Outcome<'s> {
    static_data.cut(cut).map_or_else(|| broken("a delegation"), Outcome::Referral)
}

/// Stops a build with debug assertions, such as the tests', at what must not be.
#[cold]
#[inline(never)]
fn broken<'s>(missing: &str) -> Outcome<'s> {
    debug_assert!(false, "the snapshot leads to {missing} that it does not have");
    Outcome::Broken
}

/// Whether a name with a CNAME answers a question of this type itself: for the CNAME, and for what alone may stand beside it
/// (RFC 4035 section 2.5). Nobody means these of the name that the alias leads to.
#[inline(always)]
fn is_beside_alias(qtype: u16) -> bool {
    matches!(qtype, rtype::CNAME | rtype::ANY | rtype::RRSIG | rtype::NSEC)
}

#[inline(always)]
fn text(snapshot: &Snapshot, number: u32) -> Outcome<'_> {
    let dynamic_data = &snapshot.dynamic_data;
    match dynamic_data.text(number).zip(dynamic_data.announced()) {
        Some(((template, stale), announced)) => Outcome::Text { template, announced, stale },
        None if dynamic_data.expired(number) => Outcome::Expired,
        None => Outcome::NotReady,
    }
}

#[inline(always)]
fn pool(snapshot: &Snapshot, rule: u32, path: PathId, ipv6: bool) -> Outcome<'_> {
    let dynamic_data = &snapshot.dynamic_data;
    let Some((place, answer)) =
        dynamic_data.place(rule, path).and_then(|place| Some((place, dynamic_data.at(place)?)))
    else {
        return broken("an answer");
    };
    let has_windows = answer.windows(ipv6).count > 0;
    if has_windows {
        Outcome::Pool { rule, path, answer, place, ipv6 }
    } else {
        Outcome::NoAddresses { rule, path }
    }
}

/// ANY is answered minimally, but for the record: builds of freshclam ask for it so and read the first record
/// (CLIENTS: "ANY at this name").
fn any<'s>(snapshot: &'s Snapshot, node: &Node) -> Outcome<'s> {
    let holdings = snapshot.static_data.holdings(node);
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
pub fn find(static_data: &StaticData, name: &LowerName, probe: Probe) -> Found {
    let Some((closest, before)) = static_data.names.closest(name, probe) else {
        return Found::Nothing;
    };
    if before == 0 {
        return Found::Node(closest);
    }
    let Some(node) = static_data.nodes.get(closest as usize) else { return Found::Nothing };
    match (node.kind, node.below) {
        (NodeKind::Cut(_), _) | (_, Below::Nothing) => Found::Above(closest),
        (_, Below::Wildcard(wildcard)) => Found::Node(wildcard),
        (_, Below::Subtree(rrset)) => {
            Found::Subtree { node: closest, rrset, owner_length: name.wire().len() - before }
        }
    }
}
