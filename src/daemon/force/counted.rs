//! Answers are counted once, however snapshots come and go meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;

use super::tests::example;
use super::*;
use crate::answer::Transport;
use crate::daemon::answerer::MakeAnswerer;
use crate::serve::{MakeResponder, Place, Responder};

const FEED: &str = include_str!("../../../feed.json");
const QUERY: &[u8] = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x02db\x02de\x06clamav\x03net\0\0\x01\0\x01";
/// Of each thread.
const QUERIES: u64 = 20_000;

/// Answers the query over and over, from the newest snapshot at times.
fn answer(make: &MakeAnswerer, place: Place) {
    let mut answerer = make.make(place);
    let client = "127.0.0.1:53".parse().unwrap();
    for number in 0..QUERIES {
        if number % 50 == 0 {
            answerer.refresh();
        }
        let mut buffer = [0; 512];
        buffer[..QUERY.len()].copy_from_slice(QUERY);
        assert!(answerer.respond(&mut buffer, QUERY.len(), client, Transport::Udp).is_some());
    }
}

/// The answers of all paths, and what all mirrors have of them.
fn sums(ledger: &Ledger) -> (u64, f64) {
    let answered = ledger.answered();
    (answered.paths.values().sum(), answered.mirrors.values().sum())
}

#[test]
fn no_answer_is_lost_or_counted_twice() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("feed.json");
    std::fs::write(&path, FEED).unwrap();
    let mut force = example(&path);
    let (ledger, tallies) = (force.ledger().clone(), force.tallies().clone());
    let make = MakeAnswerer::new(force.snapshots().clone(), tallies.clone(), None);
    let done = AtomicBool::new(false);
    let places = [Place::Socket(0), Place::Socket(1), Place::Connection, Place::Connection];
    scope(|threads| {
        let reader = threads.spawn(|| {
            let mut before = 0;
            while !done.load(Ordering::Acquire) {
                let (paths, mirrors) = sums(&ledger);
                assert!(paths >= before, "{paths} after {before}");
                assert!((paths as f64 - mirrors).abs() < 1e-3, "{paths} {mirrors}");
                before = paths;
            }
        });
        let workers = places.map(|place| {
            threads.spawn({
                let make = &make;
                move || answer(make, place)
            })
        });
        let mut serial = 1_763_800_000u64;
        while workers.iter().any(|worker| !worker.is_finished()) {
            serial += 1;
            let state = if serial.is_multiple_of(2) { "\"down\", \"since\"" } else { "\"up\", \"since\"" };
            let next = FEED.replace("1763800000", &serial.to_string());
            std::fs::write(&path, next.replace("\"down\", \"since\"", state)).unwrap();
            force.read(Timestamp::now());
            force.free();
        }
        done.store(true, Ordering::Release);
        reader.join().unwrap();
    });
    force.free();
    let expected = QUERIES * places.len() as u64;
    assert_eq!(sums(&ledger).0, expected);
    let counted =
        |counted: crate::answer::Counted| counted.queries.iter().map(|(_, count)| count).sum::<u64>();
    assert_eq!((counted(tallies.udp()), counted(tallies.tcp())), (expected / 2, expected / 2));
}
