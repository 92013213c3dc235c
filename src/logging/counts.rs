//! Counts of what was logged and lost.

use std::sync::atomic::AtomicU64;

/// Counters since the start.
#[derive(Debug, Default)]
pub struct LogCounts {
    /// Lines that were dropped, as too many waited.
    pub lines_dropped: AtomicU64,
    /// Writes that the system refused, such as to a full disk or to a pipe without a reader. They
    /// are tried again.
    pub write_errors: AtomicU64,
    /// How often the log's file could not be opened. It is tried again every second.
    pub open_errors: AtomicU64,
    /// Samples of queries that were written.
    pub samples_logged: AtomicU64,
    /// Samples that were dropped, as too many waited or the log's stream had no room.
    pub samples_dropped: AtomicU64,
}
