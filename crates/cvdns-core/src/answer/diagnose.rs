//! Diagnostic names: `_explain`, `_pool`, `_feed` and `_whoami` in front of a name of ours tell why it is answered as it is.
//!
//! They are made when they are asked, off the path that other names take: they allocate, and ask the clock. That costs more than other
//! answers, which must not wait for them: there is a budget.

use super::body::{self, Body, SectionCounts};
use super::options::Ede;
use super::parsed_query::ParsedQuery;
use super::respond::{Clock, Peer, Transport};
use crate::config::Explain;
use crate::decision::{NameMatch, find};
use crate::explain::{
    AddressSource, Asker, FeedStory, Inquiry, Story, feed_lines, pool_lines, usual_type,
    whoami_lines,
};
use crate::snapshot::Snapshot;
use crate::snapshot::static_data::{Answer, NodeKind, StaticData};
use crate::wire::lower::LowerName;
use crate::wire::writer::{MessageWriter, Owner};
use crate::wire::{class, rcode, rtype};

/// What is asked about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Explain,
    Pool,
    Feed,
    Whoami,
}

/// A diagnostic name, taken apart.
struct Subject {
    topic: Topic,
    /// What it is about.
    name: LowerName,
    zone: u32,
}

/// The message that is answered, and the room for it.
pub(super) struct Room<'b> {
    pub buffer: &'b mut [u8],
    pub question_end: usize,
    pub limit: usize,
}

/// Octets of strings that always fit a message, beside question and OPT.
const MOST: usize = 64_000;

/// The answer at a diagnostic name; none: it is answered as any other.
#[cold]
pub(super) fn diagnose<'s>(
    snapshot: &'s Snapshot,
    parsed: &ParsedQuery,
    peer: Peer,
    turn: u64,
    clock: Clock,
    room: Room<'_>,
) -> Option<Body<'s>> {
    let static_data = &*snapshot.static_data;
    let Room { buffer, question_end, limit } = room;
    let Subject { topic, name, zone } = Subject::of(static_data, &parsed.name)?;
    if !static_data.settings.explain.allows(peer.client.ip()) {
        return Some(Body { ede: Some(Ede::PROHIBITED), ..Body::code(rcode::REFUSED) });
    }
    if !matches!(parsed.query.qtype, rtype::TXT | rtype::ANY) {
        return Some(body::no_data(snapshot, zone, buffer, question_end, limit));
    }
    let now = clock();
    if !snapshot.budget.allows(now.as_microsecond()) {
        return Some(Body { ede: Some(Ede::BUSY), ..Body::code(rcode::REFUSED) });
    }
    let asker = asker(parsed, peer);
    let tell = |qtype| Story::of(snapshot, &Inquiry { name: &name, qtype, asker, turn, time: now });
    let (lines, scope) = match topic {
        Topic::Explain => {
            let story = tell(usual_type(snapshot, &name));
            (story.lines(), story.scope)
        }
        Topic::Pool => {
            let story = tell(usual_type(snapshot, &name));
            (pool_lines(snapshot, &story, plan_of(static_data, zone)), story.scope)
        }
        Topic::Feed => (feed_lines(snapshot, &FeedStory::of(&snapshot.meta, now)), None),
        Topic::Whoami => {
            let transport = if peer.transport == Transport::Udp { "udp" } else { "tcp" };
            (
                whoami_lines(peer.client, transport, parsed.query.edns.and_then(|edns| edns.ecs)),
                None,
            )
        }
    };
    snapshot.budget.spend(now.as_microsecond(), clock().as_microsecond());
    // A scope says something of the subnet that was sent.
    let scope = scope.filter(|_| parsed.query.subnet().is_some()).unwrap_or_default();
    Some(Body { scope, ..write(&lines, buffer, question_end, limit) })
}

/// The name that a diagnostic name is about; none: it is a name as any other, or is none for lack of `explain`.
pub fn diagnosed(snapshot: &Snapshot, name: &LowerName) -> Option<LowerName> {
    Subject::of(&snapshot.static_data, name).map(|subject| subject.name)
}

impl Subject {
    fn of(static_data: &StaticData, lower: &LowerName) -> Option<Self> {
        let (topic, rest) = Topic::split(lower.wire())?;
        let exists = static_data.names.closest(lower, static_data.names.probe(lower));
        // What a zone file says comes first.
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
    /// The topic of a name in lower case, and the name that it is about.
    fn split(lower: &[u8]) -> Option<(Self, &[u8])> {
        let topics: [(&[u8], Self); 4] = [
            (b"\x08_explain", Self::Explain),
            (b"\x05_pool", Self::Pool),
            (b"\x05_feed", Self::Feed),
            (b"\x07_whoami", Self::Whoami),
        ];
        topics.into_iter().find_map(|(label, topic)| Some((topic, lower.strip_prefix(label)?)))
    }

    /// The zone that can say something about a name. Of names that do not exist there is only to explain that they do not;
    /// below a delegation there is nothing of ours.
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
        (!matches!(node.kind, NodeKind::Cut(_))).then_some(node.zone)
    }
}

fn asker(parsed: &ParsedQuery, peer: Peer) -> Asker {
    let ecs = parsed.query.edns.and_then(|edns| edns.ecs);
    match (parsed.query.subnet(), ecs) {
        (Some(address), Some(ecs)) => {
            Asker { address, prefix: Some(ecs.source), from: AddressSource::Ecs }
        }
        _ => Asker { address: peer.client.ip(), prefix: None, from: AddressSource::Source },
    }
}

/// The plan of a zone's names.
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

/// One TXT record with all strings, for records of a set have no order.
fn write(lines: &[String], buffer: &mut [u8], question_end: usize, limit: usize) -> Body<'static> {
    let mut rdata = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if rdata.len() + line.len() > MOST {
            put(
                &mut rdata,
                &format!("… and {} more, for which a message has no room", lines.len() - number),
            );
            break;
        }
        put(&mut rdata, line);
    }
    let mut writer = MessageWriter::new(buffer.get_mut(..limit).unwrap_or_default(), question_end);
    writer.record(Owner::Question, rtype::TXT, class::IN, 0, &rdata);
    let counts = SectionCounts { answer: 1, ..SectionCounts::default() };
    Body { end: writer.finish(), counts, authoritative: true, ..Body::code(rcode::NOERROR) }
}

/// A character string (RFC 1035 section 3.3); lines are short enough already.
fn put(rdata: &mut Vec<u8>, line: &str) {
    let octets = line.as_bytes().iter().take(255);
    rdata.push(octets.len() as u8);
    rdata.extend(octets);
}
