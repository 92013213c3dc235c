use super::*;
use proptest::prelude::*;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const RELEASE: [u32; 3] = [63, 28_129, 339];
const RULE: Rule = Rule {
    old_after: Duration::from_secs(24 * 3600),
    removed_after: Duration::from_secs(48 * 3600),
    good_checks: 2,
    fault_after: Duration::from_secs(15 * MINUTE.unsigned_abs()),
    lag: 1,
};

/// The result of a check, relative to its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Fresh,
    Stale,
    /// A fresh timestamp, and a database that is two versions behind.
    Behind,
    Faulty,
    Dead,
}
use Shows::{Behind, Dead, Faulty, Fresh, Stale};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

fn evidence(shows: Shows, seconds: i64) -> Evidence {
    let serves =
        |age: i64, versions: [u32; 3]| Evidence::Serves { timestamp: at(seconds - age), versions };
    match shows {
        Fresh => serves(24 * HOUR - 1, [63, 28_128, 339]),
        Stale => serves(24 * HOUR, RELEASE),
        Behind => serves(0, [62, 28_127, 339]),
        Faulty => Evidence::Faulty("answers 404".to_owned()),
        Dead => Evidence::Dead("refused".to_owned()),
    }
}

fn moment(seconds: i64) -> Moment {
    Moment { now: at(seconds), release: Some(RELEASE) }
}

fn by(rule: Rule, start: Option<Known>, history: &[(i64, Shows)]) -> Known {
    let step = |known: Option<Known>, (seconds, shows): &(i64, Shows)| {
        rule.judge(known.as_ref(), &evidence(*shows, *seconds), moment(*seconds))
    };
    history.iter().fold(start, step).unwrap()
}

fn after(history: &[(i64, Shows)]) -> Known {
    by(RULE, None, history)
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
    // Where faults may last for longer than a day, they make it old.
    let patient = Rule { fault_after: Duration::from_secs(100 * HOUR.unsigned_abs()), ..RULE };
    let state = |history: &[(i64, Shows)]| by(patient, None, history).state;
    assert_eq!(state(&[(0, Fresh), (HOUR, Faulty), (24 * HOUR, Faulty)]), State::Up);
    assert_eq!(state(&[(0, Fresh), (HOUR, Faulty), (25 * HOUR, Faulty)]), State::Old);
}

/// Rule: "HTTP faults confirmed by retries for `fault-after` make an address `down`".
#[test]
fn faults_that_last_are_down() {
    let state = |history: &[(i64, Shows)]| {
        let known = after(history);
        (known.state, known.since)
    };
    let (first, last) = (HOUR, HOUR + 15 * MINUTE);
    assert_eq!(state(&[(0, Fresh), (first, Faulty), (last - 1, Faulty)]), (State::Up, at(0)));
    assert_eq!(state(&[(0, Fresh), (first, Faulty), (last, Faulty)]), (State::Down, at(last)));
    // One good check ends it, and so does an old timestamp, which has a rule of its own.
    let between = |shows| [(0, Fresh), (first, Faulty), (last - 1, shows), (last, Faulty)];
    assert_eq!(state(&between(Fresh)), (State::Up, at(0)));
    assert_eq!(state(&between(Stale)), (State::Old, at(last - 1)));
    // An old address is taken out as well.
    assert_eq!(state(&[(0, Stale), (first, Faulty), (last, Faulty)]).0, State::Down);
    // A day, and two days of that.
    check(&[(0, Faulty), (24, Faulty), (71, Faulty)], State::Down, 24);
    check(&[(0, Faulty), (24, Faulty), (72, Faulty)], State::Removed, 72);
    let hasty = Rule { fault_after: Duration::ZERO, ..RULE };
    assert_eq!(by(hasty, None, &[(0, Fresh), (first, Faulty)]).state, State::Down);
}

/// Rule: "a version more than `lag` behind the release for `old-after` makes the address `old`,
/// whatever its timestamp says".
#[test]
fn a_version_that_stays_behind_is_old_and_alone_never_removed() {
    check(&[(0, Behind), (23, Behind)], State::Up, 0);
    check(&[(0, Behind), (24, Behind)], State::Old, 24);
    check(&[(0, Behind), (24, Behind), (1000, Behind)], State::Old, 24);
    // Who is within `lag` in between is not behind for so long.
    check(&[(0, Behind), (23, Fresh), (24, Behind), (47, Behind)], State::Up, 0);
    check(&[(0, Behind), (23, Fresh), (24, Behind), (48, Behind)], State::Old, 48);
    // What it holds while it cannot be seen is what it held before.
    check(&[(0, Behind), (1, Dead), (24, Behind), (25, Behind)], State::Old, 25);
    // It comes back like any other.
    check(&[(0, Behind), (24, Behind), (25, Fresh)], State::Old, 24);
    check(&[(0, Behind), (24, Behind), (25, Fresh), (26, Fresh)], State::Up, 26);
    // A removed address that serves a fresh timestamp again is as old as its databases.
    check(&[(0, Behind), (1, Dead), (90, Dead), (91, Behind)], State::Removed, 90);
    check(&[(0, Behind), (1, Dead), (90, Dead), (91, Behind), (92, Behind)], State::Old, 92);
    // Nobody says what is released.
    let silent = |hour| Moment { now: at(hour * HOUR), release: None };
    let known = RULE.judge(None, &evidence(Behind, 0), silent(0));
    let known = RULE.judge(known.as_ref(), &evidence(Behind, 30 * HOUR), silent(30)).unwrap();
    assert_eq!((known.state, known.behind_since), (State::Up, None));
}

/// Rule: "A mirror new to the fleet is not answered until its first good check".
#[test]
fn a_newcomer_is_down_until_its_first_good_check() {
    let newcomer = |history: &[(i64, Shows)]| by(RULE, Some(Known::newcomer(at(0))), history);
    let first = Known::newcomer(at(0));
    assert_eq!((first.state, first.reason.as_str()), (State::Down, "new: not checked yet"));
    assert_eq!(newcomer(&[(1, Fresh)]).state, State::Up);
    assert_eq!(newcomer(&[(1, Faulty), (2, Dead), (3, Fresh)]).state, State::Up);
    assert_eq!(newcomer(&[(1, Stale), (2, Stale), (3, Stale)]).state, State::Down);
    // Then it is a mirror like any other: two good checks bring it back.
    assert_eq!(newcomer(&[(1, Fresh), (2, Dead), (3, Fresh)]).state, State::Down);
    assert_eq!(newcomer(&[(1, Dead), (72 * HOUR + 1, Dead)]).state, State::Removed);
}

#[test]
fn a_span_that_does_not_count_moves_every_clock() {
    let mut known = after(&[(0, Behind), (10, Faulty)]);
    known.shift(Duration::from_secs(100));
    assert_eq!(known.behind_since, Some(at(100)));
    assert_eq!(known.failing_since, Some(at(110)));
    assert_eq!(known.old_from, Some(at(24 * HOUR + 110)));
}

#[test]
fn the_database_that_is_farthest_behind_is_named() {
    assert_eq!(behind(RELEASE, RELEASE), None);
    assert_eq!(behind(RELEASE, [64, 28_130, 340]), None);
    let text = |held| behind(RELEASE, held).unwrap().to_string();
    assert_eq!(
        text([62, 28_124, 338]),
        "daily.cvd is 5 versions behind the release (28124, not 28129)"
    );
    assert_eq!(
        text([63, 28_129, 338]),
        "bytecode.cvd is 1 version behind the release (338, not 339)"
    );
}

/// CLIENTS: "If that persists for two days, it is temporarily removed".
#[test]
fn two_days_of_that_is_removed() {
    check(&[(0, Stale), (47, Stale)], State::Old, 0);
    check(&[(0, Stale), (48, Stale)], State::Removed, 48);
    check(&[(0, Faulty), (100, Faulty)], State::Removed, 100);
    // A single good check in between does not stop the clock, nor does it remove.
    check(&[(0, Stale), (47, Fresh), (48, Fresh)], State::Up, 48);
    check(&[(0, Stale), (48, Fresh)], State::Old, 0);
    check(&[(0, Stale), (47, Fresh), (48, Stale)], State::Removed, 48);
    check(&[(0, Stale), (48, Stale), (50, Fresh)], State::Removed, 48);
    check(&[(0, Stale), (48, Stale), (50, Fresh), (51, Fresh)], State::Up, 51);
}

/// The two days count from the check that first finds a timestamp old, however old it is by then:
/// a coordinator that was away must not find a whole network removed.
#[test]
fn the_two_days_of_an_old_timestamp_count_from_the_first_check() {
    let old = |hour: i64| Evidence::Serves { timestamp: at((hour - 80) * HOUR), versions: RELEASE };
    let judge = |known: Option<&Known>, hour: i64| {
        RULE.judge(known, &old(hour), moment(hour * HOUR)).unwrap()
    };
    let first = judge(None, 0);
    assert_eq!((first.state, first.since), (State::Old, at(0)));
    let later = judge(Some(&first), 47);
    assert_eq!(later.state, State::Old);
    let last = judge(Some(&later), 48);
    assert_eq!((last.state, last.since), (State::Removed, at(48 * HOUR)));
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
fn ages_of_the_future_are_told_as_such() {
    let age = |minutes| {
        let now = Timestamp::UNIX_EPOCH;
        super::age(now + SignedDuration::from_mins(minutes), now)
    };
    assert_eq!([-61, 0].map(age), ["1h 1m", "0m"]);
    assert_eq!([1, 1380, 3000].map(age), ["1m ahead", "23h 0m ahead", "2d 2h ahead"]);
}

#[test]
fn what_cannot_be_checked_changes_nothing() {
    let unchecked = Evidence::Unchecked("no route from here".to_owned());
    assert_eq!(RULE.judge(None, &unchecked, moment(0)), None);
    let known = after(&[(0, Fresh), (1, Faulty)]);
    assert_eq!(RULE.judge(Some(&known), &unchecked, moment(100 * HOUR)), Some(known));
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

/// What a check means on its own, once the checks before it are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// It is well.
    Good,
    /// Its timestamp is a day old.
    DayOld,
    /// Its timestamp is fresh, and its databases have been behind for a day.
    Late,
    /// It fails, and may go on to be answered for now.
    Fails,
    /// It is unreachable, or has answered wrongly for `fault-after`.
    Lost,
}
use Means::{DayOld, Fails, Good, Late, Lost};

/// The meaning of each check of a history.
fn meanings(history: &[(i64, Shows)]) -> Vec<(i64, Means)> {
    let meaning = |(i, (now, shows)): (usize, &(i64, Shows))| {
        let before = &history[..=i];
        let seen = before.iter().rev().filter(|(_, shows)| !matches!(shows, Faulty | Dead));
        let behind = seen.take_while(|(_, shows)| *shows == Behind).last();
        let failing =
            before.iter().rev().take_while(|(_, shows)| matches!(shows, Faulty | Dead)).last();
        let means = match shows {
            Stale => DayOld,
            Behind if behind.is_some_and(|(since, _)| now - since >= 24 * HOUR) => Late,
            Fresh | Behind => Good,
            Faulty if failing.is_some_and(|(since, _)| now - since >= 15 * MINUTE) => Lost,
            Faulty => Fails,
            Dead => Lost,
        };
        (*now, means)
    };
    history.iter().enumerate().map(meaning).collect()
}

/// The rule written as a sentence about the whole history, without a carried state.
fn oracle(history: &[(i64, Shows)]) -> State {
    let history = meanings(history);
    let mut start = 0;
    loop {
        // The history from the first fault after it was last certainly up.
        let Some(fault) = (start..history.len()).find(|i| history[*i].1 != Good) else {
            return State::Up;
        };
        let next_good =
            (fault..history.len()).find(|i| history[*i].1 == Good).unwrap_or(history.len());
        let Some(left) = (fault..next_good).find(|i| history[*i].1 != Fails) else {
            start = next_good;
            continue;
        };
        let back = (left..history.len().saturating_sub(1))
            .find(|i| history[*i].1 == Good && history[i + 1].1 == Good);
        if let Some(back) = back {
            start = back + 2;
            continue;
        }
        return out_of_order(&history, fault, left);
    }
}

/// The state of an address that first failed at `fault`, left `up` at `left`, and never came back.
fn out_of_order(history: &[(i64, Means)], fault: usize, left: usize) -> State {
    let is_fresh = |i: usize| matches!(history[i].1, Good | Late);
    // The last time at which nothing but its databases was wrong: all of its clocks begin anew.
    let only_late = (left..history.len())
        .rev()
        .find(|i| history[*i].1 == Late && (*i == left || is_fresh(i - 1)));
    // Who leaves `up` with an old timestamp has been old from then on, whatever failed before.
    let first = if history[left].1 == DayOld { left } else { fault };
    let from = only_late.map_or(first, |i| i + 1);
    let mut old_from = i64::MAX;
    for (now, &(time, means)) in history.iter().enumerate().skip(from) {
        match means {
            DayOld => old_from = old_from.min(time),
            Fails | Lost => old_from = old_from.min(time + 24 * HOUR),
            Good | Late => continue,
        }
        if now >= left && time >= old_from.saturating_add(48 * HOUR) {
            return State::Removed;
        }
    }
    let serves = |i: usize| matches!(history[i].1, Good | DayOld | Late);
    let last_loss = (from.max(left)..history.len()).rev().find(|i| history[*i].1 == Lost);
    let recovered = |loss: usize| {
        (loss + 2..history.len()).any(|i| history[i].1 == DayOld && serves(i - 1) && serves(i))
    };
    match last_loss {
        Some(loss) if !recovered(loss) => State::Down,
        _ => State::Old,
    }
}

/// Random steps in time and what is found.
fn histories() -> impl Strategy<Value = Vec<(i64, Shows)>> {
    let steps = vec![1, 5 * MINUTE, 15 * MINUTE, HOUR, 12 * HOUR, 23 * HOUR, 24 * HOUR, 48 * HOUR];
    let shows = vec![Fresh, Fresh, Fresh, Stale, Behind, Behind, Faulty, Faulty, Dead];
    let step = (prop::sample::select(steps), prop::sample::select(shows));
    prop::collection::vec(step, 1..14).prop_map(|steps| {
        let mut now = 0;
        let at = |(step, shows)| {
            now += step;
            (now, shows)
        };
        steps.into_iter().map(at).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_rule_is_what_the_sentence_says(history in histories()) {
        prop_assert_eq!(after(&history).state, oracle(&history), "{:?}", history);
    }

    /// A newcomer is answered from its first good check on, as if all began there.
    #[test]
    fn a_newcomer_begins_with_its_first_good_check(history in histories()) {
        let known = by(RULE, Some(Known::newcomer(at(0))), &history);
        let first = meanings(&history).iter().position(|(_, means)| *means == Good);
        let Some(first) = first else {
            prop_assert!(!known.new || !known.state.is_usable(), "{:?}: {:?}", history, known);
            return Ok(());
        };
        let behind = history[..first].iter().any(|(_, shows)| *shows == Behind);
        if !behind {
            prop_assert_eq!(known.state, oracle(&history[first..]), "{:?}", history);
        }
    }

    /// No clock and no timestamp makes the rule panic.
    #[test]
    fn no_moment_panics(moments in prop::collection::vec((any::<i64>(), any::<i64>(), 0u8..4), 1..8)) {
        let time = |seconds: i64| Timestamp::from_second(seconds % 250_000_000_000).unwrap_or(Timestamp::MAX);
        let most = Duration::MAX;
        let rule = Rule { old_after: most, removed_after: most, good_checks: u32::MAX, fault_after: most, lag: 0 };
        let mut known = None;
        for (now, timestamp, kind) in moments {
            let evidence = match kind {
                0 => Evidence::Faulty(String::new()),
                1 => Evidence::Dead(String::new()),
                _ => Evidence::Serves { timestamp: time(timestamp), versions: [1; 3] },
            };
            let moment = Moment { now: time(now), release: Some(RELEASE) };
            for rule in [rule, RULE] {
                known = rule.judge(known.as_ref(), &evidence, moment);
                if let Some(known) = &mut known {
                    known.shift(most);
                }
            }
        }
    }
}

/// A probed path says nothing of timestamps and databases: what was known of them no longer counts.
#[test]
fn an_address_that_answers_the_probed_path_is_well() {
    let answers = |known: Known, seconds: i64| {
        RULE.judge(Some(&known), &Evidence::Answers, moment(seconds)).unwrap()
    };
    for (history, state) in [
        (&[(0, Fresh), (HOUR, Stale)][..], State::Old),
        (&[(0, Behind), (25 * HOUR, Behind)], State::Old),
        (&[(0, Fresh), (HOUR, Dead)], State::Down),
    ] {
        let before = after(history);
        assert_eq!(before.state, state, "{history:?}");
        let once = answers(before, 26 * HOUR);
        assert_eq!((once.state, once.versions), (state, None), "{history:?}");
        let twice = answers(once, 27 * HOUR);
        assert_eq!((twice.state, twice.since), (State::Up, at(27 * HOUR)), "{history:?}");
        assert_eq!((twice.timestamp, twice.behind_since), (Some(at(27 * HOUR)), None));
        assert!(twice.is_well() && twice.reason.is_empty(), "{twice:?}");
    }
    let first = RULE.judge(None, &Evidence::Answers, moment(0)).unwrap();
    assert_eq!((first.state, first.versions), (State::Up, None));
}
