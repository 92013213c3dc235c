//! DNS over TCP (RFC 7766, RFC 9210): accepts connections within their limit.

use std::convert::Infallible;
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

use super::connection::{Connection, Shared};
use super::connection_limiter::{Admission, ConnectionLimiter};
use super::counters::{TcpTally, add};
use super::memory;
use super::phase::Phase;
use super::responder::{Endpoint, MakeResponder};
use super::watchdog::Watchdog;

/// A listener and what its connections share.
pub(super) struct Acceptor<M> {
    listener: TcpListener,
    make: M,
    limiter: Arc<ConnectionLimiter>,
    shared: Shared,
    stop: watch::Receiver<Phase>,
    watchdog: Watchdog,
    connections: JoinSet<()>,
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

impl<M: MakeResponder> Acceptor<M> {
    /// An acceptor for a bound listener.
    pub(super) fn new(
        listener: TcpListener,
        make: M,
        limiter: Arc<ConnectionLimiter>,
        shared: Shared,
        stop: watch::Receiver<Phase>,
        watchdog: Watchdog,
    ) -> Self {
        Self { listener, make, limiter, shared, stop, watchdog, connections: JoinSet::new() }
    }

    /// Serves until the stop and until all connections have ended. A panic of a connection ends
    /// that connection; one of the listener ends the process, as nobody would accept any more.
    pub(super) async fn run(mut self, address: SocketAddr) {
        let _essential = Essential::new(format!("the TCP listener of {address}"));
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
            note_panic(&self.shared.tally, ended);
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
                note_panic(&self.shared.tally, ended);
            }
            select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, client)) => self.serve(stream, client),
                    Err(error) => self.recover(&error).await,
                },
                Some(ended) = self.connections.join_next() => note_panic(&self.shared.tally, ended),
            }
        }
    }

    async fn recover(&self, error: &io::Error) {
        add(&self.shared.tally.accept_errors, 1);
        // A peer that hung up before the accept is the one error that does not concern the server.
        if error.kind() != io::ErrorKind::ConnectionAborted {
            self.limiter.shed();
            sleep(ERROR_PAUSE).await;
        }
    }

    fn serve(&mut self, stream: TcpStream, client: SocketAddr) {
        let tally = &self.shared.tally;
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
        let responder = self.make.make(Endpoint::Connection);
        let progress = self.watchdog.watch("a TCP connection");
        let connection =
            Connection::new(stream, client, responder, permit, self.shared.clone(), progress);
        self.connections.spawn(connection.run(self.stop.clone()));
    }
}

fn note_panic(tally: &TcpTally, ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        add(&tally.panics, 1);
        error!(
            "a connection was closed as answering it panicked: a defect in cvdns, please report it"
        );
    }
}
