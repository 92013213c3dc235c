//! Answers queries from the newest snapshot.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::{ArcSwap, Cache};
use domain::base::Message;
use jiff::Timestamp;

use cvdns_core::abuse::CookieSecrets;
use cvdns_core::answer::{Answering, Elsewhere, QueryCounterSet, TransferRefusal, Transport};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::wire::{MAX_MESSAGE, rcode, rtype};
use cvdns_net::{Endpoint, MakeResponder, MessageStream, Responder};
use cvdns_transfer::tsig::Signer;

use super::coarse_clock;
use super::observer::{Observer, Observing};
use super::protection::Protection;
use super::secondary::NotifyListener;
use crate::transfer::{Carrier, Reply, TransferDesk, Unsigned};

/// Answers the queries of one thread or connection.
pub(super) struct Answerer {
    newest: Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
    current: Arc<Snapshot>,
    answering: Answering,
    /// `None` in tests that need no cookies.
    secrets: Option<Cache<Arc<ArcSwap<CookieSecrets>>, Arc<CookieSecrets>>>,
    /// `None` if nobody sees answers beside their clients.
    observer: Option<Observer>,
    /// Answers what is signed or asks for a transfer; `None` in tests that have no keys.
    transfers: Option<Arc<TransferDesk>>,
    /// Answers NOTIFY; `None` in tests that need none.
    notified: Option<NotifyListener>,
    /// Whether zones may be transferred over this connection.
    may_transfer: bool,
    /// The messages that answer the last query of a connection.
    messages: Option<Box<dyn MessageStream>>,
}

/// Makes answerers for all sockets and connections, with the counters of each.
#[derive(Clone)]
pub(super) struct MakeAnswerer {
    snapshots: Arc<ArcSwap<Snapshot>>,
    tallies: QueryCounterSet,
    observing: Observing,
    /// `None` in tests that need neither rate limit nor cookies.
    protection: Option<Protection>,
    transfers: Option<Arc<TransferDesk>>,
    /// Answers NOTIFY; `None` in tests that need none.
    notified: Option<NotifyListener>,
    /// Answerers start at different turns of the rotation.
    turns: Arc<AtomicU64>,
}

impl Answerer {
    pub(super) fn new(snapshots: Arc<ArcSwap<Snapshot>>, answering: Answering) -> Self {
        let current = snapshots.load_full();
        Self {
            newest: Cache::new(snapshots),
            current,
            answering,
            secrets: None,
            observer: None,
            transfers: None,
            notified: None,
            may_transfer: true,
            messages: None,
        }
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
        let answered = match number {
            Some(number) => answering.respond_in_batch(number, current, buffer, client, transport),
            None => answering.respond(current, buffer, length, client, transport),
        };
        let length = answered.or_else(|| self.elsewhere(buffer, length, client, transport));
        if let Some(observer) = &mut self.observer {
            observer.answer(length.and_then(|length| buffer.get(..length)), client, transport);
        }
        length
    }
}

/// Most octets of a signed answer over UDP, signature included, whatever client and server accept:
/// what passes every network without fragmentation (DNS flag day 2020).
const SIGNED_UDP: usize = 1232;

/// Most octets of an answer over UDP to a client without EDNS (RFC 1035 section 4.2.1).
const PLAIN_UDP: usize = 512;

impl Answerer {
    /// Answers the message that got no answer, if it is signed or asks for a transfer.
    #[cold]
    fn elsewhere(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        client: SocketAddr,
        transport: Transport,
    ) -> Option<usize> {
        let message = buffer.get(..length)?;
        if self.answering.take_elsewhere()? == Elsewhere::Notify {
            let answer = self.notified.as_ref()?.answer(message, client.ip())?;
            self.answering.count_elsewhere(rtype::SOA, answer.rcode);
            return put(buffer, &answer.octets);
        }
        let desk = self.transfers.as_ref()?;
        let carrier = Carrier::of(transport, self.may_transfer);
        match desk.answer(message, client, carrier, Timestamp::now())? {
            Reply::Message { octets, qtype, rcode } => {
                self.answering.count_elsewhere(qtype, rcode);
                put(buffer, &octets)
            }
            Reply::Messages { stream, qtype } => {
                self.answering.count_elsewhere(qtype, rcode::NOERROR);
                self.messages = Some(stream);
                None
            }
            Reply::Plain(unsigned, refusal) => {
                self.respond_plainly(unsigned, refusal, buffer, (client, transport))
            }
        }
    }

    /// Answers a query without its signature, and signs the answer.
    fn respond_plainly(
        &mut self,
        unsigned: Unsigned,
        refusal: TransferRefusal,
        buffer: &mut [u8],
        peer: (SocketAddr, Transport),
    ) -> Option<usize> {
        let Unsigned { message, signer } = unsigned;
        let length = put(buffer, &message)?;
        let room = signer.as_ref().map_or(0, Signer::room);
        let most = match peer.1 {
            Transport::Udp => announced(&message).min(SIGNED_UDP),
            Transport::Tcp | Transport::Tls | Transport::Quic | Transport::Https => MAX_MESSAGE,
        };
        let most =
            if signer.is_some() { most.saturating_sub(room).max(length) } else { usize::MAX };
        let most = most.min(buffer.len());
        let (answering, current) = (&mut self.answering, &self.current);
        let answered =
            answering.respond_refusing(refusal, current, buffer.get_mut(..most)?, length, peer)?;
        let Some(mut signer) = signer else { return Some(answered) };
        let mut answer = buffer.get(..answered)?.to_vec();
        signer.sign(&mut answer, Timestamp::now().as_second().cast_unsigned())?;
        put(buffer, &answer)
    }
}

/// Copies a message to the front of a buffer, and returns its length.
fn put(buffer: &mut [u8], message: &[u8]) -> Option<usize> {
    buffer.get_mut(..message.len())?.copy_from_slice(message);
    Some(message.len())
}

/// Most octets over UDP that a client accepts.
fn announced(message: &[u8]) -> usize {
    let opt = Message::from_octets(message).ok().and_then(|message| message.opt());
    opt.map_or(PLAIN_UDP, |opt| usize::from(opt.udp_payload_size()).max(PLAIN_UDP))
}

impl MakeAnswerer {
    /// The answerers answer from the newest of these snapshots.
    pub(super) fn new(
        snapshots: Arc<ArcSwap<Snapshot>>,
        tallies: QueryCounterSet,
        observing: Observing,
    ) -> Self {
        Self {
            snapshots,
            tallies,
            observing,
            protection: None,
            transfers: None,
            notified: None,
            turns: Arc::default(),
        }
    }

    /// The same with a rate limit and cookies.
    pub(super) fn protected_by(self, protection: Protection) -> Self {
        Self { protection: Some(protection), ..self }
    }

    /// The same with somebody who answers NOTIFY.
    pub(super) fn notified_by(self, notified: NotifyListener) -> Self {
        Self { notified: Some(notified), ..self }
    }

    /// The same with keys and transfers.
    pub(super) fn with_transfers(self, desk: Arc<TransferDesk>) -> Self {
        Self { transfers: Some(desk), ..self }
    }
}

impl MakeResponder for MakeAnswerer {
    type Responder = Answerer;

    fn make(&self, endpoint: Endpoint) -> Answerer {
        let desk = match endpoint {
            Endpoint::Socket(number) => self.tallies.of_socket(number),
            Endpoint::Connection(transport) => self.tallies.of_connections(transport),
        };
        let turn = self.turns.fetch_add(1, Relaxed);
        let answering = Answering::counting(turn, Timestamp::now, desk);
        let protection = self.protection.as_ref();
        let answering = match protection.and_then(|protection| protection.limiter(endpoint)) {
            Some(limiter) => answering.limited_by(limiter),
            None => answering,
        };
        let secrets = protection.map(|protection| Cache::new(protection.secrets().clone()));
        let observer = self.observing.observer(endpoint);
        let (transfers, notified) = (self.transfers.clone(), self.notified.clone());
        let answerer = Answerer::new(self.snapshots.clone(), answering);
        Answerer { secrets, observer, transfers, notified, ..answerer }
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

    fn forbid_transfers(&mut self) {
        self.may_transfer = false;
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
        let answered = self.answering.respond(&self.current, buffer, length, client, transport);
        answered.or_else(|| self.elsewhere(buffer, length, client, transport))
    }

    fn take_messages(&mut self) -> Option<Box<dyn MessageStream>> {
        self.messages.take()
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
        let Self { answering, current, .. } = self;
        let answered = answering.respond_in_batch(number, current, buffer, client, transport);
        answered.or_else(|| self.elsewhere(buffer, length, client, transport))
    }
}
