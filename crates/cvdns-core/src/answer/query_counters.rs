//! What was asked and how it was answered, counted where an answer is finished.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::snapshot::name_class::NameClass;
use crate::wire::{rcode, rtype};

/// Counters of queries. There is no more of them whatever is asked: names do not come into it.
#[derive(Debug)]
#[repr(align(128))]
pub struct QueryCounters {
    /// One for each class of names, type and RCODE.
    cells: [AtomicU64; CELLS],
    /// Queries with a client subnet that is heeded (RFC 7871).
    pub(super) ecs: AtomicU64,
    /// Answers that were too long for UDP: empty, with TC.
    pub(super) truncated: AtomicU64,
    /// Answers with mirrors from further along the path than its first pool.
    pub(super) widened: AtomicU64,
    /// Answers with mirrors that are too far behind the record.
    pub(super) lagging: AtomicU64,
    /// Answers with mirrors that are not known to work.
    pub(super) fail_open: AtomicU64,
}

/// Where a thread counts, alone or with others.
#[derive(Debug, Clone)]
pub struct CounterHandle {
    query_counters: Arc<QueryCounters>,
    /// Its lane among the counters of a snapshot's paths; the first is the one that is shared.
    pub(super) lane: usize,
    /// Nobody else writes its counters: a load and a store need no locked bus.
    alone: bool,
}

/// The tallies of all that answer.
#[derive(Debug, Clone)]
pub struct QueryTallies {
    /// One for each UDP socket.
    sockets: Arc<[Arc<QueryCounters>]>,
    connections: Arc<QueryCounters>,
}

/// Sums over tallies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counted {
    /// How many queries of a class and type were answered with an RCODE: those that are not zero, and those that are watched, which a
    /// rate sees from the first on.
    pub queries: Vec<(Kind, u64)>,
    /// Queries with a client subnet that is heeded (RFC 7871).
    pub ecs: u64,
    /// Answers that were too long for UDP: empty, with TC.
    pub truncated: u64,
    /// Answers with mirrors from further along the path than its first pool.
    pub widened: u64,
    /// Answers with mirrors that are too far behind the record.
    pub lagging: u64,
    /// Answers with mirrors that are not known to work.
    pub fail_open: u64,
}

/// What queries that are counted together have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// What the name is.
    pub class: NameClass,
    /// QTYPE, `other` for types that are hardly asked and where none could be read.
    pub qtype: &'static str,
    /// RCODE.
    pub rcode: &'static str,
}

impl Kind {
    /// Whether it is asked for on every server, or what alerts are about.
    fn is_watched(&self) -> bool {
        let types: &[&str] = match self.class {
            NameClass::Country | NameClass::Local => &["A", "AAAA"],
            NameClass::Record => &["TXT"],
            _ => &[],
        };
        types.contains(&self.qtype) && ["NOERROR", "SERVFAIL"].contains(&self.rcode)
    }
}

/// The types that are told apart; the first stands for all others.
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

/// Each type's place in [`TYPES`].
#[allow(
    clippy::indexing_slicing,
    reason = "computed by the compiler, which stops at an index out of range"
)]
static PLACES: [u8; 258] = {
    let mut places = [0; 258];
    let mut place = 1;
    while place < TYPES.len() {
        places[TYPES[place].0 as usize] = place as u8;
        place += 1;
    }
    places
};

/// The RCODEs that answers have, by their place; the last stands for what should not be.
const RCODES: [&str; 10] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "NOTAUTH",
    "BADVERS", "other",
];

const CELLS: usize = NameClass::ALL.len() * TYPES.len() * RCODES.len();

impl QueryCounters {
    /// The sums of these; of this moment and not of one instant, as the counting goes on.
    pub fn sum<'t>(tallies: impl Iterator<Item = &'t Self>) -> Counted {
        let (mut cells, mut counted) = ([0u64; CELLS], Counted::default());
        for query_counters in tallies {
            for (sum, cell) in cells.iter_mut().zip(&query_counters.cells) {
                *sum = sum.wrapping_add(cell.load(Relaxed));
            }
            for (sum, counter) in [
                (&mut counted.ecs, &query_counters.ecs),
                (&mut counted.truncated, &query_counters.truncated),
                (&mut counted.widened, &query_counters.widened),
                (&mut counted.lagging, &query_counters.lagging),
                (&mut counted.fail_open, &query_counters.fail_open),
            ] {
                *sum = sum.wrapping_add(counter.load(Relaxed));
            }
        }
        let kinds = NameClass::ALL.into_iter().flat_map(|class| {
            TYPES.iter().flat_map(move |(_, qtype)| {
                RCODES.iter().map(move |rcode| Kind { class, qtype, rcode })
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
        }
    }
}

impl QueryTallies {
    /// For this many UDP sockets, and for connections.
    pub fn new(sockets: usize) -> Self {
        let sockets = (0..sockets).map(|_| Arc::default()).collect();
        Self { sockets, connections: Arc::default() }
    }

    /// Where the thread of a UDP socket counts.
    pub fn of_socket(&self, number: usize) -> CounterHandle {
        match self.sockets.get(number) {
            Some(query_counters) => CounterHandle::own(query_counters.clone(), number + 1),
            None => self.of_connections(),
        }
    }

    /// Where a connection counts.
    pub fn of_connections(&self) -> CounterHandle {
        CounterHandle::shared(self.connections.clone())
    }

    /// What came over UDP.
    pub fn udp(&self) -> Counted {
        QueryCounters::sum(self.sockets.iter().map(|query_counters| &**query_counters))
    }

    /// What came over TCP.
    pub fn tcp(&self) -> Counted {
        QueryCounters::sum(std::iter::once(&*self.connections))
    }
}

impl CounterHandle {
    /// A thread's own. It has this lane of a snapshot's counters for itself, where there is one.
    pub fn own(query_counters: Arc<QueryCounters>, lane: usize) -> Self {
        Self { query_counters, lane, alone: true }
    }

    /// One of several: they share the tally and the first lane.
    pub fn shared(query_counters: Arc<QueryCounters>) -> Self {
        Self { query_counters, lane: 0, alone: false }
    }

    /// Counts a query of this type that was answered with this RCODE.
    #[inline]
    pub(super) fn count(&self, class: NameClass, qtype: u16, code: u16) {
        let place = PLACES.get(usize::from(qtype)).map_or(0, |place| usize::from(*place));
        let code = match code {
            ..=rcode::YXDOMAIN => usize::from(code),
            rcode::NOTAUTH => 7,
            rcode::BADVERS => 8,
            _ => 9,
        };
        let cell = (class as usize * TYPES.len() + place) * RCODES.len() + code;
        if let Some(cell) = self.query_counters.cells.get(cell) {
            self.add(cell);
        }
    }

    /// Counts one more.
    #[inline]
    pub(super) fn add(&self, counter: &AtomicU64) {
        if self.alone {
            counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
        } else {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Where it counts.
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
        let desks = [CounterHandle::own(own.clone(), 1), CounterHandle::shared(common.clone())];
        let codes = [0, 1, 2, 3, 4, 5, 6, rcode::NOTAUTH, rcode::BADVERS, 23];
        let mut expected = Vec::new();
        for class in NameClass::ALL {
            for (qtype, label) in TYPES {
                for (code, rcode) in codes.into_iter().zip(RCODES) {
                    let times = 1 + expected.len() % 3;
                    for turn in 0..times {
                        desks[turn % 2].count(class, qtype, code);
                    }
                    expected.push((Kind { class, qtype: label, rcode }, times as u64));
                }
            }
        }
        assert_eq!(QueryCounters::sum([&*own, &*common].into_iter()).queries, expected);
    }

    #[test]
    fn types_that_are_hardly_asked_are_counted_together() {
        let query_counters = Arc::new(QueryCounters::default());
        let counters = CounterHandle::own(query_counters.clone(), 0);
        for qtype in [0, 3, 99, 256, 258, u16::MAX] {
            counters.count(NameClass::Static, qtype, 0);
        }
        let kind = Kind { class: NameClass::Static, qtype: "other", rcode: "NOERROR" };
        let counted = QueryCounters::sum([&*query_counters].into_iter()).queries;
        let counted: Vec<_> = counted.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(kind, 6)]);
    }

    #[test]
    fn what_is_watched_is_there_before_it_is_asked() {
        let counted = QueryCounters::sum([&QueryCounters::default()].into_iter()).queries;
        let mut expected = Vec::new();
        for (class, types) in [
            (NameClass::Country, &["A", "AAAA"][..]),
            (NameClass::Local, &["A", "AAAA"]),
            (NameClass::Record, &["TXT"]),
        ] {
            for qtype in types {
                expected
                    .extend(["NOERROR", "SERVFAIL"].map(|rcode| (Kind { class, qtype, rcode }, 0)));
            }
        }
        assert_eq!(counted, expected);
    }
}
