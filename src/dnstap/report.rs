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
            0 => {
                info!(path = %socket, "dnstap: messages go to the collector at {socket}");
            }
            dropped => info!(
                path = %socket,
                count = dropped,
                "dnstap: messages go to the collector at {socket}; {dropped} were dropped without it"
            ),
        }
        self.deserted = all;
    }

    /// A collector cannot be reached. It is said once for each reason in a row.
    pub(super) fn failed(&mut self, error: &CollectorError) {
        let error = error.to_string();
        if self.failure.is_new(error.clone()) {
            let socket = self.socket.display();
            warn!(
                path = %socket,
                error,
                "dnstap: no collector at {socket} (`socket` in [dnstap]): {error}; the server goes \
                 on and tries again, at least every 30 seconds"
            );
        }
    }

    /// The collector that was connected is gone.
    pub(super) fn lost(&mut self, error: &CollectorError) {
        self.say_full();
        let (socket, error) = (self.socket.display(), error.to_string());
        warn!(path = %socket, error, "dnstap: the collector at {socket} is gone: {error}");
    }

    /// The server ends: drops that were not said yet.
    pub(super) fn ended(&mut self) {
        self.say_full();
        let all = self.state.dropped_no_collector.load(Relaxed);
        let dropped = all.saturating_sub(self.deserted);
        if dropped > 0 {
            let socket = self.socket.display();
            warn!(
                path = %socket,
                count = dropped,
                "dnstap: {dropped} messages were dropped without a collector at {socket}"
            );
        }
        self.deserted = all;
    }

    /// Messages that the collector was too slow for.
    pub(super) fn drops(&mut self) {
        if self.said.is_none_or(|said| said.elapsed() >= PAUSE) {
            self.say_full();
        }
    }

    /// Says at once what was not said yet.
    fn say_full(&mut self) {
        let full = self.state.dropped_queue_full.load(Relaxed);
        let dropped = full.saturating_sub(self.full);
        if dropped == 0 {
            return;
        }
        (self.full, self.said) = (full, Some(Instant::now()));
        let socket = self.socket.display();
        warn!(
            path = %socket,
            count = dropped,
            "dnstap: {dropped} messages were dropped as too many waited for the collector at \
             {socket}: it is too slow; a lower `sample` in [dnstap] sends less"
        );
    }
}
