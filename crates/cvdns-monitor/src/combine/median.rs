//! What the monitors that see an address serve saw, as one.

use jiff::Timestamp;

use super::words::Words;
use crate::rule::Evidence;

/// The lower median: no single monitor can raise it above what another one saw.
pub(super) fn lower_median<T: Ord + Copy>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// An address that serves, as these monitors saw it.
pub(super) fn serving<'e>(good: impl Iterator<Item = &'e Evidence> + Clone) -> Evidence {
    let databases = good.clone().filter_map(|evidence| match evidence {
        Evidence::Serves { timestamp, versions } => Some((*timestamp, *versions)),
        _ => None,
    });
    let of = |number: usize| {
        let versions = databases.clone();
        lower_median(versions.filter_map(|(_, versions)| versions.get(number).copied()))
    };
    let timestamp: Option<Timestamp> =
        lower_median(databases.clone().map(|(timestamp, _)| timestamp));
    // Where most of them probe a path, nothing is known of databases.
    let probed = good.clone().count().saturating_sub(databases.clone().count());
    match (timestamp, of(0), of(1), of(2)) {
        (Some(timestamp), Some(main), Some(daily), Some(bytecode))
            if probed <= databases.count() =>
        {
            Evidence::Serves { timestamp, versions: [main, daily, bytecode] }
        }
        _ => Evidence::Answers,
    }
}

/// An address that fails, as these monitors saw it. It is dead if most of them got no answer, and
/// faulty otherwise, which the rule bears for a while.
pub(super) fn failing<'e>(
    bad: impl Iterator<Item = &'e Evidence> + Clone,
    words: &Words,
) -> Evidence {
    let dead = bad.clone().filter(|evidence| matches!(evidence, Evidence::Dead(_))).count();
    let text = words.failing();
    if dead.saturating_mul(2) > bad.count() { Evidence::Dead(text) } else { Evidence::Faulty(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_even_number_the_lower_one_is_taken() {
        assert_eq!(lower_median([3]), Some(3));
        assert_eq!(lower_median([9, 3]), Some(3));
        assert_eq!(lower_median([9, 3, 5]), Some(5));
        assert_eq!(lower_median([9, 3, 5, 1]), Some(3));
        assert_eq!(lower_median::<u8>([]), None);
    }

    /// One that lies about versions changes nothing, up or down.
    #[test]
    fn each_value_has_its_own_median() {
        let serves = |second, versions| Evidence::Serves {
            timestamp: Timestamp::from_second(second).unwrap(),
            versions,
        };
        let all = [serves(10, [63, 7, 3]), serves(99_999, [99, 1, 99]), serves(9, [63, 7, 3])];
        assert_eq!(serving(all.iter()), serves(10, [63, 7, 3]));
        let probed = [Evidence::Answers, serves(1, [1; 3]), Evidence::Answers];
        assert_eq!(serving(probed.iter()), Evidence::Answers);
    }
}
