//! The network's rule (CLIENTS: "Mirror states"): how a check changes what is known about an
//! address.
//!
//! An address with a fresh timestamp is `up`. With a timestamp that is a day old, or after a day
//! without one, it is `old`, and after two days of that `removed`. Databases that are too far
//! behind the release for a day make it `old` too. An address that refuses, or does not answer in
//! time, is `down` at once; one that answers wrongly is `down` after some minutes of that. Good
//! checks in a row bring it back. This module has no clock, sockets or randomness: the time is an
//! argument.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use cvdns_core::health::State;
use cvdns_core::release::CORE_DATABASES;
pub use cvdns_core::report::Evidence;

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
    /// The timestamp that it last served; with a probed path, the time of its last good check.
    pub timestamp: Option<Timestamp>,
    /// The versions of main, daily and bytecode that it last served.
    pub versions: Option<[u32; 3]>,
    /// The number of checks in a row, up to the last one, in which it served a fresh timestamp.
    #[serde(default)]
    pub fresh: u32,
    /// The time of the first of the checks in a row, up to the last one, that failed.
    pub failing_since: Option<Timestamp>,
    /// The time from which on every version that it served was too far behind the release.
    pub behind_since: Option<Timestamp>,
    /// Whether it is new to the fleet, and no check of it was good yet.
    #[serde(default)]
    pub new: bool,
}

/// The reason of an address that is new to the fleet.
pub const NEW: &str = "new: not checked yet";

/// The settings of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// An address with a timestamp of this age, or as long without one, is old.
    pub old_after: Duration,
    /// An address that was old for this long is removed.
    pub removed_after: Duration,
    /// The number of good checks in a row that bring an address back.
    pub good_checks: u32,
    /// An address that answers wrongly for this long is down.
    pub fault_after: Duration,
    /// The number of versions by which a database may be behind the release.
    pub lag: u32,
}

/// When an address is judged, and by which release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The present time.
    pub now: Timestamp,
    /// The released versions of main, daily and bytecode; `None` if nobody says.
    pub release: Option<[u32; 3]>,
}

impl Rule {
    /// What is known after a check. An address that was never checked, and could not be checked
    /// now, stays unknown.
    pub fn judge(
        &self,
        before: Option<&Known>,
        evidence: &Evidence,
        moment: Moment,
    ) -> Option<Known> {
        if let Evidence::Unchecked(_) = evidence {
            return before.cloned();
        }
        let now = moment.now;
        let mut known = before.cloned().unwrap_or_else(|| Known::first(State::Up, now));
        match evidence {
            Evidence::Serves { timestamp, versions } => {
                (known.timestamp, known.versions) = (Some(*timestamp), Some(*versions));
                known.serving = known.serving.saturating_add(1);
                known.failing_since = None;
                let behind = moment.release.and_then(|release| behind(release, *versions));
                let behind = behind.filter(|behind| behind.by > self.lag);
                known.behind_since = behind.and(known.behind_since.or(Some(now)));
                let age = now.duration_since(*timestamp);
                let late = known.behind_since.zip(behind);
                let late = late.filter(|(since, _)| later(*since, self.old_after) <= now);
                match late {
                    _ if age >= signed(self.old_after) => self.stale(&mut known, *timestamp, now),
                    Some((since, behind)) => self.late(&mut known, since, behind, now),
                    None => self.fresh(&mut known, now),
                }
            }
            Evidence::Answers => {
                (known.timestamp, known.versions) = (Some(now), None);
                known.serving = known.serving.saturating_add(1);
                (known.failing_since, known.behind_since) = (None, None);
                self.fresh(&mut known, now);
            }
            Evidence::Faulty(reason) => {
                known.fails(reason, later(now, self.old_after), now);
                self.faulty(&mut known, now);
            }
            Evidence::Dead(reason) => {
                known.fails(reason, later(now, self.old_after), now);
                if known.state.is_usable() {
                    known.enter(State::Down, now);
                }
            }
            Evidence::Unchecked(_) => {}
        }
        let overdue = known.old_from.is_some_and(|from| later(from, self.removed_after) <= now);
        if overdue && known.fresh == 0 && known.state != State::Removed {
            known.enter(State::Removed, now);
        }
        Some(known)
    }

    /// Faults take an address out when they last. Where they may last for longer than a day, they
    /// first make it old.
    fn faulty(&self, known: &mut Known, now: Timestamp) {
        let lasts = known.failing_since.is_some_and(|since| later(since, self.fault_after) <= now);
        if lasts && known.state.is_usable() {
            known.enter(State::Down, now);
        } else if known.state == State::Up && known.old_from.is_some_and(|from| from <= now) {
            known.enter_old(now);
        }
    }

    /// The timestamp is fresh, and a database is too far behind for too long. This alone never
    /// removes an address: a release that no mirror gets is not the mirrors' fault.
    fn late(&self, known: &mut Known, since: Timestamp, behind: Behind, now: Timestamp) {
        known.good = 0;
        known.fresh = known.fresh.saturating_add(1);
        known.reason = format!("{behind} since {since}");
        let recovered = known.fresh >= self.good_checks;
        match known.state {
            State::Up => {
                known.old_from = None;
                known.enter(State::Old, now);
            }
            _ if !recovered => {}
            _ if known.new => {}
            State::Down | State::Removed => {
                known.old_from = None;
                known.enter(State::Old, now);
            }
            _ => known.old_from = None,
        }
    }

    fn fresh(&self, known: &mut Known, now: Timestamp) {
        known.good = known.good.saturating_add(1);
        known.fresh = known.fresh.saturating_add(1);
        if known.state == State::Up || known.new || known.good >= self.good_checks {
            (known.old_from, known.new) = (None, false);
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
        (known.good, known.fresh) = (0, 0);
        known.reason =
            format!("its timestamp is {} old ({timestamp})", span(now.duration_since(timestamp)));
        match known.state {
            State::Up => known.enter_old(now),
            // It answers again, with an old timestamp, which is what `old` means. Where all
            // mirrors are behind, a restarted one must not stay out for that.
            State::Down if known.serving >= self.good_checks && !known.new => known.enter_old(now),
            _ => {}
        }
        known.old_from = Some(known.old_from.map_or(now, |from| from.min(now)));
    }
}

impl Known {
    /// What is known before the first check: an address in this state, for a reason that follows.
    pub fn first(state: State, now: Timestamp) -> Self {
        Self {
            state,
            since: now,
            reason: String::new(),
            good: 0,
            serving: 0,
            old_from: None,
            timestamp: None,
            versions: None,
            fresh: 0,
            failing_since: None,
            behind_since: None,
            new: false,
        }
    }

    /// An address that is new to the fleet, and not answered until it is found to be well.
    pub fn newcomer(now: Timestamp) -> Self {
        Self { reason: NEW.to_owned(), new: true, ..Self::first(State::Down, now) }
    }

    /// Whether it can be answered and served all that it must when it was last checked.
    pub fn is_well(&self) -> bool {
        self.state.is_usable() && self.serving > 0
    }

    /// Takes a span out of every time that runs: what was found in it does not count.
    pub fn shift(&mut self, span: Duration) {
        for time in [&mut self.old_from, &mut self.failing_since, &mut self.behind_since] {
            *time = time.map(|time| later(time, span));
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

    fn fails(&mut self, reason: &str, old_from: Timestamp, now: Timestamp) {
        (self.good, self.serving, self.fresh) = (0, 0, 0);
        reason.clone_into(&mut self.reason);
        self.failing_since = self.failing_since.or(Some(now));
        self.old_from = self.old_from.or(Some(old_from));
    }

    /// Whether to check it again soon, as it fails or is on its way back. A removed address can
    /// wait.
    pub fn wants_attention(&self) -> bool {
        match self.state {
            State::Up => self.good == 0,
            State::Removed => self.fresh > 0,
            _ => true,
        }
    }
}

/// The database of an address that is farthest behind the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// The name of the database.
    pub database: &'static str,
    /// The number of versions by which it is behind.
    pub by: u32,
    /// The version that is served.
    pub held: u32,
    /// The released version.
    pub released: u32,
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, by, held, released } = self;
        let versions = if *by == 1 { "version" } else { "versions" };
        write!(f, "{database}.cvd is {by} {versions} behind the release ({held}, not {released})")
    }
}

/// The database that is farthest behind the release; `None` if none is behind.
pub fn behind(release: [u32; 3], held: [u32; 3]) -> Option<Behind> {
    let all = CORE_DATABASES.into_iter().zip(release.into_iter().zip(held));
    let behind = all.map(|(database, (released, held))| {
        let by = released.saturating_sub(held);
        Behind { database, by, held, released }
    });
    behind.filter(|behind| behind.by > 0).max_by_key(|behind| behind.by)
}

/// A duration that can be negative.
pub(crate) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// A moment that is a duration later, or the last moment there is.
pub(crate) fn later(moment: Timestamp, duration: Duration) -> Timestamp {
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

/// The age of a moment for display: `12m`, or `23h 0m ahead` if it is one of the future, as after
/// a clock was set back.
pub fn age(moment: Timestamp, now: Timestamp) -> String {
    let duration = now.duration_since(moment);
    if duration.as_mins() < 0 { format!("{} ahead", span(duration.abs())) } else { span(duration) }
}

#[cfg(test)]
#[path = "rule/tests.rs"]
mod tests;
