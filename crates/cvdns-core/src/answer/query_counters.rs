//! Counters of queries and how they were answered, incremented when an answer is complete.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::request::Transport;
use crate::snapshot::name_class::NameClass;
use crate::wire::cookie::ServerPart;
use crate::wire::query::Query;
use crate::wire::{rcode, rtype};

/// Counters of queries. Their number is fixed, because they do not depend on the names in queries.
#[derive(Debug)]
#[repr(align(128))]
pub struct QueryCounters {
    /// A counter for each combination of name class, QTYPE and RCODE.
    cells: [AtomicU64; CELLS],
    /// Queries with a client subnet that was used (RFC 7871).
    pub(super) ecs: AtomicU64,
    /// Answers that were too long: empty, with TC.
    pub(super) truncated: AtomicU64,
    /// Answers with mirrors from a pool behind the path's first.
    pub(super) widened: AtomicU64,
    /// Answers with mirrors that lag too far behind the record.
    pub(super) lagging: AtomicU64,
    /// Answers with mirrors that are not known to work.
    pub(super) fail_open: AtomicU64,
    /// Messages that get no answer, as they are no queries.
    pub(super) ignored: AtomicU64,
    /// Answers over the rate limit that were sent empty, with TC or BADCOOKIE.
    pub(super) limited: AtomicU64,
    /// Answers over the rate limit that were not sent.
    pub(super) limited_dropped: AtomicU64,
    /// Answers that were sent because the rate limit is on trial.
    pub(super) would_limit: AtomicU64,
    /// Queries with a valid cookie (RFC 7873).
    cookies_valid: AtomicU64,
    /// Queries with a cookie whose server part is not valid.
    cookies_invalid: AtomicU64,
    /// Queries with a cookie without server part.
    cookies_new: AtomicU64,
}

/// Access to counters for a thread, which has them to itself or shares them with others.
#[derive(Debug, Clone)]
pub struct CounterHandle {
    query_counters: Arc<QueryCounters>,
    /// The thread's lane among the counters of a snapshot's paths. Lane 0 is shared.
    pub(super) lane: usize,
    /// Whether no other thread writes these counters. A load and a store, which need no locked
    /// instruction, are then enough.
    exclusive: bool,
}

/// The counters of all sockets and connections of a server.
#[derive(Debug, Clone)]
pub struct QueryCounterSet {
    /// Counters for each UDP socket.
    sockets: Arc<[Arc<QueryCounters>]>,
    /// Counters for all connections of each transport but UDP.
    connections: [Arc<QueryCounters>; Transport::ALL.len() - 1],
}

/// Sums of counters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryTotals {
    /// Number of queries of each kind. Counts of 0 are left out, except for kinds that are usually
    /// watched: a rate then sees these from the first query on.
    pub queries: Vec<(QueryKind, u64)>,
    /// Queries with a client subnet that was used (RFC 7871).
    pub ecs: u64,
    /// Answers that were too long: empty, with TC.
    pub truncated: u64,
    /// Answers with mirrors from a pool behind the path's first.
    pub widened: u64,
    /// Answers with mirrors that lag too far behind the record.
    pub lagging: u64,
    /// Answers with mirrors that are not known to work.
    pub fail_open: u64,
    /// Messages that get no answer, as they are no queries.
    pub ignored: u64,
    /// Answers over the rate limit that were sent empty, with TC or BADCOOKIE.
    pub limited: u64,
    /// Answers over the rate limit that were not sent.
    pub limited_dropped: u64,
    /// Answers that were sent because the rate limit is on trial.
    pub would_limit: u64,
    /// Queries with a valid cookie (RFC 7873).
    pub cookies_valid: u64,
    /// Queries with a cookie whose server part is not valid.
    pub cookies_invalid: u64,
    /// Queries with a cookie without server part.
    pub cookies_new: u64,
}

/// Metrics labels of queries that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueryKind {
    /// The class of the name.
    pub class: NameClass,
    /// QTYPE; `other` for rare types, and if it could not be read.
    pub qtype: &'static str,
    /// The answer's RCODE.
    pub rcode: &'static str,
}

impl QueryKind {
    /// Whether every server has such queries, or alerts usually watch them.
    fn is_watched(&self) -> bool {
        let types: &[&str] = match self.class {
            NameClass::Country | NameClass::Local => &["A", "AAAA"],
            NameClass::Record => &["TXT"],
            _ => &[],
        };
        types.contains(&self.qtype) && ["NOERROR", "SERVFAIL"].contains(&self.rcode)
    }
}

/// The types that are counted separately. The first entry stands for all others.
const TYPES: [(u16, &str); 16] = [
    (0, "other"),
    (rtype::A, "A"),
    (rtype::NS, "NS"),
    (rtype::CNAME, "CNAME"),
    (rtype::SOA, "SOA"),
    (rtype::PTR, "PTR"),
    (rtype::MX, "MX"),
    (rtype::TXT, "TXT"),
    (rtype::AAAA, "AAAA"),
    (33, "SRV"),
    (rtype::DS, "DS"),
    (48, "DNSKEY"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (257, "CAA"),
    (rtype::ANY, "ANY"),
];

/// Index in [`TYPES`] by QTYPE.
#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which rejects an index out of range"
)]
static INDEXES: [u8; 258] = {
    let mut indexes = [0; 258];
    let mut place = 1;
    while place < TYPES.len() {
        indexes[TYPES[place].0 as usize] = place as u8;
        place += 1;
    }
    indexes
};

/// RCODEs of answers, by their index in the cells. The last stands for any that should not occur.
const RCODES: [&str; 11] = [
    "NOERROR",
    "FORMERR",
    "SERVFAIL",
    "NXDOMAIN",
    "NOTIMP",
    "REFUSED",
    "YXDOMAIN",
    "NOTAUTH",
    "BADVERS",
    "BADCOOKIE",
    "other",
];

const CELLS: usize = NameClass::ALL.len() * TYPES.len() * RCODES.len();

impl QueryCounters {
    /// The sums of counters. Counting goes on meanwhile, so they are not of a single instant.
    pub fn sum<'c>(counters: impl Iterator<Item = &'c Self>) -> QueryTotals {
        let (mut cells, mut counted) = ([0u64; CELLS], QueryTotals::default());
        for query_counters in counters {
            for (sum, cell) in cells.iter_mut().zip(&query_counters.cells) {
                *sum = sum.wrapping_add(cell.load(Relaxed));
            }
            for (sum, counter) in [
                (&mut counted.ecs, &query_counters.ecs),
                (&mut counted.truncated, &query_counters.truncated),
                (&mut counted.widened, &query_counters.widened),
                (&mut counted.lagging, &query_counters.lagging),
                (&mut counted.fail_open, &query_counters.fail_open),
                (&mut counted.ignored, &query_counters.ignored),
                (&mut counted.limited, &query_counters.limited),
                (&mut counted.limited_dropped, &query_counters.limited_dropped),
                (&mut counted.would_limit, &query_counters.would_limit),
                (&mut counted.cookies_valid, &query_counters.cookies_valid),
                (&mut counted.cookies_invalid, &query_counters.cookies_invalid),
                (&mut counted.cookies_new, &query_counters.cookies_new),
            ] {
                *sum = sum.wrapping_add(counter.load(Relaxed));
            }
        }
        let kinds = NameClass::ALL.into_iter().flat_map(|class| {
            TYPES.iter().flat_map(move |(_, qtype)| {
                RCODES.iter().map(move |rcode| QueryKind { class, qtype, rcode })
            })
        });
        counted.queries =
            kinds.zip(cells).filter(|(kind, count)| *count > 0 || kind.is_watched()).collect();
        counted
    }
}

impl Default for QueryCounters {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            cells: std::array::from_fn(|_| zero()),
            ecs: zero(),
            truncated: zero(),
            widened: zero(),
            lagging: zero(),
            fail_open: zero(),
            ignored: zero(),
            limited: zero(),
            limited_dropped: zero(),
            would_limit: zero(),
            cookies_valid: zero(),
            cookies_invalid: zero(),
            cookies_new: zero(),
        }
    }
}

impl QueryCounterSet {
    /// Counters for this many UDP sockets, and for connections.
    pub fn new(sockets: usize) -> Self {
        let sockets = (0..sockets).map(|_| Arc::default()).collect();
        Self { sockets, connections: Default::default() }
    }

    /// The handle of the thread that serves a UDP socket.
    pub fn of_socket(&self, number: usize) -> CounterHandle {
        match self.sockets.get(number) {
            Some(query_counters) => CounterHandle::own(query_counters.clone(), number + 1),
            None => self.of_connections(Transport::Tcp),
        }
    }

    /// The handle of a connection; all connections of a transport share their counters.
    pub fn of_connections(&self, transport: Transport) -> CounterHandle {
        let [tcp, tls, quic, https] = &self.connections;
        let query_counters = match transport {
            Transport::Udp | Transport::Tcp => tcp,
            Transport::Tls => tls,
            Transport::Quic => quic,
            Transport::Https => https,
        };
        CounterHandle::shared(query_counters.clone())
    }

    /// Sums over the queries of a transport.
    pub fn totals(&self, transport: Transport) -> QueryTotals {
        match transport {
            Transport::Udp => QueryCounters::sum(self.sockets.iter().map(|counters| &**counters)),
            connections => {
                let counters = self.of_connections(connections).query_counters;
                QueryCounters::sum(std::iter::once(&*counters))
            }
        }
    }
}

impl CounterHandle {
    /// A handle for a thread that has the counters, and this lane of a snapshot's counters, to
    /// itself.
    pub fn own(query_counters: Arc<QueryCounters>, lane: usize) -> Self {
        Self { query_counters, lane, exclusive: true }
    }

    /// A handle for one of several threads that share the counters and lane 0.
    pub fn shared(query_counters: Arc<QueryCounters>) -> Self {
        Self { query_counters, lane: 0, exclusive: false }
    }

    /// Counts a query of this class and type that was answered with this RCODE.
    #[inline]
    pub(super) fn count(&self, class: NameClass, qtype: u16, code: u16) {
        let place = INDEXES.get(usize::from(qtype)).map_or(0, |place| usize::from(*place));
        let code = match code {
            ..=rcode::YXDOMAIN => usize::from(code),
            rcode::NOTAUTH => 7,
            rcode::BADVERS => 8,
            rcode::BADCOOKIE => 9,
            _ => 10,
        };
        let cell = (class as usize * TYPES.len() + place) * RCODES.len() + code;
        if let Some(cell) = self.query_counters.cells.get(cell) {
            self.add(cell);
        }
    }

    /// Counts a query with a cookie.
    pub(super) fn count_cookie(&self, is_valid: bool, query: &Query) {
        let counters = &*self.query_counters;
        let server = query.edns.as_ref().and_then(|edns| edns.cookie).map(|cookie| cookie.server);
        self.add(match server {
            _ if is_valid => &counters.cookies_valid,
            Some(ServerPart::Absent) | None => &counters.cookies_new,
            Some(ServerPart::Foreign | ServerPart::Known(_)) => &counters.cookies_invalid,
        });
    }

    /// Increments a counter.
    #[inline]
    pub(super) fn add(&self, counter: &AtomicU64) {
        if self.exclusive {
            counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
        } else {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// The counters themselves.
    #[inline]
    pub(super) fn query_counters(&self) -> &QueryCounters {
        &self.query_counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_counter_of_its_own() {
        let (own, common) =
            (Arc::new(QueryCounters::default()), Arc::new(QueryCounters::default()));
        let handles = [CounterHandle::own(own.clone(), 1), CounterHandle::shared(common.clone())];
        let codes = [0, 1, 2, 3, 4, 5, 6, rcode::NOTAUTH, rcode::BADVERS, rcode::BADCOOKIE, 24];
        let mut expected = Vec::new();
        for class in NameClass::ALL {
            for (qtype, label) in TYPES {
                for (code, rcode) in codes.into_iter().zip(RCODES) {
                    let times = 1 + expected.len() % 3;
                    for turn in 0..times {
                        handles[turn % 2].count(class, qtype, code);
                    }
                    expected.push((QueryKind { class, qtype: label, rcode }, times as u64));
                }
            }
        }
        assert_eq!(QueryCounters::sum([&*own, &*common].into_iter()).queries, expected);
    }

    #[test]
    fn rare_types_are_counted_together() {
        let query_counters = Arc::new(QueryCounters::default());
        let counters = CounterHandle::own(query_counters.clone(), 0);
        for qtype in [0, 3, 99, 256, 258, u16::MAX] {
            counters.count(NameClass::Static, qtype, 0);
        }
        let kind = QueryKind { class: NameClass::Static, qtype: "other", rcode: "NOERROR" };
        let counted = QueryCounters::sum([&*query_counters].into_iter()).queries;
        let counted: Vec<_> = counted.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(kind, 6)]);
    }

    #[test]
    fn watched_kinds_are_listed_before_the_first_query() {
        let counted = QueryCounters::sum([&QueryCounters::default()].into_iter()).queries;
        let mut expected = Vec::new();
        for (class, types) in [
            (NameClass::Country, &["A", "AAAA"][..]),
            (NameClass::Local, &["A", "AAAA"]),
            (NameClass::Record, &["TXT"]),
        ] {
            for qtype in types {
                expected.extend(
                    ["NOERROR", "SERVFAIL"].map(|rcode| (QueryKind { class, qtype, rcode }, 0)),
                );
            }
        }
        assert_eq!(counted, expected);
    }
}
