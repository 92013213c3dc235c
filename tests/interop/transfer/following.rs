//! Secondaries follow every change.

use std::time::{Duration, Instant};

use super::comparing::compare;
use super::secondaries::{served_serial, transferred};
use super::{ZONES, all_must_follow, scene};
use crate::support::daemon::Daemon;
use crate::support::fixture::{self, States, feed, states};

/// How many feeds follow one another.
const CHANGES: u64 = 200;

/// Writes a feed that takes one mirror out or back in, and returns the serial that the server then
/// answers.
pub(super) fn change(daemon: &Daemon, number: u64) -> u32 {
    let before = served_serial(daemon.port(), fixture::ORIGIN);
    let out = states(&[("de1.example", "down")]);
    let states = if number.is_multiple_of(2) { States::new() } else { out };
    daemon.write_feed(&feed(1_000 + number, &states));
    let mut now = before;
    daemon.until("another serial", || {
        now = served_serial(daemon.port(), fixture::ORIGIN);
        now != before
    });
    now
}

/// 200 changes in a row arrive at BIND, Knot and NSD, each before the next. All of them then have
/// the same records as the server, and answer alike; every fifth name is asked on the way, too.
#[test]
fn every_change_arrives_at_every_secondary() {
    let (daemon, secondaries) = scene();
    all_must_follow(&daemon, &secondaries);
    let mut times: Vec<Duration> = Vec::new();
    for number in 1..=CHANGES {
        let newest = change(&daemon, number);
        let begun = Instant::now();
        for secondary in &secondaries {
            secondary.must_reach(fixture::ORIGIN, newest);
        }
        times.push(begun.elapsed());
        if number % 67 == 0 {
            compare(&daemon, &secondaries, 5);
        }
    }
    times.sort();
    eprintln!(
        "{CHANGES} changes: median {:?}, longest {:?}",
        times[times.len() / 2],
        times.last().expect("some")
    );
    all_must_follow(&daemon, &secondaries);
    for zone in ZONES {
        let expected = transferred(daemon.port(), zone, Some(secondaries[0].program));
        assert!(expected.len() > 2, "{expected:?}");
        for secondary in &secondaries {
            assert_eq!(
                transferred(secondary.port, zone, None),
                expected,
                "{zone} of {:?}",
                secondary.program
            );
        }
    }
    compare(&daemon, &secondaries, 1);
}
