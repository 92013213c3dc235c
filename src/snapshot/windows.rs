//! Cuts what a path yields into windows: each one ready answer.
//!
//! n addresses are shuffled with a seed that is the same on every server, repeated by weight, and cut into one window for
//! each place of that sequence. Each address so stands in its weight's share of the windows and leads its weight's share of
//! them, and there are as many record sets as places rather than C(n, max) subsets.

/// Longest sequence of one yield: weights are coarsened until it is no longer, or no longer than four places each.
const MAX_PLACES: u64 = 4096;

/// Most candidates in all windows of one yield together: beyond it, every second, third … place starts a window.
const MAX_LAYOUT: usize = 16_384;

/// The greatest weight: finer differences of capacity do not matter to mirrors.
const MAX_WEIGHT: u64 = 64;

/// Windows over candidates, which are named by their index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// Candidates in the order in which they are laid out; windows are slices of it.
    pub layout: Vec<u32>,
    /// Where in the layout each window starts.
    pub starts: Vec<u32>,
    /// How many candidates a window has.
    pub size: usize,
}

impl Windows {
    /// Cuts windows of at most `max` (0: all) out of candidates of these capacities; `seed` settles the order.
    pub fn new(capacities: &[u64], max: usize, seed: u64) -> Self {
        let n = capacities.len();
        let size = if max == 0 { n } else { max.min(n) };
        let weights = weights(capacities);
        let sequence = spread(&weights, seed);
        if size == n {
            return Self::of_all(&sequence, n);
        }
        if weights.iter().all(|weight| *weight == 1) {
            return Self::of_equals(sequence, size);
        }
        Self::of_weighted(&sequence, n, size)
    }

    /// Every window holds all: only the order differs, so all are rotations of one order.
    fn of_all(sequence: &[u32], n: usize) -> Self {
        let mut place = vec![u32::MAX; n];
        let mut order: Vec<u32> = Vec::with_capacity(2 * n);
        for &candidate in sequence {
            if let Some(slot) = place.get_mut(candidate as usize)
                && *slot == u32::MAX
            {
                *slot = order.len() as u32;
                order.push(candidate);
            }
        }
        let starts =
            sequence.iter().filter_map(|candidate| place.get(*candidate as usize).copied()).collect();
        order.extend_from_within(..n.saturating_sub(1));
        Self { layout: order, starts, size: n }
    }

    /// Windows are runs of the shuffled order, taken as a ring.
    fn of_equals(mut sequence: Vec<u32>, size: usize) -> Self {
        let starts = (0..sequence.len() as u32).collect();
        sequence.extend_from_within(..size - 1);
        Self { layout: sequence, starts, size }
    }

    /// A window is the next `size` different candidates from its place on.
    fn of_weighted(sequence: &[u32], n: usize, size: usize) -> Self {
        let mut layout = Vec::with_capacity(sequence.len() * size);
        let mut starts = Vec::with_capacity(sequence.len());
        let mut taken_by = vec![u32::MAX; n];
        // At most `size` apart, so that windows still reach every place.
        let apart = (sequence.len() * size).div_ceil(MAX_LAYOUT).clamp(1, size);
        for place in (0..sequence.len()).step_by(apart) {
            let start = layout.len();
            starts.push(start as u32);
            for &candidate in sequence.iter().cycle().skip(place).take(sequence.len()) {
                if layout.len() - start == size {
                    break;
                }
                if let Some(slot) = taken_by.get_mut(candidate as usize)
                    && *slot != place as u32
                {
                    *slot = place as u32;
                    layout.push(candidate);
                }
            }
        }
        Self { layout, starts, size }
    }
}

/// Small whole numbers in the proportion of the capacities.
fn weights(capacities: &[u64]) -> Vec<u64> {
    let common = capacities.iter().copied().fold(0, greatest_common_divisor).max(1);
    let largest = capacities.iter().copied().max().unwrap_or(1) / common;
    let most = MAX_PLACES.max(4 * capacities.len() as u64);
    let exact: Vec<u64> = capacities.iter().map(|capacity| (capacity / common).max(1)).collect();
    let mut scale = MAX_WEIGHT;
    let mut scaled = exact.clone();
    while largest > scale || scaled.iter().sum::<u64>() > most {
        scaled = exact.iter().map(|weight| ((weight * scale + largest / 2) / largest).max(1)).collect();
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

/// Each candidate as often as its weight, its repetitions evenly apart, from a place that the seed settles.
fn spread(weights: &[u64], seed: u64) -> Vec<u32> {
    let mut places: Vec<(u64, u64, u32)> = Vec::new();
    for (candidate, &weight) in weights.iter().enumerate() {
        let offset = shuffle(seed ^ shuffle(candidate as u64 + 1));
        let step = u64::MAX / weight.max(1);
        for turn in 0..weight {
            places.push((step * turn + offset / weight.max(1), offset, candidate as u32));
        }
    }
    places.sort_unstable();
    places.into_iter().map(|(_, _, candidate)| candidate).collect()
}

/// One step of `SplitMix64` (Steele, Lea, Flood 2014): the same numbers on every server.
fn shuffle(state: u64) -> u64 {
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

    fn windows(w: &Windows) -> Vec<&[u32]> {
        w.starts.iter().map(|start| &w.layout[*start as usize..*start as usize + w.size]).collect()
    }

    proptest! {
        #[test]
        fn equals_share_windows_and_first_places_alike(n in 1usize..60, max in 0usize..12, seed in any::<u64>()) {
            let w = Windows::new(&vec![100; n], max, seed);
            let all = windows(&w);
            prop_assert_eq!(all.len(), n);
            let size = if max == 0 { n } else { max.min(n) };
            for candidate in 0..n as u32 {
                prop_assert_eq!(all.iter().filter(|window| window.contains(&candidate)).count(), size);
                prop_assert_eq!(all.iter().filter(|window| window[0] == candidate).count(), 1);
            }
        }

        #[test]
        fn windows_hold_different_candidates_and_reach_all(
            capacities in proptest::collection::vec(1u64..10_000_000, 1..40), max in 0usize..12, seed in any::<u64>(),
        ) {
            let w = Windows::new(&capacities, max, seed);
            let mut reached = HashSet::new();
            for window in windows(&w) {
                let different: HashSet<&u32> = window.iter().collect();
                prop_assert_eq!(different.len(), w.size);
                reached.extend(window.iter().copied());
            }
            prop_assert_eq!(reached.len(), capacities.len());
        }
    }

    #[test]
    fn first_places_follow_capacity() {
        let w = Windows::new(&[1_000_000, 100_000, 100_000], 2, 7);
        let first = windows(&w).iter().filter(|window| window[0] == 0).count();
        assert_eq!((w.starts.len(), first), (12, 10));
        assert_eq!(weights(&[10_000_000, 1_000_000, 100_000]), [64, 6, 1]);
        assert_eq!(weights(&[100_000, 100_000]), [1, 1]);
    }

    #[test]
    fn nothing_gives_no_window() {
        let w = Windows::new(&[], 8, 1);
        assert!(w.starts.is_empty() && w.layout.is_empty());
    }
}
