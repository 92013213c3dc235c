//! The long forms, whose figures docs/reliability.md has.

use std::time::{Duration, Instant};

use super::super::support::daemon::Daemon;
use super::asker::Askers;
use super::counting::CounterWatch;
use super::files;

/// Eight threads with 16 queries each every 6.4 ms: 20,000 queries a second, as far as the machine
/// can.
const THREADS: usize = 8;
const PACE: Duration = Duration::from_micros(6_400);

#[test]
#[ignore = "takes a minute and the whole machine (docs/reliability.md)"]
fn sixty_servers_in_a_minute_at_20000_queries_a_second() {
    let (files, admin) = files();
    let mut daemon = Daemon::start(&files);
    let askers = Askers::start(daemon.port(), THREADS, Some(PACE));
    let watch = CounterWatch::start(admin);
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    for turn in 1..=60 {
        let replacing = Instant::now();
        let (status, log) = daemon.replace();
        assert_eq!(status.code(), Some(0), "{log}");
        longest = longest.max(replacing.elapsed());
        std::thread::sleep(Duration::from_secs(turn).saturating_sub(begun.elapsed()));
    }
    let (seconds, asked) = (begun.elapsed().as_secs_f64(), askers.stop());
    let pages = watch.stop();
    eprintln!(
        "60 replacements in {seconds:.1} s (the longest took {longest:?}), {asked} queries ({:.0} a second), \
         none lost, none wrong; {pages} pages of metrics, no counter fell",
        asked as f64 / seconds
    );
}

#[test]
#[ignore = "takes the whole machine (docs/reliability.md)"]
fn a_hundred_reloads_in_ten_seconds_at_20000_queries_a_second() {
    let (files, admin) = files();
    let daemon = Daemon::start(&files);
    let askers = Askers::start(daemon.port(), THREADS, Some(PACE));
    let watch = CounterWatch::start(admin);
    let begun = Instant::now();
    for turn in 1..=100 {
        daemon.sighup();
        std::thread::sleep(Duration::from_millis(100 * turn).saturating_sub(begun.elapsed()));
    }
    let (seconds, asked) = (begun.elapsed().as_secs_f64(), askers.stop());
    let (pages, reloads) = (watch.stop(), daemon.log().matches("] reloaded ").count());
    let reloads = reloads.max(daemon.log().matches(" reloaded ").count());
    assert!(reloads > 1, "{}", daemon.log());
    eprintln!(
        "{reloads} reloads in {seconds:.1} s, {asked} queries ({:.0} a second), none lost, none wrong; {pages} \
         pages of metrics, no counter fell",
        asked as f64 / seconds
    );
}
