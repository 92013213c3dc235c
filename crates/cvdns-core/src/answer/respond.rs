//! Turns a query into its answer in place: without allocation, lock, log or clock, except for
//! diagnostic names.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::body::{self, Body};
use super::completion::{Finished, finish, reject, unknown_key};
use super::diagnose::diagnose;
use super::elsewhere::{Elsewhere, TransferRefusal};
use super::guard::Guard;
use super::options::Opt;
use super::parsed_query::ParsedQuery;
use super::query_batch::QueryBatch;
use super::query_counters::{CounterHandle, QueryCounters};
use super::request::{Clock, MessageBuffer, Moment, Peer, Transport};
use super::signed;
use crate::abuse::{CookieSecrets, RateLimiter, Verdict};
use crate::decision::{Outcome, Trail, decide};
use crate::snapshot::Snapshot;
use crate::snapshot::extended_error::ExtendedError;
use crate::snapshot::fallback::FallbackLevel;
use crate::snapshot::name_class::NameClass;
use crate::snapshot::path_counts::PathCounts;
use crate::wire::edns::Keepalive;
use crate::wire::query::{Query, Reject};
use crate::wire::{MAX_MESSAGE, class, rcode, rtype};

/// Answers queries from snapshots. Each thread has one.
#[derive(Debug, Clone)]
pub struct Answering {
    parsed: ParsedQuery,
    query_batch: QueryBatch,
    guard: Guard,
    state: State,
}

/// State of an [`Answering`] beside the queries.
#[derive(Debug, Clone)]
struct State {
    trail: Trail,
    /// Chooses the window of the current answer: a fraction of 2^64.
    turn: u64,
    /// The idle timeout of a connection in units of 100 ms; `None` for UDP.
    idle: Option<u16>,
    /// The lane in which this thread counts download reports.
    lane: usize,
    clock: Clock,
    counters: CounterHandle,
    /// Metrics labels of the current answer.
    labels: Labels,
    /// Why the last message was left to somebody else.
    elsewhere: Option<Elsewhere>,
    /// How a request for a transfer is refused; `None`: it is left to somebody else, where the
    /// server has keys.
    refusal: Option<TransferRefusal>,
}

/// Metrics labels of an answer.
#[derive(Debug, Clone, Copy)]
struct Labels {
    class: NameClass,
    /// Counter of the path whose mirrors are in the answer ([`PathCounts::index`]), or
    /// [`NO_MIRRORS`].
    path: u32,
    /// How far the path was followed.
    level: FallbackLevel,
}

/// [`Labels::path`] of an answer without mirrors.
const NO_MIRRORS: u32 = u32::MAX;

/// A lane that no snapshot has: it counts for fewer threads.
const NO_LANE: usize = 1 << 20;

/// 2^64 divided by the golden ratio. Its multiples modulo 2^64 fill the range evenly, and so does
/// every second, third … multiple (Weyl): a client that asks for A and AAAA in turn sees every
/// window.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Most octets of a UDP answer to a client without EDNS (RFC 1035 section 4.2.1).
const PLAIN_UDP: usize = 512;

/// Most octets of a UDP answer to a client without a valid cookie, whatever `edns-udp-size` is: the
/// client's address may be forged, and whoever has it should not get more than what passes every
/// network without fragmentation (DNS flag day 2020).
const UNVERIFIED_UDP: usize = 1232;

impl Answering {
    /// Begins with the window that `turn` chooses; threads should begin with different turns. Only
    /// diagnostic names read the clock. Answers are counted by counters that nobody else sees.
    pub fn new(turn: u64, clock: Clock) -> Self {
        Self::counting(turn, clock, CounterHandle::own(Arc::new(QueryCounters::default()), 1))
    }

    /// The same, with answers counted by `counters`.
    pub fn counting(turn: u64, clock: Clock, counters: CounterHandle) -> Self {
        let (trail, lane) = (Trail::default(), turn as usize);
        let labels =
            Labels { class: NameClass::Other, path: NO_MIRRORS, level: FallbackLevel::Near };
        let turn = turn.wrapping_mul(STRIDE);
        let state = State {
            trail,
            turn,
            idle: None,
            lane,
            clock,
            counters,
            labels,
            elsewhere: None,
            refusal: None,
        };
        let (query_batch, guard) = (QueryBatch::default(), Guard::default());
        Self { parsed: ParsedQuery::empty(), query_batch, guard, state }
    }

    /// The same for answers that nobody is sent: the snapshot counts neither them nor, at names for
    /// download reports, a report.
    pub fn uncounted(turn: u64, clock: Clock) -> Self {
        let counters = CounterHandle::own(Arc::new(QueryCounters::default()), NO_LANE);
        let mut answering = Self::counting(turn, clock, counters);
        answering.state.lane = NO_LANE;
        answering
    }

    /// The same with a limit of answers over UDP.
    #[must_use]
    pub fn limited_by(self, limiter: RateLimiter) -> Self {
        Self { guard: Guard { limiter: Some(limiter), ..self.guard }, ..self }
    }

    /// Begins a batch of queries: they are of this moment, and their cookies are made and verified
    /// by these secrets. Without this, no answer has a cookie, and for the rate limit no time goes
    /// by.
    #[inline]
    pub fn begin(&mut self, moment: Moment, secrets: &Arc<CookieSecrets>) {
        self.guard.moment = moment;
        if self.guard.secrets.as_ref().is_none_or(|known| !Arc::ptr_eq(known, secrets)) {
            self.guard.secrets = Some(secrets.clone());
        }
    }

    /// Sets the idle timeout of the connection that is answered, which clients may ask for (RFC
    /// 7828).
    pub fn set_idle_timeout(&mut self, time: Duration) {
        self.state.idle = Some(u16::try_from(time.as_millis() / 100).unwrap_or(u16::MAX));
    }

    /// The turn that chooses the window of the next query in class IN: a fraction of 2^64.
    pub fn next_turn(&self) -> u64 {
        self.state.turn.wrapping_add(STRIDE)
    }

    /// Answers the query in `buffer[..length]` in place. Returns the answer's length in octets, or
    /// `None` if the message gets no answer.
    pub fn respond(
        &mut self,
        snapshot: &Snapshot,
        buffer: &mut [u8],
        length: usize,
        client: SocketAddr,
        transport: Transport,
    ) -> Option<usize> {
        let Self { parsed, guard, state, .. } = self;
        parsed.read(snapshot, buffer.get(..length)?, client.ip());
        guard.examine(parsed, &snapshot.static_data.settings, client.ip(), transport);
        parsed.probe(snapshot);
        parsed.find(snapshot);
        answer(snapshot, parsed, state, buffer, Peer { client, transport })
    }

    /// Why the last message got no answer, if somebody else is to answer it. The message is still
    /// in the buffer as it came.
    pub fn take_elsewhere(&mut self) -> Option<Elsewhere> {
        self.state.elsewhere.take()
    }

    /// Answers like [`Self::respond`], but refuses a request for a transfer in this way, and a
    /// signature by a key that is not known.
    #[cold]
    pub fn respond_refusing(
        &mut self,
        refusal: TransferRefusal,
        snapshot: &Snapshot,
        buffer: &mut [u8],
        length: usize,
        (client, transport): (SocketAddr, Transport),
    ) -> Option<usize> {
        self.state.refusal = Some(refusal);
        let answered = self.respond(snapshot, buffer, length, client, transport);
        self.state.refusal = None;
        answered
    }

    /// Counts an answer that somebody else gave.
    #[cold]
    pub fn count_elsewhere(&self, qtype: u16, rcode: u16) {
        self.state.counters.count(NameClass::Other, qtype, rcode);
    }

    /// Reads the queries over UDP that [`Self::respond_in_batch`] will answer from the same
    /// snapshot, so that they wait for memory together. `None` is a message that gets no answer.
    /// Memory is allocated only when a batch is larger than all before it.
    pub fn read_batch<'q>(
        &mut self,
        snapshot: &Snapshot,
        queries: impl Iterator<Item = Option<(&'q [u8], IpAddr)>>,
    ) {
        self.query_batch.read(snapshot, &mut self.guard, queries);
    }

    /// Answers the query with this number in the batch, which is also in `buffer`, in place.
    /// Returns the answer's length in octets, or `None` if the message gets no answer.
    pub fn respond_in_batch(
        &mut self,
        number: usize,
        snapshot: &Snapshot,
        buffer: &mut [u8],
        client: SocketAddr,
        transport: Transport,
    ) -> Option<usize> {
        let Self { query_batch, state, .. } = self;
        answer(snapshot, query_batch.get(number)?, state, buffer, Peer { client, transport })
    }
}

fn answer(
    snapshot: &Snapshot,
    parsed: &ParsedQuery,
    state: &mut State,
    buffer: &mut [u8],
    peer: Peer,
) -> Option<usize> {
    let (settings, query) = (&snapshot.static_data.settings, &parsed.query);
    let cookie = parsed.cookie.map(|cookie| cookie.answer);
    match parsed.verdict {
        Verdict::Answer => {}
        Verdict::WouldLimit => state.counters.add(&state.counters.query_counters().would_limit),
        Verdict::Truncate => return limited(snapshot, parsed, state, buffer),
        Verdict::Drop => {
            state.counters.add(&state.counters.query_counters().limited_dropped);
            return None;
        }
    }
    match parsed.reject {
        None => {}
        Some(Reject::Drop) => {
            state.counters.add(&state.counters.query_counters().ignored);
            return None;
        }
        Some(Reject::Code { rcode, question_end, edns, subnet }) => {
            let opt = edns.then(|| Opt::bare(settings, false, None));
            let class =
                if rcode == rcode::NOTIMP { NameClass::Other } else { NameClass::Malformed };
            state.counters.count(class, question_end.map_or(0, |_| query.qtype), rcode);
            return reject(
                buffer,
                rcode,
                question_end,
                opt,
                subnet.then_some(ExtendedError::BAD_SUBNET),
            );
        }
        Some(Reject::Notify { edns }) => return notify(snapshot, edns, state, buffer),
        Some(Reject::UnknownKey { question_end, edns, tsig }) => {
            if settings.has_keys && state.refusal.is_none() {
                state.elsewhere = Some(Elsewhere::Signed);
                return None;
            }
            state.counters.count(NameClass::Other, query.qtype, rcode::NOTAUTH);
            let edns = query.edns.as_ref().filter(|_| edns);
            let opt = edns.map(|edns| Opt::new(edns, settings, None, cookie));
            let limit = limit(parsed, settings.udp_size, peer.transport).min(buffer.len());
            return unknown_key(buffer, question_end.into(), opt, tsig, limit);
        }
    }
    if let Some(checked) = &parsed.cookie {
        state.counters.count_cookie(checked.is_valid, query);
    }
    let idle = state.idle.filter(|_| peer.transport.has_keepalive());
    let opt = query.edns.as_ref().map(|edns| Opt {
        padded: edns.padding && peer.transport.is_encrypted(),
        ..Opt::new(edns, settings, idle, cookie)
    });
    let limit = limit(parsed, settings.udp_size, peer.transport).min(buffer.len());
    let body = body(snapshot, parsed, state, peer, buffer, limit)?;
    let Finished { end, truncated } = finish(buffer, query, body, opt, limit)?;
    count(snapshot, state, query, body.rcode, truncated);
    Some(end)
}

/// Writes the answer's sections behind the question, unless the query's class, type or EDNS version
/// decides the answer. `None` if somebody else is to answer.
fn body<'s>(
    snapshot: &'s Snapshot,
    parsed: &ParsedQuery,
    state: &mut State,
    peer: Peer,
    buffer: &mut [u8],
    limit: usize,
) -> Option<Body<'s>> {
    let query = &parsed.query;
    state.labels = Labels { class: NameClass::Other, path: NO_MIRRORS, level: FallbackLevel::Near };
    if query.edns.is_some_and(|edns| edns.version > 0) {
        return Some(Body::code(rcode::BADVERS));
    }
    if peer.transport.has_keepalive()
        && query.edns.is_some_and(|edns| edns.keepalive == Keepalive::Malformed)
    {
        state.labels.class = NameClass::Malformed;
        return Some(Body::code(rcode::FORMERR));
    }
    Some(match (query.qclass, query.qtype) {
        (_, rtype::OPT | rtype::TKEY | rtype::TSIG) => Body::code(rcode::FORMERR),
        (class::IN, rtype::AXFR | rtype::IXFR) => {
            return transfer(state, snapshot.static_data.settings.has_keys);
        }
        (class::IN, rtype::MAILA | rtype::MAILB) => Body::code(rcode::NOTIMP),
        (class::IN, _) => {
            state.turn = state.turn.wrapping_add(STRIDE);
            if parsed.name.begins_with_underscore() {
                let question_end = query.question_end;
                let alias_limit = limit;
                let message =
                    MessageBuffer { buffer: &mut *buffer, question_end, limit, alias_limit };
                let (turn, clock) = (state.turn, state.clock);
                if let Some(body) = diagnose(snapshot, parsed, peer, turn, clock, message) {
                    state.labels.class = NameClass::Diagnostic;
                    return Some(body);
                }
            }
            decided(snapshot, parsed, state, peer, buffer, limit)
        }
        (class::CH, rtype::TXT | rtype::ANY) => {
            let body = body::chaos(parsed.name.wire(), snapshot, buffer, query.question_end);
            state.labels.class =
                if body.is_some() { NameClass::Server } else { NameClass::Foreign };
            body.unwrap_or(Body::code(rcode::REFUSED))
        }
        _ => {
            state.labels.class = NameClass::Foreign;
            Body::code(rcode::REFUSED)
        }
    })
}

/// Leaves NOTIFY to somebody else, where a zone has a primary.
#[cold]
fn notify(snapshot: &Snapshot, edns: bool, state: &mut State, buffer: &mut [u8]) -> Option<usize> {
    if snapshot.static_data.has_primaries {
        state.elsewhere = Some(Elsewhere::Notify);
        return None;
    }
    state.counters.count(NameClass::Other, 0, rcode::NOTIMP);
    let opt = edns.then(|| Opt::bare(&snapshot.static_data.settings, false, None));
    reject(buffer, rcode::NOTIMP, None, opt, None)
}

/// Refuses a request for a transfer, or leaves it to somebody else.
#[cold]
fn transfer(state: &mut State, has_keys: bool) -> Option<Body<'static>> {
    match state.refusal {
        Some(TransferRefusal { rcode, ede }) => Some(Body { ede, ..Body::code(rcode) }),
        None if has_keys => {
            state.elsewhere = Some(Elsewhere::Transfer);
            None
        }
        None => Some(Body::code(rcode::REFUSED)),
    }
}

/// Decides the answer to a question in class IN, and writes it.
#[inline]
fn decided<'s>(
    snapshot: &'s Snapshot,
    parsed: &ParsedQuery,
    state: &mut State,
    peer: Peer,
    buffer: &mut [u8],
    limit: usize,
) -> Body<'s> {
    let query = &parsed.query;
    let State { trail, turn, lane, labels, .. } = state;
    let decision = decide(snapshot, parsed.question(), &parsed.client, trail);
    labels.class = decision.class;
    match decision.outcome {
        // A name that an alias leads to is not a report by a client.
        Outcome::DownloadReport { suffix, .. } if trail.chain.is_empty() && *lane != NO_LANE => {
            snapshot.static_data.download_reports.count(parsed.name.wire(), suffix.into(), *lane);
        }
        Outcome::Pool { answer, slot, ipv6, .. } => {
            labels.path = PathCounts::index(slot, ipv6);
            labels.level = answer.windows(ipv6).fallback;
        }
        _ => {}
    }
    // A scope refers to the subnet in the query; without one there is none.
    let placed = decision.client.filter(|_| query.subnet().is_some());
    let scope = placed.map_or(0, |place| place.scope);
    let question_end = query.question_end;
    let is_verified = peer.transport.is_verified() || parsed.has_valid_cookie();
    // Whoever may be a forger gets the question three times at most, before the records at the end.
    let alias_limit = if is_verified { limit } else { 2 * question_end };
    let message = MessageBuffer { buffer, question_end, limit, alias_limit };
    let body = if query.edns.is_some_and(|edns| edns.dnssec_ok) && !snapshot.signatures.is_empty() {
        signed::write(snapshot, &decision, parsed.question(), trail, message, *turn)
    } else {
        body::write(snapshot, &decision, &trail.chain, message, *turn)
    };
    Body { scope, ..body }
}

/// Counts a complete answer.
#[inline]
fn count(snapshot: &Snapshot, state: &State, query: &Query, rcode: u16, truncated: bool) {
    let State { counters, labels, .. } = state;
    counters.count(labels.class, query.qtype, rcode);
    if query.edns.is_some_and(|edns| edns.ecs.is_some()) {
        counters.add(&counters.query_counters().ecs);
    }
    if truncated {
        return counters.add(&counters.query_counters().truncated);
    }
    if labels.path == NO_MIRRORS {
        return;
    }
    if let Some(counter) = snapshot.counts.get(counters.lane, labels.path) {
        counters.add(counter);
    }
    match labels.level {
        FallbackLevel::Near => {}
        FallbackLevel::Further => counters.add(&counters.query_counters().widened),
        FallbackLevel::Lagging => counters.add(&counters.query_counters().lagging),
        FallbackLevel::Open => counters.add(&counters.query_counters().fail_open),
    }
}

/// Most octets of the answer. `ours` is the most that the server sends over UDP (`edns-udp-size`).
fn limit(parsed: &ParsedQuery, ours: u16, transport: Transport) -> usize {
    match (transport, &parsed.query.edns) {
        (Transport::Udp, None) => PLAIN_UDP,
        (Transport::Udp, Some(edns)) => {
            let most = usize::from(edns.udp_size.min(ours));
            if parsed.has_valid_cookie() { most } else { most.min(UNVERIFIED_UDP) }
        }
        (Transport::Tcp | Transport::Tls | Transport::Quic | Transport::Https, _) => MAX_MESSAGE,
    }
}

/// The answer to a client that has asked too much: the question with TC, so that a real client asks
/// again over TCP. One that sent a cookie gets BADCOOKIE instead, and asks again with the new one
/// (RFC 7873 section 5.2.3). AA is 0, as nobody looked whether the name is one of ours.
fn limited(
    snapshot: &Snapshot,
    parsed: &ParsedQuery,
    state: &State,
    buffer: &mut [u8],
) -> Option<usize> {
    let (query, cookie) = (&parsed.query, parsed.cookie.map(|cookie| cookie.answer));
    let code = if cookie.is_some() { rcode::BADCOOKIE } else { rcode::NOERROR };
    state.counters.add(&state.counters.query_counters().limited);
    state.counters.count(NameClass::Limited, query.qtype, code);
    if let Some(checked) = &parsed.cookie {
        state.counters.count_cookie(checked.is_valid, query);
    }
    let settings = &snapshot.static_data.settings;
    let opt = query.edns.as_ref().map(|edns| Opt::bare(settings, edns.dnssec_ok, cookie));
    let end = reject(buffer, code, Some(query.question_end), opt, None)?;
    if cookie.is_none() {
        *buffer.get_mut(2)? |= 0x02;
    }
    Some(end)
}
