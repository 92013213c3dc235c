//! Turns checks into cells: a check holds until the next one, but for a limited time.

use super::cell::Cell;
use super::note::Found;
use super::packed_checks::{Entry, Outcome};
use cvdns_core::health::State;

/// A stretch of time and what is known of it. Unix seconds; `to` is behind the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    from: i64,
    to: i64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Served,
    Late,
    Failed,
    Away,
}

/// What a check says of the time after it. `None`: nothing.
fn kind(outcome: &Outcome) -> Option<Kind> {
    match outcome.found {
        _ if outcome.withheld => None,
        Found::Serves if matches!(outcome.state, Some(State::Old | State::Removed)) => {
            Some(Kind::Late)
        }
        Found::Serves => Some(Kind::Served),
        Found::Faulty | Found::Dead => Some(Kind::Failed),
        Found::Away => Some(Kind::Away),
        Found::Unchecked => None,
    }
}

/// The stretches of time of which checks, each with the seconds for which it holds, say something,
/// up to the second `until`.
pub(super) fn spans(checks: &[(Entry, i64)], until: i64) -> Vec<Span> {
    let mut checks: Vec<&(Entry, i64)> =
        checks.iter().filter(|(entry, _)| entry.second < until).collect();
    // Of two checks within a second, the one that was recorded later holds.
    checks.sort_by_key(|(entry, _)| entry.second);
    let next = checks.iter().skip(1).map(|(entry, _)| entry.second).chain([until]);
    let spans = checks.iter().zip(next).filter_map(|((entry, hold), next)| {
        let to = entry.second.saturating_add(*hold).min(next);
        let span = Span { from: entry.second, to, kind: kind(&entry.outcome)? };
        (span.from < span.to).then_some(span)
    });
    spans.collect()
}

/// The cells of `count` stretches of `step` seconds from the second `from` on.
pub(super) fn cells(spans: &[Span], from: i64, step: u32, count: usize) -> Vec<Cell> {
    let mut cells = vec![Cell::default(); count];
    for span in spans {
        let first = span.from.max(from).saturating_sub(from) / i64::from(step);
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        for (number, cell) in (0i64..).zip(&mut cells).skip(first) {
            let begins = from.saturating_add(number.saturating_mul(i64::from(step)));
            if begins >= span.to {
                break;
            }
            let ends = begins.saturating_add(i64::from(step)).min(span.to);
            let seconds = ends.saturating_sub(begins.max(span.from)).max(0);
            add(cell, span.kind, u32::try_from(seconds).unwrap_or_default());
        }
    }
    cells
}

fn add(cell: &mut Cell, kind: Kind, seconds: u32) {
    let (served, late, failed, away) = match kind {
        Kind::Served => (seconds, 0, 0, 0),
        Kind::Late => (seconds, seconds, 0, 0),
        Kind::Failed => (0, 0, seconds, 0),
        Kind::Away => (0, 0, 0, seconds),
    };
    cell.add(&Cell { served, late, failed, away });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(second: i64, found: Found, withheld: bool, hold: i64) -> (Entry, i64) {
        let state = Some(if second % 2 == 0 { State::Old } else { State::Up });
        let outcome = Outcome { found, withheld, state, reason: 0, versions: None };
        (Entry { second, outcome }, hold)
    }

    proptest! {
        /// Second by second: the last check before it, if it still holds.
        #[test]
        fn each_second_is_what_the_last_check_says(
            checks in prop::collection::vec((0i64..400, 0usize..5, any::<bool>(), 1i64..90), 0..20),
            until in 0i64..500,
        ) {
            let all = [Found::Serves, Found::Faulty, Found::Dead, Found::Unchecked, Found::Away];
            let checks: Vec<_> = checks
                .into_iter()
                .map(|(second, found, withheld, hold)| check(second, all[found], withheld, hold))
                .collect();
            let (from, step, count) = (50i64, 30u32, 12usize);
            let mut expected = vec![Cell::default(); count];
            for second in 50..410u32 {
                let at = i64::from(second);
                // `max_by_key` gives the last of equal ones.
                let before = checks.iter().filter(|(entry, _)| entry.second <= at);
                let Some((entry, hold)) = before.max_by_key(|(entry, _)| entry.second) else { continue };
                if at >= until || at >= entry.second + hold || entry.outcome.withheld { continue; }
                let cell = &mut expected[(second as usize - 50) / 30];
                match entry.outcome.found {
                    Found::Serves => {
                        cell.served += 1;
                        cell.late += u32::from(entry.second % 2 == 0);
                    }
                    Found::Faulty | Found::Dead => cell.failed += 1,
                    Found::Away => cell.away += 1,
                    Found::Unchecked => {}
                }
            }
            prop_assert_eq!(cells(&spans(&checks, until), from, step, count), expected);
        }
    }
}
