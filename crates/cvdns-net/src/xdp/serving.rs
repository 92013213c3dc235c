//! The threads of the queues.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{AcqRel, Acquire, Release},
};
use std::thread::{JoinHandle, sleep};

use cvdns_core::problem::plural;
use cvdns_io::essential;
use tracing::{info, warn};

use super::super::responder::{Endpoint, MakeResponder};
use super::super::source_filter::SourceFilter;
use super::super::udp::{Duty, Worker};
use super::super::watchdog::Watchdog;
use super::attachment::{Attachment, ON_THE_WAY, PAUSE};
use super::interface::Interface;
use super::reasons;
use super::set_up::{Attached, Planned, PlannedQueue, Xdp, bind_queue};
use super::slots::FrameSlots;
use super::tally::InterfaceTally;
use super::watch;

/// The interfaces that are served, or are going to be.
#[derive(Default)]
pub(crate) struct XdpServing {
    attachments: Vec<Arc<Attachment>>,
    /// Set when the queues may be taken.
    may_begin: Arc<AtomicBool>,
}

/// What the threads of the queues share with the rest of the server.
pub(crate) struct Shared {
    pub filter: SourceFilter,
    pub watchdog: Watchdog,
    pub stop: Arc<AtomicBool>,
    /// UDP sockets that are numbered before the queues.
    pub sockets: usize,
}

/// An interface whose queues are being taken.
struct Beginning {
    interface: Interface,
    attachment: Arc<Attachment>,
    tally: Arc<InterfaceTally>,
    /// Queues of which it is not known yet whether they are served.
    undecided: AtomicUsize,
    served: AtomicUsize,
}

impl XdpServing {
    /// Starts the threads. They take their queues after [`Self::begin`].
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn start<M: MakeResponder>(
        xdp: Xdp,
        make: &M,
        shared: &Shared,
        threads: &mut Vec<JoinHandle<()>>,
    ) -> io::Result<Self> {
        let mut serving = Self::default();
        let (mut number, mut watched) = (shared.sockets, Vec::new());
        for Planned { tally, attached } in xdp.interfaces {
            let Some(Attached { interface, attachment, queues }) = attached else { continue };
            serving.attachments.push(attachment.clone());
            watched.push(watch::Watched::new(&interface, &attachment, &tally));
            let (undecided, served) = (AtomicUsize::new(queues.len()), AtomicUsize::new(0));
            let beginning = Arc::new(Beginning { interface, attachment, tally, undecided, served });
            for queue in queues {
                let endpoint = Endpoint::Socket(number);
                number = number.saturating_add(1);
                threads.push(serving.start_queue(queue, &beginning, make, shared, endpoint)?);
            }
        }
        if !watched.is_empty() {
            threads.push(watch::start(watched, shared.stop.clone())?);
        }
        Ok(serving)
    }

    fn start_queue<M: MakeResponder>(
        &self,
        queue: PlannedQueue,
        beginning: &Arc<Beginning>,
        make: &M,
        shared: &Shared,
        endpoint: Endpoint,
    ) -> io::Result<JoinHandle<()>> {
        let PlannedQueue { tally, socket, frames, is_bound } = queue;
        let Interface { name, index, .. } = beginning.interface.clone();
        let number = tally.queue;
        let progress = shared.watchdog.watch(format!("XDP worker {number} of {name}"));
        let stop = shared.stop.clone();
        let duty = Duty { endpoint, tally: tally.udp.clone(), stop: stop.clone(), progress };
        let slots = FrameSlots::new(frames, shared.filter.clone(), &beginning.interface, tally);
        let (beginning, may_begin) = (beginning.clone(), self.may_begin.clone());
        let make = make.clone();
        essential::spawn(format!("cvdns-xdp-{number}-{name}"), move || {
            while !may_begin.load(Acquire) {
                if stop.load(Acquire) {
                    return;
                }
                sleep(PAUSE);
            }
            let bound = if is_bound { Ok(()) } else { bind_queue(socket.as_fd(), index, number) };
            if let Err(error) = bound {
                // Without its socket the queue's frames go to the kernel.
                drop(socket);
                return beginning.decided(Err(reasons::queue(&error, number)));
            }
            let mut worker = Worker::new(socket, slots, duty);
            beginning.decided(Ok(()));
            worker.run(&make);
        })
    }

    /// Has the threads take their queues, now that no other server does.
    pub(crate) fn begin(&self) {
        self.may_begin.store(true, Release);
    }

    /// Has all frames pass to the kernel, and waits until those that did not are in the hands of
    /// the threads.
    pub(crate) async fn pass(&self) {
        if !self.attachments.is_empty() {
            self.attachments.iter().for_each(|attachment| attachment.end());
            tokio::time::sleep(ON_THE_WAY).await;
        }
    }
}

impl Drop for XdpServing {
    fn drop(&mut self) {
        self.attachments.iter().for_each(|attachment| attachment.end());
    }
}

impl std::fmt::Debug for XdpServing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("XdpServing").finish_non_exhaustive()
    }
}

impl Beginning {
    /// Notes whether a queue is served. After the last one, the program hands over frames.
    fn decided(&self, outcome: Result<(), String>) {
        let Interface { name, endpoints, .. } = &self.interface;
        match outcome {
            Ok(()) => {
                self.served.fetch_add(1, AcqRel);
            }
            Err(reason) => {
                warn!("AF_XDP does not serve {name} in full: {reason}");
                self.tally.set_missing(Some(reasons::at_start(&reason)));
            }
        }
        if self.undecided.fetch_sub(1, AcqRel) > 1 {
            return;
        }
        let served = self.served.load(Acquire);
        if served > 0 {
            self.attachment.begin();
            let list: Vec<_> = endpoints.iter().map(ToString::to_string).collect();
            let mode = self.tally.mode();
            let queues = plural(served, "queue", "queues");
            info!("AF_XDP ({mode}) answers {queues} of {name} for {}", list.join(", "));
        }
    }
}
