//! Random octets of the system.

use std::hash::{BuildHasher, RandomState};

/// 16 octets that nobody outside can guess.
pub(super) fn octets() -> [u8; 16] {
    let mut octets = [0; 16];
    if getrandom::fill(&mut octets).is_err() {
        // The standard library has other ways than the system call, and needs randomness too.
        let half = |number: u8| RandomState::new().hash_one(number).to_le_bytes();
        let halves = half(0).into_iter().chain(half(1));
        octets.iter_mut().zip(halves).for_each(|(to, octet)| *to = octet);
    }
    octets
}
