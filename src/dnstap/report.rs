//! What the log says of the collector: its coming and going, and dropped messages at most once a
//! minute.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::collector::CollectorError;
use super::state::DnstapState;
use crate::logging::LogOnce;

/// What was said.
#[derive(Debug)]
pub(super) struct Report {
    socket: PathBuf,
    state: Arc<DnstapState>,
    /// Why there is no collector.
    failure: LogOnce,
    /// When drops were last said.
    said: Option<Instant>,
    /// Drops for lack of room that were said.
    full: u64,
    /// Drops for lack of a collector that were said.
    deserted: u64,
}

/// The least time between two lines about drops.
const PAUSE: Duration = Duration::from_secs(60);

impl Report {
    pub(super) fn new(socket: &Path, state: Arc<DnstapState>) -> Self {
        let socket = socket.to_owned();
        Self { socket, state, failure: LogOnce::default(), said: None, full: 0, deserted: 0 }
    }

    pub(super) fn connected(&mut self) {
        self.failure.clear();
        let socket = self.socket.display();
        let all = self.state.dropped_no_collector.load(Relaxed);
        match all.saturating_sub(self.deserted) {
            0 => info!("dnstap: messages go to the collector at {socket}"),
            dropped => info!(
                "dnstap: messages go to the collector at {socket}; {dropped} were dropped without it"
            ),
        }
        self.deserted = all;
    }

    /// A collector cannot be reached. It is said once for each reason in a row.
    pub(super) fn failed(&mut self, error: &CollectorError) {
        if self.failure.is_new(error.to_string()) {
            warn!(
                "dnstap: no collector at {} (`socket` in [dnstap]): {error}; the server goes on and \
                 tries again, at least every 30 seconds",
                self.socket.display()
            );
        }
    }

    /// The collector that was connected is gone.
    pub(super) fn lost(&mut self, error: &CollectorError) {
        warn!("dnstap: the collector at {} is gone: {error}", self.socket.display());
    }

    /// Messages that the collector was too slow for.
    pub(super) fn drops(&mut self) {
        let full = self.state.dropped_queue_full.load(Relaxed);
        let dropped = full.saturating_sub(self.full);
        if dropped == 0 || self.said.is_some_and(|said| said.elapsed() < PAUSE) {
            return;
        }
        (self.full, self.said) = (full, Some(Instant::now()));
        warn!(
            "dnstap: {dropped} messages were dropped as too many waited for the collector at {}: it \
             is too slow; a lower `sample` in [dnstap] sends less",
            self.socket.display()
        );
    }
}
