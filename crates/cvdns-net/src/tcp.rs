//! DNS over TCP (RFC 7766, RFC 9210): accepts connections and keeps their number.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::error;

use super::buffers::Buffers;
use super::connection::{Connection, Shared};
use super::counters::{TcpTally, add};
use super::responder::{MakeResponder, Place};
use super::room::{Entry, Room};
use super::watchdog::Watchdog;

/// What TCP clients may take up. The defaults are those of the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpLimits {
    /// Most connections at once, of all listeners together (`tcp-max-connections`).
    pub connections: usize,
    /// How long a connection may be without a query (`tcp-idle`).
    pub idle: Duration,
    /// How long a message may take from its first byte to its last.
    pub message: Duration,
    /// How long a peer may take to read what is written to it at once, which is up to 128 KiB.
    pub write: Duration,
}

impl Default for TcpLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connections: 1024, idle: seconds(10), message: seconds(5), write: seconds(10) }
    }
}

/// A listener and what its connections share.
pub(super) struct Acceptor<M> {
    listener: TcpListener,
    make: M,
    room: Arc<Room>,
    shared: Shared,
    stop: watch::Receiver<bool>,
    watchdog: Watchdog,
    connections: JoinSet<()>,
}

/// How long accepting rests after an error. Most mean that descriptors or memory are short, which does not
/// change at once, and the connection stays in the queue: without a rest it would be a busy loop.
const RECOVERY: Duration = Duration::from_millis(100);

/// How many buffers for answers are kept, of 128 KiB each at most: threads that answer at the same
/// time are seldom more.
const SPARE_BUFFERS: usize = 8;

/// How long a connection that is already in the kernel's queue may take to come out of it at the stop.
const LAST_PATIENCE: Duration = Duration::from_millis(20);

impl<M: MakeResponder> Acceptor<M> {
    /// Takes over a listener.
    pub(super) fn new(
        listener: TcpListener,
        make: M,
        limits: TcpLimits,
        room: Arc<Room>,
        tally: Arc<TcpTally>,
        stop: watch::Receiver<bool>,
        watchdog: Watchdog,
    ) -> Self {
        let shared = Shared { buffers: Arc::new(Buffers::new(SPARE_BUFFERS)), limits, tally };
        Self { listener, make, room, shared, stop, watchdog, connections: JoinSet::new() }
    }

    /// Serves until told to stop and all connections have ended.
    pub(super) async fn run(mut self) {
        let mut stop = self.stop.clone();
        let stopped = async {
            // An error means that the server is gone, which is a stop as well.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        select! {
            () = stopped => {}
            never = self.accept() => match never {},
        }
        // Connections in the queue have been established, and may have sent queries.
        while let Ok(Ok((stream, client))) = timeout(LAST_PATIENCE, self.listener.accept()).await {
            self.serve(stream, client);
        }
        drop(self.listener);
        // Every connection ends by itself: reading and writing have their deadlines.
        while let Some(ended) = self.connections.join_next().await {
            note_panic(&self.shared.tally, ended);
        }
    }

    async fn accept(&mut self) -> Infallible {
        loop {
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
        // A peer that hung up before it was accepted is the one error that says nothing about us.
        if error.kind() != io::ErrorKind::ConnectionAborted {
            self.room.make_room();
            sleep(RECOVERY).await;
        }
    }

    fn serve(&mut self, stream: TcpStream, client: SocketAddr) {
        let guest = match self.room.enter() {
            Entry::Free(guest) | Entry::InPlaceOfAnother(guest) => guest,
            Entry::Full => {
                add(&self.shared.tally.refused, 1);
                return;
            }
        };
        add(&self.shared.tally.accepted, 1);
        let responder = self.make.make(Place::Connection);
        let progress = self.watchdog.watch("a TCP connection");
        let connection =
            Connection::new(stream, client, responder, guest, self.shared.clone(), progress);
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
