//! What became of what was to be logged.

use std::sync::atomic::AtomicU64;

/// Counters since the start.
#[derive(Debug, Default)]
pub struct LogCounts {
    /// LogLines that were left out, as too many waited.
    pub lines_dropped: AtomicU64,
    /// Writes that the system refused: the disk is full, or nobody is left to read. What was to be written is tried again.
    pub write_errors: AtomicU64,
    /// Samples of queries that were written.
    pub samples_logged: AtomicU64,
    /// Samples that were left out, as too many waited or the log's stream had no room.
    pub samples_dropped: AtomicU64,
}
