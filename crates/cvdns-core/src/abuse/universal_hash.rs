//! A hash function that costs a few multiplications.

use siphasher::sip::SipHasher13;

/// A function of a strongly universal family (Dietzfelbinger, "Universal hashing and k-wise
/// independent random variables via integer arithmetic without primes", 1996): the upper half of
/// `factor * key + summand` modulo 2^128.
///
/// Two different keys have any pair of hashes equally often, over all functions of the family. Who
/// does not know the function so cannot choose keys that collide. Unlike `SipHash`, it does not
/// hide itself from somebody who sees hashes; nobody outside sees any.
#[derive(Debug, Clone, Copy)]
pub(super) struct UniversalHash {
    factor: u128,
    summand: u128,
}

/// An odd number without a pattern in its bits: 2^64 over the golden ratio.
const MIXER: u64 = 0x9e37_79b9_7f4a_7c15;

impl UniversalHash {
    /// The function with this number, of those that a secret key gives.
    pub(super) fn new([key0, key1]: [u64; 2], number: u64) -> Self {
        let hasher = SipHasher13::new_with_keys(key0, !key1);
        let word = |index: u64| u128::from(hasher.hash(&(number << 8 | index).to_le_bytes()));
        Self { factor: word(0) << 64 | word(1), summand: word(2) << 64 | word(3) }
    }

    /// The hash of a key: a permutation of what the function gives. That alone would have
    /// neighbours at equal distances, and with some secrets at few places.
    #[inline]
    pub(super) fn of(&self, key: u64) -> u64 {
        let hash = self.linear(key);
        let mixed = (hash ^ hash >> 29).wrapping_mul(MIXER);
        mixed ^ mixed >> 32
    }

    #[inline]
    fn linear(&self, key: u64) -> u64 {
        (self.factor.wrapping_mul(key.into()).wrapping_add(self.summand) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_hash_is_the_upper_half_of_a_linear_function(key: [u64; 2], number in 0u64..8, x: u64) {
            let hash = UniversalHash::new(key, number);
            // Schoolbook multiplication by words of 32 bits, modulo 2^128.
            let words = |value: u128| [0, 32, 64, 96].map(|shift| value >> shift & 0xffff_ffff);
            let mut sum = [0u128; 4];
            for (i, a) in words(hash.factor).into_iter().enumerate() {
                for (j, b) in words(x.into()).into_iter().enumerate().filter(|(j, _)| i + j < 4) {
                    sum[i + j] += a * b;
                }
            }
            let mut carry = 0;
            let mut result = 0u128;
            for (index, (part, summand)) in sum.into_iter().zip(words(hash.summand)).enumerate() {
                let all = part + summand + carry;
                result |= (all & 0xffff_ffff) << (32 * index);
                carry = all >> 32;
            }
            prop_assert_eq!(hash.linear(x), (result >> 64) as u64);
        }
    }

    #[test]
    fn neighbours_collide_as_seldom_as_others() {
        for seed in 0..256 {
            let hash = UniversalHash::new([seed, 1], 3);
            for shift in [8, 12, 14, 32] {
                let mut sets: Vec<u64> = (0..1024).map(|n| hash.of(n << shift) % 8192).collect();
                sets.sort_unstable();
                let collisions = sets.windows(2).filter(|pair| pair[0] == pair[1]).count();
                // 1,024 keys in 8,192 sets at random: 61 with a standard deviation of 7.
                assert!(collisions < 61 + 10 * 7, "{seed}, {shift}: {collisions}");
            }
        }
    }

    #[test]
    fn each_number_has_a_function_of_its_own() {
        let hashes: std::collections::HashSet<u64> =
            (0..8).map(|number| UniversalHash::new([1, 2], number).of(0xc000_0200)).collect();
        assert_eq!(hashes.len(), 8);
    }
}
