//! Repeats a failed check before the failure counts.

use super::rule::Evidence;

/// Checks up to `tries` times, until one check shows that the address serves. `pause` waits between
/// two checks and returns whether to go on.
pub(super) fn confirmed(
    tries: u32,
    mut check: impl FnMut() -> Evidence,
    mut pause: impl FnMut() -> bool,
) -> Evidence {
    let mut verdict = check();
    for _ in 1..tries {
        if verdict.is_good() || !pause() {
            break;
        }
        verdict = both(verdict, check());
    }
    verdict
}

/// The result of two checks: the better one. An address is dead only if both checks found it dead.
fn both(first: Evidence, second: Evidence) -> Evidence {
    let rank = |evidence: &Evidence| match evidence {
        Evidence::Serves { .. } | Evidence::Answers => 0,
        Evidence::Faulty(_) => 1,
        Evidence::Unchecked(_) => 2,
        Evidence::Dead(_) => 3,
    };
    // Of two equal results the later one is kept, as it is newer.
    if rank(&first) < rank(&second) { first } else { second }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tries: u32, shown: &[Evidence]) -> (Evidence, usize) {
        let mut left = shown.iter();
        let verdict = confirmed(tries, || left.next().unwrap().clone(), || true);
        (verdict, shown.len() - left.len())
    }

    #[test]
    fn one_failure_is_none() {
        let text = |text: &str| text.to_owned();
        let serves = Evidence::Serves { timestamp: jiff::Timestamp::UNIX_EPOCH, versions: [1; 3] };
        let dead = |n: &str| Evidence::Dead(text(n));
        let faulty = |n: &str| Evidence::Faulty(text(n));
        let unchecked = Evidence::Unchecked(text("u"));
        assert_eq!(of(3, std::slice::from_ref(&serves)), (serves.clone(), 1));
        assert_eq!(of(3, &[dead("1"), faulty("2"), serves.clone()]), (serves, 3));
        assert_eq!(of(3, &[dead("1"), dead("2"), dead("3")]), (dead("3"), 3));
        assert_eq!(of(3, &[dead("1"), faulty("2"), dead("3")]), (faulty("2"), 3));
        assert_eq!(of(3, &[faulty("1"), faulty("2"), unchecked.clone()]), (faulty("2"), 3));
        assert_eq!(of(3, &[dead("1"), unchecked.clone(), dead("3")]), (unchecked, 3));
        assert_eq!(of(1, &[dead("1")]), (dead("1"), 1));
    }
}
