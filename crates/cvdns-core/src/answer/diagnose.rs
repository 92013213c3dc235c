//! Diagnostic names: `_explain`, `_pool`, `_feed` and `_whoami` in front of a name of the server's
//! zones show why that name is answered as it is.
//!
//! These answers are made on demand, off the usual path: they allocate and read the clock. They
//! cost more than other answers, which must not wait for them, so their time is limited by a
//! budget.

use super::body::{self, Body, SectionCounts};
use super::parsed_query::ParsedQuery;
use super::request::{Clock, MessageBuffer, Peer};
use crate::config::Explain;
use crate::decision::{NameMatch, find};
use crate::explain::{
    AddressSource, ClientAddress, ExplainQuery, Explanation, FeedInfo, feed_strings, pool_strings,
    usual_type, whoami_strings,
};
use crate::snapshot::Snapshot;
use crate::snapshot::extended_error::ExtendedError;
use crate::snapshot::static_data::{Answer, NodeKind, StaticData};
use crate::wire::lower::LowerName;
use crate::wire::writer::{MessageWriter, Owner};
use crate::wire::{class, rcode, rtype};

/// The question that a diagnostic name asks about another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Explain,
    Pool,
    Feed,
    Whoami,
}

/// A diagnostic name, split into its parts.
struct Subject {
    topic: Topic,
    /// The name behind the diagnostic label.
    name: LowerName,
    /// The zone that the name belongs to, by its number in the static data.
    zone: u32,
}

/// Most octets of strings in an answer: they always fit into a message beside question and OPT.
const MAX_STRINGS: usize = 64_000;

/// The answer at a diagnostic name; `None` if the name is answered like any other.
#[cold]
pub(super) fn diagnose<'s>(
    snapshot: &'s Snapshot,
    parsed: &ParsedQuery,
    peer: Peer,
    turn: u64,
    clock: Clock,
    message: MessageBuffer<'_>,
) -> Option<Body<'s>> {
    let static_data = &*snapshot.static_data;
    let Subject { topic, name, zone } = Subject::of(static_data, &parsed.name)?;
    if !static_data.settings.explain.allows(peer.client.ip()) {
        return Some(Body { ede: Some(ExtendedError::PROHIBITED), ..Body::code(rcode::REFUSED) });
    }
    if !matches!(parsed.query.qtype, rtype::TXT | rtype::ANY) {
        return Some(body::no_data(snapshot, zone, message));
    }
    // Their answers are many times as long as the question, which a stranger may ask in the name of
    // somebody else. Over TCP and with a cookie that is not possible.
    let is_verified = peer.transport.is_verified()
        || parsed.has_valid_cookie()
        || Explain::Local.allows(peer.client.ip());
    if !is_verified && topic != Topic::Whoami {
        return Some(Body { end: None, authoritative: true, ..Body::code(rcode::NOERROR) });
    }
    let now = clock();
    if !snapshot.budget.allows(now.as_microsecond()) {
        return Some(Body { ede: Some(ExtendedError::BUSY), ..Body::code(rcode::REFUSED) });
    }
    let client = client_address(parsed, peer);
    let explain = |qtype| {
        Explanation::of(snapshot, &ExplainQuery { name: &name, qtype, client, turn, time: now })
    };
    let (strings, scope) = match topic {
        Topic::Explain => {
            let explanation = explain(usual_type(snapshot, &name));
            (explanation.txt_strings(), explanation.scope)
        }
        Topic::Pool => {
            let explanation = explain(usual_type(snapshot, &name));
            let plan = plan_of(static_data, zone);
            (pool_strings(snapshot, &explanation, plan), explanation.scope)
        }
        Topic::Feed => (feed_strings(snapshot, &FeedInfo::of(&snapshot.meta, now)), None),
        Topic::Whoami => {
            let ecs = parsed.query.edns.and_then(|edns| edns.ecs);
            (whoami_strings(peer.client, peer.transport.label(), ecs), None)
        }
    };
    snapshot.budget.spend(now.as_microsecond(), clock().as_microsecond());
    // A scope refers to the subnet in the query; without one there is none.
    let scope = scope.filter(|_| parsed.query.subnet().is_some()).unwrap_or_default();
    Some(Body { scope, ..write(&strings, message) })
}

/// The name that a diagnostic name is about. `None` if `name` is not a diagnostic name, or if the
/// option `explain` is off.
pub fn diagnosed_name(snapshot: &Snapshot, name: &LowerName) -> Option<LowerName> {
    Subject::of(&snapshot.static_data, name).map(|subject| subject.name)
}

impl Subject {
    fn of(static_data: &StaticData, lower: &LowerName) -> Option<Self> {
        let (topic, rest) = Topic::split(lower.wire())?;
        let exists = static_data.names.closest(lower, static_data.names.probe(lower));
        // A zone file's own records come first.
        if static_data.settings.explain == Explain::Off
            || exists.is_some_and(|(_, before)| before == 0)
        {
            return None;
        }
        let mut name = LowerName::new();
        name.set(rest).then_some(())?;
        let zone = topic.zone(static_data, &name)?;
        Some(Self { topic, name, zone })
    }
}

impl Topic {
    /// The topic of a name in lower case, and the rest of the name, which the topic is about.
    fn split(lower: &[u8]) -> Option<(Self, &[u8])> {
        let topics: [(&[u8], Self); 4] = [
            (b"\x08_explain", Self::Explain),
            (b"\x05_pool", Self::Pool),
            (b"\x05_feed", Self::Feed),
            (b"\x07_whoami", Self::Whoami),
        ];
        topics.into_iter().find_map(|(label, topic)| Some((topic, lower.strip_prefix(label)?)))
    }

    /// The zone that can answer this topic about a name. For a name that does not exist, only
    /// `_explain` can, and says that it does not exist. Below a delegation and in a zone without
    /// data none can.
    fn zone(self, static_data: &StaticData, name: &LowerName) -> Option<u32> {
        let found = find(static_data, name, static_data.names.probe(name));
        let node = match found {
            NameMatch::Node(node) => node,
            NameMatch::Dname { node, .. } | NameMatch::ClosestEncloser(node)
                if self == Self::Explain =>
            {
                node
            }
            NameMatch::Dname { .. } | NameMatch::ClosestEncloser(_) | NameMatch::Nothing => {
                return None;
            }
        };
        let node = static_data.nodes.get(node as usize)?;
        let is_answered = !matches!(node.kind, NodeKind::Cut(_) | NodeKind::Unavailable(_));
        is_answered.then_some(node.zone)
    }
}

/// The address by which the client is located: the query's client subnet, or else its source.
fn client_address(parsed: &ParsedQuery, peer: Peer) -> ClientAddress {
    let ecs = parsed.query.edns.and_then(|edns| edns.ecs);
    match (parsed.query.subnet(), ecs) {
        (Some(address), Some(ecs)) => {
            ClientAddress { address, prefix: Some(ecs.source), from: AddressSource::Ecs }
        }
        _ => ClientAddress { address: peer.client.ip(), prefix: None, from: AddressSource::Source },
    }
}

/// The plan of the first pool of a zone, by its number in the static data.
fn plan_of(static_data: &StaticData, zone: u32) -> Option<u32> {
    let holdings = static_data
        .nodes
        .iter()
        .filter(|node| node.zone == zone)
        .flat_map(|node| static_data.answers(node));
    let mut rules = holdings.filter_map(|holding| match holding.answer {
        Answer::Pool { rule, .. } => static_data.rules.get(rule as usize),
        _ => None,
    });
    rules.next().map(|rule| rule.plan)
}

/// Writes all strings into one TXT record, because the records of a set have no order.
fn write(strings: &[String], message: MessageBuffer<'_>) -> Body<'static> {
    let mut rdata = Vec::new();
    for (number, string) in strings.iter().enumerate() {
        if rdata.len() + string.len() > MAX_STRINGS {
            let left = strings.len() - number;
            put(&mut rdata, &format!("… and {left} more, for which a message has no room"));
            break;
        }
        put(&mut rdata, string);
    }
    let MessageBuffer { buffer, question_end, limit, .. } = message;
    let mut writer = MessageWriter::new(buffer.get_mut(..limit).unwrap_or_default(), question_end);
    writer.record(Owner::Question, rtype::TXT, class::IN, 0, &rdata);
    let counts = SectionCounts { answer: 1, ..SectionCounts::default() };
    Body { end: writer.finish(), counts, authoritative: true, ..Body::code(rcode::NOERROR) }
}

/// Appends a character string (RFC 1035 section 3.3). The callers' strings are short enough.
fn put(rdata: &mut Vec<u8>, string: &str) {
    let octets = string.as_bytes().iter().take(255);
    rdata.push(octets.len() as u8);
    rdata.extend(octets);
}
