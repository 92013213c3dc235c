use super::*;
use crate::snapshot::combined_windows::{self, CandidateGroup};
use proptest::prelude::*;
use std::collections::HashSet;

fn candidates(capacities: &[u64]) -> Vec<WeightedCandidate> {
    capacities
        .iter()
        .zip(1..)
        .map(|(capacity, key)| WeightedCandidate { key, capacity: *capacity })
        .collect()
}

/// The windows of one group of which a window has as many as fit.
fn of_one(candidates: &[WeightedCandidate], max: u16, day: u64) -> Windows {
    let take = candidates.len();
    combined_windows::windows(&[CandidateGroup { candidates, take, pools: &[(take, 0)] }], max, day)
}

/// Windows of groups that are given as the capacities of candidates, and how many of them a window
/// has. The index of a candidate is that in all groups together.
fn of_several(groups: &[(Vec<u64>, usize)], max: u16, day: u64) -> Windows {
    let all = candidates(&groups.iter().flat_map(|(of, _)| of.clone()).collect::<Vec<u64>>());
    let pools: Vec<[(usize, u64); 1]> = groups.iter().map(|(of, _)| [(of.len(), 0)]).collect();
    let mut rest = all.as_slice();
    let groups: Vec<CandidateGroup<'_>> = groups
        .iter()
        .zip(&pools)
        .map(|((of, take), pools)| {
            let (candidates, others) = rest.split_at(of.len());
            rest = others;
            CandidateGroup { candidates, take: *take, pools }
        })
        .collect();
    combined_windows::windows(&groups, max, day)
}

/// How often each candidate is first, and how often it is in a window.
fn places(w: &Windows, n: usize) -> Vec<(usize, usize)> {
    let all = windows(w);
    let of = |candidate: u32| {
        let first = all.iter().filter(|window| window[0] == candidate).count();
        (first, all.iter().filter(|window| window.contains(&candidate)).count())
    };
    (0..n as u32).map(of).collect()
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
        let w = of_one(&candidates(&vec![100; n]), max, day);
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
        let w = of_one(&candidates(&capacities), max, day);
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
        let sequence = spread(&candidates, &super::weights(&candidates, MAX_WEIGHT), day);
        prop_assume!(runs_differ(&sequence, candidates.len(), size));
        let runs = of_one(&candidates, max, day);
        let each = Windows::of_weighted(&sequence, candidates.len(), size, MAX_LAYOUT);
        prop_assert_eq!(windows(&runs), windows(&each));
    }

    /// The failure of a mirror does not move the clients of others.
    #[test]
    fn remaining_candidates_keep_their_order(n in 2usize..40, gone in any::<prop::sample::Index>(), day in any::<u64>()) {
        let all = candidates(&vec![100; n]);
        let mut fewer = all.clone();
        let gone = fewer.remove(gone.index(n));
        let keys = |candidates: &[WeightedCandidate]| -> Vec<u64> {
            let order = spread(candidates, &vec![1; candidates.len()], day);
            order.iter().map(|candidate| candidates[*candidate as usize].key).collect()
        };
        let mut before = keys(&all);
        before.retain(|key| *key != gone.key);
        prop_assert_eq!(keys(&fewer), before);
    }
}

#[test]
fn first_positions_follow_capacity() {
    let w = of_one(&candidates(&[1_000_000, 100_000, 100_000]), 2, 7);
    let all = windows(&w);
    let first = all.iter().filter(|window| window[0] == 0).count();
    assert_eq!((all.len(), first), (12, 10));
    let weights = |capacities: &[u64]| weights(&candidates(capacities), MAX_WEIGHT);
    assert_eq!(weights(&[10_000_000, 1_000_000, 100_000]), [64, 6, 1]);
    assert_eq!(weights(&[100_000, 100_000]), [1, 1]);
}

#[test]
fn the_order_differs_from_day_to_day() {
    let equal = candidates(&[1; 20]);
    let orders: HashSet<Vec<u32>> =
        (20_000..20_010).map(|day| spread(&equal, &[1; 20], day)).collect();
    assert_eq!(orders.len(), 10);
}

#[test]
fn no_candidates_give_no_window() {
    let w = combined_windows::windows(&[], 8, 1);
    assert!(windows(&w).is_empty() && w.layout.is_empty());
}

/// Groups: capacities, and how many of each a window has. All but the last one are whole.
fn groups() -> impl Strategy<Value = Vec<(Vec<u64>, usize)>> {
    let group = proptest::collection::vec(1u64..10_000_000, 1..12);
    (proptest::collection::vec(group, 2..5), 1usize..12).prop_map(|(groups, missing)| {
        let last = groups.len() - 1;
        let take = |at, n| if at == last { missing.min(n) } else { n };
        let groups = groups.into_iter().enumerate();
        groups.map(|(at, of)| (at, of.len(), of)).map(|(at, n, of)| (of, take(at, n))).collect()
    })
}

proptest! {
    /// FORMATS, "Home first": addresses of earlier pools are in front, and of each pool as many as
    /// are wanted.
    #[test]
    fn windows_have_candidates_of_one_group_behind_those_of_another(
        groups in groups(), max in 0u16..20, day in any::<u64>(),
    ) {
        let w = of_several(&groups, max, day);
        let mut room = if max == 0 { usize::MAX } else { usize::from(max) };
        let mut expected = Vec::new();
        let mut first = 0;
        for (of, take) in &groups {
            let size = room.min(*take);
            room -= size;
            expected.push((first..first + of.len() as u32, size));
            first += of.len() as u32;
        }
        let mut reached = HashSet::new();
        for window in windows(&w) {
            let mut rest = window;
            for (range, size) in &expected {
                let (own, others) = rest.split_at(*size);
                prop_assert!(own.iter().all(|candidate| range.contains(candidate)));
                prop_assert_eq!(own.iter().collect::<HashSet<_>>().len(), *size);
                rest = others;
                reached.extend(own.iter().copied());
            }
            prop_assert!(rest.is_empty());
        }
        let drawn = expected.iter().filter(|(_, size)| *size > 0);
        let all: HashSet<u32> = drawn.flat_map(|(range, _)| range.clone()).collect();
        prop_assert_eq!(reached, all);
        // One of them may be a single group, which has windows as before.
        prop_assert!(w.layout.len() <= MAX_LAYOUT + w.size);
    }

    /// Mirrors of equal weight share first places and draws exactly.
    #[test]
    fn home_is_first_and_the_last_group_is_drawn_from_evenly(
        home in prop::sample::select(vec![1usize, 2, 5]), n in 1usize..80, missing in 1usize..4,
        day in any::<u64>(),
    ) {
        let missing = missing.min(n);
        let w = of_several(&[(vec![7; home], home), (vec![9; n], missing)], 8, day);
        let places = places(&w, home + n);
        let count = windows(&w).len();
        prop_assert_eq!(count % home, 0);
        for (first, times) in &places[..home] {
            prop_assert_eq!((*first, *times), (count / home, count));
        }
        for (first, times) in &places[home..] {
            prop_assert_eq!((*first, *times), (0, count * missing / n));
        }
    }

    /// Whatever the weights, shares of the group in front are exact but for two windows.
    #[test]
    fn first_places_follow_weights_in_front_of_other_groups(
        home in proptest::collection::vec(1u64..40, 1..6), others in proptest::collection::vec(1u64..40, 1..200),
        day in any::<u64>(),
    ) {
        let all = home.len() + others.len();
        let w = of_several(&[(home.clone(), home.len()), (others, 1)], 8, day);
        let (count, sum) = (windows(&w).len() as f64, home.iter().sum::<u64>() as f64);
        for ((first, _), weight) in places(&w, all).iter().zip(&home) {
            let fair = count * *weight as f64 / sum;
            prop_assert!((*first as f64 - fair).abs() <= 2.0, "{} of {}, fair is {}", first, count, fair);
        }
    }

    /// First places follow what pools take of a demand within half a percent.
    #[test]
    fn pools_are_first_as_often_as_they_take_of_a_demand(
        pools in proptest::collection::vec((1u64..10_000_000, proptest::collection::vec(1u64..1000, 1..30)), 2..5),
        max in 0u16..60, day in any::<u64>(),
    ) {
        let of: Vec<(usize, u64)> = pools.iter().map(|(takes, of)| (of.len(), *takes)).collect();
        let all = candidates(&pools.iter().flat_map(|(_, of)| of.clone()).collect::<Vec<u64>>());
        let whole = CandidateGroup { candidates: &all, take: all.len(), pools: &of };
        let w = combined_windows::windows(&[whole], max, day);
        let count = windows(&w).len();
        let places = places(&w, all.len());
        // Longer windows leave room for fewer positions.
        let fits = |positions: &u64| {
            w.size == all.len() || *positions as usize * w.size <= MAX_DEMAND_LAYOUT
        };
        let positions = DEMAND_POSITIONS.into_iter().filter(fits).max().unwrap_or(DEMAND_POSITIONS[0]);
        let sum: u64 = of.iter().map(|(_, takes)| takes).sum();
        let mut rest = places.as_slice();
        for (n, takes) in of {
            let (own, others) = rest.split_at(n);
            rest = others;
            let share = own.iter().map(|(first, _)| first).sum::<usize>() as f64 / count as f64;
            let fair = takes as f64 / sum as f64;
            prop_assert!((share - fair).abs() < 0.005, "{} instead of {}", share, fair);
            // Of a pool that takes next to nothing, there is not a place for each candidate: every
            // other pool, however small its part, has one too.
            let reached = own.iter().filter(|(_, times)| *times > 0).count();
            prop_assert!(reached > 0 && (reached == n || fair * (positions as f64) < n as f64 + 5.0));
        }
        prop_assert!(w.layout.len() <= MAX_DEMAND_LAYOUT + w.size);
    }
}

#[test]
fn windows_of_many_candidates_stay_within_their_bound() {
    for (home, n, missing) in [(7, 997, 1), (1, 10_000, 1), (7, 10_000, 1), (3, 10_000, 5)] {
        let w = of_several(&[(vec![5; home], home), (vec![8; n], missing)], 8, 3);
        assert!(w.layout.len() <= MAX_LAYOUT.max(8 * n), "{home} {n}: {}", w.layout.len());
        let reached: HashSet<u32> = windows(&w).into_iter().flatten().copied().collect();
        assert_eq!(reached.len(), home + n, "{home} {n}");
    }
    // One window of 4000 addresses is half of what all may have.
    let w = of_several(&[(vec![5; 3999], 3999), (vec![8; 10_000], 1)], 0, 3);
    assert!(w.layout.len() <= 8 * 10_000 + 4000, "{}", w.layout.len());
}
