//! Answers queries as a UDP worker does, but without sockets: in batches, each query in a slot of
//! its own.

#![allow(dead_code, unreachable_pub, reason = "shared by benchmarks")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use cvdns_core::abuse::{CookieSecrets, RateLimiter, Ticks};
use cvdns_core::answer::{Answering, Moment, Transport};
use cvdns_core::snapshot::Snapshot;

/// Queries of a batch, and octets of a slot: as in `serve`.
pub const BATCH: usize = 64;
const SLOT: usize = 4096 + 64;

pub struct Worker<'s> {
    snapshot: &'s Snapshot,
    answering: Answering,
    guarded: Option<Guarded>,
    /// Slots and the length of the message in each.
    slots: Vec<(Vec<u8>, usize)>,
}

/// What a worker with rate limit and cookies needs besides.
struct Guarded {
    secrets: Arc<CookieSecrets>,
    time: Duration,
    /// Time from one batch to the next.
    step: Duration,
}

impl<'s> Worker<'s> {
    pub fn new(snapshot: &'s Snapshot) -> Self {
        Self {
            snapshot,
            answering: Answering::new(0, jiff::Timestamp::now),
            guarded: None,
            slots: vec![(vec![0; SLOT], 0); BATCH],
        }
    }

    /// The same with the rate limit of the configuration, and with cookies. All queries come from
    /// one client: with `step` of a second it stays under the default limit of 1,000 a second, and
    /// without time going by it is over the limit from query 1,001 on.
    pub fn guarded(snapshot: &'s Snapshot, step: Duration) -> Self {
        let worker = Self::new(snapshot);
        let limiter = RateLimiter::new([1, 2], 1, Arc::default());
        let secrets = Arc::new(CookieSecrets::random([7; 16]));
        let guarded = Some(Guarded { secrets, time: Duration::from_secs(1), step });
        Self { answering: worker.answering.limited_by(limiter), guarded, ..worker }
    }

    /// Answers all queries, but at most a batch.
    pub fn batch<'q>(&mut self, queries: impl Iterator<Item = &'q [u8]>) {
        let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99));
        let from = SocketAddr::new(client, 4711);
        let mut count = 0;
        if let Some(Guarded { secrets, time, step }) = &mut self.guarded {
            *time += *step;
            let moment = Moment { ticks: Ticks::after(*time), unix_time: 1_800_000_000 };
            self.answering.begin(moment, secrets);
        }
        for ((slot, length), query) in self.slots.iter_mut().zip(queries) {
            // The kernel makes this copy for a real worker.
            slot.get_mut(..query.len()).unwrap().copy_from_slice(query);
            *length = query.len();
            count += 1;
        }
        let filled = self.slots.get_mut(..count).unwrap();
        let queries = filled.iter().map(|(slot, length)| Some((slot.get(..*length)?, client)));
        self.answering.read_batch(self.snapshot, queries);
        for (number, (slot, _)) in filled.iter_mut().enumerate() {
            black_box(self.answering.respond_in_batch(
                number,
                self.snapshot,
                slot,
                from,
                Transport::Udp,
            ));
        }
    }
}
