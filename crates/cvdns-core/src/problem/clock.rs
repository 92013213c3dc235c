//! Times in inputs that lie in the future.

use jiff::{SignedDuration, Timestamp};

/// How far the clock of an author of inputs may be ahead of the server's.
pub const MAX_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// What to say of a time for which [`is_ahead`] holds.
pub const AHEAD: &str = "more than 5 minutes in the future: set the clocks right";

/// Whether a time in an input is more than [`MAX_AHEAD`] after `now`.
pub fn is_ahead(time: Timestamp, now: Timestamp) -> bool {
    now.checked_add(MAX_AHEAD).is_ok_and(|latest| time > latest)
}
