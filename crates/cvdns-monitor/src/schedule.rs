//! When an address is next.

use std::time::Duration;

use jiff::Timestamp;

use super::rule::Known;

/// How often addresses are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    /// One that is well, once in each of these.
    pub(super) interval: Duration,
    /// One that is not, this long after the last check.
    pub(super) retry: Duration,
}

impl Schedule {
    /// When an address is next that was checked at `now`: at a random point of the next interval of the clock, so that the
    /// fleet is spread out and no mirror can tell; `chance` is any number. Sooner where something is wrong.
    pub(super) fn next(&self, known: Option<&Known>, now: Timestamp, chance: u64) -> Timestamp {
        let seconds = now.as_second();
        let next = if known.is_none_or(Known::wants_attention) {
            seconds.saturating_add(whole(self.retry))
        } else {
            let interval = whole(self.interval).max(1);
            let start =
                seconds.saturating_sub(seconds.rem_euclid(interval)).saturating_add(interval);
            start.saturating_add(share(interval, chance))
        };
        Timestamp::from_second(next).unwrap_or(Timestamp::MAX)
    }
}

/// When an address is to be checked that was checked earlier, by a schedule that may have been another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    /// When it was checked.
    pub(super) checked: Timestamp,
    /// When it was said to be next.
    pub(super) due: Timestamp,
}

impl Schedule {
    /// When an address is next for which this was planned: then, unless this schedule would never have planned it so late, as
    /// intervals were longer. Those that are overdue by it are spread over an interval from `now`.
    pub(super) fn hastened(
        &self,
        known: Option<&Known>,
        planned: Planned,
        now: Timestamp,
        chance: u64,
    ) -> Timestamp {
        let Planned { checked, due } = planned;
        if due <= self.next(known, checked, u64::MAX) {
            return due;
        }
        let next = self.next(known, checked, chance);
        if next >= now {
            return next.min(due);
        }
        let interval =
            if known.is_none_or(Known::wants_attention) { self.retry } else { self.interval };
        let seconds = now.as_second().saturating_add(share(whole(interval).max(1), chance));
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX).min(due)
    }
}

/// A number from 0 to below `interval`: the upper half of its product with a random one.
fn share(interval: i64, chance: u64) -> i64 {
    ((i128::from(interval) * i128::from(chance)) >> 64) as i64
}

fn whole(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Evidence, Rule};
    use cvdns_core::health::State;
    use proptest::prelude::*;

    const SCHEDULE: Schedule =
        Schedule { interval: Duration::from_secs(3600), retry: Duration::from_secs(300) };

    fn known(evidence: &Evidence) -> Known {
        let day = Duration::from_secs(86_400);
        let rule = Rule { old_after: day, removed_after: 2 * day, good_checks: 2 };
        rule.judge(None, evidence, Timestamp::UNIX_EPOCH).unwrap()
    }

    proptest! {
        /// "default every hour at a random point".
        #[test]
        fn who_is_well_is_checked_once_an_hour(now in 0i64..4_000_000_000, chance in any::<u64>()) {
            let well = known(&Evidence::Serves { timestamp: Timestamp::UNIX_EPOCH, versions: [1; 3] });
            prop_assert_eq!(well.state, State::Up);
            let now = Timestamp::from_second(now).unwrap();
            let next = SCHEDULE.next(Some(&well), now, chance);
            prop_assert_eq!(next.as_second() / 3600, now.as_second() / 3600 + 1);
        }

        /// A schedule that stays the same moves nothing, and a shorter one waits no longer than its own interval.
        #[test]
        fn a_shorter_interval_holds_at_once(
            checked in 0i64..4_000_000_000, ago in 0i64..7200, chances in any::<[u64; 2]>(), interval in 1u64..7200
        ) {
            let well = known(&Evidence::Serves { timestamp: Timestamp::UNIX_EPOCH, versions: [1; 3] });
            let dead = known(&Evidence::Dead(String::new()));
            let [checked, now] = [checked, checked + ago].map(|second| Timestamp::from_second(second).unwrap());
            let short = Schedule { interval: Duration::from_secs(interval), retry: Duration::from_secs(interval) };
            for known in [None, Some(&well), Some(&dead)] {
                let planned = Planned { checked, due: SCHEDULE.next(known, checked, chances[0]) };
                prop_assert_eq!(SCHEDULE.hastened(known, planned, now, chances[1]), planned.due);
                let due = short.hastened(known, planned, now, chances[1]);
                prop_assert!(due <= planned.due);
                let latest = short.next(known, checked, u64::MAX).as_second();
                let overdue = now.as_second() + interval.cast_signed();
                prop_assert!(due.as_second() <= latest.max(overdue), "{} {} {}", due, latest, overdue);
            }
        }

        #[test]
        fn no_moment_or_interval_panics(now in any::<i64>(), chance in any::<u64>(), interval in any::<u64>()) {
            let interval = Duration::from_secs(interval);
            let now = Timestamp::from_second(now % 250_000_000_000).unwrap_or(Timestamp::MIN);
            let well = known(&Evidence::Serves { timestamp: Timestamp::UNIX_EPOCH, versions: [1; 3] });
            let schedule = Schedule { interval, retry: interval };
            for known in [None, Some(&well)] {
                prop_assert!(schedule.next(known, now, chance) >= now);
                let planned = Planned { checked: now, due: Timestamp::MAX };
                prop_assert!(schedule.hastened(known, planned, now, chance) >= now);
            }
        }
    }

    #[test]
    fn points_are_spread_and_who_fails_is_next_soon() {
        assert_eq!(
            [0, u64::MAX / 2 + 1, u64::MAX].map(|chance| share(3600, chance)),
            [0, 1800, 3599]
        );
        let dead = known(&Evidence::Dead(String::new()));
        let next = SCHEDULE.next(Some(&dead), Timestamp::UNIX_EPOCH, 77);
        assert_eq!(next.as_second(), 300);
    }
}
