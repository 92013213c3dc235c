//! The checksum of the Internet protocols (RFC 1071).

/// A ones' complement sum of 16-bit words. It is computed in the byte order of the machine, which
/// changes the result's byte order only (RFC 1071 section 2 (B)).
#[derive(Clone, Copy)]
pub(super) struct Sum(u64);

impl Sum {
    /// The sum of these octets, filled up with a zero to whole words. A frame has at most 65,549
    /// octets, so that nothing overflows.
    #[inline]
    pub(super) fn of(octets: &[u8]) -> Self {
        // Two words at once: the upper one adds itself to the lower one when the sum is folded.
        let (pairs, rest) = octets.as_chunks::<4>();
        let mut sum = 0_u64;
        for pair in pairs {
            sum = sum.wrapping_add(u64::from(u32::from_ne_bytes(*pair)));
        }
        let mut last = [0; 4];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        Self(sum.wrapping_add(u64::from(u32::from_ne_bytes(last))))
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
        let carried = |sum: u64, bits: u32| (sum >> bits) + (sum & ((1 << bits) - 1));
        // At most 2^33, 2^18, 2^16 + 3, and a word.
        let sum = carried(carried(carried(carried(self.0, 32), 16), 16), 16);
        sum as u16
    }
}
