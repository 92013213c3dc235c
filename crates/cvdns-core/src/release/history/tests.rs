use super::*;
use proptest::prelude::*;

const AFTER: u64 = 6;

fn rule(lag: u32) -> StuckRule {
    StuckRule { lag, after: Duration::from_secs(AFTER) }
}

fn at(second: u64) -> Timestamp {
    let start: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
    start.checked_add(Duration::from_secs(second)).unwrap()
}

/// What a feed says of daily.cvd: the released version, if any, and that of the mirror `a`.
#[derive(Debug, Clone, Copy)]
struct Said {
    second: u64,
    released: Option<u32>,
    held: Option<u32>,
}

fn followed(said: &[Said]) -> VersionHistory {
    let mut history = VersionHistory::default();
    for Said { second, released, held } in said {
        let mirrors = [("a", [None, *held, None])];
        history.follow(at(*second), released.map(|daily| [63, daily, 339]), mirrors.into_iter());
    }
    history
}

fn stuck(history: &VersionHistory, held: u32, lag: u32, second: u64) -> Option<Timestamp> {
    let found = history.stuck("a", [None, Some(held), None], rule(lag), at(second))?;
    assert_eq!((found.database, found.version), ("daily", held));
    Some(found.since)
}

/// The rule as a sentence about all that was said: at each second of the last six, the mirror had
/// this version, and the release was too far ahead of it. What is not said is as it was.
fn by_definition(said: &[Said], lag: u32, now: u64) -> Option<u64> {
    let last = |of: &dyn Fn(&Said) -> Option<u32>, second: u64| {
        said.iter().filter(|said| said.second <= second).filter_map(of).last()
    };
    let held = last(&|said| said.held, now)?;
    let is_behind = |second: &u64| {
        last(&|said| said.held, *second) == Some(held)
            && last(&|said| said.released, *second).is_some_and(|released| released > held + lag)
    };
    let since = (0..=now).rev().take_while(is_behind).last()?;
    (since + AFTER <= now).then_some(since)
}

proptest! {
    #[test]
    fn a_mirror_is_stuck_by_definition(
        steps in prop::collection::vec(
            (1u64..5, prop::option::weighted(0.9, 0u32..3), prop::option::weighted(0.8, 0u32..6), any::<bool>()),
            1..30,
        ),
        lag in 0u32..3,
        goes_back in prop::collection::vec(prop::bool::weighted(0.1), 30),
    ) {
        // Thirty releases that go back by two still have versions.
        let (mut second, mut released, mut held, mut said) = (0, 100u32, 100u32, Vec::new());
        for ((step, new, moved, is_known), back) in steps.into_iter().zip(goes_back) {
            second += step;
            released = if back { released - 2 } else { released + new.unwrap_or(0) };
            held = if moved == Some(0) { released } else { held + u32::from(moved == Some(1)) };
            said.push(Said { second, released: new.map(|_| released), held: is_known.then_some(held) });
            let history = followed(&said);
            prop_assert_eq!(history.validate(), Ok(()));
            if is_known {
                let found = stuck(&history, held, lag, second);
                prop_assert_eq!(found, by_definition(&said, lag, second).map(at), "{:?}", &said);
            }
            // What the server does not know of the mirror cannot keep it out.
            prop_assert_eq!(stuck(&history, held + 100, lag, second), None);
        }
    }
}

/// Rule: "a mirror that is always late but moves is not stuck". Eight releases a day, and a
/// mirror that is nine hours late: three versions behind.
#[test]
fn a_mirror_that_is_always_late_but_moves_is_not_stuck() {
    let hour = |hour: u64| at(hour * 3600);
    let rule = StuckRule { lag: 1, after: Duration::from_secs(6 * 3600) };
    let mut history = VersionHistory::default();
    for step in 0..60 {
        let (released, held) = (100 + step as u32, (97 + step as u32).min(140));
        let mirrors = [("a", [None, Some(held), None])];
        history.follow(hour(step * 3), Some([63, released, 339]), mirrors.into_iter());
        let found = history.stuck("a", [None, Some(held), None], rule, hour(step * 3));
        // From step 43 on it has 140. The release passed it by two long before.
        let expected = (step >= 45).then_some(hour(43 * 3));
        assert_eq!(found.map(|stuck| stuck.since), expected, "{step}");
    }
}

#[test]
fn the_database_that_was_passed_first_is_named() {
    let mut history = VersionHistory::default();
    let held = [Some(61), Some(5), Some(339)];
    let mirrors = [("a", held), ("b", [Some(63), Some(9), None])];
    let releases = [(0, [61, 5, 339]), (3, [63, 5, 339]), (4, [63, 9, 339])];
    for (second, released) in releases {
        history.follow(at(second), Some(released), mirrors.into_iter());
    }
    let found = |second| history.stuck("a", held, rule(1), at(second)).map(|it| it.to_string());
    assert_eq!(found(8), None);
    assert_eq!(found(9).unwrap(), "stuck at main 61 since 2026-11-24T00:00:03Z");
    assert_eq!(history.stuck("b", [Some(63), Some(9), None], rule(1), at(99)), None);
    // It has moved since it was noted.
    assert_eq!(history.stuck("a", [Some(62), Some(8), None], rule(1), at(99)), None);
    // A mirror that is no longer listed begins anew.
    assert!(history.follow(at(20), Some([63, 9, 339]), std::iter::empty()));
    history.follow(at(21), Some([63, 9, 339]), mirrors.into_iter());
    let stuck = history.stuck("a", held, rule(1), at(27)).unwrap();
    assert_eq!(stuck.since, at(21));
}

/// A coordinator with a clock that was ahead: what it said counts from when it was set right.
#[test]
fn times_of_the_future_are_taken_for_now() {
    let said = |second, released, held| Said { second, released: Some(released), held: Some(held) };
    let far = [said(0, 5, 5), said(1_000, 6, 5), said(2_000, 9, 5), said(10, 9, 5)];
    let history = followed(&far);
    assert_eq!(history.validate(), Ok(()));
    assert_eq!(stuck(&history, 5, 1, 15), None);
    assert_eq!(stuck(&history, 5, 1, 16), Some(at(10)));
    // The mirror had its version before.
    assert_eq!(history.releases.len(), 2);
    assert_eq!(history.mirrors["a"][1].unwrap().since, at(0));
}

#[test]
fn what_is_remembered_is_bounded_and_checked() {
    let said: Vec<Said> = (1..2_000)
        .map(|second| Said { second, released: Some(second as u32), held: Some(1) })
        .collect();
    let history = followed(&said);
    assert_eq!(history.releases.len(), MAX_RELEASES);
    assert_eq!(stuck(&history, 1, 1, 2_000), Some(at(2_000 - MAX_RELEASES as u64)));
    let text = serde_json::to_string(&history).unwrap();
    assert_eq!(serde_json::from_str::<VersionHistory>(&text).unwrap(), history);

    let is_good = |change: &dyn Fn(&mut VersionHistory)| {
        let mut changed = followed(&said[..3]);
        change(&mut changed);
        changed.validate().is_ok()
    };
    assert!(is_good(&|_| {}));
    assert!(!is_good(&|history| history.releases.swap(0, 1)));
    assert!(!is_good(&|history| history.releases[0].versions[2] = 0));
    assert!(!is_good(&|history| history.releases = vec![history.releases[0]; MAX_RELEASES + 1]));
    let zero = VersionSince { since: at(1), version: 0 };
    assert!(!is_good(&|history| history.mirrors.get_mut("a").unwrap()[0] = Some(zero)));
}

#[test]
fn nothing_changes_when_nothing_new_is_said() {
    let mut history = VersionHistory::default();
    let mut follow = |second, released, held: &[(&'static str, [Option<u32>; 3])]| {
        history.follow(at(second), released, held.iter().copied())
    };
    let a = ("a", [Some(1), None, None]);
    assert!(follow(0, Some([1, 1, 1]), &[a]));
    assert!(!follow(1, Some([1, 1, 1]), &[a]));
    assert!(!follow(2, None, &[a, ("b", [None; 3])]));
    assert!(!follow(3, None, &[("a", [None; 3])]), "its version is not known for a while");
    assert!(follow(4, None, &[("a", [None, Some(7), None])]));
    assert!(follow(5, Some([1, 2, 1]), &[a]));
    assert!(follow(6, None, &[("b", [Some(1), None, None])]), "another mirror");
}

#[test]
fn more_than_half_is_suspect() {
    assert!(!is_suspect(0, 0) && !is_suspect(50, 100) && is_suspect(51, 100));
}
