//! The limits of TCP connections.

use std::time::Duration;

/// Limits of TCP connections. The defaults are those of the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpLimits {
    /// Most connections at once, for all listeners together (`tcp-max-connections`).
    pub connections: usize,
    /// Longest time without a query (`tcp-idle`).
    pub idle: Duration,
    /// Longest time from the first octet of a message to its last.
    pub message: Duration,
    /// Longest time for a peer to read the answers of one write, which are up to 128 KiB.
    pub write: Duration,
}

impl Default for TcpLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connections: 1024, idle: seconds(10), message: seconds(5), write: seconds(10) }
    }
}
