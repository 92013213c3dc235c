//! What outlives the server: the last good feed and what was announced (`state`).

use crate::asking;
use crate::support;

use std::collections::BTreeSet;
use std::fs;

use asking::Numbers;
use support::client::Transport;
use support::daemon::{Daemon, Files};
use support::fixture::{self, States};
use support::packet::{Query, RD};
use support::{half_hour, rr};

fn files(feed: &str) -> Files {
    let files = fixture::files().with("feed.json", feed);
    let config = files.text("cvdns.toml").replace("[feed]\n", "[feed]\nstate = \"state\"\n");
    files.with("cvdns.toml", config)
}

fn feed(serial: u64, down: &str, daily: u32) -> String {
    let states = if down.is_empty() { States::new() } else { [(down.to_owned(), "down")].into() };
    fixture::feed(serial, &states).replace("28129", &daily.to_string())
}

fn record(daemon: &Daemon) -> String {
    let query = Query::new("current.cvd.clam.example", rr::TXT).flags(RD);
    let rdata = daemon.client().ask(Transport::Udp4, &query).rdata(rr::TXT);
    rdata
        .first()
        .map(|rdata| String::from_utf8(rdata[1..].to_vec()).expect("text"))
        .unwrap_or_default()
}

fn daily(daemon: &Daemon) -> u32 {
    record(daemon).split(':').nth(2).and_then(|field| field.parse().ok()).unwrap_or_default()
}

fn germany(daemon: &Daemon) -> BTreeSet<Vec<u8>> {
    let query = Query::new("db.de.clam.example", rr::A);
    (0..20).flat_map(|_| daemon.client().ask(Transport::Udp4, &query).rdata(rr::A)).collect()
}

/// "Start without a feed, or with a broken one: the kept last good one, else all mirrors up."
#[test]
fn formats_a_start_goes_on_from_what_was_kept() {
    let mut daemon = Daemon::start(&files(&feed(1_000, "de1.example", 28_131)));
    let left: BTreeSet<_> = ["192.0.2.12", "192.0.2.13"].map(rr::a).into();
    let (begun, before) = (half_hour(), record(&daemon));
    let is_before = |daemon: &Daemon| record(daemon) == before || half_hour() != begun;
    assert_eq!(germany(&daemon), left);
    for broken in ["{", &feed(999, "", 28_131), &feed(1_000, "", 28_131)] {
        daemon.write_feed(broken);
        daemon.kill();
        daemon.start_again();
        let log = daemon.log();
        assert!(
            log.contains("going on with what was kept in ") && log.contains("feed 1000 goes on"),
            "{log}"
        );
        assert_eq!(germany(&daemon), left, "{broken}");
        assert!(is_before(&daemon), "{}, not {before}", record(&daemon));
    }
    fs::remove_file(daemon.path().join("feed.json")).expect("removed");
    daemon.kill();
    daemon.start_again();
    assert_eq!(germany(&daemon), left);
    assert!(is_before(&daemon), "{}, not {before}", record(&daemon));

    // Versions do not go back over a restart either.
    daemon.write_feed(&feed(1_001, "", 28_130));
    daemon.kill();
    daemon.start_again();
    assert_eq!(daily(&daemon), 28_131, "{}", daemon.log());
    assert_eq!(germany(&daemon).len(), 3, "the new feed is in force");
}

/// "A corrupt or half-written state file is put aside with a warning, never fatal."
#[test]
fn formats_a_corrupt_state_is_put_aside() {
    let mut daemon = Daemon::start(&files(&feed(1_000, "de1.example", 28_131)));
    let state = daemon.path().join("state");
    let good = fs::read_to_string(state.join("feed.json")).expect("the kept feed");
    for bad in [
        "",
        "{",
        "null",
        &good[..good.len() / 2],
        &good.replace("\\\"serial\\\": 1000", "\\\"serial\\\": -1"),
    ] {
        daemon.kill();
        fs::write(state.join("feed.json"), bad).expect("written");
        fs::write(state.join("record.json"), bad).expect("written");
        daemon.start_again();
        let log = daemon.log();
        assert!(
            log.contains("state/feed.json is not good") && log.contains("is put aside as"),
            "{bad}: {log}"
        );
        assert!(log.contains("state/record.json is not good"), "{bad}: {log}");
        assert_eq!(fs::read_to_string(state.join("feed.bad")).expect("put aside"), bad);
        assert!(log.contains("feed 1000 of "), "the source is read all the same: {log}");
        assert_eq!(germany(&daemon).len(), 2);
    }
    // A directory that cannot be used is said, and changes nothing else.
    daemon.kill();
    fs::remove_dir_all(&state).expect("removed");
    fs::write(&state, "a file").expect("written");
    daemon.start_again();
    assert!(daemon.log().contains("cannot write "), "{}", daemon.log());
    assert_eq!(germany(&daemon).len(), 2);
}

/// A machine whose clock is behind when it starts finds its own feed of the future: that is no
/// fault of the feed.
#[test]
fn a_kept_feed_of_the_future_waits_for_the_clock() {
    let files = files(&feed(1_000, "de1.example", 28_131));
    let config = files.text("cvdns.toml").replace("[feed]\n", "[feed]\ninterval = \"1s\"\n");
    let mut daemon = Daemon::start(&files.with("cvdns.toml", config));
    daemon.kill();
    let kept = daemon.path().join("state/feed.json");
    let text = fs::read_to_string(&kept).expect("the kept feed");
    // It was made at a whole second. Up to 5 minutes ahead a feed is taken.
    let (before, rest) = text.split_once("\\\"generated\\\": \\\"").expect("its time");
    let (_, after) = rest.split_once("\\\"").expect("its end");
    let now = jiff::Timestamp::now();
    let ahead = now.checked_add(jiff::SignedDuration::from_secs(315)).expect("a time");
    let early = format!("{before}\\\"generated\\\": \\\"{ahead:.0}\\\"{after}");
    fs::write(&kept, &early).expect("written");
    daemon.write_feed("{");
    daemon.start_again();
    let log = daemon.log();
    assert!(log.contains("in the future") && log.contains("when the clock is right"), "{log}");
    assert!(!log.contains("going on with"), "too late to be of the future: {log}");
    assert_eq!(fs::read_to_string(&kept).expect("it is left where it is"), early);
    daemon.wait_for_log(0, &["going on with what was kept", "feed 1000 of"]);
    assert_eq!(germany(&daemon).len(), 2, "de1 is down");
    assert!(!daemon.path().join("state/feed.bad").exists());
}

/// A pipe would hold the start up for ever, and a device has no end.
#[test]
fn state_files_that_are_none_are_not_read() {
    let mut daemon = Daemon::start(&files(&feed(1_000, "de1.example", 28_131)));
    daemon.kill();
    let state = daemon.path().join("state");
    for name in ["feed.json", "record.json"] {
        fs::remove_file(state.join(name)).expect("removed");
    }
    nix::unistd::mkfifo(&state.join("feed.json"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    std::os::unix::fs::symlink("/dev/zero", state.join("record.json")).expect("a link");
    daemon.start_again();
    let log = daemon.log();
    assert!(log.contains("it is a pipe, not a regular file"), "{log}");
    // The server's sandbox does not even let it look.
    let is_refused = ["it is a device, not a regular file", "does not allow reading in /dev"];
    assert!(is_refused.iter().any(|words| log.contains(words)), "{log}");
    assert_eq!(germany(&daemon).len(), 2);
    // What is in force is kept in their places.
    daemon.kill();
    daemon.write_feed("{");
    daemon.start_again();
    assert_eq!(germany(&daemon).len(), 2, "{}", daemon.log());
}

/// In its sandbox, a server cannot make a directory again (`sandbox::files`).
#[test]
fn state_that_was_removed_is_kept_again() {
    let files = files(&feed(1_000, "de1.example", 28_131));
    let config = files.text("cvdns.toml").replace("[feed]\n", "[feed]\ninterval = \"1s\"\n");
    let config = config.replace("[server]\n", "[server]\nsandbox = false\n");
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    let state = daemon.path().join("state");
    let is_kept = || {
        ["feed.json", "record.json", "versions.json"].iter().all(|name| state.join(name).is_file())
    };
    daemon.until("state", is_kept);
    // At once: what is missing may be written while a directory is removed file by file.
    fs::rename(&state, daemon.path().join("removed")).expect("renamed");
    daemon.until("state again", is_kept);
}

/// "Kill -9 at 200 random points while feeds arrive: at each restart the state in force is one that
/// was valid, never older than the last one acknowledged in the log."
#[test]
fn formats_no_kill_loses_what_was_acknowledged() {
    let mut daemon = Daemon::start(&files(&feed(1_000, "", 28_129)));
    let mut numbers = Numbers(9);
    let serial_of = |line: &str| -> Option<u64> {
        let (_, rest) = line.split_once("feed ")?;
        let (serial, rest) = rest.split_once(' ')?;
        rest.contains("is in force").then(|| serial.parse().expect("a serial"))
    };
    let in_force = |daemon: &Daemon| daemon.log().lines().filter_map(serial_of).next_back();
    let mut serial = 1_000;
    let mut acknowledged = 1_000;
    for round in 0..200 {
        let until =
            std::time::Instant::now() + std::time::Duration::from_millis(numbers.below(25) as u64);
        loop {
            serial += 1;
            // In odd ones a mirror is down, and each has a version of its own.
            let down = if serial % 2 == 1 { "de1.example" } else { "" };
            daemon.write_feed(&feed(serial, down, u32::try_from(serial).expect("small")));
            if std::time::Instant::now() >= until {
                break;
            }
        }
        daemon.kill();
        acknowledged = in_force(&daemon).unwrap_or(acknowledged);
        // What it restarts with is what it kept, and nothing else.
        daemon.write_feed("{");
        daemon.start_again();
        let now =
            in_force(&daemon).unwrap_or_else(|| panic!("round {round}: no feed\n{}", daemon.log()));
        assert!(
            (acknowledged..=serial).contains(&now),
            "round {round}: {now}, not {acknowledged} to {serial}"
        );
        let mirrors = if now % 2 == 1 { 2 } else { 3 };
        assert_eq!(germany(&daemon).len(), mirrors, "round {round}: feed {now}");
        assert!(
            u64::from(daily(&daemon)) >= now,
            "round {round}: {} of feed {now}",
            daily(&daemon)
        );
        assert!(!daemon.log().contains("is not good"), "round {round}: {}", daemon.log());
        acknowledged = now;
    }
    assert!(acknowledged > 1_200, "feeds were taken meanwhile: {acknowledged}");
}
