//! The time of a batch of queries.

use std::time::Duration;

use cvdns_core::abuse::Ticks;
use cvdns_core::answer::Moment;

/// The time, to some milliseconds: the coarse clocks cost a fraction of the exact ones, and need no
/// system call.
#[cfg(target_os = "linux")]
pub(super) fn moment() -> Moment {
    use rustix::time::{ClockId, clock_gettime};

    let [elapsed, unix] = [ClockId::MonotonicCoarse, ClockId::RealtimeCoarse].map(clock_gettime);
    Moment {
        // Neither is negative: the one begins with the machine's start, and of the other only the
        // lowest 32 bits are meant (RFC 9018 section 4.3).
        ticks: Ticks::after(Duration::try_from(elapsed).unwrap_or_default()),
        unix_time: unix.tv_sec.cast_unsigned() as u32,
    }
}

/// The time.
#[cfg(not(target_os = "linux"))]
pub(super) fn moment() -> Moment {
    use std::sync::LazyLock;
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Moment { ticks: Ticks::after(BEGINNING.elapsed()), unix_time: unix.as_secs() as u32 }
}
