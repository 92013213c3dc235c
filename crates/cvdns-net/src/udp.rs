//! UDP in batches: one thread for each socket, of the kernel or of AF_XDP.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire};
use std::thread::{JoinHandle, sleep};

use cvdns_io::essential;
use tracing::{error, warn};

use super::batch::{Batch, BatchOutcome, ReceiveOutcome};
use super::cores;
use super::counters::UdpTally;
use super::datagrams::{BATCH_SIZE, Datagrams};
use super::limits::{DRAIN_LIMIT, ERROR_PAUSE};
use super::mmsg::Ring;
use super::responder::{Endpoint, MakeResponder};
use super::source_filter::SourceFilter;
use super::watchdog::Progress;

/// Most batches that a worker still answers after the stop.
const DRAIN_BATCHES: usize = DRAIN_LIMIT / BATCH_SIZE;

/// One socket and the thread that serves it.
pub(super) struct Worker<S, D> {
    socket: S,
    batch: Batch<D>,
    duty: Duty,
    failing: bool,
}

/// What a worker does its work for.
pub(super) struct Duty {
    /// Its socket, numbered among all sockets.
    pub endpoint: Endpoint,
    /// What it counts by.
    pub tally: Arc<UdpTally>,
    /// Set when it is to end.
    pub stop: Arc<AtomicBool>,
    /// What the watchdog sees of it.
    pub progress: Arc<Progress>,
}

/// Identifies a worker.
#[derive(Clone)]
pub(super) struct WorkerId {
    /// Address of its socket.
    pub address: SocketAddr,
    /// Its number among the workers of that address.
    pub number: usize,
    /// Its socket, numbered among all sockets.
    pub endpoint: Endpoint,
    /// Core to pin it to; `None` does not pin it.
    pub core: Option<usize>,
    /// What it does not answer.
    pub filter: SourceFilter,
}

impl Worker<UdpSocket, Ring> {
    /// Starts the thread that serves `socket`. A panic while a query is answered costs that query.
    /// Any other panic ends the process: the kernel would go on giving this socket its share of the
    /// queries, and nobody would answer them.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        socket: UdpSocket,
        id: WorkerId,
        make: impl MakeResponder,
        tally: Arc<UdpTally>,
        stop: Arc<AtomicBool>,
        progress: Arc<Progress>,
    ) -> io::Result<JoinHandle<()>> {
        let WorkerId { address, number, core, endpoint, filter } = id;
        let ring = Ring::new(address, filter);
        let mut worker = Self::new(socket, ring, Duty { endpoint, tally, stop, progress });
        // Linux cuts thread names at 15 octets, so the number comes first.
        essential::spawn(format!("cvdns-udp-{number}-{address}"), move || {
            if let Some(core) = core {
                pin_to_core(core, number, address);
            }
            worker.run(&make);
        })
    }
}

impl<S: AsFd, D: Datagrams> Worker<S, D> {
    /// A worker that is to be run by a thread of its own.
    pub(super) fn new(socket: S, ring: D, duty: Duty) -> Self {
        Self { socket, batch: Batch::new(ring), duty, failing: false }
    }

    /// Answers until the stop, and then what was received.
    pub(super) fn run<M: MakeResponder>(&mut self, make: &M) {
        self.duty.progress.set_thread();
        let mut responder = make.make(self.duty.endpoint);
        while !self.duty.stop.load(Acquire) {
            self.turn(true, make, &mut responder);
        }
        for _ in 0..DRAIN_BATCHES {
            if !self.turn(false, make, &mut responder) {
                return;
            }
        }
    }

    /// Receives, answers and sends one batch; false if there is nothing more to do.
    fn turn<M: MakeResponder>(
        &mut self,
        wait: bool,
        make: &M,
        responder: &mut M::Responder,
    ) -> bool {
        let Duty { tally, progress, endpoint, .. } = &self.duty;
        match self.batch.receive(self.socket.as_fd(), wait, tally) {
            ReceiveOutcome::Received => self.failing = false,
            ReceiveOutcome::Nothing => {
                // Refreshes the responder: otherwise an old snapshot would stay in memory until the
                // next query.
                progress.during(|| self.batch.answer(responder, tally));
                self.batch.send(self.socket.as_fd(), tally);
                return self.batch.has_unsent();
            }
            ReceiveOutcome::Failed(error) => {
                self.report(&error);
                return false;
            }
        }
        while self.batch.is_unfinished() {
            let answering = || self.batch.answer(responder, tally);
            if progress.during(answering) == BatchOutcome::Panicked {
                error!(
                    "a query was dropped as answering it panicked: a defect in cvdns, please report it"
                );
                *responder = make.make(*endpoint);
            }
        }
        self.batch.send(self.socket.as_fd(), tally);
        true
    }

    /// Logs the first of consecutive failures, and pauses.
    fn report(&mut self, error: &io::Error) {
        if !self.failing {
            error!(%error, "receiving queries failed: {error}; going on");
            self.failing = true;
        }
        sleep(ERROR_PAUSE);
    }
}

/// Pins the calling thread to its core. A failure is only a warning: answers are the same from any
/// core.
fn pin_to_core(core: usize, number: usize, address: SocketAddr) {
    if let Err(error) = cores::pin(core) {
        warn!(
            "UDP worker {number} of {address} cannot be pinned to core {core} and runs on any core: {error}; \
             allow sched_setaffinity(2) (systemd: `@resources`), restart the server after its cores have \
             changed, or remove `affinity = true`"
        );
    }
}
