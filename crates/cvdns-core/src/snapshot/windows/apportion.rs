//! Shares out whole numbers in proportion.

/// Shares out `total` in proportion to the weights, by the largest remainders. Each weight above 0
/// has at least 1 if `total` is large enough for that; else those with the greatest weights have 1.
/// No weights have no shares.
pub(super) fn apportion(total: u64, weights: &[u64]) -> Vec<u64> {
    let mut shares = vec![0; weights.len()];
    let mut open: Vec<usize> =
        (0..).zip(weights).filter(|(_, w)| **w > 0).map(|(i, _)| i).collect();
    let mut left = total;
    if left >= open.len() as u64 {
        // Weights that would have less than 1 have 1; the others share what is left.
        loop {
            let sum = sum_of(&open, weights);
            let is_small = |at: &usize| {
                weights.get(*at).is_some_and(|weight| u128::from(*weight) * u128::from(left) < sum)
            };
            let (small, rest): (Vec<usize>, Vec<usize>) = open.iter().partition(|at| is_small(at));
            if small.is_empty() {
                break;
            }
            left -= small.len() as u64;
            for at in small {
                give(&mut shares, at, 1);
            }
            open = rest;
        }
    }
    let sum = sum_of(&open, weights);
    let mut remainders: Vec<(u128, usize)> = Vec::with_capacity(open.len());
    let mut given = 0;
    for at in open {
        let part = u128::from(weights.get(at).copied().unwrap_or_default()) * u128::from(left);
        let (whole, remainder) = (part / sum, part % sum);
        give(&mut shares, at, whole as u64);
        given += whole as u64;
        remainders.push((remainder, at));
    }
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, at) in remainders.into_iter().take((left - given) as usize) {
        give(&mut shares, at, 1);
    }
    shares
}

/// The sum of the weights with these indexes; at least 1.
fn sum_of(indexes: &[usize], weights: &[u64]) -> u128 {
    let weights = indexes.iter().filter_map(|at| weights.get(*at));
    weights.map(|weight| u128::from(*weight)).sum::<u128>().max(1)
}

fn give(shares: &mut [u64], at: usize, more: u64) {
    if let Some(share) = shares.get_mut(at) {
        *share += more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_is_shared_out_by_weight(
            weights in proptest::collection::vec(1u64..1_000_000_000, 1..40), total in 1u64..5000,
        ) {
            let shares = apportion(total, &weights);
            prop_assert_eq!(shares.iter().sum::<u64>(), total);
            let sum: u64 = weights.iter().sum();
            let everyone = total >= weights.len() as u64;
            for (share, weight) in shares.iter().zip(&weights) {
                let exact = total as f64 * *weight as f64 / sum as f64;
                // Those that are raised to 1 take less than 1 each from the others.
                let most = if everyone { exact.ceil().max(1.0) } else { exact.ceil() };
                prop_assert!(*share as f64 <= most, "{} of {}", share, exact);
                prop_assert!(!everyone || *share >= 1);
            }
        }
    }

    #[test]
    fn remainders_are_shared_out_largest_first() {
        assert_eq!(apportion(10, &[55, 25, 20]), [6, 2, 2]);
        assert_eq!(apportion(10, &[1000, 1, 1]), [8, 1, 1]);
        assert_eq!(apportion(2, &[1, 3, 2]), [0, 1, 1]);
        assert_eq!(apportion(7, &[0, 3]), [0, 7]);
        assert!(apportion(7, &[]).is_empty());
    }
}
