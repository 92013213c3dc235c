//! When signatures are valid.

use std::time::Duration;

/// How much earlier than it is made a signature begins to be valid at least, in seconds: clocks of
/// validators may be behind.
pub const CLOCK_SKEW: i64 = 90 * 60;

/// When a signature is valid, in Unix seconds.
///
/// It follows from the owner, the type and the moment alone, so all servers that sign at about the
/// same time agree, and signatures by a deterministic algorithm are the same octets everywhere. A
/// signature is valid for the second half of its time at least; half of all signatures would
/// otherwise expire at once, so each owner and type has moments of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Inception.
    pub inception: i64,
    /// Expiration.
    pub expiration: i64,
    /// From when on another signature takes its place: half of `validity` before it expires.
    pub renewal: i64,
}

/// When the first of several signatures is to be replaced, and when the first of them expires, in
/// Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// From when on another signature takes the place of one of them.
    pub renewal: i64,
    /// When one of them expires.
    pub expiration: i64,
}

impl Lifetime {
    /// Of no signatures.
    pub const ENDLESS: Self = Self { renewal: i64::MAX, expiration: i64::MAX };

    /// Of these signatures and others together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            renewal: self.renewal.min(other.renewal),
            expiration: self.expiration.min(other.expiration),
        }
    }
}

impl Validity {
    /// When signatures that are valid so are replaced, and when they expire.
    pub fn lifetime(&self) -> Lifetime {
        Lifetime { renewal: self.renewal, expiration: self.expiration }
    }

    /// When a signature is valid that is in force at `now`, in Unix seconds. `owner` is in
    /// lower-case wire form, and `validity` how long signatures are valid.
    pub fn at(now: i64, validity: Duration, owner: &[u8], covered: u16) -> Self {
        let validity = i64::try_from(validity.as_secs()).unwrap_or(i64::MAX / 4).max(2);
        let period = validity / 2;
        let jitter = (spread(owner, covered) % period.cast_unsigned()).cast_signed();
        // The first moment of this owner and type that is a period or more ahead.
        let periods = (now + period - jitter).div_euclid(period);
        let at_or_before = periods * period + jitter;
        let expiration =
            if at_or_before == now + period { at_or_before } else { at_or_before + period };
        Self {
            inception: expiration - validity - CLOCK_SKEW,
            expiration,
            renewal: expiration - period,
        }
    }
}

/// A number that differs from owner to owner and from type to type, and is the same on every server
/// (FNV-1a).
fn spread(owner: &[u8], covered: u16) -> u64 {
    let octets = owner.iter().copied().chain(covered.to_be_bytes());
    let mix = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    let hash = octets.fold(0xcbf2_9ce4_8422_2325, mix);
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: u64 = 86_400;

    proptest! {
        /// Signatures are valid now, for half of their time at least, and are replaced by the next
        /// one exactly when `renewal` has passed.
        #[test]
        fn a_signature_is_valid_for_its_second_half(
            now in 0_i64..5_000_000_000,
            days in 1_u64..400,
            owner in "[a-z]{1,8}",
        ) {
            let validity = Duration::from_secs(days * DAY);
            let Validity { inception, expiration, renewal } =
                Validity::at(now, validity, owner.as_bytes(), 1);
            let half = (days * DAY / 2).cast_signed();
            prop_assert!(inception + CLOCK_SKEW <= now, "{inception} {now}");
            prop_assert!(expiration - now >= half && expiration - now < 2 * half + 1);
            prop_assert!(renewal >= now && expiration - renewal == half);
            prop_assert_eq!(expiration - inception, 2 * half + CLOCK_SKEW);
            let same = Validity::at(renewal, validity, owner.as_bytes(), 1);
            prop_assert_eq!(same.expiration, expiration);
            let next = Validity::at(renewal + 1, validity, owner.as_bytes(), 1);
            prop_assert_eq!(next.expiration, expiration + half);
        }
    }

    /// Renewals of a thousand owners over a period of seven days: no hour has more than three times
    /// its share.
    #[test]
    fn renewals_are_spread() {
        let validity = Duration::from_secs(14 * DAY);
        let mut hours = [0; 168];
        for owner in 0..10_000_u32 {
            let renewal = Validity::at(0, validity, &owner.to_be_bytes(), 1).renewal;
            let hour = usize::try_from(renewal / 3600).expect("an hour").min(167);
            *hours.get_mut(hour).expect("an hour of the week") += 1;
        }
        assert!(hours.iter().all(|count| (20..180).contains(count)), "{hours:?}");
    }
}
