//! Answers queries from the newest snapshot.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::{ArcSwap, Cache};
use jiff::Timestamp;

use cvdns_core::abuse::CookieSecrets;
use cvdns_core::answer::{Answering, NotifyResponder, QueryCounterSet, Transport};
use cvdns_core::snapshot::Snapshot;
use cvdns_net::{Endpoint, MakeResponder, Responder};

use super::coarse_clock;
use super::observer::{Observer, Observing};
use super::protection::Protection;

/// Answers the queries of one thread or connection.
pub(super) struct Answerer {
    newest: Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
    current: Arc<Snapshot>,
    answering: Answering,
    /// `None` in tests that need no cookies.
    secrets: Option<Cache<Arc<ArcSwap<CookieSecrets>>, Arc<CookieSecrets>>>,
    /// `None` if nobody sees answers beside their clients.
    observer: Option<Observer>,
}

/// Makes answerers for all sockets and connections, with the counters of each.
#[derive(Clone)]
pub(super) struct MakeAnswerer {
    snapshots: Arc<ArcSwap<Snapshot>>,
    tallies: QueryCounterSet,
    observing: Observing,
    /// `None` in tests that need neither rate limit nor cookies.
    protection: Option<Protection>,
    /// `None` in tests that need no NOTIFY.
    notify: Option<Arc<dyn NotifyResponder>>,
    /// Answerers start at different turns of the rotation.
    turns: Arc<AtomicU64>,
}

impl Answerer {
    pub(super) fn new(snapshots: Arc<ArcSwap<Snapshot>>, answering: Answering) -> Self {
        let current = snapshots.load_full();
        Self { newest: Cache::new(snapshots), current, answering, secrets: None, observer: None }
    }

    /// Answers the query in `buffer[..length]` with somebody who sees both. `number` is that in a
    /// batch.
    fn respond_observed(
        &mut self,
        number: Option<usize>,
        buffer: &mut [u8],
        length: usize,
        client: SocketAddr,
        transport: Transport,
    ) -> Option<usize> {
        let Self { answering, current, observer, .. } = self;
        if let Some(observer) = observer {
            observer.query(buffer.get(..length));
        }
        let length = match number {
            Some(number) => answering.respond_in_batch(number, current, buffer, client, transport),
            None => answering.respond(current, buffer, length, client, transport),
        };
        if let Some(observer) = observer {
            observer.answer(length.and_then(|length| buffer.get(..length)), client, transport);
        }
        length
    }
}

impl MakeAnswerer {
    /// The answerers answer from the newest of these snapshots.
    pub(super) fn new(
        snapshots: Arc<ArcSwap<Snapshot>>,
        tallies: QueryCounterSet,
        observing: Observing,
    ) -> Self {
        let (protection, notify) = (None, None);
        Self { snapshots, tallies, observing, protection, notify, turns: Arc::default() }
    }

    /// The same with a rate limit and cookies.
    pub(super) fn protected_by(self, protection: Protection) -> Self {
        Self { protection: Some(protection), ..self }
    }

    /// The same with somebody who answers NOTIFY.
    pub(super) fn notified_by(self, notify: impl NotifyResponder + 'static) -> Self {
        Self { notify: Some(Arc::new(notify)), ..self }
    }
}

impl MakeResponder for MakeAnswerer {
    type Responder = Answerer;

    fn make(&self, endpoint: Endpoint) -> Answerer {
        let desk = match endpoint {
            Endpoint::Socket(number) => self.tallies.of_socket(number),
            Endpoint::Connection => self.tallies.of_connections(),
        };
        let turn = self.turns.fetch_add(1, Relaxed);
        let answering = Answering::counting(turn, Timestamp::now, desk);
        let protection = self.protection.as_ref();
        let answering = match protection.and_then(|protection| protection.limiter(endpoint)) {
            Some(limiter) => answering.limited_by(limiter),
            None => answering,
        };
        let answering = match &self.notify {
            Some(notify) => answering.notifying(notify.clone()),
            None => answering,
        };
        let secrets = protection.map(|protection| Cache::new(protection.secrets().clone()));
        let observer = self.observing.observer(endpoint);
        Answerer { secrets, observer, ..Answerer::new(self.snapshots.clone(), answering) }
    }
}

impl Responder for Answerer {
    fn refresh(&mut self) {
        let newest = self.newest.load();
        if !Arc::ptr_eq(newest, &self.current) {
            self.current = newest.clone();
        }
        if let Some(secrets) = &mut self.secrets {
            self.answering.begin(coarse_clock::moment(), secrets.load());
        }
    }

    fn set_idle_timeout(&mut self, time: Duration) {
        self.answering.set_idle_timeout(time);
    }

    fn wants_destination(&self) -> bool {
        self.observer.as_ref().is_some_and(Observer::wants_destination)
    }

    fn set_destination(&mut self, destination: Option<SocketAddr>) {
        if let Some(observer) = &mut self.observer {
            observer.set_destination(destination);
        }
    }

    fn respond(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        client: SocketAddr,
        transport: Transport,
    ) -> Option<usize> {
        if self.observer.is_some() {
            return self.respond_observed(None, buffer, length, client, transport);
        }
        self.answering.respond(&self.current, buffer, length, client, transport)
    }

    fn read_batch<'q>(&mut self, queries: impl Iterator<Item = Option<(&'q [u8], SocketAddr)>>) {
        let queries = queries.map(|query| query.map(|(message, client)| (message, client.ip())));
        self.answering.read_batch(&self.current, queries);
    }

    fn respond_in_batch(
        &mut self,
        number: usize,
        buffer: &mut [u8],
        length: usize,
        client: SocketAddr,
        transport: Transport,
    ) -> Option<usize> {
        if self.observer.is_some() {
            return self.respond_observed(Some(number), buffer, length, client, transport);
        }
        self.answering.respond_in_batch(number, &self.current, buffer, client, transport)
    }
}
