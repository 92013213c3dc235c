//! Values formatted for people.

use jiff::SignedDuration;

use crate::wire::name::Name;

/// A name in wire form, in presentation format.
pub(super) fn name(wire: &[u8]) -> String {
    let name = Name::from_wire(wire);
    debug_assert!(name.is_ok(), "names were checked when they were read");
    name.map(|name| name.to_string()).unwrap_or_default()
}

/// An age given in seconds: `12s`, `2h 5m 10s`, `3d 2h`. It is negative for a time in the future.
pub fn age(seconds: i64) -> String {
    if seconds < 0 {
        return format!("-{}", age(seconds.saturating_neg()));
    }
    match seconds / DAY {
        days @ 2.. => format!("{days}d {:#}", SignedDuration::from_hours(seconds % DAY / 3600)),
        _ => format!("{:#}", SignedDuration::from_secs(seconds)),
    }
}

/// Seconds per day.
const DAY: i64 = 86_400;

/// A capacity given in kbit/s: `1Gbit/s`.
pub fn capacity(kbit: u64) -> String {
    let whole =
        |unit: u64| kbit.checked_div(unit).filter(|_| kbit > 0 && kbit.is_multiple_of(unit));
    match (whole(1_000_000), whole(1000)) {
        (Some(gbit), _) => format!("{gbit}Gbit/s"),
        (_, Some(mbit)) => format!("{mbit}Mbit/s"),
        _ => format!("{kbit}kbit/s"),
    }
}
