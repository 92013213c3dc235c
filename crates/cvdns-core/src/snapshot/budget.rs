//! Limits the time spent on diagnostic answers, so that they never slow down other answers.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// A budget of CPU time for diagnostics: a tenth of one core, after an initial credit of one second
/// (the generic cell rate algorithm, with time spent instead of cells). All threads share it.
#[derive(Debug, Default)]
pub struct DiagnosticsBudget {
    /// When the time spent so far is earned back, in Unix microseconds.
    earned_at: AtomicI64,
}

/// Idle time owed per unit of time spent on diagnostics.
const PAUSE: i64 = 10;

/// How far the budget may be overdrawn, in microseconds.
const CREDIT: i64 = 1_000_000;

/// How far ahead `earned_at` can be of the clock, in microseconds.
const MAX_AHEAD: i64 = (1 + PAUSE) * CREDIT;

impl DiagnosticsBudget {
    /// Whether time is left at `now`, in Unix microseconds.
    pub fn allows(&self, now: i64) -> bool {
        let ahead = self.earned_at.load(Relaxed).saturating_sub(now);
        // Further ahead than spending can lead: the clock was set back.
        ahead <= CREDIT || ahead > MAX_AHEAD
    }

    /// Spends the time between two moments, in Unix microseconds. When two threads spend at the
    /// same time, one of the two amounts may be lost.
    pub fn spend(&self, from: i64, to: i64) {
        let took = to.saturating_sub(from).clamp(0, CREDIT);
        let start = self.earned_at.load(Relaxed).clamp(from, from.saturating_add(CREDIT));
        self.earned_at.store(start.saturating_add(PAUSE * took), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many diagnostics of `took` microseconds each are allowed when they are requested without
    /// pause for `during` microseconds.
    fn allowed(took: i64, during: i64) -> i64 {
        let budget = DiagnosticsBudget::default();
        let (start, mut now, mut count) = (1_000_000_000, 1_000_000_000, 0);
        while now < start + during {
            if budget.allows(now) {
                budget.spend(now, now + took);
                now += took;
                count += 1;
            } else {
                now += 100;
            }
        }
        count
    }

    #[test]
    fn diagnostics_take_a_tenth_of_the_time() {
        for took in [50, 1_000, 20_000] {
            let during = 100_000_000;
            let share = (allowed(took, during) * took) as f64 / during as f64;
            assert!((0.09..0.12).contains(&share), "{took}: {share}");
        }
        assert!(allowed(1_000, 50_000) >= 45, "the initial credit is spent first");
    }

    #[test]
    fn a_clock_set_back_does_not_block_diagnostics() {
        let budget = DiagnosticsBudget::default();
        budget.spend(2_000_000_000_000, 2_000_000_900_000);
        assert!(!budget.allows(2_000_000_900_000) && budget.allows(2_000_009_000_000));
        assert!(budget.allows(1_000_000_000_000));
    }
}
