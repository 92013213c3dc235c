//! Cuts what a path yields into windows: each one ready answer.
//!
//! n addresses are shuffled, repeated by weight, and cut into one window for each place of that sequence. Each address so
//! stands in its weight's share of the windows and leads its weight's share of them, and there are as many record sets as
//! places rather than C(n, max) subsets.
//!
//! The order follows from the addresses and the day alone: it is the same on every server, another one every day, and when
//! an address goes or comes, the others keep theirs.

/// Longest sequence of one yield: weights are coarsened until it is no longer, or no longer than four places each.
const MAX_PLACES: u64 = 4096;

/// Most candidates in all windows of one yield together, where windows are laid out one by one: beyond it, every second,
/// third … place starts a window.
const MAX_LAYOUT: usize = 8192;

/// The greatest weight: finer differences of capacity do not matter to mirrors.
const MAX_WEIGHT: u64 = 64;

/// What a candidate takes part with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Its own number, wherever it stands and on every server: by this it is shuffled.
    pub key: u64,
    /// Its capacity relative to the others'.
    pub capacity: u64,
}

/// Windows over candidates, which are named by their index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// Candidates in the order in which they are laid out; windows are slices of it.
    pub layout: Vec<u32>,
    /// Where in the layout windows start.
    pub starts: Starts,
    /// How many candidates a window has.
    pub size: usize,
}

/// Where windows start in their layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Starts {
    /// So many, at regular distances.
    Every {
        /// Candidates from one start to the next.
        apart: usize,
        /// How many windows there are.
        count: usize,
    },
    /// At these.
    At(Vec<u16>),
}

impl Windows {
    /// Cuts windows of at most `max` (0: as many as can be) out of candidates; `day` settles the order.
    pub fn new(shares: &[Share], max: u16, day: u64) -> Self {
        let n = shares.len();
        let max = if max == 0 { u16::MAX } else { max };
        let size = n.min(usize::from(max));
        let sequence = spread(shares, day);
        if runs_differ(&sequence, n, size) {
            return Self::of_runs(sequence, size);
        }
        if size == n {
            return Self::of_all(&sequence, n);
        }
        Self::of_weighted(&sequence, n, size)
    }

    /// Windows are runs of the shuffled order, taken as a ring.
    fn of_runs(mut sequence: Vec<u32>, size: usize) -> Self {
        let starts = Starts::Every { apart: 1, count: sequence.len() };
        sequence.extend_from_within(..size.saturating_sub(1));
        Self { layout: sequence, starts, size }
    }

    /// Every window holds all: only the order differs, so all are rotations of one order.
    fn of_all(sequence: &[u32], n: usize) -> Self {
        let mut place = vec![u16::MAX; n];
        let mut order: Vec<u32> = Vec::with_capacity(2 * n);
        for &candidate in sequence {
            if let Some(slot) = place.get_mut(candidate as usize)
                && *slot == u16::MAX
            {
                *slot = order.len() as u16;
                order.push(candidate);
            }
        }
        let starts = sequence
            .iter()
            .filter_map(|candidate| place.get(*candidate as usize).copied())
            .collect();
        order.extend_from_within(..n.saturating_sub(1));
        Self { layout: order, starts: Starts::At(starts), size: n }
    }

    /// A window is the next `size` different candidates from its place on.
    fn of_weighted(sequence: &[u32], n: usize, size: usize) -> Self {
        // At most `size` apart, so that windows still reach every place.
        let apart = (sequence.len() * size).div_ceil(MAX_LAYOUT).clamp(1, size);
        let count = sequence.len().div_ceil(apart);
        let mut layout = Vec::with_capacity(count * size);
        let mut taken_by = vec![u32::MAX; n];
        for place in (0..sequence.len()).step_by(apart) {
            let start = layout.len();
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
        Self { layout, starts: Starts::Every { apart: size, count }, size }
    }
}

/// Whether any `size` places in a row, taken as a ring, hold different candidates. Equals always do, and others where no
/// weight is too great: one copy of each place is then enough for all windows.
fn runs_differ(sequence: &[u32], n: usize, size: usize) -> bool {
    let mut last: Vec<Option<usize>> = vec![None; n];
    let ring = sequence.iter().chain(sequence.iter().take(size.saturating_sub(1)));
    ring.enumerate().all(|(place, candidate)| {
        let before = last.get_mut(*candidate as usize).and_then(|last| last.replace(place));
        before.is_none_or(|before| place - before >= size)
    })
}

/// Small whole numbers in the proportion of the capacities.
fn weights(shares: &[Share]) -> Vec<u64> {
    let capacities = shares.iter().map(|share| share.capacity);
    let common = capacities.clone().fold(0, greatest_common_divisor).max(1);
    let largest = capacities.clone().max().unwrap_or(1) / common;
    let most = MAX_PLACES.max(4 * shares.len() as u64);
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

/// Each candidate as often as its weight, its repetitions evenly apart, from a place that its key and the day settle.
fn spread(shares: &[Share], day: u64) -> Vec<u32> {
    let weights = weights(shares);
    let total: u64 = weights.iter().sum();
    let mut places: Vec<(u64, u64, u32)> = Vec::with_capacity(total as usize);
    for (candidate, (share, weight)) in shares.iter().zip(&weights).enumerate() {
        let offset = shuffle(day ^ shuffle(share.key));
        let (step, first) = (u64::MAX / weight, offset / weight);
        places.extend((0..*weight).map(|turn| (step * turn + first, offset, candidate as u32)));
    }
    places.sort_unstable();
    places.into_iter().map(|(_, _, candidate)| candidate).collect()
}

/// One step of `SplitMix64` (Steele, Lea, Flood 2014): the same numbers on every server.
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

    fn shares(capacities: &[u64]) -> Vec<Share> {
        capacities
            .iter()
            .zip(1..)
            .map(|(capacity, key)| Share { key, capacity: *capacity })
            .collect()
    }

    fn windows(w: &Windows) -> Vec<&[u32]> {
        let starts: Vec<usize> = match &w.starts {
            Starts::Every { apart, count } => (0..*count).map(|window| window * apart).collect(),
            Starts::At(starts) => starts.iter().map(|start| usize::from(*start)).collect(),
        };
        starts.iter().map(|start| &w.layout[*start..start + w.size]).collect()
    }

    proptest! {
        #[test]
        fn equals_share_windows_and_first_places_alike(n in 1usize..60, max in 0u16..12, day in any::<u64>()) {
            let w = Windows::new(&shares(&vec![100; n]), max, day);
            let all = windows(&w);
            prop_assert_eq!(all.len(), n);
            let size = if max == 0 { n } else { usize::from(max).min(n) };
            for candidate in 0..n as u32 {
                prop_assert_eq!(all.iter().filter(|window| window.contains(&candidate)).count(), size);
                prop_assert_eq!(all.iter().filter(|window| window[0] == candidate).count(), 1);
            }
        }

        #[test]
        fn windows_hold_different_candidates_and_reach_all(
            capacities in proptest::collection::vec(1u64..10_000_000, 1..40), max in 0u16..12, day in any::<u64>(),
        ) {
            let w = Windows::new(&shares(&capacities), max, day);
            let mut reached = HashSet::new();
            for window in windows(&w) {
                let different: HashSet<&u32> = window.iter().collect();
                prop_assert_eq!(different.len(), w.size);
                reached.extend(window.iter().copied());
            }
            prop_assert_eq!(reached.len(), capacities.len());
        }

        /// The shorter layout of runs says the same as windows that are laid out one by one.
        #[test]
        fn runs_are_what_laying_out_each_window_gives(
            weights in proptest::collection::vec(1u64..4, 9..40), max in 1u16..9, day in any::<u64>(),
        ) {
            let (shares, size) = (shares(&weights), usize::from(max));
            let sequence = spread(&shares, day);
            prop_assume!(runs_differ(&sequence, shares.len(), size));
            let runs = Windows::new(&shares, max, day);
            let each = Windows::of_weighted(&sequence, shares.len(), size);
            prop_assert_eq!(windows(&runs), windows(&each));
        }

        /// Nobody's clients are moved about because another mirror fails.
        #[test]
        fn who_stays_keeps_the_order(n in 2usize..40, gone in any::<prop::sample::Index>(), day in any::<u64>()) {
            let all = shares(&vec![100; n]);
            let mut fewer = all.clone();
            let gone = fewer.remove(gone.index(n));
            let keys = |shares: &[Share]| -> Vec<u64> {
                spread(shares, day).iter().map(|candidate| shares[*candidate as usize].key).collect()
            };
            let mut before = keys(&all);
            before.retain(|key| *key != gone.key);
            prop_assert_eq!(keys(&fewer), before);
        }
    }

    #[test]
    fn first_places_follow_capacity() {
        let w = Windows::new(&shares(&[1_000_000, 100_000, 100_000]), 2, 7);
        let all = windows(&w);
        let first = all.iter().filter(|window| window[0] == 0).count();
        assert_eq!((all.len(), first), (12, 10));
        assert_eq!(weights(&shares(&[10_000_000, 1_000_000, 100_000])), [64, 6, 1]);
        assert_eq!(weights(&shares(&[100_000, 100_000])), [1, 1]);
    }

    #[test]
    fn the_order_is_another_every_day() {
        let equal = shares(&[1; 20]);
        let orders: HashSet<Vec<u32>> = (20_000..20_010).map(|day| spread(&equal, day)).collect();
        assert_eq!(orders.len(), 10);
    }

    #[test]
    fn nothing_gives_no_window() {
        let w = Windows::new(&[], 8, 1);
        assert!(windows(&w).is_empty() && w.layout.is_empty());
    }
}
