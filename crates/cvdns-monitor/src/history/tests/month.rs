//! A month of 40 mirrors with outages, stepped by minutes through the coordinator. Every cell and
//! every share equals an oracle's: a plain list of what each minute was, filled as the test shows
//! the results.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

use super::super::cell::{Cell, Strip};
use super::super::read::History;
use super::{HOLD, at, compact, database};
use crate::rule::Evidence;
use crate::{Coordinator, MonitorInputs};
use cvdns_core::config::{Log, Monitor};
use cvdns_core::fleet::Fleet;
use cvdns_core::health::State;
use cvdns_core::problem::Problems;

/// A Monday, 20 minutes past midnight, so that no cell begins with the test.
const START: i64 = 1_795_996_800 + 1_200;
const DAYS: i64 = 40;
const MIRRORS: usize = 40;

/// What an address shows in a minute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shows {
    Fresh,
    Stale,
    Fails,
}

/// What is known of a minute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Minute {
    Unknown,
    Served,
    Late,
    Failed,
    Away,
}

/// What mirror `mirror` shows: some fail for a while, flap, or serve an old timestamp; at one time
/// the coordinator itself sees nobody.
fn shows(mirror: usize, minute: i64) -> Shows {
    let (day, of_day) = (minute / 1440, minute % 1440);
    match mirror {
        _ if day == 12 && (300..480).contains(&of_day) => Shows::Fails,
        3 if (5..8).contains(&day) => Shows::Fails,
        7 if day != 12 && of_day % 180 < 25 => Shows::Fails,
        11 if day > 20 => Shows::Stale,
        17 if day == 9 && of_day < 1100 => Shows::Fails,
        23 if day % 9 == 4 && of_day > 1380 => Shows::Fails,
        29 if day > 30 => Shows::Fails,
        _ => Shows::Fresh,
    }
}

fn inputs() -> MonitorInputs {
    let mut list = String::new();
    for mirror in 0..MIRRORS {
        let v6 = if mirror % 3 == 0 {
            format!("ipv6 = [\"2001:db8::{mirror:x}\"]\n")
        } else {
            String::new()
        };
        // One mirror announces a downtime of a day and a half.
        let downtime = if mirror == 33 {
            format!(
                "downtime = [{{ from = {}, to = {} }}]\n",
                at(START + 15 * 86_400),
                at(START + 15 * 86_400 + 129_600)
            )
        } else {
            String::new()
        };
        let last = mirror + 1;
        writeln!(
            list,
            "[[mirror]]\nhost = \"m{mirror:02}.example\"\ncountry = \"de\"\n\
             ipv4 = [\"192.0.2.{last}\"]\n{v6}{downtime}"
        )
        .unwrap();
    }
    let mut problems = Problems::default();
    let fleet = Fleet::parse("mirrors.toml", &list, &mut problems);
    let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(!problems.has_errors(), "{found:#?}");
    MonitorInputs {
        role: crate::Role::Alone,
        report: std::path::PathBuf::new(),
        members: Vec::new(),
        settings: Monitor::default(),
        fleets: vec![("clamav.example.".to_owned(), fleet)],
        feed: None,
        secret_key: None,
        release: None,
        lag: 1,
        max_age: Duration::from_secs(3600),
        state: std::path::PathBuf::new(),
        log: Log { level: "info", json: false, query_sample: 0.0, file: None },
        page: None,
    }
}

/// The oracle: what each minute of an address was.
#[derive(Default)]
struct Truth {
    minutes: Vec<Minute>,
    last: Option<(i64, Minute)>,
    checks: Vec<(i64, Shows)>,
    state: Option<State>,
    changes: Vec<(i64, State, State)>,
}

impl Truth {
    /// The minute of the last check's result, while it holds.
    fn pass(&mut self, minute: i64) {
        let holds = self.last.filter(|(checked, _)| (minute - checked) * 60 < HOLD);
        self.minutes.push(holds.map_or(Minute::Unknown, |(_, what)| what));
    }

    /// Cells by adding up minutes, and the number of seconds served and failed in all of them.
    fn cells(&self, from: i64, step: i64, count: usize) -> Vec<Cell> {
        let mut cells = vec![Cell::default(); count];
        for (minute, what) in self.minutes.iter().enumerate() {
            let second = START + minute as i64 * 60;
            if second < from {
                continue;
            }
            let cell = &mut cells[((second - from) / step) as usize];
            match what {
                Minute::Unknown => {}
                Minute::Served => cell.served += 60,
                Minute::Late => {
                    cell.served += 60;
                    cell.late += 60;
                }
                Minute::Failed => cell.failed += 60,
                Minute::Away => cell.away += 60,
            }
        }
        cells
    }
}

struct Month {
    coordinator: Coordinator,
    addresses: Vec<(usize, IpAddr)>,
    truths: Vec<Truth>,
    notes: Vec<super::Note>,
    random: u64,
    away: usize,
}

impl Month {
    fn new() -> Self {
        let inputs = inputs();
        let mirrors = inputs.fleets[0].1.mirrors.iter().enumerate();
        let addresses: Vec<(usize, IpAddr)> = mirrors
            .flat_map(|(number, mirror)| mirror.addresses().map(move |address| (number, address)))
            .collect();
        let truths = addresses.iter().map(|_| Truth::default()).collect();
        let coordinator = Coordinator::without_memory(&inputs, at(START)).unwrap();
        Self { coordinator, addresses, truths, notes: Vec::new(), random: 1, away: 0 }
    }

    /// Checks what is due, and what is due because of that.
    fn step(&mut self, minute: i64) {
        let now = at(START + minute * 60);
        let mut shown = Vec::new();
        loop {
            let due = self.coordinator.due(now);
            if due.is_empty() {
                break;
            }
            for (number, _) in due {
                let shows = shows(self.addresses[number].0, minute);
                let evidence = match shows {
                    Shows::Fresh => Evidence::Serves { timestamp: now, versions: [63, 1, 339] },
                    Shows::Stale => {
                        let timestamp = at(now.as_second() - 26 * 3600);
                        Evidence::Serves { timestamp, versions: [63, 1, 339] }
                    }
                    Shows::Fails => Evidence::Dead("no answer".to_owned()),
                };
                let random = &mut self.random;
                let mut next = || {
                    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    *random
                };
                self.notes.extend(self.coordinator.checked(number, evidence, now, &mut next));
                shown.push((number, shows));
            }
        }
        self.tell(minute, &shown);
    }

    /// Tells the oracle.
    fn tell(&mut self, minute: i64, shown: &[(usize, Shows)]) {
        let rows = self.coordinator.rows();
        let frozen = self.coordinator.frozen().is_some();
        assert!(frozen || rows.iter().all(|row| !row.reason.starts_with("withheld")), "{minute}");
        for (number, shows) in shown {
            let late = matches!(rows[*number].state, Some(State::Old | State::Removed));
            let what = match shows {
                Shows::Fails if frozen => Minute::Unknown,
                Shows::Fails => Minute::Failed,
                _ if late => Minute::Late,
                _ => Minute::Served,
            };
            self.truths[*number].last = Some((minute, what));
            self.truths[*number].checks.push((minute, *shows));
        }
        for (row, truth) in rows.iter().zip(&mut self.truths) {
            let (was, is) = (truth.state.unwrap_or(State::Up), row.state.unwrap_or(State::Up));
            if was != is {
                truth.changes.push((minute, was, is));
            }
            truth.state = Some(is);
        }
        // Downtimes are noted when they begin and every hour.
        let away = self.coordinator.in_downtime(at(START + minute * 60));
        if away.len() > self.away || minute % 60 == 0 {
            for note in &away {
                let number = self.addresses.iter().position(|(_, of)| *of == note.address).unwrap();
                self.truths[number].last = Some((minute, Minute::Away));
            }
            self.notes.extend(away.iter().cloned());
        }
        self.away = away.len();
        for truth in &mut self.truths {
            truth.pass(minute);
        }
    }

    /// Compares all that is read with the oracle, before the checks of `minute`.
    fn compare(&self, history: &History, minute: i64) {
        let now = START + minute * 60;
        let (hour, day) = (now - now % 3600, now - now % 86_400);
        let mut seen = 0;
        let take = &mut |mirror: super::super::MirrorHistory| {
            let mut sums = [(0, 0); 3];
            for address in &mirror.addresses {
                let number = self.addresses.iter().position(|(_, of)| *of == address.address);
                let truth = &self.truths[number.unwrap()];
                let strips = [&address.strips.day, &address.strips.month, &address.strips.year];
                let spans = [
                    (hour - 23 * 3600, 3600, 24),
                    (day - 29 * 86_400, 86_400, 30),
                    (day - 364 * 86_400, 86_400, 365),
                ];
                for ((strip, (from, step, count)), sum) in
                    strips.into_iter().zip(spans).zip(&mut sums)
                {
                    let cells = truth.cells(from, step, count);
                    let at = format!("{} at minute {minute}, step {step}", address.address);
                    assert_eq!(
                        (strip.from.as_second(), i64::from(strip.step)),
                        (from, step),
                        "{at}"
                    );
                    assert_eq!(strip.cells, cells, "{at}");
                    let served: u32 = cells.iter().map(|cell| cell.served).sum();
                    let failed: u32 = cells.iter().map(|cell| cell.failed).sum();
                    is_share(strip, served, failed);
                    *sum = (sum.0 + served, sum.1 + failed);
                }
                compare_checks(truth, &address.checks, now);
                assert_eq!(address.state, truth.state);
                seen += 1;
            }
            let strips = [&mirror.strips.day, &mirror.strips.month, &mirror.strips.year];
            for (strip, (served, failed)) in strips.into_iter().zip(sums) {
                is_share(strip, served, failed);
            }
        };
        history.each(None, at(now), 10, take).unwrap();
        assert_eq!(seen, self.addresses.len());
    }
}

/// The last checks that are no notes of downtimes.
fn compare_checks(truth: &Truth, checks: &[super::Check], now: i64) {
    let read: Vec<(i64, bool)> = checks
        .iter()
        .filter(|check| check.found != super::Found::Away && !check.withheld)
        .map(|check| (check.at.as_second(), check.found == super::Found::Serves))
        .collect();
    let believed = truth.checks.iter().rev().filter(|(minute, shows)| {
        let withheld = truth.minutes.get(*minute as usize) == Some(&Minute::Unknown);
        !(withheld && *shows == Shows::Fails)
    });
    let all: Vec<(i64, bool)> = believed
        .map(|(minute, shows)| (START + minute * 60, *shows != Shows::Fails))
        .take(read.len())
        .collect();
    assert_eq!(read, all, "at {now}");
}

fn is_share(strip: &Strip, served: u32, failed: u32) {
    match strip.availability() {
        None => assert_eq!(served + failed, 0),
        Some(share) => {
            let expected = f64::from(served) / f64::from(served + failed);
            assert!((share - expected).abs() < 1e-12, "{share}, not {expected}");
        }
    }
}

#[test]
fn every_cell_and_share_of_a_month_is_the_oracles() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = database(dir.path());
    let history = History::open(dir.path()).unwrap().unwrap();
    let mut month = Month::new();
    let mut compared = 0;
    for minute in 0..DAYS * 1440 {
        if minute % 357 == 0 && minute > 0 {
            super::record(&mut database, &std::mem::take(&mut month.notes));
            // What is read must not depend on how far compaction has come.
            if compared % 3 == 0 {
                compact(&mut database);
            }
            month.compare(&history, minute);
            compared += 1;
        }
        month.step(minute);
    }
    assert!(compared > 150);
    super::record(&mut database, &std::mem::take(&mut month.notes));
    compact(&mut database);
    let now = START + DAYS * 86_400;
    let mut kinds = std::collections::HashSet::new();
    for (mirror, _) in &month.addresses {
        let host = format!("m{mirror:02}.example");
        // The hours of every day, also of those whose checks are gone.
        for day in 0..=DAYS {
            let day = START - START % 86_400 + day * 86_400;
            for (address, strip) in history.hours(&host, at(day), at(now)).unwrap() {
                let number = month.addresses.iter().position(|(_, of)| *of == address).unwrap();
                let expected = month.truths[number].cells(day, 3600, 24 * 60);
                assert_eq!(strip.cells, expected[..24], "{host} {address} {day}");
                kinds.extend(strip.cells.iter().map(Cell::kind));
            }
        }
        let read = history.of(&host, at(now), 20_000).unwrap().unwrap();
        for address in &read.addresses {
            let number = month.addresses.iter().position(|(_, of)| *of == address.address).unwrap();
            let truth = &month.truths[number];
            let changes: Vec<_> = read
                .changes
                .iter()
                .filter(|change| change.address == address.address)
                .map(|change| ((change.at.as_second() - START) / 60, change.was, change.is))
                .collect();
            let expected: Vec<_> = truth.changes.iter().rev().take(100).copied().collect();
            assert_eq!(changes, expected, "{host}");
            assert_eq!(
                address.since.map(|since| (since.as_second() - START) / 60),
                truth.changes.last().map(|(minute, ..)| *minute)
            );
            // 31 days of checks, the one under way among them.
            let oldest = address.checks.last().unwrap().at.as_second();
            let first_kept = (now - 1).div_euclid(86_400) - 30;
            assert_eq!(oldest.div_euclid(86_400), first_kept);
        }
    }
    assert_eq!(kinds.len(), 6, "the month has cells of every kind: {kinds:?}");
}
