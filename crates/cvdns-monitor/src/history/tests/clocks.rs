//! Clocks that are wrong for a while, and hosts that leave.

use super::super::{Found, History, Note};
use super::{HOLD, at};
use super::{compact, database, ip, note, record};
use crate::history::write::write;
use cvdns_core::health::State;
use jiff::Timestamp;
use rusqlite::Connection;

const DAY: i64 = 86_400;
/// Noon of a day.
const START: i64 = 20_000 * DAY + DAY / 2;

/// Records a check of each hour of the day that is `day` days after the start.
fn day(database: &mut Connection, host: &str, day: i64) {
    let notes: Vec<_> = (0..12)
        .map(|hour| note(host, ip(1), START + day * DAY + hour * 3600, Found::Serves))
        .collect();
    record(database, &notes);
    compact(database);
}

fn served(history: &History, host: &str, now: Timestamp) -> (usize, usize) {
    let mirror = history.of(host, now, 10_000).unwrap().expect("the host is known");
    let days = mirror.strips.year.cells.iter().filter(|cell| cell.served > 0).count();
    (days, mirror.addresses[0].checks.len())
}

#[test]
fn a_clock_far_ahead_or_behind_for_a_day_costs_a_day_of_checks() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = database(dir.path());
    let history = History::open(dir.path()).unwrap().unwrap();
    for number in 0..40 {
        day(&mut database, "a.example", number);
    }
    let now = at(START + 39 * DAY + 11 * 3600);
    // Each day ends at midnight; what the last check says of the next day's first hours counts too.
    assert_eq!(served(&history, "a.example", now), (40, 31 * 12));
    // 64 years ahead, then in 1970, then right again.
    day(&mut database, "a.example", 23_400);
    day(&mut database, "a.example", -20_000);
    day(&mut database, "a.example", 40);
    let now = at(START + 40 * DAY + 11 * 3600);
    let (days, checks) = served(&history, "a.example", now);
    assert_eq!(days, 41, "no day is lost");
    assert_eq!(checks, 30 * 12, "31 recorded days have checks, one of them in times to come");
    // A clock that goes back over midnight: what it says is told of the time that it says.
    day(&mut database, "a.example", 39);
    day(&mut database, "a.example", 41);
    assert_eq!(served(&history, "a.example", at(START + 41 * DAY + 11 * 3600)).0, 42);
}

/// A check that says nothing of now: its address left the fleet, or the coordinator stands.
#[test]
fn a_state_of_the_past_is_not_todays() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = database(dir.path());
    day(&mut database, "a.example", 0);
    let history = History::open(dir.path()).unwrap().unwrap();
    let last = START + 11 * 3600;
    for (later, state) in [(0, Some(State::Up)), (HOLD - 1, Some(State::Up)), (HOLD, None)]
        .into_iter()
        .chain([2, 26, 29].map(|days| (days * DAY, None)))
    {
        let mirror = history.of("a.example", at(last + later), 1).unwrap().unwrap();
        let of = &mirror.addresses[0];
        assert_eq!((of.state, of.checked), (state, Some(at(last))), "{later}");
        assert_eq!(of.checks[0].state, Some(State::Up), "{later}");
    }
}

#[test]
fn changes_of_the_future_are_not_shown_before_their_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = database(dir.path());
    let change = |second: i64, was: State, is: State| {
        let found = if is == State::Up { Found::Serves } else { Found::Dead };
        Note { change: Some((was, is)), ..note("a.example", ip(1), second, found) }
    };
    // The clock is an hour ahead for the second one.
    let notes = [
        change(START, State::Up, State::Down),
        change(START + 3660, State::Down, State::Up),
        note("a.example", ip(1), START + 120, Found::Dead),
    ];
    record(&mut database, &notes);
    let history = History::open(dir.path()).unwrap().unwrap();
    let seen = |second: i64| {
        let mirror = history.of("a.example", at(second), 1).unwrap().unwrap();
        let of = &mirror.addresses[0];
        let changes: Vec<i64> =
            mirror.changes.iter().map(|change| change.at.as_second() - START).collect();
        (changes, of.state, of.since.map(|since| since.as_second() - START))
    };
    assert_eq!(seen(START + 180), (vec![0], Some(State::Down), Some(0)));
    assert_eq!(seen(START + 3660), (vec![3660, 0], Some(State::Up), Some(3660)));
}

#[test]
fn checks_of_a_day_that_is_gone_change_nothing_and_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = database(dir.path());
    for number in 0..40 {
        day(&mut database, "a.example", number);
    }
    let history = History::open(dir.path()).unwrap().unwrap();
    let now = at(START + 39 * DAY + 11 * 3600);
    let before = history.of("a.example", now, 1000).unwrap();
    let old = note("a.example", ip(1), START + 3 * DAY, Found::Dead);
    let written = write(&mut database, &[old], HOLD).unwrap();
    assert_eq!((written.too_old, written.damaged), (1, 0));
    compact(&mut database);
    assert_eq!(history.of("a.example", now, 1000).unwrap(), before);
}

#[test]
fn a_host_is_forgotten_a_year_after_its_last_check_and_days_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = database(dir.path());
    for number in 0..3 {
        day(&mut database, "gone.example", number);
    }
    let history = History::open(dir.path()).unwrap().unwrap();
    for number in 0..500 {
        day(&mut database, "stays.example", number);
        if number == 367 {
            assert_eq!(history.hosts().unwrap(), ["gone.example", "stays.example"]);
        }
    }
    assert_eq!(history.hosts().unwrap(), ["stays.example"]);
    assert_eq!(history.of("gone.example", at(START), 1).unwrap(), None);
    let count = |table: &str| -> i64 {
        database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let counts = ["addresses", "checks", "changes"].map(count);
    assert_eq!(counts, [1, 31, 0]);
    // 32 days in a row of hours, 512 in one of days; a year, and the days of all 500.
    assert!((12..=13).contains(&count("hours")), "{}", count("hours"));
    let days: i64 = [count("days"), count("dates")].into_iter().sum();
    assert!((367..400).contains(&days), "{days}");
    let (old, _) = served(&history, "stays.example", at(START + 364 * DAY));
    assert_eq!(old, 365, "the first days are still there");
}
