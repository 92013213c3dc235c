//! When what failed is tried again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The first delay, at most. All servers of a network lose their connection at the same moment.
const FIRST: Duration = Duration::from_millis(50);
/// The longest delay. With it, all have the newest document within seconds of NATS's return.
const LONGEST: Duration = Duration::from_millis(1600);

/// Delays that double with each failure, each between a half of it and the whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next delay.
    pub(crate) fn delay(&mut self) -> Duration {
        self.delay_by(random())
    }

    fn delay_by(&mut self, random: u16) -> Duration {
        let doubled = 2u32.checked_pow(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let whole = FIRST.saturating_mul(doubled).min(LONGEST);
        whole / 2 + (whole / (2 * 65_536)) * u32::from(random)
    }

    /// Begins anew.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

/// The interval, up to a tenth shorter or longer, so that servers which started together do not ask
/// together for ever.
pub(crate) fn varied(interval: Duration) -> Duration {
    let tenth = interval / 10;
    let least = interval.saturating_sub(tenth);
    least.saturating_add((tenth / 32_768).saturating_mul(random().into()))
}

/// A random number: the standard library seeds its hash tables with random numbers of the system.
pub(crate) fn random() -> u16 {
    RandomState::new().build_hasher().finish() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_limit_and_start_anew() {
        let mut backoff = Backoff::default();
        let most: Vec<u128> = (0..8).map(|_| backoff.delay_by(u16::MAX).as_millis()).collect();
        assert_eq!(most, [49, 99, 199, 399, 799, 1599, 1599, 1599]);
        backoff.succeeded();
        assert_eq!(backoff.delay_by(0).as_millis(), 25);
        let mut long = Backoff { failures: u32::MAX };
        assert_eq!(long.delay_by(0).as_millis(), 800);
    }

    #[test]
    fn intervals_vary_by_a_tenth() {
        let interval = Duration::from_secs(60);
        for _ in 0..1000 {
            let varied = varied(interval);
            assert!(varied >= interval * 9 / 10 && varied <= interval * 11 / 10, "{varied:?}");
        }
    }
}
