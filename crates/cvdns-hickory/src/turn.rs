//! The turn that chooses the window of each answer.

use std::sync::atomic::{AtomicU64, Ordering};

/// 2^64 divided by the golden ratio, by which the responder of cvdns advances too. Its multiples
/// modulo 2^64 fill the range evenly, and so does every second, third … multiple (Weyl): a client
/// that asks for A and AAAA in turn sees every window.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// A fraction of 2^64 that advances with each question in class IN. All tasks share it: which of
/// two queries that come at once has which turn does not matter.
#[derive(Debug)]
pub(crate) struct Turn(AtomicU64);

impl Turn {
    /// Begins where a responder with this number begins.
    pub(crate) fn new(number: u64) -> Self {
        Self(AtomicU64::new(number.wrapping_mul(STRIDE)))
    }

    /// The turn that [`Self::take`] gives next.
    pub(crate) fn next(&self) -> u64 {
        self.0.load(Ordering::Relaxed).wrapping_add(STRIDE)
    }

    /// Advances, and returns the new turn.
    pub(crate) fn take(&self) -> u64 {
        self.0.fetch_add(STRIDE, Ordering::Relaxed).wrapping_add(STRIDE)
    }
}

#[cfg(test)]
mod tests {
    use cvdns_core::answer::Answering;
    use jiff::Timestamp;

    use super::Turn;

    #[test]
    fn turns_advance_like_those_of_the_responder() {
        for number in [0, 1, 7, u64::MAX] {
            let (turn, responder) = (Turn::new(number), Answering::new(number, Timestamp::now));
            assert_eq!(turn.next(), responder.next_turn());
            assert_eq!(turn.take(), responder.next_turn());
            assert_ne!(turn.next(), responder.next_turn());
        }
    }
}
