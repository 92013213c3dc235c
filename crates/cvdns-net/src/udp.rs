//! UDP by batches: one thread for every socket.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire};
use std::thread::{Builder, JoinHandle, sleep};

use tracing::{error, warn};

use super::batch::{Answering, Batch, Reception};
use super::cores;
use super::counters::UdpTally;
use super::limits::{LAST_QUERIES, RECOVERY};
use super::mmsg::WIDTH;
use super::responder::{MakeResponder, Place};
use super::watchdog::Progress;

/// Batches that a worker still answers when told to stop.
const LAST_BATCHES: usize = LAST_QUERIES / WIDTH;

/// One socket and the thread that serves it.
pub(super) struct Worker {
    socket: UdpSocket,
    batch: Batch,
    tally: Arc<UdpTally>,
    stop: Arc<AtomicBool>,
    progress: Arc<Progress>,
    place: Place,
    failing: bool,
}

/// Which of the workers one is.
#[derive(Clone, Copy)]
pub(super) struct WorkerId {
    /// Where its socket listens.
    pub address: SocketAddr,
    /// Its number among those of that address.
    pub number: usize,
    /// Its place among all.
    pub place: Place,
    /// The core where it stays.
    pub core: Option<usize>,
}

impl Worker {
    /// Starts the thread that serves `socket`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        socket: UdpSocket,
        post: WorkerId,
        make: impl MakeResponder,
        tally: Arc<UdpTally>,
        stop: Arc<AtomicBool>,
        progress: Arc<Progress>,
    ) -> io::Result<JoinHandle<()>> {
        let WorkerId { address, number, core, place } = post;
        let batch = Batch::new(address.ip().is_unspecified());
        let mut worker = Self { socket, batch, tally, stop, progress, place, failing: false };
        // Linux cuts thread names at 15 bytes: what tells workers apart comes first.
        Builder::new().name(format!("cvdns-udp-{number}-{address}")).spawn(move || {
            if let Some(core) = core {
                stay(core, number, address);
            }
            worker.progress.be_here();
            worker.run(&make);
        })
    }

    fn run<M: MakeResponder>(&mut self, make: &M) {
        let mut responder = make.make(self.place);
        while !self.stop.load(Acquire) {
            self.turn(true, make, &mut responder);
        }
        for _ in 0..LAST_BATCHES {
            if !self.turn(false, make, &mut responder) {
                return;
            }
        }
    }

    /// Receives, answers and sends one batch; false when there was none.
    fn turn<M: MakeResponder>(
        &mut self,
        wait: bool,
        make: &M,
        responder: &mut M::Responder,
    ) -> bool {
        match self.batch.receive(self.socket.as_fd(), wait, &self.tally) {
            Reception::Some => self.failing = false,
            Reception::None => {
                // Lets go of an old snapshot, which else would stay in memory until the next query.
                self.progress.during(|| self.batch.answer(responder, &self.tally));
                return false;
            }
            Reception::Failed(error) => {
                self.report(&error);
                return false;
            }
        }
        while self.batch.is_unfinished() {
            let answering = || self.batch.answer(responder, &self.tally);
            if self.progress.during(answering) == Answering::Panicked {
                error!(
                    "a query was dropped as answering it panicked: a defect in cvdns, please report it"
                );
                if let Ok(fresh) = catch_unwind(AssertUnwindSafe(|| make.make(self.place))) {
                    *responder = fresh;
                }
            }
        }
        self.batch.send(self.socket.as_fd(), &self.tally);
        true
    }

    /// Logs the first failure of a row, and waits a little.
    fn report(&mut self, error: &io::Error) {
        if !self.failing {
            error!(%error, "receiving queries failed; going on");
            self.failing = true;
        }
        sleep(RECOVERY);
    }
}

/// Pins the calling worker to its core. Where that is refused it goes on: answers are the same from any core.
fn stay(core: usize, number: usize, address: SocketAddr) {
    if let Err(error) = cores::pin(core) {
        warn!(
            "UDP worker {number} of {address} cannot be pinned to core {core} and runs where the system puts it: {error}; \
             let it use sched_setaffinity(2) (systemd: `@resources`), restart it when its cores have changed, or take \
             `affinity = true` out"
        );
    }
}
