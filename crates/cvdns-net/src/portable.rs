//! UDP by portable system calls: one task for each socket, one datagram after the other.
//!
//! It is for systems without recvmmsg(2), and for comparison. Answers are the same to the octet, as
//! the same [`Responder`] answers in place; the cost is two system calls per query. The only
//! difference: a socket bound to a wildcard answers from the address that routing chooses.
//!
//! An earlier version used `hickory-server`, which decodes every query before a handler sees it,
//! and encodes the answer itself. That broke answers:
//!
//! - ECS of family 0, which `dig +subnet=0/0` sends, got FORMERR instead of an answer for the
//!   resolver;
//! - FORMERR to a bad ECS option had no OPT, where RFC 6891 section 6.1.1 wants one;
//! - a bad option under an EDNS version above 0 got FORMERR instead of BADVERS;
//! - a record without RDATA, which RFC 3597 section 5 allows, became SERVFAIL;
//! - a message with QR=1 that does not decode was answered, so that two servers could keep each
//!   other busy;
//! - names were not compressed against the question's, so that answers were truncated needlessly.
//!
//! It is still planned for encrypted transports, for its TLS, QUIC and HTTP/2.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;

use cvdns_io::essential::Essential;
use tokio::net::UdpSocket;
use tokio::select;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::error;

use super::counters::{UdpTally, add};
use super::limits::{DRAIN_LIMIT, ERROR_PAUSE, QUERY_MAX, RECEIVE_TIMEOUT, SEND_TIMEOUT};
use super::phase::Phase;
use super::responder::{Endpoint, MakeResponder, Responder, Transport};
use super::source_filter::SourceFilter;
use super::watchdog::Progress;

/// One socket and its responder.
pub(super) struct Portable<M: MakeResponder> {
    socket: UdpSocket,
    /// The same socket outside the runtime, which would not poll again for datagrams that arrived
    /// just before the stop.
    unread: std::net::UdpSocket,
    make: M,
    endpoint: Endpoint,
    responder: M::Responder,
    buffer: Box<[u8]>,
    tally: Arc<UdpTally>,
    filter: SourceFilter,
    progress: Arc<Progress>,
    failing: bool,
    /// Whether an answer of this batch waited for a full interface until the timeout.
    send_stalled: bool,
}

/// Most datagrams that are answered before other tasks of the runtime run.
const BATCH_SIZE: usize = 64;

/// Size of the buffer in octets: every query has room to grow, and a query that is too long is
/// noticed.
const BUFFER_SIZE: usize = QUERY_MAX + 64;

impl<M: MakeResponder> Portable<M> {
    /// Takes over a socket with this number among all sockets, within the context of a runtime.
    ///
    /// # Errors
    /// When the socket cannot be registered with the runtime.
    pub(super) fn new(
        socket: std::net::UdpSocket,
        number: usize,
        make: M,
        tally: Arc<UdpTally>,
        progress: Arc<Progress>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let unread = socket.try_clone()?;
        let endpoint = Endpoint::Socket(number);
        let mut responder = make.make(endpoint);
        tell_destination(&mut responder, &socket);
        let buffer = vec![0; BUFFER_SIZE].into_boxed_slice();
        let socket = UdpSocket::from_std(socket)?;
        let (failing, send_stalled) = (false, false);
        Ok(Self {
            socket,
            unread,
            make,
            endpoint,
            responder,
            buffer,
            tally,
            filter: SourceFilter::default(),
            progress,
            failing,
            send_stalled,
        })
    }

    /// The same with a filter of what is not answered.
    pub(super) fn with_filter(self, filter: SourceFilter) -> Self {
        Self { filter, ..self }
    }

    /// Serves until the stop, and then answers what was received. A panic while a query is answered
    /// costs that query; any other ends the process, as this socket would stay unanswered.
    pub(super) async fn run(mut self, name: String, mut stop: watch::Receiver<Phase>) {
        let _essential = Essential::new(name);
        let mut stopped = pin!(async {
            // An error means that the sender is gone, which is a stop as well.
            let _ = stop.wait_for(|phase| *phase != Phase::Serving).await;
        });
        loop {
            select! {
                biased;
                () = &mut stopped => break,
                // The timeout releases an old snapshot when there are no queries.
                _ = timeout(RECEIVE_TIMEOUT, self.socket.readable()) => {}
            }
            self.batch(BATCH_SIZE, |own| own.socket.try_recv_from(&mut own.buffer)).await;
        }
        self.batch(DRAIN_LIMIT, |own| own.unread.recv_from(&mut own.buffer)).await;
    }

    /// Answers up to `most` datagrams that the socket has.
    async fn batch(
        &mut self,
        most: usize,
        receive: impl Fn(&mut Self) -> io::Result<(usize, SocketAddr)>,
    ) {
        self.progress.set_thread();
        self.progress.during(|| self.responder.refresh());
        self.send_stalled = false;
        for turn in 0..most {
            match receive(self) {
                Ok((length, client)) => {
                    add(&self.tally.batches, u64::from(turn == 0));
                    self.failing = false;
                    self.answer(length, client).await;
                }
                Err(error) if is_transient(&error) => return,
                Err(error) => return self.report(&error).await,
            }
        }
    }

    async fn answer(&mut self, length: usize, client: SocketAddr) {
        add(&self.tally.received, 1);
        if length > QUERY_MAX {
            return add(&self.tally.dropped, 1);
        }
        // Where it was sent to is not known.
        if let Some(refusal) = self.filter.refuse(client, None) {
            return add(self.tally.refused(refusal), 1);
        }
        let answered = self.catch_panic(|responder, buffer| {
            responder.respond(buffer, length, client, Transport::Udp)
        });
        let Some(length) = answered else { return };
        match length.filter(|length| *length <= self.buffer.len()) {
            Some(length) => self.send(length, client).await,
            None => add(&self.tally.dropped, 1),
        }
    }

    async fn send(&mut self, length: usize, client: SocketAddr) {
        let answer = self.buffer.get(..length).unwrap_or_default();
        let sent = match self.socket.try_send_to(answer, client) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.send_stalled => {
                // The interface is full. After one timeout, the other answers of the batch do not
                // wait: their clients will have retried by then.
                timeout(SEND_TIMEOUT, self.socket.send_to(answer, client)).await.unwrap_or_else(
                    |_| {
                        self.send_stalled = true;
                        Err(error)
                    },
                )
            }
            sent => sent,
        };
        add(if sent.is_ok() { &self.tally.answered } else { &self.tally.send_errors }, 1);
    }

    /// Calls the responder. A panic is counted and logged, and the responder is replaced.
    fn catch_panic<T>(&mut self, act: impl FnOnce(&mut M::Responder, &mut [u8]) -> T) -> Option<T> {
        let (responder, buffer) = (&mut self.responder, &mut self.buffer);
        // A panic can leave the responder or the buffer half changed: the responder is replaced,
        // and the query in the buffer is dropped. The runtime may have moved this task to another
        // of its threads.
        self.progress.set_thread();
        let acting = || catch_unwind(AssertUnwindSafe(|| act(responder, buffer)));
        if let Ok(done) = self.progress.during(acting) {
            return Some(done);
        }
        add(&self.tally.panics, 1);
        error!("a query was dropped as answering it panicked: a defect in cvdns, please report it");
        self.responder = self.make.make(self.endpoint);
        tell_destination(&mut self.responder, &self.unread);
        None
    }

    /// Logs the first of consecutive failures, and pauses.
    async fn report(&mut self, error: &io::Error) {
        add(&self.tally.receive_errors, 1);
        if !self.failing {
            error!(%error, "receiving queries failed: {error}; going on");
            self.failing = true;
        }
        sleep(ERROR_PAUSE).await;
    }
}

/// Tells a responder the address of its socket, if it wants to know. On a wildcard only the port is
/// known.
fn tell_destination(responder: &mut impl Responder, socket: &std::net::UdpSocket) {
    if responder.wants_destination() {
        responder.set_destination(socket.local_addr().ok());
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
