//! What a server holds of the machine's memory, and that it is no more after it has run for long.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod large;
mod support;

use large::{LARGE, Network};
use std::path::Path;
use std::time::{Duration, Instant};
use support::daemon::{Daemon, Files};

/// MiB that it holds, without the pages of its own file: of those a test build has more than one that is served with.
fn resident(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("its status");
    let kib = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("a figure");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("KiB")
    };
    (kib("RssAnon:") + kib("RssShmem:")) >> 10
}

/// Waits until it holds at most so many MiB: what was in force before is freed when the last worker has left it.
fn holds(daemon: &Daemon, most: u64, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while resident(daemon) > most {
        assert!(Instant::now() < deadline, "{what}: {} MiB", resident(daemon));
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn lives_on(files: &Files, feed: impl Fn(u64) -> String, (reloads, feeds): (u64, u64), most: u64) {
    let daemon = Daemon::start(&files.clone().with("feed.json", feed(1)));
    holds(&daemon, most, "at the start");
    for _ in 0..reloads {
        let logged = daemon.log().len();
        daemon.sighup();
        daemon.wait_for_log(logged, &["reloaded"]);
    }
    holds(&daemon, most, "after reloads");
    for serial in 2..2 + feeds {
        let logged = daemon.log().len();
        daemon.write_feed(&feed(serial));
        daemon.wait_for_log(logged, &[&format!("feed {serial} of")]);
    }
    holds(&daemon, most, "after feeds");
}

#[test]
fn the_example_stays_small() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(project.join(path)).expect("a file of the example");
    let [(_, zone), _, (_, config)] = Network { mirrors: 1, countries: 1 }.files("@PORT@");
    let files = Files::default()
        .with("cvdns.toml", config)
        .with("zone.toml", zone)
        .with("mirrors.toml", read("zones/mirrors.toml"));
    let feed = |serial: u64| {
        let feed = read("feed.json").replace("1763800000", &serial.to_string());
        if serial.is_multiple_of(2) { feed.replace("\"state\": \"down\"", "\"state\": \"up\"") } else { feed }
    };
    lives_on(&files, feed, (10, 100), 44);
}

#[test]
fn ten_thousand_mirrors_fit() {
    let files = LARGE.files("@PORT@").into_iter();
    let files = files.fold(Files::default(), |files, (name, content)| files.with(name, content));
    let feed = |serial: u64| {
        let serial_of = usize::try_from(serial).expect("a small number");
        LARGE.feed_text(serial, |number| if (number + serial_of) % 20 == 0 { "down" } else { "up" })
    };
    lives_on(&files, feed, (3, 20), 140);
}
