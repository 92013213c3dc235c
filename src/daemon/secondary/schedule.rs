//! When each zone is checked.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::check::Task;
use cvdns_core::zone::Records;

/// The least time from the beginning of one check to that of the next one, however often a primary
/// sends NOTIFY.
const LEAST: Duration = Duration::from_secs(1);

/// The zones with the moments at which they are due. Threads take them from here.
#[derive(Debug)]
pub(super) struct Schedule {
    entries: Mutex<Entries>,
    changed: Condvar,
}

#[derive(Debug)]
struct Entries {
    zones: Vec<Entry>,
    is_stopped: bool,
}

#[derive(Debug)]
struct Entry {
    task: Arc<Task>,
    /// The records in force.
    known: Option<Arc<Records>>,
    due: Instant,
    /// When the last check was begun.
    begun: Option<Instant>,
    is_busy: bool,
    /// Whether a primary said, during a check, that there is something newer.
    is_asked: bool,
}

/// A zone that is due.
pub(super) struct Due {
    pub number: usize,
    pub task: Arc<Task>,
    pub known: Option<Arc<Records>>,
}

/// What a check leads to.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The zone's number in the schedule.
    pub number: usize,
    /// The records that are in force from now on; `None`: those of before.
    pub records: Option<Arc<Records>>,
    /// The time to the next check.
    pub next: Duration,
}

impl Schedule {
    /// All zones are due at once. Each comes with its records in force.
    pub(super) fn new(zones: Vec<(Task, Option<Arc<Records>>)>) -> Self {
        let due = Instant::now();
        let entry = |(task, known): (Task, _)| Entry {
            task: Arc::new(task),
            known,
            due,
            begun: None,
            is_busy: false,
            is_asked: false,
        };
        let zones = zones.into_iter().map(entry).collect();
        Self { entries: Mutex::new(Entries { zones, is_stopped: false }), changed: Condvar::new() }
    }

    /// Waits for the next zone that is due. Returns `None` once the schedule is stopped.
    pub(super) fn next(&self) -> Option<Due> {
        let mut entries = self.lock();
        loop {
            if entries.is_stopped {
                return None;
            }
            let now = Instant::now();
            let idle = entries.zones.iter_mut().enumerate().filter(|(_, entry)| !entry.is_busy);
            let first = idle.min_by_key(|(_, entry)| entry.due);
            let wait = match first {
                Some((number, entry)) if entry.due <= now => {
                    (entry.is_busy, entry.is_asked, entry.begun) = (true, false, Some(now));
                    let (task, known) = (entry.task.clone(), entry.known.clone());
                    return Some(Due { number, task, known });
                }
                Some((_, entry)) => Some(entry.due.saturating_duration_since(now)),
                None => None,
            };
            entries = match wait {
                Some(wait) => {
                    let waited = self.changed.wait_timeout(entries, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(entries).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Notes what became of a check.
    pub(super) fn settle(&self, verdict: Verdict) {
        let mut entries = self.lock();
        let now = Instant::now();
        if let Some(entry) = entries.zones.get_mut(verdict.number) {
            entry.is_busy = false;
            entry.due = now + verdict.next;
            if let Some(records) = verdict.records {
                entry.known = Some(records);
            }
            if std::mem::take(&mut entry.is_asked) {
                entry.hasten(now);
            }
        }
        drop(entries);
        self.changed.notify_one();
    }

    /// Has the zone of this number checked soon.
    pub(super) fn hasten(&self, number: usize) {
        let mut entries = self.lock();
        let Some(entry) = entries.zones.get_mut(number) else { return };
        if entry.is_busy {
            entry.is_asked = true;
        } else {
            entry.hasten(Instant::now());
        }
        drop(entries);
        self.changed.notify_one();
    }

    /// Ends all waiting. Checks under way end within their time limits.
    pub(super) fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Makes the zone due, at a moment that is not too early.
    fn hasten(&mut self, now: Instant) {
        let earliest = self.begun.map_or(now, |begun| begun + LEAST);
        self.due = self.due.min(earliest.max(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvdns_core::wire::name::Name;
    use std::net::SocketAddr;

    impl Schedule {
        /// The time until a zone is checked next; `None` if it is being checked.
        fn until(&self, number: usize) -> Option<Duration> {
            let entries = self.lock();
            let entry = entries.zones.get(number).filter(|entry| !entry.is_busy)?;
            Some(entry.due.saturating_duration_since(Instant::now()))
        }
    }

    fn schedule(zones: &[&str]) -> Schedule {
        let task = |zone: &&str| Task {
            zone: Name::parse(zone, &Name::root()).unwrap(),
            primaries: vec![SocketAddr::from(([192, 0, 2, 7], 53))],
            key: None,
            path: zone.into(),
        };
        Schedule::new(zones.iter().map(|zone| (task(zone), None)).collect())
    }

    fn hour(number: usize) -> Verdict {
        Verdict { number, records: None, next: Duration::from_secs(3600) }
    }

    #[test]
    fn each_zone_is_taken_by_one_thread_and_due_again_later() {
        let schedule = schedule(&["a.", "b."]);
        let mut taken = [schedule.next().unwrap().number, schedule.next().unwrap().number];
        taken.sort_unstable();
        assert_eq!(taken, [0, 1]);
        assert_eq!(schedule.until(0), None, "it is being checked");
        schedule.settle(hour(0));
        assert!(schedule.until(0).unwrap() > Duration::from_secs(3000));
        schedule.stop();
        assert!(schedule.next().is_none());
    }

    #[test]
    fn a_zone_that_is_asked_for_is_due_soon_and_not_at_once() {
        let schedule = schedule(&["a.", "b."]);
        for number in 0..2 {
            schedule.next().unwrap();
            schedule.settle(hour(number));
        }
        schedule.hasten(1);
        schedule.hasten(2);
        assert!(schedule.until(0).unwrap() > LEAST && schedule.until(1).unwrap() <= LEAST);
        // During a check, another one follows it.
        let busy = schedule.next().unwrap();
        assert_eq!(busy.number, 1);
        schedule.hasten(1);
        schedule.settle(hour(1));
        assert!(schedule.until(1).unwrap() <= LEAST);
    }
}
