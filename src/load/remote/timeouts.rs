//! The time limits of a fetch.

use std::time::Duration;

/// The time limits of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchTimeouts {
    /// For resolving the server's name, and again for the connection with its TLS handshake.
    pub connect: Duration,
    /// From the start of a fetch to the end of its last response, that of the signature too.
    pub total: Duration,
    /// How long a connection is kept for the next fetch; `None` closes it.
    pub idle: Option<Duration>,
}

/// The longest interval for which a connection is kept. Web servers close idle connections after
/// about as long (nginx: 75 s).
const MAX_KEEP_ALIVE: Duration = Duration::from_secs(60);

/// How much later than its interval the next fetch may come.
const MAX_DELAY: Duration = Duration::from_secs(30);

impl FetchTimeouts {
    /// The limits for a source that is fetched at this interval. A fetch that outlasts its interval
    /// is of no use, but a distant server needs some seconds, and one that takes half a minute will
    /// not finish at all.
    pub fn of(interval: Duration) -> Self {
        let total = interval.clamp(Duration::from_secs(3), Duration::from_secs(30));
        let idle = (interval <= MAX_KEEP_ALIVE).then(|| interval.saturating_add(MAX_DELAY));
        Self { connect: total.min(Duration::from_secs(5)), total, idle }
    }
}
