//! Times and sizes of both UDP modes.

use std::time::Duration;

use cvdns_core::wire::MAX_MESSAGE;

/// Longest query in octets, which is more than a datagram holds (65,507 over IPv4, 65,527 over
/// IPv6; RFC 768).
pub(super) const QUERY_MAX: usize = MAX_MESSAGE;

/// How long a worker waits for a query before it looks for a new snapshot and, as a thread, at the
/// stop flag. So a stop is quick, and the memory of an old snapshot is freed soon, while five
/// wake-ups a second cost nothing. Under load the timeout is never reached.
pub(super) const RECEIVE_TIMEOUT: Duration = Duration::from_millis(200);

/// How long sending may wait for a full interface.
pub(super) const SEND_TIMEOUT: Duration = Duration::from_millis(100);

/// Most datagrams of a socket that are still answered after the stop: more than its buffer holds,
/// but a limit if queries arrive faster than they are answered.
pub(super) const DRAIN_LIMIT: usize = 16_384;

/// Pause after a socket error, so that a lasting error does not cause a busy loop.
pub(super) const ERROR_PAUSE: Duration = Duration::from_millis(50);
