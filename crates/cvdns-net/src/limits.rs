//! Times and sizes that both ways of UDP keep to.

use std::time::Duration;

use cvdns_core::wire::MAX_MESSAGE;

/// Longest query in bytes: more than a datagram holds (65,507 over IPv4, 65,527 over IPv6; RFC 768).
pub(super) const QUERY_MAX: usize = MAX_MESSAGE;

/// How long a worker sleeps when no query comes. It looks for a new snapshot (and, as a thread, at the stop
/// flag) only when it wakes: at this pace a stop is not felt to hang, an old snapshot's memory is given back
/// soon, and five wake-ups a second cost nothing. Under load it never comes to bear.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);

/// How long an answer may wait for a full interface.
pub(super) const SEND_PATIENCE: Duration = Duration::from_millis(100);

/// Datagrams of a socket that are still answered after the stop: more than its buffer holds, and an end in
/// sight when queries come faster than they are answered.
pub(super) const LAST_QUERIES: usize = 16_384;

/// How long a worker rests after its socket failed, so that a lasting failure is not a busy loop.
pub(super) const RECOVERY: Duration = Duration::from_millis(50);
