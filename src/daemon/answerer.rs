//! Answers from the newest snapshot.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use jiff::Timestamp;

use crate::answer::{Answering, Transport};
use crate::serve::Responder;
use crate::snapshot::Snapshot;

/// One thread's or connection's view of the snapshots.
pub(super) struct Answerer {
    newest: Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
    current: Arc<Snapshot>,
    answering: Answering,
}

impl Answerer {
    pub(super) fn new(snapshots: Arc<ArcSwap<Snapshot>>, turn: u64) -> Self {
        let current = snapshots.load_full();
        Self { newest: Cache::new(snapshots), current, answering: Answering::new(turn, Timestamp::now) }
    }
}

impl Responder for Answerer {
    fn refresh(&mut self) {
        let newest = self.newest.load();
        if !Arc::ptr_eq(newest, &self.current) {
            self.current = newest.clone();
        }
    }

    fn respond(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        client: SocketAddr,
        transport: Transport,
    ) -> Option<usize> {
        self.answering.respond(&self.current, buffer, length, client, transport)
    }

    fn expect<'q>(&mut self, queries: impl Iterator<Item = Option<(&'q [u8], SocketAddr)>>) {
        let queries = queries.map(|query| query.map(|(message, client)| (message, client.ip())));
        self.answering.expect(&self.current, queries);
    }

    fn respond_expected(
        &mut self,
        number: usize,
        buffer: &mut [u8],
        _length: usize,
        client: SocketAddr,
        transport: Transport,
    ) -> Option<usize> {
        self.answering.respond_expected(number, &self.current, buffer, client, transport)
    }
}
