//! How a mirror that was out for long is given back its weight.
//!
//! Clients everywhere come back to a mirror within the TTL of its addresses. One that was out for
//! more than an hour has much to catch up with at that moment, so it begins with a quarter of its
//! weight. This module is pure.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::rule::{later, signed};
use cvdns_core::health::State;

/// A mirror that is out for no longer than this comes back with its whole weight.
const SHORT: Duration = Duration::from_secs(3600);

/// Steps below the whole weight.
const STEPS: u32 = 3;

/// When a mirror was out, and when it came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Outage {
    /// Since when no address of it can be answered.
    out_since: Option<Timestamp>,
    /// Whether it was out for long, and has not been up since.
    #[serde(default)]
    returning: bool,
    /// When it was up again after it had been out for long.
    up_since: Option<Timestamp>,
}

/// A share of a mirror's weight in quarters: 1, 2 or 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quarters(u32);

impl Serialize for Quarters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 4.0)
    }
}

impl Outage {
    /// Takes the state of the mirror at `now`; before, it was in state `before` since `since`.
    pub(super) fn note(&mut self, before: State, since: Timestamp, state: State, now: Timestamp) {
        let began = if before.is_usable() { None } else { Some(since) };
        if !state.is_usable() {
            self.out_since = self.out_since.or(began).or(Some(now));
            return;
        }
        let out_since = self.out_since.take().or(began);
        self.returning |= out_since.is_some_and(|since| later(since, SHORT) < now);
        if state == State::Up && self.returning {
            *self = Self { up_since: Some(now), ..Self::default() };
        }
    }

    /// The weight of the mirror if it is answered; `None` for its whole weight.
    pub(super) fn weight(&self, ramp: Duration, now: Timestamp) -> Option<Quarters> {
        if ramp.is_zero() {
            return None;
        }
        if self.returning {
            return Some(Quarters(1));
        }
        let up_since = self.up_since?;
        let step = (1..=STEPS).find(|step| now < step_end(up_since, ramp, *step))?;
        // A clock that was set back would hold the weight back for as long.
        (now.duration_since(up_since) >= -signed(ramp)).then_some(Quarters(step))
    }

    /// The next time at which the weight rises by itself.
    pub(super) fn next_step(&self, ramp: Duration, now: Timestamp) -> Option<Timestamp> {
        let up_since = self.up_since.filter(|_| !ramp.is_zero())?;
        (1..=STEPS).map(|step| step_end(up_since, ramp, step)).find(|end| now < *end)
    }
}

/// The end of a step.
fn step_end(up_since: Timestamp, ramp: Duration, step: u32) -> Timestamp {
    later(up_since, ramp.checked_mul(step).unwrap_or(Duration::MAX) / STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RAMP: Duration = Duration::from_secs(1800);

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + minute * 60).unwrap()
    }

    /// The states of a mirror, each from a minute on, as the memory takes them.
    fn told(states: &[(i64, State)]) -> Outage {
        let mut outage = Outage::default();
        let mut before = (State::Up, at(0));
        for (minute, state) in states {
            outage.note(before.0, before.1, *state, at(*minute));
            if before.0 != *state {
                before = (*state, at(*minute));
            }
        }
        outage
    }

    fn weights(outage: &Outage, minutes: &[i64]) -> Vec<u32> {
        let weight = |minute: &i64| outage.weight(RAMP, at(*minute)).map_or(4, |of| of.0);
        minutes.iter().map(weight).collect()
    }

    #[test]
    fn four_steps_after_more_than_an_hour() {
        let back = told(&[(0, State::Up), (1, State::Down), (62, State::Up)]);
        assert_eq!(weights(&back, &[62, 71, 72, 81, 82, 91, 92, 1000]), [1, 1, 2, 2, 3, 3, 4, 4]);
        assert_eq!(back.next_step(RAMP, at(62)), Some(at(72)));
        assert_eq!(back.next_step(RAMP, at(82)), Some(at(92)));
        assert_eq!(back.next_step(RAMP, at(92)), None);
        assert_eq!(back.weight(Duration::ZERO, at(62)), None);
        let short = told(&[(0, State::Up), (1, State::Down), (61, State::Up)]);
        assert_eq!(weights(&short, &[61]), [4]);
        // Old mirrors are answered where others are missing, so that they are not out.
        let old = told(&[(0, State::Up), (1, State::Old), (99, State::Up)]);
        assert_eq!(weights(&old, &[99]), [4]);
        // It was out for long, and then old: its clients come back when it is up.
        let later = told(&[(1, State::Down), (90, State::Old), (200, State::Old)]);
        assert_eq!(weights(&later, &[200]), [1]);
        let later = told(&[(1, State::Down), (90, State::Old), (200, State::Up)]);
        assert_eq!(weights(&later, &[200, 210, 230]), [1, 2, 4]);
        // A short break does not begin anew.
        let again = told(&[(1, State::Down), (90, State::Up), (95, State::Down), (101, State::Up)]);
        assert_eq!(weights(&again, &[101, 110]), [2, 3]);
        assert_eq!(serde_json::to_string(&Quarters(3)).unwrap(), "0.75");
    }

    /// Memories of before this rule have only the mirror's state and its beginning.
    #[test]
    fn a_mirror_that_was_down_before_the_rule_existed_comes_back_slowly() {
        let mut outage = Outage::default();
        outage.note(State::Removed, at(0), State::Up, at(100));
        assert_eq!(weights(&outage, &[100]), [1]);
    }

    proptest! {
        /// The weight never falls while the mirror is up, and is whole after the ramp.
        #[test]
        fn the_weight_only_rises(
            states in prop::collection::vec((1i64..90, prop::sample::select(vec![State::Up, State::Old, State::Down, State::Removed])), 1..8),
            seconds in 1u64..100_000
        ) {
            let mut now = 0;
            let states: Vec<(i64, State)> = states.into_iter().map(|(step, state)| { now += step; (now, state) }).collect();
            let mut outage = told(&states);
            outage.note(states.last().unwrap().1, at(now), State::Up, at(now));
            let ramp = Duration::from_secs(seconds);
            let weight = |moment| outage.weight(ramp, moment).map_or(4, |of| of.0);
            let (mut moment, mut steps) = (at(now), 0);
            while let Some(next) = outage.next_step(ramp, moment) {
                prop_assert_eq!(weight(moment) + 1, weight(next));
                (moment, steps) = (next, steps + 1);
            }
            prop_assert!(steps <= 3 && weight(moment) == 4);
            prop_assert_eq!(weight(later(at(now), ramp)), 4);
        }

        #[test]
        fn no_moment_panics(times in prop::collection::vec(any::<i64>(), 4), seconds in any::<u64>()) {
            let time = |n: usize| Timestamp::from_second(times[n] % 250_000_000_000).unwrap_or(Timestamp::MAX);
            let mut outage = Outage::default();
            for (n, state) in [State::Down, State::Old, State::Up].into_iter().enumerate() {
                outage.note(State::Down, time(n), state, time(n + 1));
                let _ = outage.weight(Duration::from_secs(seconds), time(n));
                let _ = outage.next_step(Duration::from_secs(seconds), time(n));
            }
        }
    }
}
