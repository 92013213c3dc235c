//! Chooses answers.
//!
//! This module is the only place where an answer is chosen: the responder, `explain` and the
//! exports all act on the [`Decision`] that [`decide`] returns. The choice is made in two steps.
//! `Decision::follow` goes from the question's name along CNAME and DNAME records to the name that
//! has the answer (RFC 1034 section 4.3.2). `Decision::at` then chooses the [`Outcome`] at that
//! name by what the node holds of the type. How an outcome becomes octets is the `answer` module's
//! concern.
//!
//! [`decide`] is inlined into the responder, so that a decision is never written to memory: that
//! saves an eighth of the cost of an answer. Every other caller uses [`decide_by_name`].
#![allow(
    clippy::inline_always,
    reason = "with a second caller of `decide`, LLVM would no longer inline it"
)]

mod chain;
mod lookup;
mod prefetch;

use std::net::IpAddr;

use crate::geo::client_table::ScopedValue;
use crate::release::Announced;
use crate::snapshot::dynamic_data::PoolAnswer;
use crate::snapshot::name_class::NameClass;
use crate::snapshot::pools::{PathChoice, PathId};
use crate::snapshot::static_data::{
    Answer, ClientTableId, Cut, Node, NodeKind, Parent, ParentDs, StaticData,
};
use crate::snapshot::template::{Template, TemplateId};
use crate::snapshot::{Snapshot, Unavailable};
use crate::wire::lower::LowerName;
use crate::wire::rtype;

pub(crate) use chain::substitute;
pub use chain::{Chain, Link};
pub use lookup::{NameMatch, find, zone_of};
pub(crate) use prefetch::prefetch;

/// An answer and what it depends on. The CNAME and DNAME records on the way to it are in the
/// [`Trail`].
#[derive(Debug, Clone, Copy)]
pub struct Decision<'s> {
    /// Number of the zone that answers; `None` when the name is in no zone served here.
    pub zone: Option<u32>,
    /// What is answered at the end of the chain, or at the question's name when there is no chain.
    pub outcome: Outcome<'s>,
    /// The client's place in the client table; `None` when the answer does not depend on clients.
    pub client: Option<ScopedValue>,
    /// Class under which the query is counted: that of the name that has the answer.
    pub class: NameClass,
}

/// What is answered.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'s> {
    /// Static records.
    Static {
        /// The answer in wire form.
        template: TemplateId,
        /// The same records as an `RRset`.
        rrset: u32,
    },
    /// Addresses of mirrors.
    Pool {
        /// Number of the rule that applies.
        rule: u32,
        /// The path whose mirrors are answered.
        path: PathId,
        /// The answers of that path under that rule.
        answer: &'s PoolAnswer,
        /// Their number ([`DynamicData::slot`](crate::snapshot::DynamicData::slot)), which is also
        /// that of their counter.
        slot: u32,
        /// Whether AAAA records are answered instead of A records.
        ipv6: bool,
    },
    /// A TXT record of the announced release.
    Text {
        /// The answer in wire form.
        template: Template<'s>,
        /// The release it was written from.
        announced: &'s Announced,
        /// Whether its stamp is too old, and `on-stale` has it answered all the same.
        stale: bool,
    },
    /// The answer to a download report.
    DownloadReport {
        /// The answer in wire form.
        template: TemplateId,
        /// The same record as an `RRset`.
        rrset: u32,
        /// Length in octets of the name below which reports are sent.
        suffix: u8,
    },
    /// The NSEC record of a name in a signed zone (RFC 4034 section 4).
    Nsec,
    /// Signatures alone, in a signed zone: REFUSED. No resolver asks for them, and all signatures
    /// of a name are many octets.
    SignaturesAlone,
    /// The minimal answer to ANY (RFC 8482).
    MinimalAny,
    /// The name exists, but has no records of the type (RFC 2308 section 2.2).
    NoData,
    /// The name is answered with mirrors, none of which has an address of the type: NODATA.
    NoAddresses {
        /// Number of the rule that applies.
        rule: u32,
        /// The path whose mirrors have no such address.
        path: PathId,
    },
    /// The name is answered with mirrors, but has no records of the type: NODATA.
    NoSuchType {
        /// Number of the rule that applies; of several, the one with the lowest TTL.
        rule: u32,
    },
    /// The name does not exist (RFC 2308 section 2.1).
    NxDomain,
    /// The name is in a delegated zone.
    Referral(Cut),
    /// The chain leaves the zone, loops or is too long: only its records are answered.
    ChainEnds,
    /// A DNAME makes the name too long (RFC 6672 section 2.2): YXDOMAIN.
    TooLong,
    /// No release is known yet: SERVFAIL, so that resolvers ask another server.
    NotReady,
    /// The stamp of the release is too old: SERVFAIL, so that resolvers ask another
    /// server.
    Expired,
    /// The zone has no data: SERVFAIL, so that resolvers ask another server.
    Unavailable(Unavailable),
    /// The snapshot refers to data that it does not have, which is a defect of cvdns. SERVFAIL,
    /// because resolvers could cache any other answer for all their clients.
    Broken,
    /// The name is in no zone served here.
    NotOurs,
}

/// A question in class IN.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// QNAME in lower case.
    pub name: &'q LowerName,
    /// QTYPE.
    pub qtype: u16,
    /// What [`find`] returned for the name.
    pub found: NameMatch,
}

/// The part of a client's identity on which answers depend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Source address of the query, or the address of its client subnet option (RFC 7871).
    pub address: IpAddr,
    /// The number of a client table and the client's place in it, when it was looked up ahead;
    /// `None` otherwise.
    pub placed: Option<(ClientTableId, ScopedValue)>,
}

/// The chain from the question's name to the name that has the answer. Callers keep it between
/// queries and so save clearing it.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    /// The CNAME and DNAME records followed.
    pub chain: Chain,
    /// The name at the end of the chain; meaningless when the chain is empty.
    pub name: LowerName,
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

/// Does the same as [`decide`] from a name and a client address alone, without being inlined: for
/// callers outside the query path.
#[cold]
#[inline(never)]
pub fn decide_by_name<'s>(
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
    /// An outcome that depends neither on clients nor on mirrors.
    pub fn new(zone: Option<u32>, outcome: Outcome<'s>) -> Self {
        Self { zone, outcome, client: None, class: NameClass::Foreign }
    }

    /// Follows CNAME and DNAME records until a name has the answer.
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
            // A chain is followed within its zone only: another zone may move to other servers
            // without this zone being changed.
            if *self.zone.get_or_insert(node.zone) != node.zone {
                return Outcome::ChainEnds;
            }
            let (link, owner_length) = match (found, node.kind) {
                (NameMatch::Node(_), NodeKind::Alias(rrset)) if !is_beside_alias(qtype) => {
                    (Link::Cname(rrset), None)
                }
                (NameMatch::Node(_), _) => return self.at(snapshot, node, qtype, client),
                (NameMatch::Dname { rrset, owner_length, .. }, _) => {
                    (Link::Dname(rrset), Some(owner_length))
                }
                (NameMatch::ClosestEncloser(_), NodeKind::Cut(cut)) => {
                    return referral(static_data, cut);
                }
                (NameMatch::ClosestEncloser(_), NodeKind::Unavailable(why)) => {
                    return Outcome::Unavailable(why);
                }
                (NameMatch::ClosestEncloser(_) | NameMatch::Nothing, _) => {
                    return Outcome::NxDomain;
                }
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
            // The CNAME synthesised from a DNAME answers a question for CNAME (RFC 6672 section
            // 3.2).
            let is_answer = matches!(link, Link::Dname(_)) && qtype == rtype::CNAME;
            if is_answer || trail.chain.visited(name) {
                return Outcome::ChainEnds;
            }
            found = find(static_data, name, static_data.names.probe(name));
        }
        Outcome::ChainEnds
    }

    /// Chooses the answer at an existing name.
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
                    return self.ds_of_parent(parent);
                }
            }
            NodeKind::Unavailable(why) => return self.without_data(static_data, node, qtype, why),
            _ => {}
        }
        let qtype = match qtype {
            rtype::ANY if !is_signed(static_data, node) => return any(snapshot, node),
            rtype::ANY => one_of(static_data, node),
            _ => qtype,
        };
        match static_data.answer(node, qtype) {
            None if qtype == rtype::RRSIG && is_signed(static_data, node) => {
                Outcome::SignaturesAlone
            }
            None if qtype == rtype::NSEC && has_nsec(static_data, node) => Outcome::Nsec,
            None => no_data(static_data, node),
            Some(Answer::Static { template, rrset }) => Outcome::Static { template, rrset },
            Some(Answer::Text(number)) => text(snapshot, number),
            Some(Answer::DownloadReport { template, rrset, suffix }) => {
                Outcome::DownloadReport { template, rrset, suffix }
            }
            Some(Answer::Pool { rule, choice }) => {
                let path = match choice {
                    PathChoice::Path(path) => path,
                    PathChoice::Client => match self.place(static_data, rule, client) {
                        Some(path) => path,
                        None => return broken("a client table"),
                    },
                    PathChoice::Restricted(number) => {
                        match restricted(static_data, rule, number, client) {
                            Some((place, path)) => {
                                self.client = Some(place);
                                path
                            }
                            None => return broken("a variant of a path"),
                        }
                    }
                };
                pool(snapshot, rule, path, qtype == rtype::AAAA)
            }
        }
    }

    /// The answer to a question for DS at a zone's apex, which is given by the parent zone (RFC
    /// 4035 section 3.1.4.1).
    fn ds_of_parent(&mut self, parent: Parent) -> Outcome<'s> {
        self.zone = Some(parent.zone);
        match parent.ds {
            ParentDs::None => Outcome::NoData,
            ParentDs::Records { template, rrset } => Outcome::Static { template, rrset },
            ParentDs::Referral(cut) => Outcome::Referral(cut),
            ParentDs::Unavailable(why) => Outcome::Unavailable(why),
        }
    }

    /// The answer at the apex of a zone without data: DS is the parent's.
    #[cold]
    #[inline(never)]
    fn without_data(
        &mut self,
        static_data: &StaticData,
        node: &Node,
        qtype: u16,
        why: Unavailable,
    ) -> Outcome<'s> {
        let parent = static_data.zone(node.zone).and_then(|zone| zone.parent);
        match parent.filter(|_| qtype == rtype::DS) {
            Some(parent) => self.ds_of_parent(parent),
            None => Outcome::Unavailable(why),
        }
    }

    /// The client's path; `None` is a defect. Every rule has a plan, and the compiler makes a
    /// plan's client table when any of its names depends on clients.
    #[inline(always)]
    fn place(&mut self, static_data: &StaticData, rule: u32, client: &Client) -> Option<PathId> {
        let table = ClientTableId::of_paths(static_data.rules.get(rule as usize)?.plan);
        let place = client.place(static_data, table)?;
        self.client = Some(place);
        Some(place.value)
    }
}

impl Client {
    /// The client's place in a table; `None` when there is no such table.
    #[inline(always)]
    fn place(&self, static_data: &StaticData, table: ClientTableId) -> Option<ScopedValue> {
        match self.placed {
            Some((of, place)) if of == table => Some(place),
            _ => Some(static_data.clients(table)?.get(self.address)),
        }
    }
}

/// The client's class and the path of a name for that class; `None` is a defect. It is not inlined:
/// most servers have no mirrors that are not for everybody.
#[inline(never)]
fn restricted(
    static_data: &StaticData,
    rule: u32,
    number: u16,
    client: &Client,
) -> Option<(ScopedValue, PathId)> {
    let plan = static_data.rules.get(rule as usize)?.plan;
    let place = client.place(static_data, ClientTableId::of_classes(plan))?;
    let path = static_data.plans.get(plan as usize)?.paths.variant(number, place.value)?;
    Some((place, path))
}

fn referral<'s>(static_data: &StaticData, cut: u32) -> Outcome<'s> {
    static_data.cut(cut).map_or_else(|| broken("a delegation"), Outcome::Referral)
}

/// The answer at a name that has no records of the type.
fn no_data<'s>(static_data: &StaticData, node: &Node) -> Outcome<'s> {
    let rules = static_data.answers(node).iter().filter_map(|entry| match entry.answer {
        Answer::Pool { rule, .. } => Some(rule),
        _ => None,
    });
    let ttl = |rule: &u32| static_data.rules.get(*rule as usize).map(|rule| rule.ttl);
    rules.min_by_key(ttl).map_or(Outcome::NoData, |rule| Outcome::NoSuchType { rule })
}

/// Reports a broken invariant: panics with debug assertions, as in tests, and otherwise answers
/// SERVFAIL.
#[cold]
#[inline(never)]
fn broken<'s>(missing: &str) -> Outcome<'s> {
    debug_assert!(false, "the snapshot refers to {missing} that it does not have");
    Outcome::Broken
}

/// Whether a name with a CNAME record answers this type itself. That holds for CNAME and ANY, and
/// for the types that may be beside a CNAME (RFC 4035 section 2.5), which describe the alias and
/// not its target.
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
    let Some((slot, answer)) =
        dynamic_data.slot(rule, path).and_then(|slot| Some((slot, dynamic_data.answer(slot)?)))
    else {
        return broken("an answer");
    };
    let has_windows = answer.windows(ipv6).count > 0;
    if has_windows {
        Outcome::Pool { rule, path, answer, slot, ipv6 }
    } else {
        Outcome::NoAddresses { rule, path }
    }
}

#[inline(always)]
fn is_signed(static_data: &StaticData, node: &Node) -> bool {
    static_data.zone(node.zone).is_some_and(|zone| zone.signing.is_some())
}

/// Whether a name has an NSEC record, its own or that of the wildcard that it is synthesised from
/// (RFC 4592 section 4.7). An empty non-terminal has none.
#[cold]
fn has_nsec(static_data: &StaticData, node: &Node) -> bool {
    node.count > 0 && is_signed(static_data, node)
}

/// The type by which ANY is answered in a signed zone: a record of which nothing was said when the
/// zone was signed could not be validated (RFC 8482 section 4.1). What [`any`] answers itself comes
/// first here too.
#[cold]
fn one_of(static_data: &StaticData, node: &Node) -> u16 {
    let answers = static_data.answers(node);
    let preferred = answers
        .iter()
        .find(|entry| matches!(entry.answer, Answer::Text(_)) || entry.rtype == rtype::CNAME);
    preferred.or(answers.first()).map_or(rtype::ANY, |entry| entry.rtype)
}

/// ANY is answered minimally (RFC 8482), with two exceptions: a CNAME record is answered itself,
/// and so is the TXT record of a release, because some builds of freshclam ask for it with ANY and
/// read the first record (CLIENTS: "ANY at this name").
fn any<'s>(snapshot: &'s Snapshot, node: &Node) -> Outcome<'s> {
    let answers = snapshot.static_data.answers(node);
    for entry in answers {
        match entry.answer {
            Answer::Text(number) => return text(snapshot, number),
            Answer::Static { template, rrset } if entry.rtype == rtype::CNAME => {
                return Outcome::Static { template, rrset };
            }
            _ => {}
        }
    }
    if answers.is_empty() { Outcome::NoData } else { Outcome::MinimalAny }
}
