//! The threads that check zones.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::check::{Attempt, Checked, Task, check};
use super::connection::Failure;
use super::schedule::{Due, Schedule, Verdict};
use crate::load::Loaded;
use cvdns_core::snapshot::Unavailable;
use cvdns_io::essential;

/// The most threads: so many primaries may be slow before zones of others wait for them.
const MOST_THREADS: usize = 4;

/// The zones whose primaries are followed, until this is dropped. Checks under way then end within
/// their time limits, and nobody sees what comes of them.
pub(crate) struct Secondary {
    schedule: Arc<Schedule>,
    results: Receiver<Checked>,
}

impl Secondary {
    /// Starts checking the zones that are transferred. Returns `None` if there are none.
    pub(crate) fn start(loaded: &Loaded) -> Option<Self> {
        let copies = loaded.copies.as_ref()?;
        let zones = loaded.transferred.iter().map(|zone| {
            let task = Task {
                zone: zone.origin.clone(),
                primaries: zone.primaries.clone(),
                key: zone.key(&loaded.transfer_keys).cloned(),
                path: copies.path(&zone.origin),
            };
            let input = zone.input(&loaded.inputs.zones);
            let known =
                input.filter(|input| input.unavailable != Some(Unavailable::NotTransferred));
            (task, known.map(|input| input.records.clone()))
        });
        let zones: Vec<_> = zones.collect();
        let threads = zones.len().min(MOST_THREADS);
        if threads == 0 {
            return None;
        }
        let schedule = Arc::new(Schedule::new(zones));
        // Room for one: a thread that has checked a zone waits until it was taken over, and so
        // there are few versions in memory.
        let (sender, results) = channel(1);
        for number in 1..=threads {
            let (schedule, sender) = (schedule.clone(), sender.clone());
            let name = format!("cvdns-zones-{number}");
            if let Err(error) = essential::spawn(name, move || follow(&schedule, &sender)) {
                tracing::error!(
                    error = %error,
                    "no thread {number} of {threads} that follows primaries: {error}; SIGHUP tries \
                     again"
                );
            }
        }
        Some(Self { schedule, results })
    }

    /// Waits for the next result. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Checked {
        match self.results.recv().await {
            Some(checked) => checked,
            None => std::future::pending().await,
        }
    }

    /// Notes what became of a result.
    pub(crate) fn settle(&self, verdict: Verdict) {
        self.schedule.settle(verdict);
    }

    /// What has zones checked soon.
    pub(super) fn schedule(&self) -> &Arc<Schedule> {
        &self.schedule
    }
}

impl Drop for Secondary {
    fn drop(&mut self) {
        self.schedule.stop();
    }
}

fn follow(schedule: &Schedule, results: &Sender<Checked>) {
    while let Some(Due { number, task, known }) = schedule.next() {
        // A panic must not end the checks of all other zones silently.
        let checked = catch_unwind(AssertUnwindSafe(|| check(number, &task, known.as_ref())));
        drop(known);
        let checked = checked.unwrap_or_else(|_| {
            let what = "the check was given up: a defect of this program";
            let failure = Failure::new("system", what);
            let failed =
                task.primaries.first().map(|primary| Attempt { primary: *primary, failure });
            let failed = failed.into_iter().collect();
            Checked { number, zone: task.zone.clone(), confirmed: None, failed }
        });
        if results.blocking_send(checked).is_err() {
            return;
        }
    }
}
