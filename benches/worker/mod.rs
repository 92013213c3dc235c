//! Answers queries as a UDP worker does, but without sockets: in batches, each query in a slot of
//! its own.

#![allow(unreachable_pub, reason = "shared by benchmarks")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use cvdns_core::answer::{Answering, Transport};
use cvdns_core::snapshot::Snapshot;

/// Queries of a batch, and octets of a slot: as in `serve`.
pub const BATCH: usize = 64;
const SLOT: usize = 4096 + 64;

pub struct Worker<'s> {
    snapshot: &'s Snapshot,
    answering: Answering,
    /// Slots and the length of the message in each.
    slots: Vec<(Vec<u8>, usize)>,
}

impl<'s> Worker<'s> {
    pub fn new(snapshot: &'s Snapshot) -> Self {
        Self {
            snapshot,
            answering: Answering::new(0, jiff::Timestamp::now),
            slots: vec![(vec![0; SLOT], 0); BATCH],
        }
    }

    /// Answers all queries, but at most a batch.
    pub fn batch<'q>(&mut self, queries: impl Iterator<Item = &'q [u8]>) {
        let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99));
        let from = SocketAddr::new(client, 4711);
        let mut count = 0;
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
