//! When a mirror's page is made anew though nothing happened, as its strips move on.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;

/// Seconds after which a page is made anew. Each mirror has its own time in the hour, as ten
/// thousand at once would keep the disk busy.
const HOUR: u64 = 3600;

/// The next time at which the page of a mirror is made anew.
pub(super) fn renewal(host: &str, now: Timestamp) -> Timestamp {
    let mut time = DefaultHasher::new();
    host.hash(&mut time);
    let seconds = now.as_second().cast_unsigned().wrapping_add(time.finish() % HOUR);
    let left = HOUR - seconds % HOUR;
    let next = now.as_second().saturating_add(left.cast_signed());
    Timestamp::from_second(next).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_within_the_hour_and_stands_still_until_then() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for host in ["a.example", "b.example", ""] {
            let first = renewal(host, at(1_800_000_000)).as_second();
            assert!((1..=3600).contains(&(first - 1_800_000_000)), "{host}: {first}");
            for (now, next) in [(first - 3600, first), (first - 1, first), (first, first + 3600)] {
                assert_eq!(renewal(host, at(now)), at(next), "{host}: {now}");
            }
        }
        assert_ne!(renewal("a.example", at(0)), renewal("b.example", at(0)));
    }
}
