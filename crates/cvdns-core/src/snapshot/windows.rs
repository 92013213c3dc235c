//! Cuts the yield of a path into windows, each of which is an answer.
//!
//! n addresses are shuffled and repeated by weight, and one window is cut from each position of
//! that sequence. The share of windows that contain an address, and the share that begin with it,
//! follow its weight. There are as many record sets as positions, rather than C(n, max) subsets.
//!
//! The order depends on the addresses and the day alone. It is the same on every server, differs
//! from day to day, and is kept by all other addresses when one is added or removed.

/// Longest sequence of one yield, unless four positions for each candidate are more. Weights are
/// made coarser until the sequence fits.
const MAX_POSITIONS: u64 = 4096;

/// Most candidates in all windows of one yield together, where each window has a copy of its own.
/// Beyond it, a window starts only at every second, third … position.
const MAX_LAYOUT: usize = 8192;

/// Greatest weight: finer differences of capacity do not matter to mirrors.
const MAX_WEIGHT: u64 = 64;

/// A candidate as far as windows depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightedCandidate {
    /// Number by which the candidate is shuffled: the same on every server.
    pub key: u64,
    /// Its capacity, in any unit common to all candidates.
    pub capacity: u64,
}

/// Windows over candidates, which are given by their index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// A list of candidates of which windows are slices.
    pub layout: Vec<u32>,
    /// Where windows start in `layout`.
    pub starts: Starts,
    /// How many candidates a window has.
    pub size: usize,
}

/// Where windows start in their layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Starts {
    /// At regular distances.
    Every {
        /// Candidates from one start to the next.
        stride: usize,
        /// How many windows there are.
        count: usize,
    },
    /// At these indexes.
    At(Vec<u16>),
}

impl Windows {
    /// Cuts windows of at most `max` candidates; 0 means all. `day` determines the order.
    pub fn new(candidates: &[WeightedCandidate], max: u16, day: u64) -> Self {
        let n = candidates.len();
        let max = if max == 0 { u16::MAX } else { max };
        let size = n.min(usize::from(max));
        let sequence = spread(candidates, day);
        if runs_differ(&sequence, n, size) {
            return Self::of_runs(sequence, size);
        }
        if size == n {
            return Self::of_all(&sequence, n);
        }
        Self::of_weighted(&sequence, n, size)
    }

    /// Makes windows that are runs of the sequence, which is taken as a ring.
    fn of_runs(mut sequence: Vec<u32>, size: usize) -> Self {
        let starts = Starts::Every { stride: 1, count: sequence.len() };
        sequence.extend_from_within(..size.saturating_sub(1));
        Self { layout: sequence, starts, size }
    }

    /// Makes windows that contain all candidates: they are rotations of one order.
    fn of_all(sequence: &[u32], n: usize) -> Self {
        let mut position = vec![u16::MAX; n];
        let mut order: Vec<u32> = Vec::with_capacity(2 * n);
        for &candidate in sequence {
            if let Some(slot) = position.get_mut(candidate as usize)
                && *slot == u16::MAX
            {
                *slot = order.len() as u16;
                order.push(candidate);
            }
        }
        let starts = sequence
            .iter()
            .filter_map(|candidate| position.get(*candidate as usize).copied())
            .collect();
        order.extend_from_within(..n.saturating_sub(1));
        Self { layout: order, starts: Starts::At(starts), size: n }
    }

    /// Makes windows of the next `size` different candidates from a position on.
    fn of_weighted(sequence: &[u32], n: usize, size: usize) -> Self {
        // At most `size`, so that every position is in a window.
        let stride = (sequence.len() * size).div_ceil(MAX_LAYOUT).clamp(1, size);
        let count = sequence.len().div_ceil(stride);
        let mut layout = Vec::with_capacity(count * size);
        let mut taken_by = vec![u32::MAX; n];
        for position in (0..sequence.len()).step_by(stride) {
            let start = layout.len();
            for &candidate in sequence.iter().cycle().skip(position).take(sequence.len()) {
                if layout.len() - start == size {
                    break;
                }
                if let Some(slot) = taken_by.get_mut(candidate as usize)
                    && *slot != position as u32
                {
                    *slot = position as u32;
                    layout.push(candidate);
                }
            }
        }
        Self { layout, starts: Starts::Every { stride: size, count }, size }
    }
}

/// Whether any `size` successive positions of the sequence, taken as a ring, hold different
/// candidates. That is always so for candidates of equal weight, and for others unless a weight is
/// too great. All windows can then be slices of one copy of the sequence.
fn runs_differ(sequence: &[u32], n: usize, size: usize) -> bool {
    let mut last: Vec<Option<usize>> = vec![None; n];
    let ring = sequence.iter().chain(sequence.iter().take(size.saturating_sub(1)));
    ring.enumerate().all(|(position, candidate)| {
        let before = last.get_mut(*candidate as usize).and_then(|last| last.replace(position));
        before.is_none_or(|before| position - before >= size)
    })
}

/// Small integers in proportion to the capacities.
fn weights(candidates: &[WeightedCandidate]) -> Vec<u64> {
    let capacities = candidates.iter().map(|candidate| candidate.capacity);
    let common = capacities.clone().fold(0, greatest_common_divisor).max(1);
    let largest = capacities.clone().max().unwrap_or(1) / common;
    let most = MAX_POSITIONS.max(4 * candidates.len() as u64);
    let exact: Vec<u64> = capacities.map(|capacity| (capacity / common).max(1)).collect();
    let mut scale = MAX_WEIGHT;
    let mut scaled = exact.clone();
    while largest > scale || scaled.iter().sum::<u64>() > most {
        scaled =
            exact.iter().map(|weight| ((weight * scale + largest / 2) / largest).max(1)).collect();
        if scale == 1 || scaled.iter().sum::<u64>() <= most {
            break;
        }
        scale /= 2;
    }
    let common = scaled.iter().copied().fold(0, greatest_common_divisor).max(1);
    scaled.into_iter().map(|weight| weight / common).collect()
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// A sequence with each candidate as often as its weight, at regular distances, from a start that
/// depends on its key and the day.
fn spread(candidates: &[WeightedCandidate], day: u64) -> Vec<u32> {
    let weights = weights(candidates);
    let total: u64 = weights.iter().sum();
    let mut positions: Vec<(u64, u64, u32)> = Vec::with_capacity(total as usize);
    for (index, (candidate, weight)) in candidates.iter().zip(&weights).enumerate() {
        let offset = shuffle(day ^ shuffle(candidate.key));
        let (step, first) = (u64::MAX / weight, offset / weight);
        positions.extend((0..*weight).map(|turn| (step * turn + first, offset, index as u32)));
    }
    positions.sort_unstable();
    positions.into_iter().map(|(_, _, candidate)| candidate).collect()
}

/// One step of `SplitMix64` (Steele, Lea, Flood 2014), which gives the same numbers on every
/// server.
pub(super) fn shuffle(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn candidates(capacities: &[u64]) -> Vec<WeightedCandidate> {
        capacities
            .iter()
            .zip(1..)
            .map(|(capacity, key)| WeightedCandidate { key, capacity: *capacity })
            .collect()
    }

    fn windows(w: &Windows) -> Vec<&[u32]> {
        let starts: Vec<usize> = match &w.starts {
            Starts::Every { stride, count } => (0..*count).map(|window| window * stride).collect(),
            Starts::At(starts) => starts.iter().map(|start| usize::from(*start)).collect(),
        };
        starts.iter().map(|start| &w.layout[*start..start + w.size]).collect()
    }

    proptest! {
        #[test]
        fn equal_candidates_share_windows_and_first_positions_equally(n in 1usize..60, max in 0u16..12, day in any::<u64>()) {
            let w = Windows::new(&candidates(&vec![100; n]), max, day);
            let all = windows(&w);
            prop_assert_eq!(all.len(), n);
            let size = if max == 0 { n } else { usize::from(max).min(n) };
            for candidate in 0..n as u32 {
                prop_assert_eq!(all.iter().filter(|window| window.contains(&candidate)).count(), size);
                prop_assert_eq!(all.iter().filter(|window| window[0] == candidate).count(), 1);
            }
        }

        #[test]
        fn windows_hold_different_candidates_and_include_all(
            capacities in proptest::collection::vec(1u64..10_000_000, 1..40), max in 0u16..12, day in any::<u64>(),
        ) {
            let w = Windows::new(&candidates(&capacities), max, day);
            let mut included = HashSet::new();
            for window in windows(&w) {
                let different: HashSet<&u32> = window.iter().collect();
                prop_assert_eq!(different.len(), w.size);
                included.extend(window.iter().copied());
            }
            prop_assert_eq!(included.len(), capacities.len());
        }

        /// Windows that are runs equal windows that are laid out one by one.
        #[test]
        fn runs_equal_windows_laid_out_one_by_one(
            weights in proptest::collection::vec(1u64..4, 9..40), max in 1u16..9, day in any::<u64>(),
        ) {
            let (candidates, size) = (candidates(&weights), usize::from(max));
            let sequence = spread(&candidates, day);
            prop_assume!(runs_differ(&sequence, candidates.len(), size));
            let runs = Windows::new(&candidates, max, day);
            let each = Windows::of_weighted(&sequence, candidates.len(), size);
            prop_assert_eq!(windows(&runs), windows(&each));
        }

        /// The failure of a mirror does not move the clients of others.
        #[test]
        fn remaining_candidates_keep_their_order(n in 2usize..40, gone in any::<prop::sample::Index>(), day in any::<u64>()) {
            let all = candidates(&vec![100; n]);
            let mut fewer = all.clone();
            let gone = fewer.remove(gone.index(n));
            let keys = |candidates: &[WeightedCandidate]| -> Vec<u64> {
                spread(candidates, day).iter().map(|candidate| candidates[*candidate as usize].key).collect()
            };
            let mut before = keys(&all);
            before.retain(|key| *key != gone.key);
            prop_assert_eq!(keys(&fewer), before);
        }
    }

    #[test]
    fn first_positions_follow_capacity() {
        let w = Windows::new(&candidates(&[1_000_000, 100_000, 100_000]), 2, 7);
        let all = windows(&w);
        let first = all.iter().filter(|window| window[0] == 0).count();
        assert_eq!((all.len(), first), (12, 10));
        assert_eq!(weights(&candidates(&[10_000_000, 1_000_000, 100_000])), [64, 6, 1]);
        assert_eq!(weights(&candidates(&[100_000, 100_000])), [1, 1]);
    }

    #[test]
    fn the_order_differs_from_day_to_day() {
        let equal = candidates(&[1; 20]);
        let orders: HashSet<Vec<u32>> = (20_000..20_010).map(|day| spread(&equal, day)).collect();
        assert_eq!(orders.len(), 10);
    }

    #[test]
    fn no_candidates_give_no_window() {
        let w = Windows::new(&[], 8, 1);
        assert!(windows(&w).is_empty() && w.layout.is_empty());
    }
}
