//! Counters that are watched all the time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{JoinHandle, spawn};

use super::super::support::http;

/// Reads the metrics again and again, and fails if a counter falls or vanishes. Those of the
/// process begin anew with each.
pub(super) struct CounterWatch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

/// The counters of a page, by name and labels as they are written.
type Counters = BTreeMap<String, f64>;

impl CounterWatch {
    pub(super) fn start(admin: u16) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = stop.clone();
        let thread = spawn(move || {
            let (mut before, mut pages) = (read(admin), 1);
            while !stopped.load(Relaxed) {
                let now = read(admin);
                for (series, count) in &before {
                    let found = now.get(series);
                    assert!(
                        found.is_some_and(|found| found >= count),
                        "{series} was {count} and is {found:?}, on page {pages}"
                    );
                }
                (before, pages) = (now, pages + 1);
            }
            pages
        });
        Self { stop, thread }
    }

    /// Stops, and returns how many pages were compared.
    pub(super) fn stop(self) -> usize {
        self.stop.store(true, Relaxed);
        self.thread.join().expect("no counter falls")
    }
}

pub(super) fn read(admin: u16) -> Counters {
    let (status, text) = http::get(admin, "/metrics");
    assert_eq!(status, 200, "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.filter_map(|line| line.rsplit_once(' '));
    let counters = samples.filter(|(series, _)| {
        series
            .split('{')
            .next()
            .is_some_and(|name| name.starts_with("cvdns_") && name.ends_with("_total"))
    });
    counters.map(|(series, value)| (series.to_owned(), value.parse().expect("a number"))).collect()
}
