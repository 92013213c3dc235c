//! When a source that failed is asked again, or a collector.

use std::time::Duration;

/// The longest delay without jitter, unless the interval itself is longer. So a source that works
/// again is noticed well within the hour after which a feed counts as stale.
const LONGEST: Duration = Duration::from_secs(300);

/// The longest delay in intervals: with an interval of one second, a source that works again is
/// noticed within half a minute.
const INTERVALS: u32 = 30;

/// The delays between fetches: the interval after a success, doubled with each failure in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backoff {
    interval: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, failures: 0 }
    }

    /// The delay after a success.
    pub(crate) fn succeeded(&mut self) -> Duration {
        self.failures = 0;
        self.interval
    }

    /// The delay after a failure. `jitter`, a random number, makes it up to a quarter longer, so
    /// that servers whose fetches failed at the same moment do not all try again at the same one.
    pub(crate) fn failed(&mut self, jitter: u16) -> Duration {
        let doubled = 2u32.checked_pow(self.failures).unwrap_or(u32::MAX);
        let delay = self.interval.saturating_mul(doubled).min(self.longest());
        self.failures = self.failures.saturating_add(1);
        delay.saturating_add((delay / (4 * 65_536)).saturating_mul(jitter.into()))
    }

    fn longest(&self) -> Duration {
        self.interval.saturating_mul(INTERVALS).min(LONGEST).max(self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(backoff: &mut Backoff, count: usize) -> Vec<u64> {
        (0..count).map(|_| backoff.failed(0).as_secs()).collect()
    }

    #[test]
    fn delays_double_up_to_a_limit_and_start_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(30));
        assert_eq!(seconds(&mut backoff, 7), [30, 60, 120, 240, 300, 300, 300]);
        assert_eq!(backoff.succeeded().as_secs(), 30);
        assert_eq!(seconds(&mut backoff, 2), [30, 60]);
        assert_eq!(seconds(&mut Backoff::new(Duration::from_secs(3600)), 3), [3600; 3]);
        assert_eq!(seconds(&mut Backoff::new(Duration::from_secs(1)), 7), [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(
            seconds(&mut Backoff::new(Duration::from_secs(9)), 7),
            [9, 18, 36, 72, 144, 270, 270]
        );
    }

    proptest! {
        #[test]
        fn jitter_adds_a_quarter_at_the_most(interval: u32, failures in 0usize..100, jitter: u16) {
            let interval = Duration::from_secs(interval.into());
            let mut backoff = Backoff::new(interval);
            seconds(&mut backoff, failures);
            let least = backoff.clone().failed(0);
            let delay = backoff.failed(jitter);
            prop_assert!(delay >= least && delay <= least + least / 4);
            prop_assert!(least >= interval && least <= interval.max(LONGEST.min(interval.saturating_mul(30))));
        }
    }
}
