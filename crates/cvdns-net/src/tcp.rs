//! Accepts connections within their limit. DNS over TCP (RFC 7766, RFC 9210) is what is done with
//! them here.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cvdns_io::essential::Essential;
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::error;

use super::connection::{Connection, Peers, Shared};
use super::connection_limiter::{Admission, ConnectionLimiter, Permit};
use super::counters::{TcpTally, add};
use super::memory;
use super::phase::Phase;
use super::responder::{Endpoint, MakeResponder, Transport};
use super::watchdog::Watchdog;

/// A listener, and what becomes of its connections.
pub(super) struct Acceptor<P> {
    listener: TcpListener,
    protocol: P,
    limiter: Arc<ConnectionLimiter>,
    tally: Arc<TcpTally>,
    stop: watch::Receiver<Phase>,
    connections: JoinSet<()>,
}

/// What connections of a listener are for.
pub(super) trait Protocol: Send + 'static {
    /// Its name in messages.
    const NAME: &'static str;

    /// Serves a connection that was admitted until it ends, which the permit may ask for.
    fn serve(
        &self,
        stream: TcpStream,
        client: SocketAddr,
        permit: Permit,
    ) -> impl Future<Output = ()> + Send + 'static;
}

/// DNS over TCP.
pub(super) struct DnsOverTcp<M> {
    pub make: M,
    pub shared: Shared,
    pub watchdog: Watchdog,
}

impl<M: MakeResponder> Protocol for DnsOverTcp<M> {
    const NAME: &'static str = "TCP";

    fn serve(
        &self,
        stream: TcpStream,
        client: SocketAddr,
        permit: Permit,
    ) -> impl Future<Output = ()> + Send + 'static {
        let responder = self.make.make(Endpoint::Connection(Transport::Tcp));
        let progress = self.watchdog.watch("a TCP connection");
        let server = stream.local_addr().ok();
        let peers = Peers { client, server, transport: Transport::Tcp };
        let stop = self.shared.phase.clone();
        Connection::new(stream, peers, responder, permit, self.shared.clone(), progress).run(stop)
    }
}

/// The pause after a failed accept. Most errors mean that descriptors or memory are short, which
/// does not change at once, and the connection stays in the queue: without a pause this would be a
/// busy loop.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// At the stop, the longest wait for a connection that is already in the kernel's queue.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(20);

/// At the stop, most connections that are still accepted: more than the kernel queues, but a limit
/// if clients go on connecting.
const DRAIN_ACCEPTS: usize = 2048;

impl<P: Protocol> Acceptor<P> {
    /// An acceptor for a bound listener.
    pub(super) fn new(
        listener: TcpListener,
        protocol: P,
        limiter: Arc<ConnectionLimiter>,
        tally: Arc<TcpTally>,
        stop: watch::Receiver<Phase>,
    ) -> Self {
        Self { listener, protocol, limiter, tally, stop, connections: JoinSet::new() }
    }

    /// Serves until the stop and until all connections have ended. A panic of a connection ends
    /// that connection; one of the listener ends the process, as nobody would accept any more.
    pub(super) async fn run(mut self, address: SocketAddr) {
        let _essential = Essential::new(format!("the {} listener of {address}", P::NAME));
        let mut stop = self.stop.clone();
        let stopped = async {
            // An error means that the sender is gone, which is a stop as well.
            let _ = stop.wait_for(|phase| *phase != Phase::Serving).await;
        };
        select! {
            () = stopped => {}
            never = self.accept() => match never {},
        }
        let phase = *self.stop.borrow();
        if phase != Phase::HandingOver {
            self.drain_queue().await;
        }
        drop(self.listener);
        // Every connection ends by itself, as reads and writes have deadlines.
        while let Some(ended) = self.connections.join_next().await {
            note_panic(&self.tally, ended);
        }
    }

    /// Accepts the connections in the queue: they have been established, and may have sent queries.
    async fn drain_queue(&mut self) {
        for _ in 0..DRAIN_ACCEPTS {
            match timeout(DRAIN_TIMEOUT, self.listener.accept()).await {
                Ok(Ok((stream, client))) => self.serve(stream, client),
                _ => return,
            }
        }
    }

    async fn accept(&mut self) -> Infallible {
        loop {
            self.limiter.until_room().await;
            // Connections that have ended hold memory until this is done.
            while let Some(ended) = self.connections.try_join_next() {
                note_panic(&self.tally, ended);
            }
            select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, client)) => self.serve(stream, client),
                    Err(error) => self.recover(&error).await,
                },
                Some(ended) = self.connections.join_next() => note_panic(&self.tally, ended),
            }
        }
    }

    async fn recover(&self, error: &io::Error) {
        add(&self.tally.accept_errors, 1);
        // A peer that hung up before the accept is the one error that does not concern the server.
        if error.kind() != io::ErrorKind::ConnectionAborted {
            self.limiter.shed();
            sleep(ERROR_PAUSE).await;
        }
    }

    fn serve(&mut self, stream: TcpStream, client: SocketAddr) {
        let tally = &self.tally;
        if !memory::has_reserve() {
            add(&tally.accepted, 1);
            add(&tally.out_of_memory, 1);
            return;
        }
        let permit = match self.limiter.admit(client.ip()) {
            Admission::Free(permit) | Admission::Evicting(permit) => permit,
            Admission::ClientHasAll => {
                add(&tally.refused, 1);
                return;
            }
        };
        add(&tally.accepted, 1);
        self.connections.spawn(self.protocol.serve(stream, client, permit));
    }
}

pub(super) fn note_panic(tally: &TcpTally, ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        add(&tally.panics, 1);
        error!(
            "a connection was closed as answering it panicked: a defect in cvdns, please report it"
        );
    }
}
