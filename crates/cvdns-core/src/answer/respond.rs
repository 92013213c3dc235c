//! Turns a query into its answer, in place: no allocation, lock, log or clock.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use jiff::Timestamp;

use super::body::{self, Body};
use super::diagnose::{Room, diagnose};
use super::options::{Ede, Opt};
use super::parsed_query::ParsedQuery;
use super::query_batch::QueryBatch;
use super::query_counters::{CounterHandle, QueryCounters};
use crate::decision::{Outcome, Trail, decide};
use crate::snapshot::Snapshot;
use crate::snapshot::fallback::FallbackLevel;
use crate::snapshot::name_class::NameClass;
use crate::snapshot::path_counts::PathCounts;
use crate::wire::query::{Query, Reject};
use crate::wire::tsig::Tsig;
use crate::wire::{HEADER, MAX_MESSAGE, class, rcode, rtype};

/// By what a query came: decides how long an answer may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// A datagram: the answer keeps to what the client and the server can take (RFC 6891).
    Udp,
    /// A connection: the answer may have up to 65,535 octets (RFC 7766).
    Tcp,
}

/// From whom a query came, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub client: SocketAddr,
    pub transport: Transport,
}

/// What one thread keeps between queries.
#[derive(Debug, Clone)]
pub struct Answering {
    parsed: ParsedQuery,
    query_batch: QueryBatch,
    own: Own,
}

/// What every answer uses, beside its query.
#[derive(Debug, Clone)]
struct Own {
    trail: Trail,
    /// Chooses the next window.
    turn: u64,
    /// Where this thread counts download reports.
    lane: usize,
    clock: Clock,
    /// Where it counts what it answers.
    counters: CounterHandle,
    /// As what the answer at hand is counted.
    noted: Noted,
}

/// An answer that is ready to be sent.
struct Finished {
    /// Its length.
    end: usize,
    /// It was too long.
    truncated: bool,
}

/// As what an answer is counted.
#[derive(Debug, Clone, Copy)]
struct Noted {
    class: NameClass,
    /// The counter of the path whose mirrors it consists of ([`PathCounts::index`]); [`NO_MIRRORS`]: it has none.
    path: u32,
    /// How far that was followed.
    reach: FallbackLevel,
}

const NO_MIRRORS: u32 = u32::MAX;

/// Tells the time.
pub type Clock = fn() -> Timestamp;

/// 2^64 divided by the golden ratio. Multiples of it, taken modulo 2^64, fill the range evenly, and so does every second,
/// third … of them (Weyl): a client that always asks A and AAAA in turn still sees every window.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Largest UDP answer in octets to a client without EDNS (RFC 1035 section 4.2.1).
const PLAIN_UDP: usize = 512;

impl Answering {
    /// Starts with this turn of the windows; different threads best start with different ones. The clock is asked by
    /// diagnostic names alone.
    pub fn new(turn: u64, clock: Clock) -> Self {
        Self::counting(turn, clock, CounterHandle::own(Arc::new(QueryCounters::default()), 1))
    }

    /// The same, with its answers counted there.
    pub fn counting(turn: u64, clock: Clock, counters: CounterHandle) -> Self {
        let (trail, lane) = (Trail::default(), turn as usize);
        let noted = Noted { class: NameClass::Other, path: NO_MIRRORS, reach: FallbackLevel::Near };
        let own = Own { trail, turn: turn.wrapping_mul(STRIDE), lane, clock, counters, noted };
        Self { parsed: ParsedQuery::nothing(), query_batch: QueryBatch::default(), own }
    }

    /// What chooses the window of the next query in class IN: a fraction of 2^64.
    pub fn next_turn(&self) -> u64 {
        self.own.turn.wrapping_add(STRIDE)
    }

    /// Answers the query in `buffer[..length]` in place and returns the answer's length; none: no answer.
    pub fn respond(
        &mut self,
        snapshot: &Snapshot,
        buffer: &mut [u8],
        length: usize,
        client: SocketAddr,
        transport: Transport,
    ) -> Option<usize> {
        let Self { parsed, own, .. } = self;
        parsed.read(snapshot, buffer.get(..length)?, client.ip());
        parsed.probe(snapshot);
        parsed.find(snapshot);
        answer(snapshot, parsed, own, buffer, Peer { client, transport })
    }

    /// Reads queries that [`Self::respond_expected`] is going to answer from the same snapshot: what one waits for in memory,
    /// all wait for together. None stands for what is no query. Room is taken once, for the most that ever came.
    pub fn expect<'q>(
        &mut self,
        snapshot: &Snapshot,
        queries: impl Iterator<Item = Option<(&'q [u8], IpAddr)>>,
    ) {
        self.query_batch.read(snapshot, queries);
    }

    /// Answers the expected query of this number, which is in `buffer`, in place; the answer's length, none: no answer.
    pub fn respond_expected(
        &mut self,
        number: usize,
        snapshot: &Snapshot,
        buffer: &mut [u8],
        client: SocketAddr,
        transport: Transport,
    ) -> Option<usize> {
        let Self { query_batch, own, .. } = self;
        answer(snapshot, query_batch.get(number)?, own, buffer, Peer { client, transport })
    }
}

fn answer(
    snapshot: &Snapshot,
    parsed: &ParsedQuery,
    own: &mut Own,
    buffer: &mut [u8],
    peer: Peer,
) -> Option<usize> {
    let (settings, query) = (&snapshot.static_data.settings, &parsed.query);
    match parsed.reject {
        None => {}
        Some(Reject::Drop) => return None,
        Some(Reject::Code { rcode, question_end, edns, subnet }) => {
            let opt = edns.then_some(Opt {
                udp_size: settings.udp_size,
                dnssec_ok: false,
                nsid: None,
                ecs: None,
            });
            let class =
                if rcode == rcode::NOTIMP { NameClass::Other } else { NameClass::Malformed };
            own.counters.count(class, question_end.map_or(0, |_| query.qtype), rcode);
            return reject(buffer, rcode, question_end, opt, subnet.then_some(Ede::BAD_SUBNET));
        }
        Some(Reject::UnknownKey { question_end, edns, tsig }) => {
            own.counters.count(NameClass::Other, query.qtype, rcode::NOTAUTH);
            let opt = query.edns.as_ref().filter(|_| edns).map(|edns| Opt::new(edns, settings));
            let limit = limit(query, settings.udp_size, peer.transport).min(buffer.len());
            return unknown_key(buffer, question_end.into(), opt, tsig, limit);
        }
    }
    let opt = query.edns.as_ref().map(|edns| Opt::new(edns, settings));
    let limit = limit(query, settings.udp_size, peer.transport).min(buffer.len());
    let body = body(snapshot, parsed, own, peer, buffer, limit);
    let Finished { end, truncated } = finish(buffer, query, body, opt, limit)?;
    count(snapshot, own, query, body.rcode, truncated);
    Some(end)
}

/// Writes the answer's sections behind the question.
fn body<'s>(
    snapshot: &'s Snapshot,
    parsed: &ParsedQuery,
    own: &mut Own,
    peer: Peer,
    buffer: &mut [u8],
    limit: usize,
) -> Body<'s> {
    let query = &parsed.query;
    own.noted = Noted { class: NameClass::Other, path: NO_MIRRORS, reach: FallbackLevel::Near };
    if query.edns.is_some_and(|edns| edns.version > 0) {
        return Body::code(rcode::BADVERS);
    }
    match (query.qclass, query.qtype) {
        (_, rtype::OPT | rtype::TKEY | rtype::TSIG) => Body::code(rcode::FORMERR),
        (class::IN, rtype::AXFR | rtype::IXFR) => Body::code(rcode::REFUSED),
        (class::IN, rtype::MAILA | rtype::MAILB) => Body::code(rcode::NOTIMP),
        (class::IN, _) => {
            own.turn = own.turn.wrapping_add(STRIDE);
            if parsed.name.begins_with_underscore() {
                let room = Room { buffer: &mut *buffer, question_end: query.question_end, limit };
                if let Some(body) = diagnose(snapshot, parsed, peer, own.turn, own.clock, room) {
                    own.noted.class = NameClass::Diagnostic;
                    return body;
                }
            }
            decided(snapshot, parsed, own, buffer, limit)
        }
        (class::CH, rtype::TXT | rtype::ANY) => {
            let body = body::chaos(parsed.name.wire(), snapshot, buffer, query.question_end);
            own.noted.class = if body.is_some() { NameClass::Server } else { NameClass::Foreign };
            body.unwrap_or(Body::code(rcode::REFUSED))
        }
        _ => {
            own.noted.class = NameClass::Foreign;
            Body::code(rcode::REFUSED)
        }
    }
}

/// Writes what is decided of a question in class IN.
#[inline]
fn decided<'s>(
    snapshot: &'s Snapshot,
    parsed: &ParsedQuery,
    own: &mut Own,
    buffer: &mut [u8],
    limit: usize,
) -> Body<'s> {
    let query = &parsed.query;
    let Own { trail, turn, lane, noted, .. } = own;
    let decision = decide(snapshot, parsed.question(), &parsed.client, trail);
    noted.class = decision.class;
    match decision.outcome {
        // Behind an alias it is no client's report.
        Outcome::DownloadReport { suffix, .. } if trail.chain.is_empty() => {
            snapshot.static_data.download_reports.count(parsed.name.wire(), suffix.into(), *lane);
        }
        Outcome::Pool { answer, slot, ipv6, .. } => {
            noted.path = PathCounts::index(slot, ipv6);
            noted.reach = answer.windows(ipv6).fallback;
        }
        _ => {}
    }
    // A scope says something of the subnet that was sent; the resolver's own address has none.
    let placed = decision.client.filter(|_| query.subnet().is_some());
    let scope = placed.map_or(0, |place| place.scope);
    let body =
        body::write(snapshot, &decision, &trail.chain, buffer, query.question_end, limit, *turn);
    Body { scope, ..body }
}

/// Counts an answer that is finished.
#[inline]
fn count(snapshot: &Snapshot, own: &Own, query: &Query, rcode: u16, truncated: bool) {
    let Own { counters, noted, .. } = own;
    counters.count(noted.class, query.qtype, rcode);
    if query.edns.is_some_and(|edns| edns.ecs.is_some()) {
        counters.add(&counters.query_counters().ecs);
    }
    if truncated {
        return counters.add(&counters.query_counters().truncated);
    }
    if noted.path == NO_MIRRORS {
        return;
    }
    if let Some(counter) = snapshot.counts.get(counters.lane, noted.path) {
        counters.add(counter);
    }
    match noted.reach {
        FallbackLevel::Near => {}
        FallbackLevel::Further => counters.add(&counters.query_counters().widened),
        FallbackLevel::Lagging => counters.add(&counters.query_counters().lagging),
        FallbackLevel::Open => counters.add(&counters.query_counters().fail_open),
    }
}

/// Most octets that the answer may have.
fn limit(query: &Query, ours: u16, transport: Transport) -> usize {
    match (transport, query.edns) {
        (Transport::Tcp, _) => MAX_MESSAGE,
        (Transport::Udp, None) => PLAIN_UDP,
        (Transport::Udp, Some(edns)) => usize::from(edns.udp_size.min(ours)),
    }
}

/// Completes an answer: cuts it when it is too long, adds OPT, writes the header.
fn finish(
    buffer: &mut [u8],
    query: &Query,
    body: Body<'_>,
    opt: Option<Opt<'_>>,
    limit: usize,
) -> Option<Finished> {
    let opt_size = opt.map_or(0, |opt| opt.size());
    let end = body.end.map(|end| end.max(query.question_end));
    let fits = end.filter(|end| end + opt_size <= limit);
    // No record is left out for words about it.
    let ede = body.ede.filter(|ede| fits.is_some_and(|end| end + opt_size + ede.size() <= limit));
    let (sections_end, counts) = match fits {
        Some(end) => (end, body.counts),
        None => (query.question_end, body::SectionCounts::default()),
    };
    let end = match opt {
        Some(opt) => opt.write(buffer, sections_end, body.rcode, body.scope, ede)?,
        None => sections_end,
    };
    let [answer, authority] = [counts.answer.to_be_bytes(), counts.authority.to_be_bytes()];
    let additional = (counts.additional + u16::from(opt.is_some())).to_be_bytes();
    let header = buffer.first_chunk_mut::<HEADER>()?;
    let [_, _, flags, code, _, _, an1, an0, ns1, ns0, ar1, ar0] = header;
    let truncated = if fits.is_none() { 0x02 } else { 0 };
    let authoritative = if body.authoritative { 0x04 } else { 0 };
    *flags = 0x80 | authoritative | truncated | (*flags & 0x01);
    *code = (body.rcode & 0x0f) as u8;
    [[*an1, *an0], [*ns1, *ns0], [*ar1, *ar0]] = [answer, authority, additional];
    Some(Finished { end, truncated: fits.is_none() })
}

/// NOTAUTH, with a TSIG record that says BADKEY (RFC 8945 section 5.2.1); without it where it does not fit.
#[cold]
fn unknown_key(
    buffer: &mut [u8],
    question_end: usize,
    opt: Option<Opt<'_>>,
    tsig: Tsig,
    limit: usize,
) -> Option<usize> {
    let (record, length) = tsig.unknown_key(buffer)?;
    let end = reject(buffer, rcode::NOTAUTH, Some(question_end), opt, None)?;
    if end + length > limit {
        return Some(end);
    }
    buffer.get_mut(end..end + length)?.copy_from_slice(record.get(..length)?);
    // The last octet of ARCOUNT: one for TSIG beside that of OPT.
    *buffer.get_mut(HEADER - 1)? += 1;
    Some(end + length)
}

/// An answer that only says why there is none.
fn reject(
    buffer: &mut [u8],
    rcode: u16,
    question_end: Option<usize>,
    opt: Option<Opt<'_>>,
    ede: Option<Ede<'_>>,
) -> Option<usize> {
    let end = question_end.unwrap_or(HEADER);
    let end = match opt {
        Some(opt) => opt.write(buffer, end, rcode, 0, ede)?,
        None => end,
    };
    let header = buffer.first_chunk_mut::<HEADER>()?;
    let [_, _, flags, code, counts @ ..] = header;
    // The opcode and RD stay (RFC 1035 section 4.1.1).
    *flags = 0x80 | (*flags & 0x79);
    *code = (rcode & 0x0f) as u8;
    *counts = [0, u8::from(question_end.is_some()), 0, 0, 0, 0, 0, u8::from(opt.is_some())];
    Some(end)
}
