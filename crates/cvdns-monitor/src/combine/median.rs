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
pub(super) fn serving(good: &[&Evidence]) -> Evidence {
    let databases = good.iter().filter_map(|evidence| match evidence {
        Evidence::Serves { timestamp, versions } => Some((*timestamp, *versions)),
        _ => None,
    });
    let databases: Vec<(Timestamp, [u32; 3])> = databases.collect();
    let timestamp = lower_median(databases.iter().map(|(timestamp, _)| *timestamp));
    let of = |number: usize| {
        lower_median(databases.iter().filter_map(|(_, versions)| versions.get(number).copied()))
    };
    // Where most of them probe a path, nothing is known of databases.
    let is_probed = databases.len().saturating_mul(2) < good.len();
    match (timestamp, of(0), of(1), of(2)) {
        (Some(timestamp), Some(main), Some(daily), Some(bytecode)) if !is_probed => {
            Evidence::Serves { timestamp, versions: [main, daily, bytecode] }
        }
        _ => Evidence::Answers,
    }
}

/// An address that fails, as these monitors saw it. It is dead if most of them got no answer, and
/// faulty otherwise, which the rule bears for a while.
pub(super) fn failing(bad: &[&Evidence], words: &Words<'_, '_>) -> Evidence {
    let dead = bad.iter().filter(|evidence| matches!(evidence, Evidence::Dead(_))).count();
    let text = words.failing();
    let is_dead = dead.saturating_mul(2) > bad.len();
    if is_dead { Evidence::Dead(text) } else { Evidence::Faulty(text) }
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
        let all = [&serves(10, [63, 7, 3]), &serves(99_999, [99, 1, 99]), &serves(9, [63, 7, 3])];
        assert_eq!(serving(&all), serves(10, [63, 7, 3]));
        let probed = [&Evidence::Answers, &serves(1, [1; 3]), &Evidence::Answers];
        assert_eq!(serving(&probed), Evidence::Answers);
    }
}
