//! A bounded number of threads that check addresses.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cvdns_io::essential;
use jiff::Timestamp;

use super::events::Event;
use super::stop::Stop;
use crate::check::{Client, check, evidence};
use crate::confirm::confirmed;
use crate::rule::Evidence;
use crate::target::Target;
use crate::witness::Asking;

/// The settings of a check.
#[derive(Clone)]
pub(super) struct Checker {
    pub(super) client: Client,
    pub(super) port: u16,
    pub(super) tries: u32,
    pub(super) pause: Duration,
    /// Replaces the time of the clock.
    pub(super) fixed: Option<Timestamp>,
    pub(super) stop: Stop,
    /// The number of the pool: after a reload the numbers of targets mean other targets.
    pub(super) pool: u64,
}

struct Job {
    number: usize,
    target: Target,
}

/// The threads. When the pool is dropped, each thread ends after its present check.
pub(super) struct Pool {
    jobs: Sender<Job>,
    checker: Checker,
    events: Sender<Event>,
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.checker.stop.stop();
    }
}

impl Pool {
    pub(super) fn start(
        threads: usize,
        checker: &Checker,
        events: &Sender<Event>,
    ) -> std::io::Result<Self> {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let (checker, events, waiting) =
                (checker.clone(), events.clone(), Arc::clone(&waiting));
            essential::spawn("check", move || work(&checker, &waiting, &events))?;
        }
        Ok(Self { jobs, checker: checker.clone(), events: events.clone() })
    }

    /// Asks the witnesses, on a thread of their own: the others may wait for mirrors for long.
    pub(super) fn ask(&self, asking: Asking) -> std::io::Result<()> {
        let (checker, events) = (self.checker.clone(), self.events.clone());
        let ask = move || {
            let silent = asking.silent(|| !checker.stop.wait(checker.pause));
            let _ = events.send(Event::Asked(checker.pool, silent));
        };
        essential::spawn("witness", ask).map(drop)
    }

    /// Queues the check of a target.
    pub(super) fn check(&self, number: usize, targets: &[Target]) {
        if let Some(target) = targets.get(number) {
            // Threads outlive the pool, so that there is a receiver.
            let _ = self.jobs.send(Job { number, target: target.clone() });
        }
    }
}

fn work(checker: &Checker, waiting: &Mutex<Receiver<Job>>, events: &Sender<Event>) {
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { number, target }) = job else { return };
        if checker.stop.is_stopped() {
            return;
        }
        // A panic in a library must not exclude an address for good.
        let evidence =
            catch_unwind(AssertUnwindSafe(|| checker.check(&target))).unwrap_or_else(|_| {
                Evidence::Unchecked("the check failed by a defect of the program".to_owned())
            });
        if events.send(Event::Checked(checker.pool, number, evidence)).is_err() {
            return;
        }
    }
}

impl Checker {
    fn check(&self, target: &Target) -> Evidence {
        let address = SocketAddr::new(target.address, self.port);
        let once = || {
            let now = self.fixed.unwrap_or_else(Timestamp::now);
            evidence(check(&self.client, address, &target.requirements, now))
        };
        confirmed(self.tries, once, || !self.stop.wait(self.pause))
    }
}
