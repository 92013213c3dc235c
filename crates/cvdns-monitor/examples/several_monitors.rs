//! How rules of combining fare when monitors are wrong: over 20,000 addresses, one in twenty of
//! which is dead, and with 1 % of the checks of good ones failing by chance. Each rule shows which
//! part of the good addresses it takes out, and which part of the dead ones it leaves in.
//!
//! `cargo run --release -p cvdns-monitor --example several_monitors` prints the table; the tests
//! run it with fewer addresses.

#![allow(unreachable_pub, reason = "the tests include this file")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use cvdns_core::config::{Config, Member};
use cvdns_core::problem::Problems;
use cvdns_core::report::{Evidence, Report, Sighting};
use cvdns_monitor::combine::{Combined, Seat, Standing, Subject, combine};
use jiff::Timestamp;

const KEY: &str = "RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5";

/// Seconds between two reports of a monitor.
const INTERVAL: u64 = 300;

/// Countries of monitors, in the order in which they are added; the last two are in Asia.
const COUNTRIES: [&str; 7] = ["DE", "US", "FR", "BR", "AU", "JP", "SG"];

/// What a monitor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// It reports what it finds.
    Honest,
    /// It reaches nothing.
    Isolated,
    /// It says that everything is up.
    SaysUp,
    /// It says the contrary of what it finds.
    Inverts,
    /// Its report is two intervals old: it shows addresses up that died since.
    Slow,
    /// Its report is three intervals old.
    Late,
    /// It cannot reach 30 % of the addresses, which are the same for all such monitors.
    Partial,
}

/// Which part of the addresses a rule gets wrong, in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Errors {
    /// Good ones that are taken out.
    pub out: f64,
    /// Dead ones that are left in.
    pub left_in: f64,
}

/// The errors of each rule in a case.
#[derive(Debug)]
pub struct Case {
    /// What is the case.
    pub name: &'static str,
    /// An address is out if any monitor says that it fails.
    pub any: Errors,
    /// An address is in if more than 18 % of the monitors say that it serves.
    pub eighteen: Errors,
    /// The majority decides.
    pub majority: Errors,
    /// The rule of `combine`: what is undecided is as it was, which was right.
    pub rule: Errors,
    /// Addresses that are not for a continent, in percent.
    pub cut: f64,
    /// Whether all is frozen.
    pub frozen: bool,
}

/// All cases.
pub fn cases() -> Vec<(&'static str, Vec<Conduct>)> {
    use Conduct::{Honest, Inverts, Isolated, Late, Partial, SaysUp, Slow};
    let five = |last| vec![Honest, Honest, Honest, Honest, last];
    vec![
        ("5, all well", vec![Honest; 5]),
        ("5, one isolated", five(Isolated)),
        ("5, one liar says \"up\"", five(SaysUp)),
        ("5, one liar inverts", five(Inverts)),
        ("5, one slow", five(Slow)),
        ("5, one late", five(Late)),
        ("3, one liar inverts", vec![Honest, Honest, Inverts]),
        ("7, two liars say \"up\"", vec![Honest, Honest, Honest, Honest, Honest, SaysUp, SaysUp]),
        ("7, two liars invert", vec![Honest, Honest, Honest, Honest, Honest, Inverts, Inverts]),
        (
            "7, a continent cannot reach 30 %",
            vec![Honest, Honest, Honest, Honest, Honest, Partial, Partial],
        ),
        ("7, four isolated", vec![Honest, Honest, Honest, Isolated, Isolated, Isolated, Isolated]),
    ]
}

/// Numbers that look random (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_795_000_000).unwrap_or_default()
}

fn host(number: usize) -> String {
    format!("m{number}.example")
}

fn address(number: usize) -> IpAddr {
    let base = u32::from(Ipv4Addr::new(10, 0, 0, 0));
    Ipv4Addr::from(base.wrapping_add(u32::try_from(number).unwrap_or_default())).into()
}

fn members(count: usize) -> Vec<Member> {
    let member = |(number, country): (usize, &&str)| {
        format!(
            "[[monitor.member]]\nname = \"m{number}\"\nsource = \"r{number}\"\n\
             public-key = \"{KEY}\"\ncountry = \"{country}\"\n"
        )
    };
    let countries: Vec<&str> = if count == COUNTRIES.len() {
        COUNTRIES.to_vec()
    } else {
        COUNTRIES.iter().take(count).copied().collect()
    };
    let sections: String = countries.iter().enumerate().map(member).collect();
    let text = format!("zone = [{{ file = \"z\" }}]\n{sections}");
    let config = Config::parse("c", &text, &mut Problems::default());
    config.map(|config| config.monitor.members).unwrap_or_default()
}

/// What a monitor says of each address; `alive` is the truth, and `was_alive` that of before.
fn says(conduct: Conduct, alive: &[bool], was_alive: &[bool], random: &mut Random) -> Vec<bool> {
    let mut says = Vec::with_capacity(alive.len());
    for (number, (alive, was_alive)) in alive.iter().zip(was_alive).enumerate() {
        let fails_by_chance = random.below(100) == 0;
        says.push(match conduct {
            Conduct::Honest => *alive && !fails_by_chance,
            Conduct::Isolated => false,
            Conduct::SaysUp => true,
            Conduct::Inverts => !*alive || fails_by_chance,
            Conduct::Slow | Conduct::Late => *was_alive && !fails_by_chance,
            Conduct::Partial => *alive && !fails_by_chance && number % 10 >= 3,
        });
    }
    says
}

fn report(number: usize, conduct: Conduct, says: &[bool]) -> Report {
    let intervals = match conduct {
        Conduct::Slow => 2,
        Conduct::Late => 3,
        _ => 0,
    };
    let interval = Duration::from_secs(INTERVAL);
    let generated = now() - interval.saturating_mul(intervals);
    let sighting = |serves: &bool| Sighting {
        checked: generated,
        evidence: if *serves {
            Evidence::Serves { timestamp: generated, versions: [63, 28_129, 339] }
        } else {
            Evidence::Dead("no connection within 10s".to_owned())
        },
    };
    let mirrors = says.iter().enumerate();
    let mirrors = mirrors.map(|(number, serves)| {
        (host(number), BTreeMap::from([(address(number), sighting(serves))]))
    });
    let mirrors = mirrors.collect();
    Report { monitor: format!("m{number}"), serial: 1, generated, interval, mirrors }
}

fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

/// The errors of a rule that says of each address whether it is in.
fn errors(alive: &[bool], is_in: impl Fn(usize) -> bool) -> Errors {
    let of = |wanted: bool| {
        let all = alive.iter().enumerate().filter(|(_, alive)| **alive == wanted);
        let wrong = all.clone().filter(|(number, _)| is_in(*number) != wanted).count();
        percent(wrong, all.count())
    };
    Errors { out: of(true), left_in: of(false) }
}

/// Runs a case over so many addresses.
pub fn run(name: &'static str, conducts: &[Conduct], addresses: usize) -> Case {
    let mut random = Random(7);
    let was_alive: Vec<bool> = (0..addresses).map(|_| random.below(100) >= 3).collect();
    let alive: Vec<bool> = was_alive.iter().map(|was| *was && random.below(100) >= 2).collect();
    let said: Vec<Vec<bool>> =
        conducts.iter().map(|of| says(*of, &alive, &was_alive, &mut random)).collect();
    let ups = |address: usize| {
        said.iter().filter(|says| says.get(address).copied().unwrap_or_default()).count()
    };
    let all = conducts.len();
    let combined = joined(conducts, &said, &was_alive);
    let frozen = combined.frozen.iter().any(Option::is_some);
    let is_in = |number: usize| {
        let was = alive.get(number).copied().unwrap_or_default();
        match combined.outcomes.get(number).map(|outcome| &outcome.evidence) {
            _ if frozen => was,
            Some(Evidence::Serves { .. } | Evidence::Answers) => true,
            Some(Evidence::Dead(_) | Evidence::Faulty(_)) => false,
            _ => was,
        }
    };
    Case {
        name,
        any: errors(&alive, |number| ups(number) == all),
        eighteen: errors(&alive, |number| ups(number) * 100 > all * 18),
        majority: errors(&alive, |number| ups(number) * 2 > all),
        rule: errors(&alive, is_in),
        cut: percent(combined.standing.cut().count(), addresses),
        frozen,
    }
}

fn joined(conducts: &[Conduct], said: &[Vec<bool>], was_alive: &[bool]) -> Combined {
    let members = members(conducts.len());
    let numbered = conducts.iter().zip(said).enumerate();
    let reports: Vec<Report> =
        numbered.map(|(number, (conduct, says))| report(number, *conduct, says)).collect();
    let seats: Vec<Seat<'_>> = members
        .iter()
        .zip(&reports)
        .map(|(member, report)| Seat { member, report: Some(report) })
        .collect();
    let hosts: Vec<String> = (0..was_alive.len()).map(host).collect();
    let subjects: Vec<Subject<'_>> = hosts
        .iter()
        .zip(was_alive)
        .enumerate()
        .map(|(number, (host, is_well))| Subject {
            host,
            address: address(number),
            is_well: *is_well,
        })
        .collect();
    combine(&seats, &subjects, &Standing::default(), now())
}

/// The table of all cases.
pub fn table(addresses: usize) -> String {
    let mut out = String::from(
        "| case | any says down | > 18 % say up | majority | the rule | not for a continent |\n\
         |---|---|---|---|---|---|\n",
    );
    let pair = |errors: Errors| format!("{:.2} / {:.2}", errors.out, errors.left_in);
    for (name, conducts) in cases() {
        let case = run(name, &conducts, addresses);
        let frozen = if case.frozen { ", frozen" } else { "" };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {}{frozen} | {:.1} % |",
            case.name,
            pair(case.any),
            pair(case.eighteen),
            pair(case.majority),
            pair(case.rule),
            case.cut
        );
    }
    out
}

#[allow(dead_code, clippy::print_stdout, reason = "the tests use the rest, and this is a program")]
fn main() {
    print!("{}", table(20_000));
}
