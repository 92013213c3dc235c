//! What a year of 10,000 addresses takes: `cargo test --release -p cvdns-monitor --lib -- --ignored
//! --nocapture a_year_of_ten_thousand` prints the figures of docs/monitor.md.

use std::time::Instant;

use super::super::{Found, History};
use super::{HOLD, at, compact, database, ip, note};
use crate::history::database::{path, size};
use crate::history::write::write;

const ADDRESSES: u32 = 10_000;
const DAYS: i64 = 366;
const START: i64 = 20_000 * 86_400;

/// A line of /proc/self/status, such as `VmHWM`, in MiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

/// The second of the check of an hour, spread as the coordinator spreads checks.
fn jitter(address: u32, second: i64, range: i64) -> i64 {
    let mixed =
        (u64::from(address) << 32 ^ second.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as i64 % range
}

/// The checks of an address on a day: each hour, or every five minutes while it fails, which one
/// address in twenty does. Of days whose checks are dropped at the end there are fewer, which give
/// the same hours.
fn of_day(address: u32, day: i64) -> Vec<super::Note> {
    let begins = START + day * 86_400;
    let fails = (i64::from(address) + day / 3) % 20 == 0;
    let (found, step, range) =
        if fails { (Found::Dead, 300, 7) } else { (Found::Serves, 3600, 3600) };
    let (step, range) = if day < DAYS - 40 { (7_200, 600) } else { (step, range) };
    let host = format!("mirror{}.example.org", address / 2);
    (0..86_400 / step)
        .map(|n| {
            let second = begins + n * step;
            note(&host, ip(address), second + jitter(address, second, range), found)
        })
        .collect()
}

#[test]
#[ignore = "it takes minutes; its figures are in docs/monitor.md"]
fn a_year_of_ten_thousand() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = database(dir.path());
    let begun = Instant::now();
    for day in 0..DAYS {
        for chunk in 0..20 {
            let all = (0..ADDRESSES).filter(|address| address % 20 == chunk);
            let notes: Vec<_> = all.flat_map(|address| of_day(address, day)).collect();
            write(&mut database, &notes, HOLD).unwrap();
        }
        compact(&mut database);
    }
    println!("written in {:?}; memory {} MiB", begun.elapsed(), memory("VmHWM:"));
    let octets = size(&path(dir.path()));
    for table in ["checks", "hours", "days", "dates", "reasons", "addresses", "changes"] {
        let query = format!("SELECT sum(pgsize) FROM dbstat WHERE name = '{table}'");
        let table_size: Option<i64> = database.query_row(&query, [], |row| row.get(0)).ok();
        println!("{table}: {table_size:?} octets");
    }
    println!("size: {:.1} MB", octets as f64 / 1e6);
    drop(database);
    let history = History::open(dir.path()).unwrap().unwrap();
    let begun = Instant::now();
    let mut mirrors = 0;
    let now = at(START + (DAYS - 1) * 86_400 + 80_000);
    let take = &mut |mirror: super::super::MirrorHistory| {
        mirrors += 1;
        assert_eq!(mirror.addresses.len(), 2);
        assert_eq!(mirror.damaged, 0);
    };
    history.each(None, now, 20, take).unwrap();
    println!(
        "{mirrors} mirrors are read in {:?}; memory {} MiB",
        begun.elapsed(),
        memory("VmHWM:")
    );
    assert_eq!(mirrors, 5000);
    assert!(octets < 200_000_000, "{octets}");
    assert!(memory("VmHWM:") < 200);
}
