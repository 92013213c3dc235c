//! A process that writes is killed at a hundred points: the database opens whole each time, and has
//! what was said to be recorded.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rusqlite::Connection;

use super::super::database::path;
use super::super::{Found, History, Recorder};
use super::{at, ip, note};

/// Names the directory in the process that is killed.
const DIRECTORY: &str = "CVDNS_TEST_HISTORY";

const ADDRESSES: u32 = 30;
/// Seconds between two rounds: so there are days to fold and to drop.
const ROUND: i64 = 7_200;
const START: i64 = 20_000 * 86_400;

/// The number of rounds of which the database has all checks; panics if it has a part of one.
fn rounds(dir: &Path) -> i64 {
    let Some(history) = History::open(dir).unwrap() else { return 0 };
    let mut rounds = None;
    let far = at(START + 400 * 86_400);
    let take = &mut |mirror: super::super::MirrorHistory| {
        for address in &mirror.addresses {
            let seconds: Vec<i64> =
                address.checks.iter().map(|check| check.at.as_second() - START).collect();
            // The newest first, each one once, with none missing.
            let newest = seconds[0] / ROUND;
            let expected: Vec<i64> =
                (0..seconds.len() as i64).map(|back| (newest - back) * ROUND).collect();
            assert_eq!(seconds, expected, "{}", address.address);
            assert!(seconds.len() as i64 == newest + 1 || seconds.len() > 12 * 29);
            assert_eq!(*rounds.get_or_insert(newest + 1), newest + 1, "a part of a round");
        }
    };
    history.each(None, far, 100_000, take).unwrap();
    rounds.unwrap_or_default()
}

#[test]
#[ignore = "the process that `a_hundred_kills_cost_nothing_that_was_recorded` kills"]
fn writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIRECTORY) else { return };
    let dir = Path::new(&dir);
    let mut round = rounds(dir);
    let recorder = Recorder::start(dir, Duration::from_secs(3600)).unwrap();
    loop {
        for number in 0..ADDRESSES {
            let second = START + round * ROUND;
            let host = format!("m{}.example", number / 2);
            recorder.note(note(&host, ip(number), second, Found::Serves));
        }
        assert!(recorder.flush(Duration::from_secs(60)));
        round += 1;
        writeln!(std::io::stdout(), "recorded {round}").unwrap();
    }
}

#[test]
fn a_hundred_kills_cost_nothing_that_was_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let mut recorded = 0;
    for kill in 0..100u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "history::tests::kill::writes_until_it_is_killed"])
            .args(["--ignored", "--nocapture"])
            .env(DIRECTORY, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.map_while(Result::ok).filter_map(|line| {
            let number = line.split_once("recorded ")?.1;
            number.trim().parse::<i64>().ok()
        });
        // The kill comes at some moment of the round after the seventh or so.
        let mut said = said;
        let mut last = recorded;
        for _ in 0..=(kill % 13) {
            last = said.next().expect("the process records");
        }
        std::thread::sleep(Duration::from_micros(kill * 131 % 4_000));
        child.kill().unwrap();
        let last = said.last().unwrap_or(last);
        child.wait().unwrap();
        let found = rounds(dir.path());
        assert!(found >= last, "kill {kill}: {found} rounds, and {last} were recorded");
        assert!(found <= last + 1, "kill {kill}: {found} rounds, {last} were recorded");
        recorded = found;
    }
    let connection = Connection::open(path(dir.path())).unwrap();
    let whole: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    // Days were folded and dropped meanwhile, too.
    let dropped: i64 = connection
        .query_row("SELECT count(*) FROM dates WHERE dropped > 0", [], |row| row.get(0))
        .unwrap();
    assert!(dropped > 0, "only {recorded} rounds");
}
