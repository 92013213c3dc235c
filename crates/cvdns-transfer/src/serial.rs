//! Serials of zones (RFC 1982): how they follow from what a zone is made of, and which is greater.

/// The serial that the sources of a zone add up to: the master file's serial, the feed's serial if
/// the zone has mirrors, and the number of the half hour of the record's stamp if the zone has a
/// record. When any of them rises, so does the sum (RFC 1982 section 3.1), and two servers with the
/// same sources get the same serial.
pub fn sum(master: u32, feed: Option<u64>, half_hour: Option<u32>) -> u32 {
    // Only differences of feed serials matter, so the lower 32 bits are enough.
    master.wrapping_add(feed.unwrap_or_default() as u32).wrapping_add(half_hour.unwrap_or_default())
}

/// The serial of changed content: the sum, or one more than `before` if a secondary that has
/// `before` would not take the sum as newer.
pub fn next(sum: u32, before: Option<u32>) -> u32 {
    match before {
        Some(before) if !is_greater(sum, before) => before.wrapping_add(1),
        _ => sum,
    }
}

/// Whether `one` is greater than `other` (RFC 1982 section 3.2). If they are half the range apart,
/// neither is.
pub fn is_greater(one: u32, other: u32) -> bool {
    (1..1 << 31).contains(&one.wrapping_sub(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The words of RFC 1982 section 3.2.
    fn rfc(i1: u32, i2: u32) -> bool {
        let half = 1u64 << 31;
        let (i1, i2) = (u64::from(i1), u64::from(i2));
        (i1 < i2 && i2 - i1 > half) || (i1 > i2 && i1 - i2 < half)
    }

    proptest! {
        #[test]
        fn greater_is_what_the_rfc_says(one: u32, apart in prop_oneof![any::<u32>(), 0u32..3, (1u32 << 31) - 1..(1u32 << 31) + 2]) {
            let other = one.wrapping_add(apart);
            prop_assert_eq!(is_greater(one, other), rfc(one, other));
        }

        #[test]
        fn new_content_is_always_newer(sum: u32, before: u32) {
            prop_assert!(rfc(next(sum, Some(before)), before));
            prop_assert_eq!(next(sum, None), sum);
        }

        #[test]
        fn the_sum_rises_with_each_source(master: u32, feed: u64, half_hour in 0u32..2_000_000, by in 1u32..1 << 31) {
            let before = sum(master, Some(feed), Some(half_hour));
            prop_assert!(rfc(sum(master.wrapping_add(by), Some(feed), Some(half_hour)), before));
            prop_assert!(rfc(sum(master, Some(feed.wrapping_add(by.into())), Some(half_hour)), before));
            prop_assert!(rfc(sum(master, Some(feed), Some(half_hour + 1)), before));
        }
    }
}
