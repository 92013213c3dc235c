//! Whether a monitor sees what the others see.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rule::later;

/// For how long an insane monitor must agree before it is sane again.
const PROBATION: Duration = Duration::from_secs(15 * 60);

/// The addresses that most of the others call up, and on which a monitor found anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Agreement {
    /// How many there are.
    pub expected: usize,
    /// How many of them the monitor calls up.
    pub seen: usize,
}

/// Whether a monitor is sane in an address family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Soundness {
    /// Since when it is insane; `None`: it is sane.
    pub insane_since: Option<Timestamp>,
    /// Since when it agrees again.
    pub agrees_since: Option<Timestamp>,
}

impl Agreement {
    pub(super) fn note(&mut self, is_up: bool) {
        self.expected = self.expected.saturating_add(1);
        self.seen = self.seen.saturating_add(usize::from(is_up));
    }

    /// Whether it calls up at least this many percent. A single address is never too much: in a
    /// small network it would be.
    fn is_at_least(self, percent: usize) -> bool {
        let missed = self.expected.saturating_sub(self.seen);
        missed <= 1 || self.seen.saturating_mul(100) >= self.expected.saturating_mul(percent)
    }

    /// Whether it calls up half or more: it may fail to reach some mirrors, but is not cut off.
    pub(super) fn reaches_half(self) -> bool {
        self.seen.saturating_mul(2) >= self.expected
    }
}

impl Soundness {
    /// Whether it has a vote.
    pub fn is_sane(&self) -> bool {
        self.insane_since.is_none()
    }

    /// Judges a monitor by what it agrees on. One without a fresh report stays what it was.
    pub(super) fn after(self, agreement: Agreement, is_fresh: bool, now: Timestamp) -> Self {
        if !is_fresh {
            return Self { agrees_since: None, ..self };
        }
        if self.is_sane() {
            let insane_since = (!agreement.is_at_least(80)).then_some(now);
            return Self { insane_since, agrees_since: None };
        }
        let agrees_since = agreement.is_at_least(95).then(|| self.agrees_since.unwrap_or(now));
        match agrees_since {
            Some(since) if later(since, PROBATION) <= now => Self::default(),
            _ => Self { agrees_since, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    #[test]
    fn below_80_percent_it_has_no_vote_until_15_minutes_with_95() {
        let of = |seen| Agreement { expected: 100, seen };
        let sane = Soundness::default();
        assert!(sane.after(of(80), true, at(0)).is_sane());
        let insane = sane.after(of(79), true, at(0));
        assert_eq!(insane.insane_since, Some(at(0)));
        let agrees = insane.after(of(94), true, at(1)).after(of(95), true, at(2));
        assert_eq!(agrees.agrees_since, Some(at(2)));
        assert!(!agrees.after(of(100), true, at(16)).is_sane());
        assert!(agrees.after(of(95), true, at(17)).is_sane());
        // A lapse, or silence, begins it anew.
        for lapse in [agrees.after(of(94), true, at(10)), agrees.after(of(0), false, at(10))] {
            assert_eq!((lapse.insane_since, lapse.agrees_since), (Some(at(0)), None));
        }
    }

    #[test]
    fn one_address_is_never_too_much() {
        let sane = Soundness::default();
        let of = |expected, seen| sane.after(Agreement { expected, seen }, true, at(0)).is_sane();
        assert!(of(0, 0) && of(1, 0) && of(2, 1) && of(4, 3) && of(10, 8));
        assert!(!of(2, 0) && !of(4, 2) && !of(10, 7));
    }
}
