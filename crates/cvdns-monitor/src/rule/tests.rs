use super::*;
use proptest::prelude::*;

const HOUR: i64 = 3600;
const RULE: Rule = Rule {
    old_after: Duration::from_secs(24 * 3600),
    removed_after: Duration::from_secs(48 * 3600),
    good_checks: 2,
};

/// The result of a check, relative to its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Fresh,
    Stale,
    Faulty,
    Dead,
}
use Shows::{Dead, Faulty, Fresh, Stale};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

fn evidence(shows: Shows, seconds: i64) -> Evidence {
    let serves =
        |age: i64| Evidence::Serves { timestamp: at(seconds - age), versions: [63, 28_129, 339] };
    match shows {
        Fresh => serves(24 * HOUR - 1),
        Stale => serves(24 * HOUR),
        Faulty => Evidence::Faulty("answers 404".to_owned()),
        Dead => Evidence::Dead("refused".to_owned()),
    }
}

fn after(history: &[(i64, Shows)]) -> Known {
    let step = |known: Option<Known>, (seconds, shows): &(i64, Shows)| {
        RULE.judge(known.as_ref(), &evidence(*shows, *seconds), at(*seconds))
    };
    history.iter().fold(None, step).unwrap()
}

/// Results of checks by hour, and the state after the last one.
#[track_caller]
fn check(history: &[(i64, Shows)], state: State, since: i64) {
    let seconds: Vec<(i64, Shows)> =
        history.iter().map(|(hour, shows)| (hour * HOUR, *shows)).collect();
    let known = after(&seconds);
    assert_eq!((known.state, known.since), (state, at(since * HOUR)), "{history:?}: {known:?}");
}

/// CLIENTS: "One day old or unavailable: the mirror is "old"".
#[test]
fn a_day_old_or_a_day_unavailable_is_old() {
    check(&[(0, Fresh)], State::Up, 0);
    check(&[(0, Fresh), (1, Stale)], State::Old, 1);
    check(&[(0, Stale)], State::Old, 0);
    check(&[(0, Fresh), (1, Faulty), (24, Faulty)], State::Up, 0);
    check(&[(0, Fresh), (1, Faulty), (25, Faulty)], State::Old, 25);
    // One good check ends a time without answers.
    check(&[(0, Fresh), (1, Faulty), (24, Fresh), (25, Faulty), (48, Faulty)], State::Up, 0);
}

/// CLIENTS: "If that persists for two days, it is temporarily removed".
#[test]
fn two_days_of_that_is_removed() {
    check(&[(0, Stale), (47, Stale)], State::Old, 0);
    check(&[(0, Stale), (48, Stale)], State::Removed, 48);
    check(&[(0, Faulty), (24, Faulty), (71, Faulty)], State::Old, 24);
    check(&[(0, Faulty), (24, Faulty), (72, Faulty)], State::Removed, 72);
    // A coordinator that did not run for so long reports "old" first.
    check(&[(0, Faulty), (100, Faulty)], State::Old, 100);
    // A single good check in between does not stop the clock, nor does it remove.
    check(&[(0, Stale), (47, Fresh), (48, Fresh)], State::Up, 48);
    check(&[(0, Stale), (48, Fresh)], State::Old, 0);
    check(&[(0, Stale), (47, Fresh), (48, Stale)], State::Removed, 48);
    check(&[(0, Stale), (48, Stale), (50, Fresh)], State::Removed, 48);
    check(&[(0, Stale), (48, Stale), (50, Fresh), (51, Fresh)], State::Up, 51);
}

#[test]
fn dead_is_down_at_once_and_two_good_checks_bring_it_back() {
    check(&[(0, Fresh), (1, Dead)], State::Down, 1);
    check(&[(0, Dead)], State::Down, 0);
    check(&[(0, Stale), (1, Dead)], State::Down, 1);
    check(&[(0, Fresh), (1, Dead), (2, Fresh)], State::Down, 1);
    check(&[(0, Fresh), (1, Dead), (2, Fresh), (3, Fresh)], State::Up, 3);
    check(&[(0, Fresh), (1, Dead), (2, Fresh), (3, Dead), (4, Fresh)], State::Down, 1);
    check(&[(0, Fresh), (1, Dead), (2, Faulty), (3, Faulty)], State::Down, 1);
    // A day unavailable, then two days old.
    check(&[(0, Dead), (71, Dead)], State::Down, 0);
    check(&[(0, Dead), (72, Dead)], State::Removed, 72);
    // It answers again, with an old timestamp.
    check(&[(0, Dead), (1, Stale)], State::Down, 0);
    check(&[(0, Dead), (1, Stale), (2, Stale)], State::Old, 2);
    check(&[(0, Dead), (1, Fresh), (2, Stale)], State::Old, 2);
}

#[test]
fn reasons_say_what_was_found() {
    let reason = |history: &[(i64, Shows)]| after(history).reason;
    assert_eq!(reason(&[(0, Fresh)]), "");
    assert_eq!(reason(&[(0, Dead)]), "refused");
    assert_eq!(reason(&[(0, Dead), (60, Fresh)]), "well again: 1 of 2 good checks");
    assert_eq!(reason(&[(0, Dead), (60, Fresh), (120, Fresh)]), "");
    assert!(reason(&[(0, Stale)]).starts_with("its timestamp is 1d 0h old (2026-11-17T"));
    assert_eq!(span(SignedDuration::from_mins(61)), "1h 1m");
    assert_eq!(span(SignedDuration::from_mins(59)), "59m");
}

#[test]
fn what_cannot_be_checked_changes_nothing() {
    let unchecked = Evidence::Unchecked("no route from here".to_owned());
    assert_eq!(RULE.judge(None, &unchecked, at(0)), None);
    let known = after(&[(0, Fresh), (1, Faulty)]);
    assert_eq!(RULE.judge(Some(&known), &unchecked, at(100 * HOUR)), Some(known));
}

#[test]
fn who_fails_is_looked_at_again_soon() {
    let soon = |history: &[(i64, Shows)]| after(history).wants_attention();
    assert!(!soon(&[(0, Fresh)]));
    assert!(soon(&[(0, Faulty)]) && soon(&[(0, Stale)]) && soon(&[(0, Dead)]));
    assert!(soon(&[(0, Dead), (1, Fresh)]));
    assert!(!soon(&[(0, Stale), (48 * HOUR, Stale)]));
    assert!(soon(&[(0, Stale), (48 * HOUR, Stale), (49 * HOUR, Fresh)]));
}

/// The rule written as a sentence about the whole history, without a carried state.
fn oracle(history: &[(i64, Shows)]) -> State {
    let mut start = 0;
    loop {
        // The history from the first fault after it was last certainly up.
        let Some(fault) = (start..history.len()).find(|i| history[*i].1 != Fresh) else {
            return State::Up;
        };
        let next_fresh =
            (fault..history.len()).find(|i| history[*i].1 == Fresh).unwrap_or(history.len());
        let leaves = |i: &usize| match history[*i].1 {
            Stale | Dead => true,
            Faulty => history[*i].0 >= history[fault].0 + 24 * HOUR,
            Fresh => false,
        };
        let Some(left) = (fault..next_fresh).find(leaves) else {
            start = next_fresh;
            continue;
        };
        let back = (left..history.len().saturating_sub(1))
            .find(|i| history[*i].1 == Fresh && history[i + 1].1 == Fresh);
        if let Some(back) = back {
            start = back + 2;
            continue;
        }
        return out_of_order(history, fault, left);
    }
}

/// The state of an address that first failed at `fault`, left `up` at `left`, and never came back.
fn out_of_order(history: &[(i64, Shows)], fault: usize, left: usize) -> State {
    let by_fault =
        if history[left].1 == Dead { history[fault].0 + 24 * HOUR } else { history[left].0 };
    for now in left..history.len() {
        let stale = (left..=now).find(|i| history[*i].1 == Stale).map(|i| history[i].0);
        let old_from = stale.map_or(by_fault, |stale| stale.min(by_fault));
        if history[now].1 != Fresh && history[now].0 >= old_from + 48 * HOUR {
            return State::Removed;
        }
    }
    let serves = |i: usize| matches!(history[i].1, Fresh | Stale);
    let last_death = (left..history.len()).rev().find(|i| history[*i].1 == Dead);
    let recovered = |death: usize| {
        (death + 2..history.len()).any(|i| history[i].1 == Stale && serves(i - 1) && serves(i))
    };
    match last_death {
        Some(death) if !recovered(death) => State::Down,
        _ => State::Old,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_rule_is_what_the_sentence_says(
        steps in prop::collection::vec((prop::sample::select(vec![1, 5 * 60, HOUR, 12 * HOUR, 23 * HOUR, 24 * HOUR, 48 * HOUR]),
                                         prop::sample::select(vec![Fresh, Fresh, Fresh, Stale, Faulty, Faulty, Dead])), 1..14)
    ) {
        let mut now = 0;
        let history: Vec<(i64, Shows)> = steps.into_iter().map(|(step, shows)| { now += step; (now, shows) }).collect();
        prop_assert_eq!(after(&history).state, oracle(&history), "{:?}", history);
    }

    /// No clock and no timestamp makes the rule panic.
    #[test]
    fn no_moment_panics(moments in prop::collection::vec((any::<i64>(), any::<i64>(), 0u8..4), 1..8)) {
        let moment = |seconds: i64| Timestamp::from_second(seconds % 250_000_000_000).unwrap_or(Timestamp::MAX);
        let rule = Rule { old_after: Duration::MAX, removed_after: Duration::MAX, good_checks: u32::MAX };
        let mut known = None;
        for (now, timestamp, kind) in moments {
            let evidence = match kind {
                0 => Evidence::Faulty(String::new()),
                1 => Evidence::Dead(String::new()),
                _ => Evidence::Serves { timestamp: moment(timestamp), versions: [1; 3] },
            };
            for rule in [rule, RULE] {
                known = rule.judge(known.as_ref(), &evidence, moment(now));
            }
        }
    }
}
