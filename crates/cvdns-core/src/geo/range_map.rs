//! A value for every address, stored as the addresses where the value changes.

use std::ops::Deref;

/// Starts of ranges and their values, in ascending order.
///
/// The first range starts at address 0, and each ends before the next one starts. Neighbours have
/// different values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeMap<A, V>(Vec<(A, V)>);

/// An address as a number.
pub trait AddressBits: Copy + Ord {
    /// The lowest address.
    const ZERO: Self;
    /// Length of an address in bits.
    const BITS: u8;
    /// The address after this one; `None` after the highest.
    fn next(self) -> Option<Self>;
    /// The address before this one; for the lowest address, that address itself.
    #[must_use]
    fn before(self) -> Self;
    /// The lowest and the highest address that share the first `length` bits with this one.
    fn prefix(self, length: u8) -> (Self, Self);
}

impl AddressBits for u32 {
    const ZERO: Self = 0;
    const BITS: u8 = 32;
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn before(self) -> Self {
        self.saturating_sub(1)
    }
    fn prefix(self, length: u8) -> (Self, Self) {
        let host = Self::MAX.checked_shr(length.into()).unwrap_or(0);
        (self & !host, self | host)
    }
}

impl AddressBits for u128 {
    const ZERO: Self = 0;
    const BITS: u8 = 128;
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn before(self) -> Self {
        self.saturating_sub(1)
    }
    fn prefix(self, length: u8) -> (Self, Self) {
        let host = Self::MAX.checked_shr(length.into()).unwrap_or(0);
        (self & !host, self | host)
    }
}

impl<A: AddressBits, V: Copy + PartialEq> RangeMap<A, V> {
    /// The same value for all addresses.
    pub fn uniform(value: V) -> Self {
        Self(vec![(A::ZERO, value)])
    }

    /// Builds the map from ranges (first, last, value) in ascending order that do not overlap. All
    /// other addresses get the value `gap`.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (A, A, V)>, gap: V) -> Self {
        let mut range_map = Self(Vec::new());
        let mut free = Some(A::ZERO);
        for (first, last, value) in ranges {
            if free.is_some_and(|free| free < first) {
                range_map.push(free.unwrap_or(A::ZERO), gap);
            }
            range_map.push(first, value);
            free = last.next();
        }
        if let Some(free) = free {
            range_map.push(free, gap);
        }
        range_map
    }

    /// Applies `f` to all values, and merges neighbours that are then equal.
    pub fn map<W: Copy + PartialEq>(&self, f: impl Fn(V) -> W) -> RangeMap<A, W> {
        let mut out = RangeMap(Vec::new());
        for (start, value) in &self.0 {
            out.push(*start, f(*value));
        }
        out
    }

    /// Sets the value of a range.
    pub fn set_range(&mut self, first: A, last: A, value: V) {
        let from = self.0.partition_point(|(start, _)| *start < first);
        let after = last.next();
        let to = after
            .map_or(self.0.len(), |after| self.0.partition_point(|(start, _)| *start <= after));
        // The value at the end of the range continues after it.
        let behind = self.0.get(to.saturating_sub(1)).map(|(_, value)| *value);
        let new = [Some((first, value)), after.zip(behind)];
        self.0.splice(from..to.max(from), new.into_iter().flatten());
        self.0.dedup_by(|later, earlier| later.1 == earlier.1);
    }

    /// Combines the values of two maps at each address with `f`.
    pub fn zip<W: Copy + PartialEq, X: Copy + PartialEq>(
        &self,
        other: &RangeMap<A, W>,
        f: impl Fn(V, W) -> X,
    ) -> RangeMap<A, X> {
        let mut out = RangeMap(Vec::new());
        let (mut left, mut right) = (self.0.as_slice(), other.0.as_slice());
        while let (Some((a, v)), Some((b, w))) = (left.first(), right.first()) {
            out.push(*a.max(b), f(*v, *w));
            let next_left = left.get(1).map(|(start, _)| *start);
            let next_right = right.get(1).map(|(start, _)| *start);
            match (next_left, next_right) {
                (None, None) => break,
                (Some(l), Some(r)) if l == r => {
                    left = left.get(1..).unwrap_or_default();
                    right = right.get(1..).unwrap_or_default();
                }
                (Some(l), r) if r.is_none_or(|r| l < r) => left = left.get(1..).unwrap_or_default(),
                _ => right = right.get(1..).unwrap_or_default(),
            }
        }
        out
    }

    /// The value at an address, and the length in bits of the longest prefix around the address in
    /// which all addresses have that value.
    pub fn around(&self, address: A) -> (V, u8)
    where
        V: Default,
    {
        let after = self.0.partition_point(|(start, _)| *start <= address);
        let (start, value) =
            self.0.get(after.wrapping_sub(1)).copied().unwrap_or((A::ZERO, V::default()));
        let behind = self.0.get(after).map(|(start, _)| *start);
        let within = |length: &u8| {
            let (first, last) = address.prefix(*length);
            first >= start && behind.is_none_or(|behind| last < behind)
        };
        (value, (0..=A::BITS).find(within).unwrap_or(A::BITS))
    }

    fn push(&mut self, start: A, value: V) {
        if self.0.last().is_none_or(|(_, last)| *last != value) {
            self.0.push((start, value));
        }
    }
}

impl<A, V> Deref for RangeMap<A, V> {
    type Target = [(A, V)];

    fn deref(&self) -> &[(A, V)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn setting_ranges_equals_filling_an_array(
            strokes in proptest::collection::vec((0u32..64, 0u32..64, 0u8..4), 0..20),
        ) {
            let mut range_map = RangeMap::uniform(9u8);
            let mut plain = [9u8; 65];
            for (a, b, value) in strokes {
                let (first, last) = (a.min(b), a.max(b));
                range_map.set_range(first, last, value);
                for slot in &mut plain[first as usize..=last as usize] { *slot = value; }
            }
            for (address, value) in plain.iter().enumerate() {
                let at = range_map.partition_point(|(start, _)| *start <= address as u32) - 1;
                prop_assert_eq!(range_map[at].1, *value);
            }
            prop_assert!(range_map.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 != w[1].1));
        }
    }
}
