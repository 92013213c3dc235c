//! The network's rule (CLIENTS: "Mirror states"): how a check changes what is known about an
//! address.
//!
//! An address with a fresh timestamp is `up`. With a timestamp that is a day old, or after a day
//! without one, it is `old`, and after two days of that `removed`. An address that refuses, or does
//! not answer in time, is `down` at once. Good checks in a row bring it back. This module has no
//! clock, sockets or randomness: the time is an argument.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use cvdns_core::health::State;

/// What is known about an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Known {
    /// Its state.
    pub state: State,
    /// When it entered this state.
    pub since: Timestamp,
    /// The reason, for display; empty if all is well.
    pub reason: String,
    /// The number of good checks in a row, up to the last one.
    pub good: u32,
    /// The number of checks in a row, up to the last one, in which it served all that it must,
    /// fresh or not.
    pub serving: u32,
    /// When it counts as old, unless a good check comes before: a day after failures began, or at
    /// once if its timestamp is too old. Removal counts from here, whatever the state was
    /// meanwhile.
    pub old_from: Option<Timestamp>,
    /// The timestamp that it last served.
    pub timestamp: Option<Timestamp>,
    /// The versions of main, daily and bytecode that it last served.
    pub versions: Option<[u32; 3]>,
}

/// The result of a check with all its tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// It serves all that it must.
    Serves {
        /// Its timestamp.
        timestamp: Timestamp,
        /// Its versions of main, daily and bytecode.
        versions: [u32; 3],
    },
    /// It answers, but not as a mirror must.
    Faulty(String),
    /// It refused or did not answer in time, in every try.
    Dead(String),
    /// It could not be checked, for reasons that are not the mirror's.
    Unchecked(String),
}

/// The settings of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// An address with a timestamp of this age, or as long without one, is old.
    pub old_after: Duration,
    /// An address that was old for this long is removed.
    pub removed_after: Duration,
    /// The number of good checks in a row that bring an address back.
    pub good_checks: u32,
}

impl Rule {
    /// What is known after a check. An address that was never checked, and could not be checked
    /// now, stays unknown.
    pub fn judge(
        &self,
        before: Option<&Known>,
        evidence: &Evidence,
        now: Timestamp,
    ) -> Option<Known> {
        if let Evidence::Unchecked(_) = evidence {
            return before.cloned();
        }
        let mut known = before.cloned().unwrap_or_else(|| Known::new(now));
        match evidence {
            Evidence::Serves { timestamp, versions } => {
                (known.timestamp, known.versions) = (Some(*timestamp), Some(*versions));
                known.serving = known.serving.saturating_add(1);
                let age = now.duration_since(*timestamp);
                if age < signed(self.old_after) {
                    self.fresh(&mut known, now);
                } else {
                    self.stale(&mut known, *timestamp, now);
                }
            }
            Evidence::Faulty(reason) => {
                known.fails(reason, later(now, self.old_after));
                if known.state == State::Up && known.old_from.is_some_and(|from| from <= now) {
                    known.enter_old(now);
                }
            }
            Evidence::Dead(reason) => {
                known.fails(reason, later(now, self.old_after));
                if known.state.is_usable() {
                    known.enter(State::Down, now);
                }
            }
            Evidence::Unchecked(_) => {}
        }
        let overdue = known.old_from.is_some_and(|from| later(from, self.removed_after) <= now);
        if overdue && known.good == 0 && known.state != State::Removed {
            known.enter(State::Removed, now);
        }
        Some(known)
    }

    fn fresh(&self, known: &mut Known, now: Timestamp) {
        known.good = known.good.saturating_add(1);
        if known.state == State::Up || known.good >= self.good_checks {
            known.old_from = None;
            known.reason.clear();
            if known.state != State::Up {
                known.enter(State::Up, now);
            }
        } else {
            known.reason =
                format!("well again: {} of {} good checks", known.good, self.good_checks);
        }
    }

    fn stale(&self, known: &mut Known, timestamp: Timestamp, now: Timestamp) {
        known.good = 0;
        known.reason =
            format!("its timestamp is {} old ({timestamp})", span(now.duration_since(timestamp)));
        match known.state {
            State::Up => known.enter_old(now),
            // It answers again, with an old timestamp, which is what `old` means. Where all
            // mirrors are behind, a restarted one must not stay out for that.
            State::Down if known.serving >= self.good_checks => known.enter_old(now),
            _ => {}
        }
        known.old_from = Some(known.old_from.map_or(now, |from| from.min(now)));
    }
}

impl Known {
    /// The state before the first check: FORMATS takes a mirror that the feed does not mention to
    /// be up.
    fn new(now: Timestamp) -> Self {
        Self {
            state: State::Up,
            since: now,
            reason: String::new(),
            good: 0,
            serving: 0,
            old_from: None,
            timestamp: None,
            versions: None,
        }
    }

    fn enter(&mut self, state: State, now: Timestamp) {
        (self.state, self.since) = (state, now);
    }

    /// Two days "in that state" count from here, or from an earlier time if the address was down.
    fn enter_old(&mut self, now: Timestamp) {
        if self.state == State::Up {
            self.old_from = Some(now);
        }
        self.enter(State::Old, now);
    }

    fn fails(&mut self, reason: &str, old_from: Timestamp) {
        (self.good, self.serving) = (0, 0);
        reason.clone_into(&mut self.reason);
        self.old_from = self.old_from.or(Some(old_from));
    }

    /// Whether to check it again soon, as it fails or is on its way back. A removed address can
    /// wait.
    pub fn wants_attention(&self) -> bool {
        match self.state {
            State::Up => self.good == 0,
            State::Removed => self.good > 0,
            _ => true,
        }
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn later(moment: Timestamp, duration: Duration) -> Timestamp {
    moment.checked_add(signed(duration)).unwrap_or(Timestamp::MAX)
}

/// A duration for display: `12m`, `23h 5m`, `3d 2h`.
pub fn span(duration: SignedDuration) -> String {
    let minutes = duration.as_mins();
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
#[path = "rule/tests.rs"]
mod tests;
