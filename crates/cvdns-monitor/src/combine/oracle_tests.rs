//! The rule of combining against an oracle that is written from the rule in words, with plain lists
//! of verdicts in place of reports.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::rule::Evidence;
use cvdns_core::config::{Config, Member};
use cvdns_core::problem::Problems;
use cvdns_core::report::{Report, Sighting};

const KEY: &str = "RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5";
const NOW: i64 = 1_795_000_000;

/// A monitor of the world of the test: operator, country, and what it says of each address.
#[derive(Debug, Clone)]
struct Monitor {
    operator: u8,
    country: &'static str,
    /// Age of its report in intervals of 100 s; `None`: it has no report.
    age: Option<i64>,
    /// `Some(true)`: serves; `Some(false)`: fails; `None`: nothing.
    says: Vec<Option<bool>>,
    /// Whether the mirror of an address is its own.
    owns: Vec<bool>,
    was_insane: bool,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(NOW + second).unwrap()
}

fn address(number: usize) -> IpAddr {
    IpAddr::from([192, 0, 2, number as u8])
}

fn host(number: usize) -> String {
    format!("m{number}.example")
}

fn members(monitors: &[Monitor]) -> Vec<Member> {
    let member = |(number, of): (usize, &Monitor)| {
        let owned = of.owns.iter().enumerate().filter(|(_, owns)| **owns);
        let owned: Vec<String> = owned.map(|(number, _)| format!("{:?}", host(number))).collect();
        format!(
            "[[monitor.member]]\nname = \"m{number}\"\nsource = \"{number}\"\n\
             public-key = \"{KEY}\"\ncountry = \"{}\"\noperator = \"o{}\"\nown-mirrors = [{}]\n",
            of.country,
            of.operator,
            owned.join(",")
        )
    };
    let text: String = monitors.iter().enumerate().map(member).collect();
    let text = format!("zone = [{{ file = \"z\" }}]\n{text}");
    Config::parse("c", &text, &mut Problems::default()).unwrap().monitor.members
}

fn report(number: usize, monitor: &Monitor) -> Option<Report> {
    let generated = at(-100 * monitor.age?);
    let mut mirrors = BTreeMap::new();
    for (of, says) in monitor.says.iter().enumerate() {
        let evidence = match says {
            // Each has seen other versions, so that the median is told.
            Some(true) => Evidence::Serves {
                timestamp: at(number.cast_signed() as i64),
                versions: [63, 1000 + number as u32, 339],
            },
            Some(false) => Evidence::Dead("refused".to_owned()),
            None => Evidence::Unchecked("no route".to_owned()),
        };
        let checked = generated;
        mirrors.insert(host(of), BTreeMap::from([(address(of), Sighting { checked, evidence })]));
    }
    let monitor = format!("m{number}");
    Some(Report { monitor, serial: 1, generated, interval: Duration::from_secs(100), mirrors })
}

/// What the rule says, in words.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Serves(u32),
    Dead,
    Nothing,
}

/// The oracle, which knows what each monitor says and thinks in plain lists.
struct Oracle<'m> {
    monitors: &'m [Monitor],
    addresses: usize,
    /// How many addresses each calls up of those that most others do, and how many those are.
    shares: Vec<(usize, usize)>,
    sane: Vec<bool>,
}

impl<'m> Oracle<'m> {
    fn new(monitors: &'m [Monitor], addresses: usize) -> Self {
        let mut oracle = Self { monitors, addresses, shares: Vec::new(), sane: Vec::new() };
        oracle.shares = oracle.all().map(|number| oracle.share(number)).collect();
        let is_sane = |number: usize| {
            let (seen, expected) = oracle.shares[number];
            let enough = expected - seen <= 1 || seen as f64 / expected as f64 >= 0.8 - 1e-9;
            oracle.is_fresh(number) && enough && !monitors[number].was_insane
        };
        oracle.sane = oracle.all().map(is_sane).collect();
        oracle
    }

    fn all(&self) -> std::ops::Range<usize> {
        0..self.monitors.len()
    }

    fn is_fresh(&self, number: usize) -> bool {
        self.monitors[number].age.is_some_and(|age| age <= 2)
    }

    /// What a monitor may say of an address.
    fn voice(&self, number: usize, of: usize) -> Option<bool> {
        let monitor = &self.monitors[number];
        let may = self.is_fresh(number) && !monitor.owns[of];
        if may { monitor.says[of] } else { None }
    }

    /// One voice of each operator: that of its first monitor in a list that says anything.
    fn choir(&self, of: usize, singers: &[usize]) -> Vec<(usize, bool)> {
        let mut heard: Vec<u8> = Vec::new();
        let mut voices: Vec<(usize, bool)> = Vec::new();
        for singer in singers {
            let operator = self.monitors[*singer].operator;
            let says = self.voice(*singer, of).filter(|_| !heard.contains(&operator));
            if let Some(says) = says {
                heard.push(operator);
                voices.push((*singer, says));
            }
        }
        voices
    }

    fn share(&self, number: usize) -> (usize, usize) {
        let own = self.monitors[number].operator;
        let others: Vec<usize> =
            self.all().filter(|other| self.monitors[*other].operator != own).collect();
        let (mut seen, mut expected) = (0, 0);
        for of in 0..self.addresses {
            let Some(says) = self.voice(number, of) else { continue };
            let voices = self.choir(of, &others);
            if voices.iter().filter(|(_, up)| *up).count() * 2 > voices.len() {
                expected += 1;
                seen += usize::from(says);
            }
        }
        (seen, expected)
    }

    /// The number of operators with a monitor of this kind.
    fn operators(&self, is: &dyn Fn(usize) -> bool) -> usize {
        let mut list: Vec<u8> =
            self.all().filter(|n| is(*n)).map(|n| self.monitors[n].operator).collect();
        list.sort_unstable();
        list.dedup();
        list.len()
    }

    fn is_frozen(&self) -> bool {
        let checks = |n: usize| {
            let monitor = &self.monitors[n];
            monitor.age.is_none() || monitor.says.iter().any(Option::is_some)
        };
        let all = self.operators(&checks);
        let good = self.operators(&|n| self.sane[n] && checks(n));
        good < 2 || good * 2 < all
    }

    fn continent(&self, number: usize) -> &'static str {
        match self.monitors[number].country {
            "JP" | "SG" => "AS",
            "US" => "NA",
            _ => "EU",
        }
    }

    fn votes(&self, of: usize) -> Vec<(usize, bool)> {
        let voters: Vec<usize> = self.all().filter(|n| self.sane[*n]).collect();
        self.choir(of, &voters)
    }

    /// The continents from which an address cannot be reached.
    fn cut(&self, of: usize) -> Vec<&'static str> {
        let tells = |n: &usize| self.shares[*n].0 * 2 >= self.shares[*n].1;
        let tellers: Vec<usize> = self.all().filter(tells).collect();
        let telling = self.choir(of, &tellers);
        let votes = self.votes(of);
        let is_cut = |continent: &&str| {
            let here = |n: usize| self.continent(n) == *continent;
            let there: Vec<bool> =
                telling.iter().filter(|(n, _)| here(*n)).map(|(_, up)| *up).collect();
            let rest: Vec<bool> =
                votes.iter().filter(|(n, _)| !here(*n)).map(|(_, up)| *up).collect();
            let part = rest.iter().filter(|up| **up).count() as f64 / rest.len() as f64;
            there.len() >= 2
                && !there.contains(&true)
                && rest.len() >= 2
                && part >= 2.0 / 3.0 - 1e-9
        };
        ["AS", "EU", "NA"].into_iter().filter(is_cut).collect()
    }

    fn says(&self, of: usize) -> Said {
        let (votes, cut) = (self.votes(of), self.cut(of));
        let eligible = self.operators(&|n| self.sane[n] && !self.monitors[n].owns[of]);
        let counted: Vec<(usize, bool)> =
            votes.iter().copied().filter(|(n, _)| !cut.contains(&self.continent(*n))).collect();
        let up: Vec<usize> = counted.iter().filter(|(_, up)| *up).map(|(n, _)| *n).collect();
        let part = up.len() as f64 / counted.len() as f64;
        let enough = votes.len() >= eligible.min(2) && votes.len() * 2 >= eligible;
        if counted.is_empty() || !enough {
            Said::Nothing
        } else if part >= 2.0 / 3.0 - 1e-9 {
            let mut versions: Vec<u32> = up.iter().map(|n| 1000 + *n as u32).collect();
            versions.sort_unstable();
            Said::Serves(versions[(versions.len() - 1) / 2])
        } else if part <= 1.0 / 3.0 + 1e-9 {
            Said::Dead
        } else {
            Said::Nothing
        }
    }
}

fn combined(monitors: &[Monitor], addresses: usize) -> Combined {
    let members = members(monitors);
    let reports: Vec<Option<Report>> =
        monitors.iter().enumerate().map(|(number, of)| report(number, of)).collect();
    let seats: Vec<Seat<'_>> = members
        .iter()
        .zip(&reports)
        .map(|(member, report)| Seat { member, report: report.as_ref() })
        .collect();
    let hosts: Vec<String> = (0..addresses).map(host).collect();
    let subjects: Vec<Subject<'_>> = hosts
        .iter()
        .enumerate()
        .map(|(number, host)| Subject { host, address: address(number), is_well: false })
        .collect();
    let mut before = Standing::default();
    for (number, _) in monitors.iter().enumerate().filter(|(_, of)| of.was_insane) {
        let missed = Agreement { expected: 10, seen: 0 };
        before.judge(&format!("m{number}"), &[missed; 2], true, at(-10));
    }
    combine(&seats, &subjects, &before, at(0))
}

fn monitor(addresses: usize) -> impl Strategy<Value = Monitor> {
    let says =
        prop::collection::vec(prop::option::weighted(0.9, prop::bool::weighted(0.7)), addresses);
    // Most agree with each other: of three addresses, two are up for nearly everybody.
    let agrees = prop::collection::vec(prop::bool::weighted(0.8), addresses);
    (
        0u8..5,
        prop::sample::select(vec!["DE", "US", "JP", "SG", "FR"]),
        prop::option::weighted(0.9, 0i64..4),
        (says, agrees),
        prop::collection::vec(prop::bool::weighted(0.1), addresses),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(operator, country, age, (says, agrees), owns, was_insane)| {
            let of = |(number, (says, agrees)): (usize, (Option<bool>, bool))| {
                if agrees { Some(number % 3 != 0) } else { says }
            };
            let says = says.into_iter().zip(agrees).enumerate().map(of).collect();
            Monitor { operator, country, age, says, owns, was_insane }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_votes_are_counted_as_the_rule_says(
        monitors in (1usize..12).prop_flat_map(|addresses| prop::collection::vec(monitor(addresses), 0..8))
    ) {
        let addresses = monitors.first().map_or(3, |of| of.says.len());
        let oracle = Oracle::new(&monitors, addresses);
        let found = combined(&monitors, addresses);
        prop_assert_eq!(found.frozen[0].is_some(), oracle.is_frozen(), "{:?}", found.frozen);
        prop_assert_eq!(&found.frozen[1], &None, "there is no IPv6");
        let is_sane: Vec<bool> = found.seats.iter().map(|seat| seat.is_sane[0]).collect();
        prop_assert_eq!(is_sane, oracle.sane.clone());
        for (number, outcome) in found.outcomes.iter().enumerate() {
            let is = match &outcome.evidence {
                Evidence::Serves { versions, .. } => Said::Serves(versions[1]),
                Evidence::Dead(_) => Said::Dead,
                Evidence::Unchecked(_) => Said::Nothing,
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(is, oracle.says(number), "{} {:?}", number, outcome);
            let cut: Vec<&str> = outcome.cut.iter().map(|(of, _)| of.code()).collect();
            prop_assert_eq!(&cut, &oracle.cut(number), "{:?}", outcome);
        }
    }
}

/// Seven monitors of their own operators, five in Europe and America and two in Asia.
fn seven(addresses: usize) -> Vec<Monitor> {
    let countries = ["DE", "FR", "US", "CA", "NL", "JP", "SG"];
    let monitor = |(number, country): (usize, &&'static str)| Monitor {
        operator: number as u8,
        country,
        age: Some(0),
        says: vec![Some(true); addresses],
        owns: vec![false; addresses],
        was_insane: false,
    };
    countries.iter().enumerate().map(monitor).collect()
}

#[test]
fn it_is_said_who_saw_what() {
    let mut world = seven(20);
    for number in [1, 3, 4, 5, 6] {
        world[number].says[0] = Some(false);
    }
    for number in [0, 1, 2] {
        world[number].says[1] = Some(false);
    }
    world[4].says[2] = Some(false);
    let found = combined(&world, 20);
    let text = |number: usize| match &found.outcomes[number].evidence {
        Evidence::Dead(reason) | Evidence::Unchecked(reason) => reason.clone(),
        _ => found.outcomes[number].remark.clone(),
    };
    assert_eq!(text(0), "5 of 7 monitors: refused; DE and US disagree");
    assert_eq!(text(1), "3 of 7 monitors see it fail (DE, FR and US): refused");
    assert_eq!(text(2), "1 of 7 monitors sees it fail (NL): refused");
    assert_eq!(text(3), "");
}

#[test]
fn what_a_continent_cannot_reach_is_not_for_it_until_it_is_seen_for_a_while() {
    let mut world = seven(10);
    for number in [5, 6] {
        // 70 % of what the others call up: they have no vote, but they tell.
        for of in 0..3 {
            world[number].says[of] = Some(false);
        }
    }
    let found = combined(&world, 10);
    assert!(!found.seats[5].is_sane[0] && !found.seats[6].is_sane[0]);
    assert!(found.outcomes.iter().all(|of| of.evidence.is_good()));
    let cut: Vec<(String, &str, String)> = found
        .standing
        .cut()
        .map(|(host, of, cut)| (host.to_owned(), of.code(), cut.reason.clone()))
        .collect();
    let reason = "2 monitors in AS cannot reach it: refused".to_owned();
    assert_eq!(cut[0], ("m0.example".to_owned(), "AS", reason));
    assert_eq!(cut.len(), 3);
    // Those that are cut off altogether say nothing of their continent.
    for number in [5, 6] {
        world[number].says = vec![Some(false); 10];
    }
    assert_eq!(combined(&world, 10).standing.cut().count(), 0);

    let members = members(&world);
    let again = |standing: &Standing, second: i64, is_seen: bool| {
        let mut world = seven(10);
        if !is_seen {
            world[5].says[0] = Some(false);
            world[6].says[0] = Some(false);
        }
        let reports: Vec<Option<Report>> = world
            .iter()
            .enumerate()
            .map(|(number, of)| {
                let mut report = report(number, of)?;
                report.generated = at(second);
                for sighting in report.mirrors.values_mut().flat_map(BTreeMap::values_mut) {
                    sighting.checked = at(second);
                }
                Some(report)
            })
            .collect();
        let seats: Vec<Seat<'_>> = members
            .iter()
            .zip(&reports)
            .map(|(member, report)| Seat { member, report: report.as_ref() })
            .collect();
        let hosts: Vec<String> = (0..10).map(host).collect();
        let subjects: Vec<Subject<'_>> = hosts
            .iter()
            .enumerate()
            .map(|(number, host)| Subject { host, address: address(number), is_well: false })
            .collect();
        combine(&seats, &subjects, standing, at(second)).standing
    };
    let of = |standing: &Standing| standing.cut().count();
    let seen = again(&found.standing, 60, true);
    assert_eq!(of(&seen), 3);
    assert_eq!(of(&again(&seen, 60 + 899, true)), 3);
    assert_eq!(of(&again(&seen, 60 + 900, true)), 0);
    // It fails once more in between.
    let lapse = again(&seen, 600, false);
    assert_eq!(of(&again(&lapse, 60 + 900, true)), 1);
}

#[test]
fn too_few_that_agree_freeze_all() {
    let mut world = seven(10);
    for monitor in world.iter_mut().take(3) {
        monitor.age = Some(3);
    }
    assert_eq!(combined(&world, 10).frozen[0], None);
    world[3].age = None;
    let found = combined(&world, 10);
    assert_eq!(found.frozen[0].as_deref(), Some("3 of 7 monitors can be counted for IPv4"));
    assert_eq!(found.standing.frozen_since(), [Some(at(0)), None]);
    // A report is fresh up to twice its interval.
    world[3].age = Some(2);
    assert_eq!(combined(&world, 10).frozen[0], None);
}

/// Where most monitors are cut off at once, the few that are not look wrong.
#[test]
fn a_loss_of_more_than_half_freezes_all() {
    let mut world = seven(10);
    for monitor in world.iter_mut().take(4) {
        monitor.says = vec![Some(false); 10];
    }
    let members = members(&world);
    let reports: Vec<Option<Report>> =
        world.iter().enumerate().map(|(number, of)| report(number, of)).collect();
    let seats: Vec<Seat<'_>> = members
        .iter()
        .zip(&reports)
        .map(|(member, report)| Seat { member, report: report.as_ref() })
        .collect();
    let hosts: Vec<String> = (0..10).map(host).collect();
    let frozen = |well: usize| {
        let subjects: Vec<Subject<'_>> = hosts
            .iter()
            .enumerate()
            .map(|(number, host)| Subject {
                host,
                address: address(number),
                is_well: number < well,
            })
            .collect();
        combine(&seats, &subjects, &Standing::default(), at(0)).frozen[0].clone()
    };
    let words = "4 of 4 addresses that were well are not seen to serve by IPv4";
    assert_eq!(frozen(4).as_deref(), Some(words));
    assert_eq!(frozen(3), None);
}
