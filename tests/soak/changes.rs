//! What changes while the server runs: a feed every second, reloads, and files that are wrong.

use std::time::{Duration, Instant};

use crate::log::Tail;
use crate::shared::Shared;
use crate::support::PATIENCE;
use crate::support::daemon::Daemon;
use crate::support::fixture::{self, States, mirrors};

/// Serial of the feed that the server starts with.
pub(crate) const FIRST: u64 = 1_000;

/// States repeat after so many feeds.
pub(crate) const PHASES: u64 = 12;

/// The daily version of the first feed. Each feed has another.
const DAILY: u64 = 28_129;

/// Seconds from one reload, broken feed and broken configuration to the next.
const RELOAD: u64 = 7;
const BROKEN_FEED: u64 = 11;
const BROKEN_CONFIG: u64 = 13;

/// States in a phase: a quarter of the mirrors is down, some are old.
pub(crate) fn states(phase: u64) -> States {
    let state = |number: u64| match (number + phase) % 4 {
        0 => Some("down"),
        1 if (number + phase).is_multiple_of(3) => Some("old"),
        _ => None,
    };
    let known = (0..).zip(mirrors());
    known.filter_map(|(number, mirror)| Some((mirror.host, state(number)?))).collect()
}

pub(crate) fn daily(serial: u64) -> u64 {
    DAILY + serial - FIRST
}

pub(crate) fn feed(serial: u64) -> String {
    let feed = fixture::feed(serial, &states(serial % PHASES));
    feed.replace(&DAILY.to_string(), &daily(serial).to_string())
}

/// The changes of one second. Returns when the server has taken all of them.
pub(crate) fn make(daemon: &Daemon, log: &mut Tail, shared: &Shared, second: u64) {
    if second.is_multiple_of(BROKEN_CONFIG) {
        let config = std::fs::read_to_string(daemon.path().join("cvdns.toml")).unwrap();
        daemon.write_file("cvdns.toml", &config.replace("[server]", "[server"));
        daemon.sighup();
        wait(log, "was not reloaded");
        daemon.write_file("cvdns.toml", &config);
    }
    if second.is_multiple_of(RELOAD) {
        daemon.sighup();
        wait(log, "reloaded ");
    }
    if second.is_multiple_of(BROKEN_FEED) {
        daemon.write_feed("{ \"format\": 1, ");
        wait(log, "feed.json");
    }
    let serial = FIRST + second;
    shared.writes(serial);
    daemon.write_feed(&feed(serial));
    wait(log, &format!("feed {serial} of"));
    shared.is_in_force(serial);
}

/// Waits until a new line of the log has these words.
fn wait(log: &mut Tail, words: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let news = log.read().expect("nothing unprovoked in the log");
        if news.contains(words) {
            return;
        }
        assert!(Instant::now() < deadline, "no {words:?} in the log");
        std::thread::sleep(Duration::from_millis(10));
    }
}
