//! Windows with candidates of several groups.

use super::windows::{
    MAX_LAYOUT, MAX_WEIGHT, Starts, WeightedCandidate, Windows, greatest_common_divisor,
};

/// Most windows for which each window of a group meets each window of the others.
const MAX_PAIRED: usize = 256;

/// Most candidates in all windows together for each candidate of the last group, if these do not
/// fit into [`MAX_LAYOUT`]. Where windows have more candidates than this, not all of the last group
/// are reached in one day.
const LAYOUT_PER_CANDIDATE: usize = 8;

/// Candidates of which answers have a limited number.
#[derive(Debug, Clone, Copy)]
pub struct CandidateGroup<'g> {
    /// The candidates.
    pub candidates: &'g [WeightedCandidate],
    /// Most of them in a window.
    pub take: usize,
    /// Number of candidates in each pool, and what the pool takes of the demand. One pool has no
    /// demand to share.
    pub pools: &'g [(usize, u64)],
}

/// A group of which windows have this many candidates.
struct DrawnGroup<'g> {
    group: CandidateGroup<'g>,
    /// Number of its candidates in a window.
    size: usize,
    /// Index of its first candidate among those of all groups.
    first: u32,
}

/// Cuts windows of at most `max` candidates; 0 means all. Each window has candidates of the first
/// group, then of the second, and so on. `day` determines the order within groups.
pub fn windows(groups: &[CandidateGroup<'_>], max: u16, day: u64) -> Windows {
    match drawn(groups, max).as_slice() {
        [] => Windows::default(),
        [only] => only.windows(MAX_WEIGHT, day),
        several => combine(several, day),
    }
}

/// The groups of which windows of at most `max` candidates have any; 0 means all.
fn drawn<'g>(groups: &[CandidateGroup<'g>], max: u16) -> Vec<DrawnGroup<'g>> {
    let mut room = if max == 0 { usize::from(u16::MAX) } else { usize::from(max) };
    let mut first = 0;
    let mut out = Vec::with_capacity(groups.len());
    for &group in groups {
        let size = group.take.min(group.candidates.len()).min(room);
        if size > 0 {
            out.push(DrawnGroup { group, size, first });
        }
        room -= size;
        first += group.candidates.len() as u32;
    }
    out
}

impl DrawnGroup<'_> {
    /// The windows of this group alone. `greatest` is the greatest weight of candidates that share
    /// no demand.
    fn windows(&self, greatest: u64, day: u64) -> Windows {
        let CandidateGroup { candidates, pools, .. } = self.group;
        match pools {
            [_, _, ..] => Windows::by_demand(candidates, pools, self.size, day),
            _ => Windows::new(candidates, self.size, greatest, day),
        }
    }
}

/// How the windows of groups are combined.
struct Combination {
    /// How many windows there are.
    count: usize,
    /// For how many successive windows each group stays at one of its windows; 0 for a group whose
    /// windows are skipped evenly.
    turns: Vec<usize>,
}

impl Combination {
    /// Each window of a group occurs equally often, if that takes no more than `most` windows: then
    /// all shares are exact. Otherwise the windows of the last group do, and of the others some
    /// occur once more than others.
    fn new(counts: &[usize], most: usize) -> Self {
        let product = counts.iter().fold(1, |product: usize, count| product.saturating_mul(*count));
        if product <= MAX_PAIRED.min(most) {
            let turns = counts.iter().scan(1, |turn, count| {
                let own = *turn;
                *turn *= count;
                Some(own)
            });
            return Self { count: product, turns: turns.collect() };
        }
        let multiple = counts.iter().fold(1, |multiple: usize, count| {
            let common = greatest_common_divisor(multiple as u64, *count as u64).max(1) as usize;
            multiple.saturating_mul(count / common)
        });
        let last = counts.last().copied().unwrap_or(1).max(1);
        let count = if multiple <= most { multiple } else { last * (most / last).max(1) };
        Self { count, turns: vec![1; counts.len()] }
    }
}

/// Makes windows that have candidates of each group, one group behind the other.
fn combine(groups: &[DrawnGroup<'_>], day: u64) -> Windows {
    let size: usize = groups.iter().map(|group| group.size).sum();
    let most = (MAX_LAYOUT / size.max(1)).max(1);
    let mut parts: Vec<Windows> =
        groups.iter().map(|group| group.windows(MAX_WEIGHT, day)).collect();
    if let (Some(group), Some(last)) = (groups.last(), parts.last_mut()) {
        // Coarser weights take fewer windows, in which each candidate still occurs.
        let mut greatest = MAX_WEIGHT;
        while last.count() > most && greatest > 1 {
            greatest /= 2;
            *last = group.windows(greatest, day);
        }
    }
    let counts: Vec<usize> = parts.iter().map(Windows::count).collect();
    let mut combination = Combination::new(&counts, most);
    let (last, drawn) = parts.last().map_or((1, 1), |last| (last.count(), last.size.max(1)));
    if last > most {
        // Windows of the last group are skipped as far as each candidate is still in one of them.
        let bound = (last * LAYOUT_PER_CANDIDATE / size.max(1)).max(most);
        combination.count = last.div_ceil(drawn).clamp(most, bound);
        if let Some(turn) = combination.turns.last_mut() {
            *turn = 0;
        }
    }
    let count = combination.count;
    let mut layout = Vec::with_capacity(count * size);
    for number in 0..count {
        for ((part, group), turn) in parts.iter().zip(groups).zip(&combination.turns) {
            let own = match part.count() {
                windows if *turn == 0 => number * windows / count,
                windows => number / turn % windows.max(1),
            };
            layout.extend(part.window(own).iter().map(|candidate| candidate + group.first));
        }
    }
    let starts = Starts::Every { stride: size, count };
    Windows { layout, starts, size, groups: groups.len() }
}
