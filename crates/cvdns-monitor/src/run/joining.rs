//! Runs a coordinator that combines the reports of several monitors.

use std::collections::HashSet;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tracing::info;

use super::events::{Event, events, within};
use super::readers::Readers;
use super::{Checked, LONGEST_SLEEP, Start, random};
use crate::MonitorInputs;
use crate::combine::combine;
use crate::roster::Roster;
use cvdns_io::signals::Signals;

/// How long the first round waits for members that do not answer.
const FIRST_REPORTS: Duration = Duration::from_secs(60);

/// What to say when the configuration names no members.
const NO_MEMBERS: &str = "there are no members to combine";

impl Start {
    /// Joins the last reports of all members, and learns from them.
    fn combine(&mut self) {
        let now = self.clock.now();
        let Some(roster) = &mut self.roster else { return };
        let subjects = self.coordinator.subjects();
        let fleet: HashSet<_> = subjects.iter().map(|of| (of.host, of.address)).collect();
        let before = self.coordinator.standing();
        let combined = combine(&roster.seats(), &subjects, &before, now);
        roster.judge(&combined, &fleet);
        self.members = roster.statuses();
        let news = self.coordinator.take(combined, now, &mut random);
        self.report(news, now);
    }

    fn readers(&mut self, events: &Sender<Event>) -> Result<Readers, String> {
        self.pools += 1;
        let roster = self.roster.as_ref().ok_or(NO_MEMBERS)?;
        let interval = self.settings.combine_interval;
        Readers::start(roster.members(), interval, self.pools, events)
            .map_err(|error| format!("cannot start threads: {error}"))
    }

    fn has_heard_all(&self) -> bool {
        self.roster.as_ref().is_none_or(Roster::has_heard_all)
    }

    /// Takes what a reader or a signal says. Returns whether there is a new report.
    fn take_report(&mut self, event: Event) -> bool {
        let now = self.clock.now();
        match (event, &mut self.roster) {
            (Event::Reported(by, member, outcome), Some(roster)) if by == self.pools => {
                roster.take(member, *outcome, now)
            }
            _ => false,
        }
    }
}

/// Reads all reports once, joins them, and writes the feed.
///
/// # Errors
/// When the feed cannot be written, or a signal ends the run before.
pub fn join_once(mut start: Start, signals: Signals) -> Result<Checked, String> {
    start.is_once = true;
    let (events, received) = events(signals);
    let readers = start.readers(&events)?;
    while !start.has_heard_all() {
        match received.recv() {
            Ok(Event::Stop) | Err(_) => return Err("ended before all reports were read".to_owned()),
            Ok(event) => {
                start.take_report(event);
            }
        }
    }
    drop(readers);
    start.combine();
    start.conclude()
}

/// Reads reports and writes feeds, until SIGTERM or SIGINT. On SIGHUP `reload` reads everything
/// again; if it returns `None`, the former inputs stay in use.
///
/// # Errors
/// When the system gives no threads or signals, or the memory cannot be written.
pub fn join(
    mut start: Start,
    signals: Signals,
    reload: &mut dyn FnMut() -> Option<MonitorInputs>,
) -> Result<(), String> {
    let (events, received) = events(signals);
    let mut readers = start.readers(&events)?;
    let begun = Instant::now();
    info!(
        "combining the reports of {} monitors",
        start.roster.iter().flat_map(Roster::members).count()
    );
    let mut combined: Option<Instant> = None;
    let mut is_new = false;
    loop {
        let every = start.settings.combine_interval;
        let is_due = match combined {
            None => start.has_heard_all() || begun.elapsed() >= FIRST_REPORTS,
            Some(at) => is_new || at.elapsed() >= every,
        };
        if is_due {
            start.combine();
            (combined, is_new) = (Some(Instant::now()), false);
        }
        let mut sleep = every.min(LONGEST_SLEEP);
        if let Some(at) = combined {
            let Some(until_publish) = start.publish_or_wait(begun) else { continue };
            sleep = sleep.min(every.saturating_sub(at.elapsed())).min(until_publish);
        }
        for event in within(&received, sleep) {
            match event {
                Event::Reload => {
                    if start.reloaded(reload) {
                        drop(readers);
                        readers = start.readers(&events)?;
                        is_new = true;
                    }
                }
                Event::Stop => return start.end(),
                event => is_new |= start.take_report(event),
            }
        }
    }
}
