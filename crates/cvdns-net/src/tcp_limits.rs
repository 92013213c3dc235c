//! The limits of TCP connections.

use std::time::Duration;

/// Limits of TCP connections. The defaults are those of the configuration.
///
/// The times of waiting for a client shrink while few seats are free (RFC 7766 section 6.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpLimits {
    /// Most connections at once, for all listeners together (`tcp-max-connections`).
    pub connections: usize,
    /// Most connections of one IPv4 address or IPv6 /64 (`tcp-max-per-client`).
    pub per_client: usize,
    /// Longest time from the accept to the end of the first query. It leaves room for the loss of
    /// a segment, which is sent again after a second (RFC 6298 section 2.1).
    pub first_query: Duration,
    /// Longest time without a query (`tcp-idle`).
    pub idle: Duration,
    /// Longest time from the first octet of a message to its last.
    pub message: Duration,
    /// Longest time for a peer to read the answers of one write, which are up to 128 KiB.
    pub write: Duration,
}

/// The least part of a time that is left when all seats are taken: an eighth.
const LEAST_PART: u32 = 8;

/// A wait is never shortened below this time, which is a long way over the Internet.
const LEAST_TIME: Duration = Duration::from_millis(500);

impl Default for TcpLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connections: 1024,
            per_client: 32,
            first_query: seconds(3),
            idle: seconds(10),
            message: seconds(5),
            write: seconds(10),
        }
    }
}

/// How long to wait while so many of all seats are taken: the whole `time` as long as half of the
/// seats are free, then less in proportion to the free seats, down to an eighth. A time is not
/// shortened to less than half a second.
pub(super) fn patience(time: Duration, (taken, seats): (usize, usize)) -> Duration {
    let free = seats.saturating_sub(taken);
    let half = (seats / 2).max(1);
    if free >= half {
        return time;
    }
    let least = (time / LEAST_PART).max(LEAST_TIME.min(time));
    // A part of 1,024 is fine enough.
    let part = free.saturating_mul(1024).checked_div(half).unwrap_or_default() as u32;
    least.max((time / 1024).saturating_mul(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn patience_shrinks_as_seats_fill_up(
            millis in 1_u64..1_000_000, seats in 1_usize..1_000_000, taken in 0_usize..1_000_000,
        ) {
            let time = Duration::from_millis(millis);
            let taken = taken % (seats + 1);
            let now = patience(time, (taken, seats));
            let least = (millis as f64 / 8.0).max(500.0_f64.min(millis as f64));
            let expected = if taken <= seats / 2 {
                millis as f64
            } else {
                let half = (seats / 2).max(1) as f64;
                (millis as f64 * (seats - taken) as f64 / half).max(least).min(millis as f64)
            };
            let difference = (now.as_secs_f64() * 1e3 - expected).abs();
            prop_assert!(difference <= millis as f64 / 1024.0 + 0.01, "{now:?}, not {expected} ms");
            prop_assert!(patience(time, (taken + 1, seats)) <= now && now <= time);
        }
    }
}
