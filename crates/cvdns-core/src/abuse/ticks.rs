//! Time as the rate limit counts it.

use std::time::Duration;

/// A moment of a clock that never goes back, in units of 2^-24 seconds (60 ns): fine enough for the
/// 768,000 answers a second that the widest prefix may have, and powers of two need no division.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ticks(pub(super) u64);

impl Ticks {
    /// Ticks of a second.
    pub(super) const SECOND: u64 = 1 << 24;

    /// The moment this long after the clock's beginning.
    pub const fn after(elapsed: Duration) -> Self {
        let fraction = elapsed.subsec_nanos() as u64 * Self::SECOND / 1_000_000_000;
        Self(elapsed.as_secs().wrapping_mul(Self::SECOND).wrapping_add(fraction))
    }
}
