//! For which moment is signed, where the clock may be wrong.

use jiff::{SignedDuration, Timestamp};

/// Remembers for which moment was signed last. A clock that goes back does not make signatures of
/// an earlier time, which would expire before those that caches have, unless the coordinator's
/// clock says that ours was ahead.
#[derive(Debug, Default)]
pub(super) struct SigningClock {
    /// The latest moment for which anything was signed, here or before the start.
    latest: Option<Timestamp>,
}

/// What the clock says, beside what it said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// It goes on.
    Onward(Timestamp),
    /// It is behind the moment for which was signed already, and is signed still.
    Behind(Timestamp),
    /// It was ahead before, up to this moment: what was signed for it is not valid yet.
    WasAhead(Timestamp),
}

/// How far the clock may go back without an alarm. Services that set the clock step it by less.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(10);

/// By how much a feed may be older than the clock, and still tell that the clock is right.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

impl SigningClock {
    /// Goes on from what the last run has kept.
    pub(super) fn resume(&mut self, kept: Option<Timestamp>) {
        self.latest = kept;
    }

    /// Reads the clock. `generated` is when the feed in force was made, by the coordinator's clock.
    pub(super) fn read(&mut self, now: Timestamp, generated: Option<Timestamp>) -> Reading {
        let before = self.latest.filter(|latest| is_after(*latest, now, TOLERANCE));
        let Some(before) = before else {
            let latest = self.latest.unwrap_or(now).max(now);
            self.latest = Some(latest);
            return Reading::Onward(latest);
        };
        let is_fresh = |generated: Timestamp| {
            !is_after(generated, now, TOLERANCE) && !is_after(now, generated, FRESH)
        };
        if generated.is_some_and(is_fresh) {
            self.latest = Some(now);
            return Reading::WasAhead(before);
        }
        Reading::Behind(before)
    }

    /// The latest moment for which anything was signed.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.latest
    }

    /// The latest moment for which anything was signed, if the clock is behind it.
    pub(super) fn ahead_of(&self, now: Timestamp) -> Option<Timestamp> {
        self.latest.filter(|latest| is_after(*latest, now, TOLERANCE))
    }
}

impl Reading {
    /// The moment for which is signed, by a clock that says `now`.
    pub(super) fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Onward(moment) | Self::Behind(moment) => moment,
            Self::WasAhead(_) => now,
        }
    }
}

/// Whether a moment is after another one by more than this.
fn is_after(moment: Timestamp, other: Timestamp, by: SignedDuration) -> bool {
    moment.duration_since(other) > by
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    #[test]
    fn a_clock_that_goes_back_is_believed_if_the_coordinator_agrees() {
        let mut clock = SigningClock::default();
        assert_eq!(clock.read(at(0), None), Reading::Onward(at(0)));
        assert_eq!(clock.read(at(-9), None), Reading::Onward(at(0)), "a step by NTP");
        assert_eq!(clock.read(at(50_000), None), Reading::Onward(at(50_000)));
        assert_eq!(clock.ahead_of(at(0)), Some(at(50_000)));
        // Without a feed, with an old one, and with one of the future nobody knows which is right.
        for generated in [None, Some(at(-70)), Some(at(40_000))] {
            assert_eq!(clock.read(at(1), generated), Reading::Behind(at(50_000)), "{generated:?}");
        }
        let reading = clock.read(at(2), Some(at(1)));
        assert_eq!((reading, reading.moment(at(2))), (Reading::WasAhead(at(50_000)), at(2)));
        assert_eq!(clock.read(at(3), None), Reading::Onward(at(3)));
        assert_eq!(clock.ahead_of(at(3)), None);
    }

    proptest! {
        /// Unless the coordinator agrees, what is signed for never goes back.
        #[test]
        fn without_a_witness_it_only_goes_on(minutes in prop::collection::vec(-9_999i64..9_999, 1..50)) {
            let mut clock = SigningClock::default();
            let mut last = at(-10_000);
            for minute in minutes {
                let moment = clock.read(at(minute), None).moment(at(minute));
                prop_assert!(moment >= last && moment >= at(minute));
                last = moment;
            }
        }
    }
}
