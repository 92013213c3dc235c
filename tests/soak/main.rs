//! A server under load and attack for as long as one likes: it must lose no good query, give no
//! wrong answer, log nothing that nobody provoked, and hold no more memory in the end than after it
//! was warm.
//!
//! `cargo test --test soak` takes a minute. For an hour, and with the program that users run:
//! `CVDNS_SOAK=3600 cargo test --release --test soak -- --nocapture` (seconds).
//!
//! A binary of its own: tests beside it would take the processor that its load needs.
#![cfg(target_os = "linux")]
#![allow(clippy::too_many_lines, reason = "a test tells one story, or has a table of cases")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod changes;
mod expected;
mod good;
mod hostile;
mod log;
mod samples;
mod shared;

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use support::daemon::Daemon;
use support::{fixture, http, ports};

use expected::Expectations;
use samples::Samples;
use shared::Shared;

/// How long the test takes where nobody says otherwise.
const SECONDS: u64 = 60;

/// The longest time that the server has to become warm.
const WARM: u64 = 600;

/// How long the cost of an answer is measured.
const MEASURED: Duration = Duration::from_secs(3);

/// The part of one worker's time that good queries may take.
const LOAD: f64 = 0.5;

/// Good clients are in 127.0.0.0/16 and ask more than the limit allows for one address. Hostile
/// ones are elsewhere in 127.0.0.0/8.
const SECTIONS: &str = "[rate-limit]\nresponses-per-second = 500\nexempt = [\"127.0.0.0/16\"]\n";

#[test]
fn it_runs_on_and_on() {
    let seconds = std::env::var("CVDNS_SOAK")
        .map_or(SECONDS, |text| text.parse().expect("CVDNS_SOAK is a number of seconds"));
    let admin = ports::free();
    let daemon = Daemon::start(&files(admin));
    let expectations = Arc::new(Expectations::new());
    let shared = Arc::new(Shared::new(daemon.port()));
    let rate = LOAD * good::capacity(&daemon, &shared, &expectations, MEASURED);
    println!("good queries: {rate:.0} a second, {LOAD} of what one worker could answer");

    let mut threads = hostile::start(&shared);
    threads.extend(good::start(&shared, &expectations, rate));
    let samples = observe(&daemon, admin, &shared, seconds);
    shared.stop();
    for thread in threads {
        thread.join().expect("no thread of the test panics");
    }
    let counts = shared.counts();
    println!("{counts}");
    assert!(counts.udp > 0 && counts.tcp > 0 && counts.hostile > 0, "{counts}");
    let page = http::samples(&http::get(admin, "/metrics").1);
    let panics: f64 =
        page.iter().filter(|(name, _)| name.contains("panic")).map(|(_, count)| count).sum();
    assert!(panics.abs() < 0.5, "{page:#?}");
    let mut log = log::Tail::new(daemon.path().join("log"));
    daemon.last_log();
    log.read().expect("nothing unprovoked in the log");
    samples.assert_flat();
}

fn files(admin: u16) -> support::daemon::Files {
    let files = fixture::files();
    let config = files.text("cvdns.toml").to_owned();
    let config = format!("{config}[admin]\nlisten = \"127.0.0.1:{admin}\"\n{SECTIONS}");
    files.with("cvdns.toml", config).with("feed.json", changes::feed(changes::FIRST))
}

/// Changes feed and files every second, and takes a sample of the server's memory after each.
fn observe(daemon: &Daemon, admin: u16, shared: &Shared, seconds: u64) -> Samples {
    let mut samples = Samples::new((seconds / 2).min(WARM), seconds);
    let mut log = log::Tail::new(daemon.path().join("log"));
    let begun = Instant::now();
    for second in 1..=seconds {
        changes::make(daemon, &mut log, shared, second);
        // Whoever watches a server asks it all the time.
        let (status, _) = http::get(admin, "/metrics");
        assert_eq!(status, 200);
        shared.assert_no_failure();
        let next = begun + Duration::from_secs(second);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        samples.take(second, daemon.pid(), &shared.counts());
    }
    samples
}

/// Starts a thread of the test.
fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    Builder::new().name(name.to_owned()).spawn(work).expect("a thread")
}
