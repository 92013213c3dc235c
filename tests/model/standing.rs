//! How mirrors stand while feeds, overrides and the clock go on, against lists of all that was ever
//! said.

use crate::asking;
use crate::large;
use crate::oracle;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use asking::{A, Asker, Numbers, loaded, project, query, static_data};
use cvdns_core::answer::Transport;
use cvdns_core::fleet::Fleet;
use cvdns_core::health::{Feed, HealthInputs, Overrides, Settling};
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::dynamic_data::PoolAnswer;
use cvdns_core::snapshot::{Now, Snapshot, StaticData};
use jiff::Timestamp;
use large::{Network, host};
use oracle::{Oracle, States};

/// Three mirrors in each country.
const NETWORK: Network = Network { mirrors: 90, countries: 30 };
const STATES: [&str; 5] = ["up", "old", "down", "drained", "removed"];
/// The zone's.
const TTL: u32 = 60;
const START: &str = "2026-11-22T17:00:00Z";

static FRAME: LazyLock<(Arc<StaticData>, Oracle)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let static_data = static_data(&loaded(&NETWORK.write(directory.path())), None);
    let mut list = "host,ipv4,country\n".to_owned();
    for mirror in &static_data.plans[0].fleet.mirrors {
        writeln!(list, "{},{},{}", mirror.host, mirror.ipv4[0], mirror.country).unwrap();
    }
    let path = directory.path().join("mirrors.csv");
    std::fs::write(&path, list).unwrap();
    (static_data, Oracle::new(project(), &path))
});

/// An override: hosts, state, and the second at which it ends.
type SourceState = (String, &'static str, Option<u64>);

/// All that was ever said, in seconds from the start.
struct World {
    settle: u64,
    /// For each mirror the states that feeds said, each from its second on.
    states: Vec<Vec<(u64, &'static str)>>,
    overrides: Vec<SourceState>,
}

fn at(second: u64) -> Timestamp {
    START.parse::<Timestamp>().unwrap().checked_add(Duration::from_secs(second)).unwrap()
}

impl World {
    fn state(&self, mirror: usize) -> &'static str {
        self.states[mirror].last().unwrap().1
    }

    fn changes(&self, mirror: usize) -> Vec<(u64, &'static str)> {
        self.states[mirror]
            .windows(2)
            .filter(|two| two[0].1 != two[1].1)
            .map(|two| two[1])
            .collect()
    }

    /// The override that holds.
    fn overridden(&self, mirror: usize, now: u64) -> Option<&SourceState> {
        let host = host(mirror);
        let holds = |(hosts, _, until): &&SourceState| {
            let hosts = hosts.to_lowercase();
            let matches = match hosts.split_once('*') {
                Some((start, end)) => host.starts_with(start) && host.ends_with(end),
                None => host == hosts,
            };
            matches && until.is_none_or(|until| now < until)
        };
        self.overrides.iter().find(holds)
    }

    /// Until when a mirror that flaps is out, in words; none: it does not flap.
    fn flaps(&self, mirror: usize, now: u64) -> Option<String> {
        let changes = self.changes(mirror);
        let too_many = |&number: &usize| {
            let from = changes[number].0;
            changes[..=number].iter().filter(|(moment, _)| from - moment < 600).count() > 3
        };
        let ends = |number: usize| changes.get(number + 1).map_or(now, |(moment, _)| *moment);
        let settles = |number: usize| {
            changes[number].1 == "up" && ends(number) - changes[number].0 >= self.settle
        };
        let last = (0..changes.len()).rev().find(too_many)?;
        let (moment, state) = *changes.last()?;
        let out = !(last..changes.len()).any(settles);
        let until = if state == "up" {
            at(moment + self.settle).to_string()
        } else {
            "it stays up".to_owned()
        };
        out.then_some(until)
    }

    fn changed(&self, mirror: usize, now: u64) -> bool {
        let recent = |(moment, _): &(u64, &str)| now - moment < 600;
        self.overridden(mirror, now).is_none() && self.changes(mirror).iter().any(recent)
    }

    /// What answers follow from, and how people are shown it.
    fn stands(&self, mirror: usize, now: u64) -> (&'static str, String) {
        let state = self.state(mirror);
        if let Some((_, state, until)) = self.overridden(mirror, now) {
            let until = until.map(|until| format!(", until {}", at(until))).unwrap_or_default();
            return (state, format!("{state} (override: because{until})"));
        }
        match self.flaps(mirror, now).filter(|_| matches!(state, "up" | "old")) {
            Some(until) => (
                "drained",
                format!("out (settling: more than 3 changes in 10 minutes, until {until})"),
            ),
            None => (state, format!("{state} since 2026-11-20T02:11:00Z")),
        }
    }

    fn feed(&self, serial: u64) -> Feed {
        NETWORK.feed(serial, |mirror| self.state(mirror))
    }

    fn read_overrides(&self) -> Overrides {
        let mut text = String::new();
        for (hosts, state, until) in &self.overrides {
            writeln!(
                text,
                "[[override]]\nhost = \"{hosts}\"\nstate = \"{state}\"\nreason = \"because\""
            )
            .unwrap();
            if let Some(until) = until {
                writeln!(text, "until = {}", at(*until)).unwrap();
            }
        }
        let mut problems = Problems::default();
        let overrides = Overrides::parse("o", &text, &mut problems);
        assert!(problems.is_empty(), "{text}");
        overrides
    }

    /// Some mirrors are restless, others hardly ever change; now and then the operator says
    /// something else.
    fn go_on(&mut self, now: u64, numbers: &mut Numbers) {
        for mirror in 0..NETWORK.mirrors {
            let changes = numbers.chance(if mirror % 11 == 0 { 60 } else { 1 });
            let other = if numbers.chance(50) { "up" } else { *numbers.one_of(&STATES) };
            let state = if changes { other } else { self.state(mirror) };
            self.states[mirror].push((now, state));
        }
        if numbers.chance(30) {
            let count = numbers.below(4);
            self.overrides = (0..count).map(|_| said(now, numbers)).collect();
        }
    }
}

fn said(now: u64, numbers: &mut Numbers) -> SourceState {
    let number = numbers.below(NETWORK.mirrors);
    let hosts = match numbers.below(4) {
        0 => format!("Mirror{}*.example.net", number % 10),
        1 => format!("*{}.example.NET.", number % 10).trim_end_matches('.').to_owned(),
        _ => host(number / 11 * 11),
    };
    let until = numbers.chance(60).then(|| now + 1 + numbers.below(900) as u64);
    (hosts, *numbers.one_of::<&str>(&STATES), until)
}

/// Answers of every country's path, and how every mirror stands.
fn check(world: &World, snapshot: &Snapshot, now: u64) -> (usize, usize) {
    let (_, oracle) = &*FRAME;
    let stands: Vec<_> = (0..NETWORK.mirrors).map(|mirror| world.stands(mirror, now)).collect();
    let shown = &snapshot.dynamic_data.health(0).unwrap().mirrors;
    for (standing, (_, text)) in shown.iter().zip(&stands) {
        assert_eq!(standing.to_string(), *text, "at {now}");
    }
    let hosts = stands.iter().enumerate().map(|(mirror, (state, _))| (host(mirror), *state));
    let states = States { hosts: hosts.collect(), ..States::default() };
    let changed: BTreeSet<String> =
        (0..NETWORK.mirrors).filter(|mirror| world.changed(*mirror, now)).map(host).collect();
    let (mut asker, mut whole, mut half) = (Asker::new(snapshot), 0, 0);
    for country in oracle.hosts().into_iter().chain(["AQ", "KE", "LU", "NZ"]) {
        let path = oracle.path(Some(country));
        let asked = query(&format!("db.{country}.big.clamav.net"), A, None);
        let answer = asker.send_by(&asked, Transport::Tcp);
        let found: BTreeSet<Ipv4Addr> = answer
            .addresses()
            .into_iter()
            .map(
                |address| {
                    if let std::net::IpAddr::V4(v4) = address { v4 } else { panic!("{address}") }
                },
            )
            .collect();
        let mut rest = found.clone();
        for (group, take) in oracle.groups(&path, &states) {
            let own = rest.intersection(&group).count();
            assert_eq!(own, take, "{country} at {now}: {found:?}, of {group:?}");
            rest.retain(|address| !group.contains(address));
        }
        assert!(rest.is_empty(), "{country} at {now}: {rest:?}");
        let taken = oracle.taken(&path, &states);
        let is_half = taken.iter().any(|place| changed.contains(&place.host));
        let ttl = if is_half || oracle.is_dead(&path, &states) { TTL / 2 } else { TTL };
        assert!(
            answer.message.answers.iter().all(|record| record.ttl == ttl),
            "{country} at {now}: {answer:?}"
        );
        *(if is_half { &mut half } else { &mut whole }) += 1;
    }
    (whole, half)
}

/// The answers of all paths under all rules.
fn answers(snapshot: &Snapshot) -> Vec<&PoolAnswer> {
    let rules = snapshot.static_data.rules.iter().zip(0..);
    let keys = rules.flat_map(|(rule, number)| {
        (0..snapshot.static_data.plans[rule.plan as usize].paths.paths.len())
            .map(move |path| (number, path as u16))
    });
    keys.map(|(rule, path)| snapshot.dynamic_data.pool(rule, path).unwrap()).collect()
}

/// A day's half of a server: what it answers at every moment at which something happens, and that
/// in between nothing does.
fn follow(settle: u64, seed: u64) {
    let (static_data, _) = &*FRAME;
    let fleet: &Fleet = &static_data.plans[0].fleet;
    let (mut numbers, mut time) = (Numbers(seed), 0);
    let states = vec![vec![(0, "up")]; NETWORK.mirrors];
    let mut world = World { settle, states, overrides: Vec::new() };
    let mut settling = Settling::new(Duration::from_secs(settle));
    let mut snapshot: Option<Snapshot> = None;
    let (mut whole, mut half, mut by_clock, mut flapping) = (0, 0, 0, 0);
    for serial in 1..90 {
        let feed = world.feed(serial);
        let overrides = world.read_overrides();
        settling.follow(&feed, std::iter::once(fleet), at(time));
        let inputs = HealthInputs {
            feed: Some(&feed),
            overrides: Some(&overrides),
            settling: Some(&settling),
        };
        let day = Duration::from_secs(86_400);
        let now = |second: u64| Now { inputs, ..Now::new(Some(&feed), at(second), day) };
        let end = time + if numbers.chance(10) { 700 } else { 1 + numbers.below(200) as u64 };
        while time < end {
            let new = match snapshot.take() {
                Some(before) => Snapshot::after(&before, Arc::clone(static_data), &now(time)),
                None => Snapshot::new(Arc::clone(static_data), &now(time)),
            };
            let seen = check(&world, &new, time);
            (whole, half) = (whole + seen.0, half + seen.1);
            flapping += settling.flapping(at(time)).count();
            let next = static_data.next_change(&now(time)).unwrap_or(Timestamp::MAX);
            let until = u64::try_from(next.as_second() - at(0).as_second()).unwrap().min(end);
            // At any moment before it would be the same.
            let between = time + numbers.below((until - time) as usize) as u64;
            let other = Snapshot::new(Arc::clone(static_data), &now(between));
            assert!(answers(&other) == answers(&new), "not the same at {time} and {between}");
            by_clock += usize::from(until < end);
            (time, snapshot) = (until, Some(new));
        }
        world.go_on(time, &mut numbers);
    }
    assert!(
        whole > 300 && half > 300 && by_clock > 40 && flapping > 100,
        "{whole} {half} {by_clock} {flapping}"
    );
}

#[test]
fn everything_said_holds_when_it_should() {
    follow(45, 1);
}

#[test]
fn mirrors_may_settle_for_longer_than_changes_count() {
    follow(1500, 2);
}
