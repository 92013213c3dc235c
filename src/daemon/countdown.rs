//! Chooses which answers are samples.

use std::sync::{Arc, Mutex, PoisonError};

use cvdns_net::Endpoint;

/// Counts answers down to the next sample.
///
/// One answer in each stretch of `1 / share` answers is a sample. Its position differs from stretch
/// to stretch, so that clients which ask for A and AAAA in turn are sampled with both. Of the first
/// `n` answers, `n · share` are samples, rounded up or down.
#[derive(Debug, Clone)]
pub(super) struct Countdown {
    /// The length of a stretch in answers.
    period: f64,
    /// Where in the first stretch the sequence of positions begins, from 0 to 1.
    phase: f64,
    /// Stretches so far.
    stretches: u64,
    /// The position of the next sample among all answers.
    at: u64,
    /// Answers left before it.
    left: u64,
}

/// Makes countdowns of one share. All connections have one together, as they come and go.
#[derive(Debug, Clone)]
pub(super) struct Countdowns {
    share: f64,
    connections: Arc<Mutex<Countdown>>,
}

/// The countdown of one thread, or that of all connections.
#[derive(Debug)]
pub(super) enum EndpointCountdown {
    Own(Countdown),
    Shared(Arc<Mutex<Countdown>>),
}

/// The golden ratio's fraction: its multiples, taken modulo 1, fill the range from 0 to 1 evenly
/// (Weyl).
const GOLDEN: f64 = 0.618_033_988_749_894_9;

impl Countdowns {
    /// Countdowns for a share above 0 and at most 1.
    pub(super) fn new(share: f64) -> Self {
        Self { share, connections: Arc::new(Mutex::new(Countdown::new(share, 0))) }
    }

    /// The countdown for a worker's socket or a connection.
    pub(super) fn of(&self, endpoint: Endpoint) -> EndpointCountdown {
        match endpoint {
            Endpoint::Socket(number) => {
                EndpointCountdown::Own(Countdown::new(self.share, number as u64 + 1))
            }
            Endpoint::Connection(_) => EndpointCountdown::Shared(self.connections.clone()),
        }
    }
}

impl EndpointCountdown {
    /// Whether the next answer is a sample.
    #[inline]
    pub(super) fn is_sample(&mut self) -> bool {
        match self {
            Self::Own(countdown) => countdown.is_sample(),
            // No panic can leave a countdown half changed.
            Self::Shared(countdown) => {
                countdown.lock().unwrap_or_else(PoisonError::into_inner).is_sample()
            }
        }
    }
}

impl Countdown {
    /// Counts down for a share above 0 and at most 1. Countdowns of different numbers choose
    /// different positions.
    pub(super) fn new(share: f64, number: u64) -> Self {
        let phase = (number as f64 * GOLDEN * GOLDEN).fract();
        let mut countdown = Self { period: 1.0 / share, phase, stretches: 0, at: 0, left: 0 };
        countdown.at = countdown.position();
        countdown.left = countdown.at;
        countdown
    }

    /// Whether the next answer is a sample.
    #[inline]
    pub(super) fn is_sample(&mut self) -> bool {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return false;
        }
        self.advance();
        true
    }

    #[cold]
    fn advance(&mut self) {
        self.stretches = self.stretches.saturating_add(1);
        // With a share close to 1, two stretches may have the same position.
        let next = self.position().max(self.at.saturating_add(1));
        self.left = next.saturating_sub(self.at).saturating_sub(1);
        self.at = next;
    }

    /// The position of this stretch's sample among all answers.
    #[expect(clippy::cast_sign_loss, reason = "stretches and periods are positive")]
    fn position(&self) -> u64 {
        let within = (self.stretches as f64).mul_add(GOLDEN, self.phase).fract();
        ((self.stretches as f64 + within) * self.period) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_share_is_kept_at_every_moment(share in 0.001f64..=1.0, number in 0u64..100, answers in 1u64..20_000) {
            let mut countdown = Countdown::new(share, number);
            let mut hits = 0u64;
            for answer in 1..=answers {
                hits += u64::from(countdown.is_sample());
                let expected = answer as f64 * share;
                prop_assert!((hits as f64) > expected - 1.0 - 1e-6 && (hits as f64) < expected + 1.0 + 1e-6,
                    "{hits} of {answer}, not {expected}");
            }
        }
    }

    #[test]
    fn with_a_share_of_one_every_answer_is_a_sample() {
        let mut countdown = Countdown::new(1.0, 3);
        assert!((0..10_000).all(|_| countdown.is_sample()));
    }

    #[test]
    fn queries_that_alternate_are_sampled_alike() {
        for rhythm in [2, 3, 4, 10, 100] {
            let mut countdown = Countdown::new(0.01, 1);
            let mut seen = vec![0u64; rhythm];
            for answer in 0..100_000 {
                seen[answer % rhythm] += u64::from(countdown.is_sample());
            }
            let fair = 1_000 / rhythm as u64;
            assert!(
                seen.iter().all(|seen| seen.abs_diff(fair) <= fair / 2 + 4),
                "{rhythm}: {seen:?}"
            );
        }
    }

    #[test]
    fn the_smallest_share_does_no_harm() {
        let mut countdown = Countdown::new(f64::MIN_POSITIVE, 0);
        let hits = (0..1_000).filter(|_| countdown.is_sample()).count();
        assert!(hits <= 1);
    }
}
