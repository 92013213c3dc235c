//! A value for every address, as the list of addresses where it changes.

use std::ops::Deref;

/// Starts of ranges and their values: the first starts at 0, each holds up to the next, no two neighbours are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps<A, V>(Vec<(A, V)>);

/// An address as a number.
pub trait Bits: Copy + Ord {
    /// The lowest address.
    const ZERO: Self;
    /// How many bits it has.
    const BITS: u8;
    /// The address after this one; none after the highest.
    fn next(self) -> Option<Self>;
    /// The address before this one; before the lowest, itself.
    #[must_use]
    fn before(self) -> Self;
    /// The lowest and the highest address with the same first `length` bits.
    fn prefix(self, length: u8) -> (Self, Self);
}

impl Bits for u32 {
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

impl Bits for u128 {
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

impl<A: Bits, V: Copy + PartialEq> Steps<A, V> {
    /// One value everywhere.
    pub fn flat(value: V) -> Self {
        Self(vec![(A::ZERO, value)])
    }

    /// From ranges (first, last, value) that rise and do not overlap; `gap` fills what they leave out.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (A, A, V)>, gap: V) -> Self {
        let mut steps = Self(Vec::new());
        let mut free = Some(A::ZERO);
        for (first, last, value) in ranges {
            if free.is_some_and(|free| free < first) {
                steps.push(free.unwrap_or(A::ZERO), gap);
            }
            steps.push(first, value);
            free = last.next();
        }
        if let Some(free) = free {
            steps.push(free, gap);
        }
        steps
    }

    /// Values replaced, equal neighbours merged.
    pub fn map<W: Copy + PartialEq>(&self, f: impl Fn(V) -> W) -> Steps<A, W> {
        let mut out = Steps(Vec::new());
        for (start, value) in &self.0 {
            out.push(*start, f(*value));
        }
        out
    }

    /// Sets the value of a range.
    pub fn paint(&mut self, first: A, last: A, value: V) {
        let from = self.0.partition_point(|(start, _)| *start < first);
        let after = last.next();
        let to = after
            .map_or(self.0.len(), |after| self.0.partition_point(|(start, _)| *start <= after));
        // What held at the range's end goes on behind it.
        let behind = self.0.get(to.saturating_sub(1)).map(|(_, value)| *value);
        let new = [Some((first, value)), after.zip(behind)];
        self.0.splice(from..to.max(from), new.into_iter().flatten());
        self.0.dedup_by(|later, earlier| later.1 == earlier.1);
    }

    /// Both at once: at every change of either, what `f` makes of the two values.
    pub fn zip<W: Copy + PartialEq, X: Copy + PartialEq>(
        &self,
        other: &Steps<A, W>,
        f: impl Fn(V, W) -> X,
    ) -> Steps<A, X> {
        let mut out = Steps(Vec::new());
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

    /// The value at an address, and the length in bits of the longest prefix around it in which all addresses have it.
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

impl<A, V> Deref for Steps<A, V> {
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
        fn painting_equals_painting_an_array(
            strokes in proptest::collection::vec((0u32..64, 0u32..64, 0u8..4), 0..20),
        ) {
            let mut steps = Steps::flat(9u8);
            let mut plain = [9u8; 65];
            for (a, b, value) in strokes {
                let (first, last) = (a.min(b), a.max(b));
                steps.paint(first, last, value);
                for slot in &mut plain[first as usize..=last as usize] { *slot = value; }
            }
            for (address, value) in plain.iter().enumerate() {
                let at = steps.partition_point(|(start, _)| *start <= address as u32) - 1;
                prop_assert_eq!(steps[at].1, *value);
            }
            prop_assert!(steps.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 != w[1].1));
        }
    }
}
