//! Each answer is counted once, however snapshots come and go meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;

use super::*;
use crate::daemon::answerer::MakeAnswerer;
use crate::daemon::observer::Observing;
use cvdns_core::answer::AnswerStats;
use cvdns_net::{Endpoint, MakeResponder};

const FEED: &str = include_str!("../../../../feed.json");
const QUERY: &[u8] = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x02db\x02de\x06clamav\x03net\0\0\x01\0\x01";
/// Queries of each thread.
const QUERIES: u64 = 20_000;

/// Answers the query over and over, and takes up the newest snapshot now and then.
fn answer(make: &MakeAnswerer, endpoint: Endpoint) {
    let mut answerer = make.make(endpoint);
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

/// The answers of all paths, and the sum of all mirrors' shares in them.
fn sums(answered: &AnswerStats) -> (u64, f64) {
    (
        answered.paths.values().sum(),
        answered.mirrors.values().map(|portion| portion.answers()).sum(),
    )
}

/// Checks that no count went back.
#[track_caller]
fn never_goes_back(before: &AnswerStats, now: &AnswerStats) {
    for (path, count) in &before.paths {
        assert!(now.paths[path] >= *count, "{path:?}: {} after {count}", now.paths[path]);
    }
    for (host, portion) in &before.mirrors {
        let (now, before) = (now.mirrors[host], *portion);
        assert!(
            now >= before && now.answers() >= before.answers(),
            "{host}: {now:?} after {before:?}"
        );
    }
}

/// A feed that differs from the one of the serial before.
fn feed(serial: u64) -> String {
    let word = if serial.is_multiple_of(2) { "\"down\", \"since\"" } else { "\"up\", \"since\"" };
    FEED.replace("1763800000", &serial.to_string()).replace("\"down\", \"since\"", word)
}

/// Workers answer from the last three snapshots, and leave them in another order than they came.
#[test]
fn sums_are_the_same_in_whatever_order_snapshots_are_freed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("feed.json");
    std::fs::write(&path, FEED).unwrap();
    let mut state = example(&path);
    let reclaimer = state.publisher.reclaimer().clone();
    let make = MakeAnswerer::new(
        state.publisher.snapshots().clone(),
        state.publisher.queries().clone(),
        Observing::default(),
    );
    let mut answerers =
        [Endpoint::Socket(0), Endpoint::Socket(1), Endpoint::Connection(Transport::Tcp)]
            .map(|endpoint| make.make(endpoint));
    let (mut answers, mut serial) = (0, 1_763_800_000u64);
    let mut next = |state: &mut ServerState| {
        serial += 1;
        std::fs::write(&path, feed(serial)).unwrap();
        state.read(Timestamp::now());
    };
    for round in 0..20u64 {
        for (number, answerer) in answerers.iter_mut().enumerate() {
            next(&mut state);
            answerer.refresh();
            let mut buffer = [0; 512];
            for _ in 0..=(round * 7 + number as u64 * 5) {
                buffer[..QUERY.len()].copy_from_slice(QUERY);
                let client = "127.0.0.1:53".parse().unwrap();
                assert!(
                    answerer.respond(&mut buffer, QUERY.len(), client, Transport::Udp).is_some()
                );
                answers += 1;
            }
        }
        next(&mut state);
        let before = reclaimer.stats();
        for number in [1, 2, 0] {
            answerers[number].refresh();
            state.publisher.reclaim();
            assert_eq!(reclaimer.stats(), before);
        }
        assert_eq!(before.paths.values().sum::<u64>(), answers);
    }
}

#[test]
fn no_answer_is_lost_or_counted_twice() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("feed.json");
    std::fs::write(&path, FEED).unwrap();
    let mut state = example(&path);
    let (reclaimer, tallies) =
        (state.publisher.reclaimer().clone(), state.publisher.queries().clone());
    let make = MakeAnswerer::new(
        state.publisher.snapshots().clone(),
        tallies.clone(),
        Observing::default(),
    );
    let done = AtomicBool::new(false);
    let endpoints = [
        Endpoint::Socket(0),
        Endpoint::Socket(1),
        Endpoint::Connection(Transport::Tcp),
        Endpoint::Connection(Transport::Tcp),
    ];
    scope(|threads| {
        let reader = threads.spawn(|| {
            let mut before = AnswerStats::default();
            while !done.load(Ordering::Acquire) {
                let now = reclaimer.stats();
                never_goes_back(&before, &now);
                let (paths, mirrors) = sums(&now);
                // Rounded down.
                assert!(
                    mirrors <= paths as f64 + 1e-6 && mirrors > paths as f64 - 1e-3,
                    "{paths} {mirrors}"
                );
                before = now;
            }
        });
        let workers = endpoints.map(|endpoint| {
            threads.spawn({
                let make = &make;
                move || answer(make, endpoint)
            })
        });
        let mut serial = 1_763_800_000u64;
        while workers.iter().any(|worker| !worker.is_finished()) {
            serial += 1;
            std::fs::write(&path, feed(serial)).unwrap();
            state.read(Timestamp::now());
            state.publisher.reclaim();
        }
        done.store(true, Ordering::Release);
        reader.join().unwrap();
    });
    state.publisher.reclaim();
    let expected = QUERIES * endpoints.len() as u64;
    assert_eq!(sums(&reclaimer.stats()).0, expected);
    let counted = |counted: cvdns_core::answer::QueryTotals| {
        counted.queries.iter().map(|(_, count)| count).sum::<u64>()
    };
    assert_eq!(
        (counted(tallies.totals(Transport::Udp)), counted(tallies.totals(Transport::Tcp))),
        (expected / 2, expected / 2)
    );
}
