//! How much time may go into telling people why: answering comes first, whoever asks.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// Lets telling take a tenth of one core at most, after a start of a second (the generic cell rate algorithm, with time
/// spent for cells). Its owners share it.
#[derive(Debug, Default)]
pub struct Budget {
    /// When what was spent is earned again, in Unix microseconds.
    earned_at: AtomicI64,
}

/// How many times as long as telling takes there is to be none of it.
const PAUSE: i64 = 10;

/// How far it may be overdrawn, in microseconds.
const CREDIT: i64 = 1_000_000;

/// How far that can lead, in microseconds.
const FARTHEST: i64 = (1 + PAUSE) * CREDIT;

impl Budget {
    /// Whether anything is left at this moment, in Unix microseconds.
    pub fn allows(&self, now: i64) -> bool {
        let ahead = self.earned_at.load(Relaxed).saturating_sub(now);
        // Further ahead than can be spent at once: the clock was set back.
        ahead <= CREDIT || ahead > FARTHEST
    }

    /// Spends the time from one moment to another. Of two threads that spend at once one may get away with it.
    pub fn spend(&self, from: i64, to: i64) {
        let took = to.saturating_sub(from).clamp(0, CREDIT);
        let start = self.earned_at.load(Relaxed).clamp(from, from.saturating_add(CREDIT));
        self.earned_at.store(start.saturating_add(PAUSE * took), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often telling of this length is allowed within so many microseconds of asking without pause.
    fn told(took: i64, during: i64) -> i64 {
        let budget = Budget::default();
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
    fn a_tenth_of_the_time_goes_into_it() {
        for took in [50, 1_000, 20_000] {
            let during = 100_000_000;
            let share = (told(took, during) * took) as f64 / during as f64;
            assert!((0.09..0.12).contains(&share), "{took}: {share}");
        }
        assert!(told(1_000, 50_000) >= 45, "at first there is credit");
    }

    #[test]
    fn a_clock_that_is_set_back_is_no_end() {
        let budget = Budget::default();
        budget.spend(2_000_000_000_000, 2_000_000_900_000);
        assert!(!budget.allows(2_000_000_900_000) && budget.allows(2_000_009_000_000));
        assert!(budget.allows(1_000_000_000_000));
    }
}
