//! UDP by calls that every system has: one task a socket, one datagram after the other.
//!
//! For systems without recvmmsg(2), and for comparison. What is answered is the same to the octet, as the same
//! [`Responder`] answers in place; what it costs is two system calls a query. One thing cannot be had this
//! way: a socket bound to a wildcard answers from the address that routing chooses.
//!
//! `hickory-server` carried this once and was given up, as it decodes every query before a handler sees it
//! and renders the answer anew. That broke what is promised of every answer:
//!
//! - ECS of family 0, which `dig +subnet=0/0` sends, got FORMERR instead of an answer for the resolver;
//! - FORMERR to a bad ECS option had no OPT, where RFC 6891 section 6.1.1 wants one;
//! - a bad option under an EDNS version above 0 got FORMERR instead of BADVERS;
//! - a record without RDATA, which RFC 3597 section 5 allows, became SERVFAIL;
//! - what has QR=1 and does not decode was answered, so that two servers could keep each other busy;
//! - names were not compressed to the question's, so that answers were truncated which need not be.
//!
//! For the encrypted transports it stays the plan: there it is TLS, QUIC and HTTP/2 that it carries.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::select;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::error;

use super::counters::{UdpTally, add};
use super::limits::{LAST_QUERIES, PATIENCE, QUERY_MAX, RECOVERY, SEND_PATIENCE};
use super::responder::{MakeResponder, Place, Responder, Transport};
use super::watchdog::Progress;

/// One socket and what answers on it.
pub(super) struct Portable<M: MakeResponder> {
    socket: UdpSocket,
    /// The same socket without the runtime, which would not look again for what came just before the stop.
    unread: std::net::UdpSocket,
    make: M,
    place: Place,
    responder: M::Responder,
    buffer: Box<[u8]>,
    tally: Arc<UdpTally>,
    progress: Arc<Progress>,
    failing: bool,
    /// Whether an answer of this batch has waited for a full interface in vain.
    clogged: bool,
}

/// Datagrams that are answered by one snapshot before the runtime's other tasks get their turn.
const WIDTH: usize = 64;

/// Bytes of the buffer: every query has room to grow, and one that is too long is seen to be.
const BUFFER: usize = QUERY_MAX + 64;

impl<M: MakeResponder> Portable<M> {
    /// Takes over a socket, of this number among all. A runtime must be entered.
    ///
    /// # Errors
    /// When the system does not let the runtime have it.
    pub(super) fn new(
        socket: std::net::UdpSocket,
        number: usize,
        make: M,
        tally: Arc<UdpTally>,
        progress: Arc<Progress>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let unread = socket.try_clone()?;
        let place = Place::Socket(number);
        let responder = make.make(place);
        let buffer = vec![0; BUFFER].into_boxed_slice();
        let socket = UdpSocket::from_std(socket)?;
        let (failing, clogged) = (false, false);
        Ok(Self {
            socket,
            unread,
            make,
            place,
            responder,
            buffer,
            tally,
            progress,
            failing,
            clogged,
        })
    }

    /// Serves until told to stop, and then answers what was received.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut stopped = pin!(async {
            // An error means that the server is gone, which is a stop as well.
            let _ = stop.wait_for(|stop| *stop).await;
        });
        loop {
            select! {
                biased;
                () = &mut stopped => break,
                // Also woken without a query: an old snapshot would else stay in memory until the next one.
                _ = timeout(PATIENCE, self.socket.readable()) => {}
            }
            self.batch(WIDTH, |own| own.socket.try_recv_from(&mut own.buffer)).await;
        }
        self.batch(LAST_QUERIES, |own| own.unread.recv_from(&mut own.buffer)).await;
    }

    /// Answers what the socket has, `most` datagrams of it.
    async fn batch(
        &mut self,
        most: usize,
        receive: impl Fn(&mut Self) -> io::Result<(usize, SocketAddr)>,
    ) {
        self.contained(|responder, _| responder.refresh());
        self.clogged = false;
        for turn in 0..most {
            match receive(self) {
                Ok((length, client)) => {
                    add(&self.tally.batches, u64::from(turn == 0));
                    self.failing = false;
                    self.answer(length, client).await;
                }
                Err(error) if is_nothing(&error) => return,
                Err(error) => return self.report(&error).await,
            }
        }
    }

    async fn answer(&mut self, length: usize, client: SocketAddr) {
        add(&self.tally.received, 1);
        if length > QUERY_MAX {
            return add(&self.tally.dropped, 1);
        }
        if client.port() == 0 {
            return add(&self.tally.unanswerable, 1);
        }
        let answered = self.contained(|responder, buffer| {
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
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.clogged => {
                // The interface is full. After one such wait the others of the batch would wait as long each,
                // and their clients have asked again by then.
                timeout(SEND_PATIENCE, self.socket.send_to(answer, client)).await.unwrap_or_else(
                    |_| {
                        self.clogged = true;
                        Err(error)
                    },
                )
            }
            sent => sent,
        };
        add(if sent.is_ok() { &self.tally.answered } else { &self.tally.send_errors }, 1);
    }

    /// Lets the responder do something. Should it panic that is counted and logged, and a fresh one takes over.
    fn contained<T>(&mut self, act: impl FnOnce(&mut M::Responder, &mut [u8]) -> T) -> Option<T> {
        let (responder, buffer) = (&mut self.responder, &mut self.buffer);
        // Whatever a panic leaves half done is the responder's, which is replaced, or the buffer's, whose query
        // is dropped.
        // The runtime may have moved this task to another of its threads.
        self.progress.be_here();
        let acting = || catch_unwind(AssertUnwindSafe(|| act(responder, buffer)));
        if let Ok(done) = self.progress.during(acting) {
            return Some(done);
        }
        add(&self.tally.panics, 1);
        error!("a query was dropped as answering it panicked: a defect in cvdns, please report it");
        if let Ok(fresh) = catch_unwind(AssertUnwindSafe(|| self.make.make(self.place))) {
            self.responder = fresh;
        }
        None
    }

    /// Logs the first failure of a row, and waits a little.
    async fn report(&mut self, error: &io::Error) {
        add(&self.tally.receive_errors, 1);
        if !self.failing {
            error!(%error, "receiving queries failed; going on");
            self.failing = true;
        }
        sleep(RECOVERY).await;
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
