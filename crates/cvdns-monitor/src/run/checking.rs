//! Runs a coordinator, or one of several monitors, that checks the mirrors itself.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::clock::Clock;
use super::events::{Event, events, within};
use super::pool::{Checker, Pool};
use super::publishing::COLLECT;
use super::stop::Stop;
use super::{Checked, LONGEST_SLEEP, Start, random};
use crate::MonitorInputs;
use crate::check::Client;
use crate::rule::Evidence;
use crate::witness::Asking;
use cvdns_core::config::Monitor;
use cvdns_io::signals::Signals;

impl Start {
    /// Starts threads for the present targets.
    fn pool(&mut self, events: &Sender<Event>) -> Result<Pool, String> {
        self.pools += 1;
        let &Monitor { port, confirm, confirm_interval, connect_timeout, timeout, .. } =
            &self.settings;
        let checker = Checker {
            client: Client::new(connect_timeout, timeout),
            port,
            tries: confirm,
            pause: confirm_interval,
            fixed: match self.clock {
                Clock::System => None,
                Clock::Fixed(now) => Some(now),
            },
            stop: Stop::default(),
            pool: self.pools,
        };
        let threads = self.settings.concurrency.min(self.coordinator.targets.len().max(1));
        Pool::start(threads, &checker, events)
            .map_err(|error| format!("cannot start threads: {error}"))
    }

    /// The time until an address is due.
    fn until_due(&self) -> Duration {
        let now = self.clock.now();
        let due = self.coordinator.next_due(now).map(|due| due.duration_since(now));
        // A mirror in a downtime stays due without being checked.
        due.map_or(LONGEST_SLEEP, |due| Duration::try_from(due).unwrap_or_default().max(COLLECT))
    }

    /// Learns from what a thread found.
    fn learn(&mut self, target: usize, evidence: Evidence) {
        let now = self.clock.now();
        let checked = self.coordinator.targets.get(target);
        if let Some((reporter, checked)) = self.reporter.as_mut().zip(checked) {
            reporter.note(checked, &evidence, now);
        }
        let news = self.coordinator.learn(target, evidence, now, &mut random);
        self.report(news, now);
    }

    /// Learns which witnesses do not answer.
    fn hear(&mut self, silent: Vec<SocketAddr>) {
        let now = self.clock.now();
        let answer = silent.len() < self.settings.witnesses.len();
        let news = self.coordinator.hear(answer, now, &mut random);
        self.report_witnesses(silent);
        self.report(news, now);
    }

    /// Asks the witnesses, if it is time to. Returns whether their answer will come.
    fn ask_witnesses(&mut self, pool: &Pool) -> bool {
        if !self.coordinator.asks_witnesses(self.clock.now()) {
            return false;
        }
        let asking = Asking {
            witnesses: self.settings.witnesses.iter().map(|witness| witness.value).collect(),
            timeout: self.settings.connect_timeout,
            tries: self.settings.confirm,
        };
        let started = pool.ask(asking);
        if let Err(error) = &started {
            warn!("the witnesses cannot be asked: {error}");
            self.coordinator.hears_witnesses();
        }
        started.is_ok()
    }
}

/// Checks every address once and writes the feed. `progress` is called with the number of checks
/// done and the number of all.
///
/// # Errors
/// When the feed cannot be written, or a signal ends the run before.
pub fn once(
    mut start: Start,
    signals: Signals,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Checked, String> {
    start.is_once = true;
    let (events, received) = events(signals);
    let pool = start.pool(&events)?;
    start.coordinator.begin(start.clock.now());
    let due = start.coordinator.take_due(start.clock.now(), true);
    let total = due.len();
    let mut asked = start.ask_witnesses(&pool);
    progress(0, total);
    for target in due {
        pool.check(target, &start.coordinator.targets);
    }
    let mut done = 0;
    while done < total || asked {
        match received.recv() {
            Ok(Event::Asked(_, silent)) => {
                start.hear(silent);
                asked = false;
            }
            Ok(Event::Checked(_, target, evidence)) => {
                start.learn(target, evidence);
                done += 1;
                progress(done, total);
            }
            Ok(Event::Reload | Event::Reported(..)) => {}
            Ok(Event::Stop) | Err(_) => {
                start.save()?;
                return Err(format!(
                    "ended after {done} of {total} addresses; the feed is as it was"
                ));
            }
        }
    }
    let now = start.clock.now();
    let was_frozen = start.coordinator.stored.frozen.is_some();
    let news = start.coordinator.conclude(now, &mut random);
    start.report(news, now);
    if let Some(frozen) = start.coordinator.stored.frozen.as_ref().filter(|_| was_frozen) {
        // Each run has its own log or mail.
        Start::warn_of_doubt(&frozen.text());
    }
    start.conclude()
}

/// Checks addresses when they are due and writes feeds, until SIGTERM or SIGINT. On SIGHUP `reload`
/// reads everything again; if it returns `None`, the former inputs stay in use.
///
/// # Errors
/// When the system gives no threads or signals, or the memory cannot be written.
pub fn watch(
    mut start: Start,
    signals: Signals,
    reload: &mut dyn FnMut() -> Option<MonitorInputs>,
) -> Result<(), String> {
    let (events, received) = events(signals);
    let mut pool = start.pool(&events)?;
    let begun = Instant::now();
    info!("checking {} addresses", start.coordinator.targets.len());
    loop {
        for target in start.coordinator.take_due(start.clock.now(), false) {
            pool.check(target, &start.coordinator.targets);
        }
        start.ask_witnesses(&pool);
        let Some(until_publish) = start.publish_or_wait(begun) else { continue };
        let sleep = until_publish.min(start.until_due()).min(LONGEST_SLEEP);
        for event in within(&received, sleep) {
            match event {
                Event::Checked(by, target, evidence) if by == start.pools => {
                    start.learn(target, evidence);
                }
                Event::Asked(by, silent) if by == start.pools => start.hear(silent),
                // A result of before a reload.
                Event::Checked(..) | Event::Asked(..) | Event::Reported(..) => {}
                Event::Reload => {
                    if start.reloaded(reload) {
                        pool = start.pool(&events)?;
                    }
                }
                Event::Stop => return start.end(),
            }
        }
    }
}
