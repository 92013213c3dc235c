//! Cuts the yield of a path into windows, each of which is an answer.
//!
//! n addresses are shuffled and repeated by weight, and one window is cut from each position of
//! that sequence. The share of windows that contain an address, and the share that begin with it,
//! follow its weight. There are as many record sets as positions, rather than C(n, max) subsets.
//!
//! The order depends on the addresses and the day alone. It is the same on every server, differs
//! from day to day, and is kept by all other addresses when one is added or removed.

mod apportion;
#[cfg(test)]
mod tests;

use apportion::apportion;

/// Longest sequence of one yield, unless four positions for each candidate are more. Weights are
/// made coarser until the sequence fits.
const MAX_POSITIONS: u64 = 4096;

/// Most candidates in all windows of one yield together, where each window has a copy of its own.
/// Beyond it, a window starts only at every second, third … position.
pub(super) const MAX_LAYOUT: usize = 8192;

/// Greatest weight: finer differences of capacity do not matter to mirrors.
pub(super) const MAX_WEIGHT: u64 = 64;

/// A candidate as far as windows depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightedCandidate {
    /// Number by which the candidate is shuffled: the same on every server.
    pub key: u64,
    /// Its capacity, in any unit common to all candidates.
    pub capacity: u64,
}

/// Most candidates in all windows of candidates that share a demand, if windows have copies of
/// their own. They do not follow the shares of pools if they start at every second position alone.
const MAX_DEMAND_LAYOUT: usize = 32_768;

/// Lengths of the sequence of candidates that share a demand. The first is taken that has a
/// position for each candidate: one of 1024 positions is less than 0.1 % of all answers.
const DEMAND_POSITIONS: [u64; 3] = [1024, 2048, 4096];

/// Windows over candidates, which are given by their index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Windows {
    /// A list of candidates of which windows are slices.
    pub layout: Vec<u32>,
    /// Where windows start in `layout`.
    pub starts: Starts,
    /// How many candidates a window has.
    pub size: usize,
    /// Of how many groups a window has candidates.
    pub groups: usize,
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

impl Default for Starts {
    fn default() -> Self {
        Self::Every { stride: 1, count: 0 }
    }
}

impl Windows {
    /// Cuts windows of at most `size` candidates, whose weights are up to `greatest`.
    pub(super) fn new(
        candidates: &[WeightedCandidate],
        size: usize,
        greatest: u64,
        day: u64,
    ) -> Self {
        let n = candidates.len();
        let sequence = spread(candidates, &weights(candidates, greatest), day);
        Self::of_sequence(sequence, n, size.min(n), MAX_LAYOUT)
    }

    /// Cuts windows of at most `size` candidates of several pools, which are first in as many
    /// windows as `pools` says: for each the number of its candidates, and its share.
    pub(super) fn by_demand(
        candidates: &[WeightedCandidate],
        pools: &[(usize, u64)],
        size: usize,
        day: u64,
    ) -> Self {
        let (n, size) = (candidates.len(), size.min(candidates.len()));
        let takes: Vec<u64> = pools.iter().map(|(_, takes)| *takes).collect();
        for positions in DEMAND_POSITIONS {
            let shares = apportion(positions, &takes);
            let room = |((count, _), share): (&(usize, u64), &u64)| *share >= *count as u64;
            let fits = size == n || positions as usize * size <= MAX_DEMAND_LAYOUT;
            if fits && pools.iter().zip(&shares).all(room) {
                let weights = apportion_within(candidates, pools, &shares);
                let sequence = spread(candidates, &weights, day);
                return Self::of_sequence(sequence, n, size, MAX_DEMAND_LAYOUT);
            }
        }
        // Not every candidate can be first, or windows are too large to be copied.
        let [positions, ..] = DEMAND_POSITIONS;
        let shares = apportion(positions, &takes);
        let weights = apportion_within(candidates, pools, &shares);
        Self::of_rotations(&spread(candidates, &weights, day), n, size)
    }

    /// Cuts windows from a sequence of `n` different candidates, each of which is in it.
    fn of_sequence(sequence: Vec<u32>, n: usize, size: usize, most: usize) -> Self {
        if runs_differ(&sequence, n, size) {
            return Self::of_runs(sequence, size);
        }
        if size == n {
            return Self::of_rotations(&sequence, n, size);
        }
        Self::of_weighted(&sequence, n, size, most)
    }

    /// How many windows there are.
    pub(super) fn count(&self) -> usize {
        match &self.starts {
            Starts::Every { count, .. } => *count,
            Starts::At(starts) => starts.len(),
        }
    }

    /// The candidates of the window with this number.
    pub(super) fn window(&self, number: usize) -> &[u32] {
        let start = match &self.starts {
            Starts::Every { stride, .. } => number * stride,
            Starts::At(starts) => starts.get(number).copied().unwrap_or_default().into(),
        };
        self.layout.get(start..start + self.size).unwrap_or_default()
    }

    /// Makes windows that are runs of the sequence, which is taken as a ring.
    fn of_runs(mut sequence: Vec<u32>, size: usize) -> Self {
        let starts = Starts::Every { stride: 1, count: sequence.len() };
        sequence.extend_from_within(..size.saturating_sub(1));
        Self { layout: sequence, starts, size, groups: 1 }
    }

    /// Makes windows that are rotations of one order of all candidates: each begins with the
    /// candidate at a position of the sequence.
    fn of_rotations(sequence: &[u32], n: usize, size: usize) -> Self {
        let mut position = vec![u16::MAX; n];
        let mut order: Vec<u32> = Vec::with_capacity(2 * n);
        for candidate in sequence.iter().copied().chain(0..n as u32) {
            if let Some(slot) = position.get_mut(candidate as usize)
                && *slot == u16::MAX
                && order.len() < usize::from(u16::MAX)
            {
                *slot = order.len() as u16;
                order.push(candidate);
            }
        }
        let starts = sequence
            .iter()
            .filter_map(|candidate| position.get(*candidate as usize).copied())
            .filter(|start| *start != u16::MAX)
            .collect();
        order.extend_from_within(..size.saturating_sub(1));
        Self { layout: order, starts: Starts::At(starts), size, groups: 1 }
    }

    /// Makes windows of the next `size` different candidates from a position on, at most about
    /// `most` candidates in all.
    fn of_weighted(sequence: &[u32], n: usize, size: usize, most: usize) -> Self {
        // At most `size`, so that every position is in a window.
        let stride = (sequence.len() * size).div_ceil(most).clamp(1, size);
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
        Self { layout, starts: Starts::Every { stride: size, count }, size, groups: 1 }
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

/// The positions of pools shared out within each pool, by capacity.
fn apportion_within(
    candidates: &[WeightedCandidate],
    pools: &[(usize, u64)],
    shares: &[u64],
) -> Vec<u64> {
    let mut weights = Vec::with_capacity(candidates.len());
    let mut rest = candidates;
    for ((count, _), share) in pools.iter().zip(shares) {
        let (own, others) = rest.split_at_checked(*count).unwrap_or((rest, &[]));
        rest = others;
        let capacities: Vec<u64> = own.iter().map(|candidate| candidate.capacity).collect();
        weights.extend(apportion(*share, &capacities));
    }
    let common = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
    weights.into_iter().map(|weight| weight / common).collect()
}

/// Small integers, up to `greatest`, in proportion to the capacities.
fn weights(candidates: &[WeightedCandidate], greatest: u64) -> Vec<u64> {
    let capacities = candidates.iter().map(|candidate| candidate.capacity);
    let common = capacities.clone().fold(0, greatest_common_divisor).max(1);
    let largest = capacities.clone().max().unwrap_or(1) / common;
    let most = MAX_POSITIONS.max(4 * candidates.len() as u64);
    let exact: Vec<u64> = capacities.map(|capacity| (capacity / common).max(1)).collect();
    let mut scale = greatest;
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

pub(super) fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// A sequence with each candidate as often as its weight, at regular distances, from a start that
/// depends on its key and the day. `weights` are those of the candidates.
fn spread(candidates: &[WeightedCandidate], weights: &[u64], day: u64) -> Vec<u32> {
    let total: u64 = weights.iter().sum();
    let mut positions: Vec<(u64, u64, u32)> = Vec::with_capacity(total as usize);
    for ((index, candidate), weight) in (0..).zip(candidates).zip(weights) {
        let offset = shuffle(day ^ shuffle(candidate.key));
        let step = u64::MAX / (*weight).max(1);
        let first = offset / (*weight).max(1);
        positions.extend((0..*weight).map(|turn| (step * turn + first, offset, index)));
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
