//! Counters of what was sent and dropped.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// The state of dnstap: counters since the start, and whether there is a collector.
#[derive(Debug, Default)]
pub struct DnstapState {
    /// The collector's socket; `None` if nothing is sent.
    pub socket: Option<PathBuf>,
    /// Whether a collector is connected.
    pub is_connected: AtomicBool,
    /// Connections that a collector accepted.
    pub connections: AtomicU64,
    /// Connections that failed, or that ended before the server did.
    pub failures: AtomicU64,
    /// Messages that the kernel took for the collector.
    pub sent: AtomicU64,
    /// Messages that were dropped because too many waited.
    pub dropped_queue_full: AtomicU64,
    /// Messages that were dropped because there was no collector.
    pub dropped_no_collector: AtomicU64,
    /// Messages that were dropped because the system gave no memory for a copy.
    pub dropped_no_memory: AtomicU64,
    /// Messages that were dropped because encoding them panicked.
    pub dropped_panic: AtomicU64,
    /// Octets of DNS messages in the queue.
    pub(super) waiting: AtomicUsize,
    /// Whether there has been no collector for so long that messages need not wait for one.
    pub(super) is_deserted: AtomicBool,
}

impl DnstapState {
    /// All messages that were dropped.
    pub fn dropped(&self) -> u64 {
        let all = [
            &self.dropped_queue_full,
            &self.dropped_no_collector,
            &self.dropped_no_memory,
            &self.dropped_panic,
        ];
        all.iter().map(|count| count.load(Relaxed)).sum()
    }
}
