//! When an address is checked next.

use std::time::Duration;

use jiff::Timestamp;

use super::rule::Known;

/// How often addresses are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    /// A healthy address is checked once in each interval of this length.
    pub(super) interval: Duration,
    /// An unhealthy address is checked this long after its last check.
    pub(super) retry: Duration,
}

impl Schedule {
    /// The next check of an address that was checked at `now`: at a random point of the next
    /// interval of the clock, so that checks are spread out and no mirror can predict them; sooner
    /// if something is wrong. `random` is a random number.
    pub(super) fn next(&self, known: Option<&Known>, now: Timestamp, random: u64) -> Timestamp {
        let seconds = now.as_second();
        let next = if known.is_none_or(Known::wants_attention) {
            seconds.saturating_add(whole(self.retry))
        } else {
            let interval = whole(self.interval).max(1);
            let start =
                seconds.saturating_sub(seconds.rem_euclid(interval)).saturating_add(interval);
            start.saturating_add(share(interval, random))
        };
        Timestamp::from_second(next).unwrap_or(Timestamp::MAX)
    }
}

/// A check that was planned earlier, perhaps by another schedule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    /// The time of the last check.
    pub(super) checked: Timestamp,
    /// The planned time of the next check.
    pub(super) due: Timestamp,
}

impl Schedule {
    /// The next check of an address with this plan: as planned, unless this schedule, with shorter
    /// intervals, would have planned it earlier. Checks that are overdue by it are spread over an
    /// interval from `now`.
    pub(super) fn hastened(
        &self,
        known: Option<&Known>,
        planned: Planned,
        now: Timestamp,
        random: u64,
    ) -> Timestamp {
        let Planned { checked, due } = planned;
        if due <= self.next(known, checked, u64::MAX) {
            return due;
        }
        let next = self.next(known, checked, random);
        if next >= now {
            return next.min(due);
        }
        let interval =
            if known.is_none_or(Known::wants_attention) { self.retry } else { self.interval };
        let seconds = now.as_second().saturating_add(share(whole(interval).max(1), random));
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX).min(due)
    }
}

/// A number from 0 to below `interval`: the upper half of its product with a random number.
fn share(interval: i64, random: u64) -> i64 {
    ((i128::from(interval) * i128::from(random)) >> 64) as i64
}

fn whole(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Evidence, Moment, Rule};
    use cvdns_core::health::State;
    use proptest::prelude::*;

    const SCHEDULE: Schedule =
        Schedule { interval: Duration::from_secs(3600), retry: Duration::from_secs(300) };

    fn known(evidence: &Evidence) -> Known {
        let day = Duration::from_secs(86_400);
        let rule = Rule {
            old_after: day,
            removed_after: 2 * day,
            good_checks: 2,
            fault_after: day,
            lag: 1,
        };
        rule.judge(None, evidence, Moment { now: Timestamp::UNIX_EPOCH, release: None }).unwrap()
    }

    proptest! {
        /// "default every hour at a random point".
        #[test]
        fn who_is_well_is_checked_once_an_hour(now in 0i64..4_000_000_000, random in any::<u64>()) {
            let well = known(&Evidence::Serves { timestamp: Timestamp::UNIX_EPOCH, versions: [1; 3] });
            prop_assert_eq!(well.state, State::Up);
            let now = Timestamp::from_second(now).unwrap();
            let next = SCHEDULE.next(Some(&well), now, random);
            prop_assert_eq!(next.as_second() / 3600, now.as_second() / 3600 + 1);
        }

        /// An unchanged schedule moves no check, and a shorter one waits no longer than its own
        /// interval.
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
        fn no_moment_or_interval_panics(now in any::<i64>(), random in any::<u64>(), interval in any::<u64>()) {
            let interval = Duration::from_secs(interval);
            let now = Timestamp::from_second(now % 250_000_000_000).unwrap_or(Timestamp::MIN);
            let well = known(&Evidence::Serves { timestamp: Timestamp::UNIX_EPOCH, versions: [1; 3] });
            let schedule = Schedule { interval, retry: interval };
            for known in [None, Some(&well)] {
                prop_assert!(schedule.next(known, now, random) >= now);
                let planned = Planned { checked: now, due: Timestamp::MAX };
                prop_assert!(schedule.hastened(known, planned, now, random) >= now);
            }
        }
    }

    #[test]
    fn points_are_spread_and_who_fails_is_next_soon() {
        assert_eq!(
            [0, u64::MAX / 2 + 1, u64::MAX].map(|random| share(3600, random)),
            [0, 1800, 3599]
        );
        let dead = known(&Evidence::Dead(String::new()));
        let next = SCHEDULE.next(Some(&dead), Timestamp::UNIX_EPOCH, 77);
        assert_eq!(next.as_second(), 300);
    }
}
