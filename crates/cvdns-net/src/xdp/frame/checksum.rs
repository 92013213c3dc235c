//! The checksum of the Internet protocols (RFC 1071).

/// A ones' complement sum of 16-bit words. It is computed in the byte order of the machine, which
/// changes the result's byte order only (RFC 1071 section 2 (B)).
#[derive(Clone, Copy)]
pub(super) struct Sum(u64);

impl Sum {
    /// The sum of these octets, filled up with a zero to whole words.
    #[inline]
    pub(super) fn of(octets: &[u8]) -> Self {
        // Four words at once: a sum of larger words becomes that of their parts when it is folded.
        let mut sum = 0_u64;
        let mut add = |words: u64| {
            let (added, carry) = sum.overflowing_add(words);
            sum = added.wrapping_add(u64::from(carry));
        };
        let (fours, rest) = octets.as_chunks::<8>();
        for four in fours {
            add(u64::from_ne_bytes(*four));
        }
        let (pairs, rest) = rest.as_chunks::<4>();
        for pair in pairs {
            add(u32::from_ne_bytes(*pair).into());
        }
        let (words, rest) = rest.as_chunks::<2>();
        for word in words {
            add(u16::from_ne_bytes(*word).into());
        }
        if let [last] = rest {
            add(u16::from_ne_bytes([*last, 0]).into());
        }
        // So that further sums can be added.
        Self(carried(sum, 32))
    }

    /// Both sums together. The octets of this one must be an even number.
    #[inline]
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// With this number, as two octets in network order, added.
    #[inline]
    pub(super) fn and_number(self, number: u16) -> Self {
        Self(self.0.wrapping_add(u64::from(number.to_be())))
    }

    /// The sum itself, in network order.
    #[inline]
    pub(super) fn octets(self) -> [u8; 2] {
        self.fold().to_ne_bytes()
    }

    /// Whether octets with their own checksum among them have this sum.
    #[inline]
    pub(super) fn is_valid(self) -> bool {
        self.fold() == u16::MAX
    }

    /// The checksum of the octets: the complement of the sum.
    #[inline]
    pub(super) fn checksum(self) -> [u8; 2] {
        (!self.fold()).to_ne_bytes()
    }

    fn fold(self) -> u16 {
        // At most 2^32 and a little, 2^17, 2^16 and a little, and a word.
        let sum = carried(carried(carried(carried(self.0, 32), 16), 16), 16);
        sum as u16
    }
}

/// Adds what is above so many bits to what is below.
fn carried(sum: u64, bits: u32) -> u64 {
    (sum >> bits) + (sum & ((1 << bits) - 1))
}
