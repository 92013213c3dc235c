//! Who is answered, in which place and how often: random networks against the rules of FORMATS,
//! written a second time as plain lists.

mod network;
mod rules;

use crate::asking;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use asking::{Numbers, spread};
use cvdns_core::decision::{Decision, Outcome, Trail, decide_by_name};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::wire::lower::LowerName;
use cvdns_core::wire::rtype;

use network::{ORIGIN, Shared, client, random};
use rules::{COUNTRIES, Expected, Network};

const CASES: u64 = 120;

/// All answers that a client may get to a question, each as its addresses in order, and the scope.
fn answers(snapshot: &Snapshot, name: &str, client: IpAddr) -> (Vec<Vec<Ipv4Addr>>, u8) {
    let mut wire = Vec::new();
    for label in format!("{name}.{ORIGIN}").split('.') {
        wire.push(label.len() as u8);
        wire.extend(label.to_ascii_lowercase().as_bytes());
    }
    wire.push(0);
    let (mut lower, mut trail) = (LowerName::new(), Trail::default());
    lower.set(&wire);
    let decision = decide_by_name(snapshot, &lower, rtype::A, client, &mut trail);
    let Decision { outcome, client, .. } = decision;
    let scope = client.map_or(0, |place| place.scope);
    let Outcome::Pool { answer, .. } = outcome else {
        assert!(matches!(outcome, Outcome::NoAddresses { .. }), "{name}: {outcome:?}");
        return (Vec::new(), scope);
    };
    let address = |record: &[u8]| {
        Ipv4Addr::from(*record.last_chunk::<4>().expect("an A record ends in its address"))
    };
    let windows = (0..answer.ipv4.count as usize).map(|number| answer.ipv4.numbered(number));
    (windows.map(|window| window.chunks(16).map(address).collect()).collect(), scope)
}

/// Asserts that these are the answers that the rules ask for.
fn check(windows: &[Vec<Ipv4Addr>], expected: &Expected, max: usize, what: &str) {
    if expected.groups.is_empty() {
        assert!(windows.is_empty(), "{what}: nobody may be answered, but {windows:?}");
        return;
    }
    assert!(!windows.is_empty(), "{what}: no answer instead of {expected:?}");
    let mut first: BTreeMap<Ipv4Addr, usize> = BTreeMap::new();
    let mut of_last: BTreeMap<Ipv4Addr, usize> = BTreeMap::new();
    let whole: usize = expected.groups.iter().map(|(_, takes)| takes).sum();
    let (last, _) = expected.groups.last().unwrap();
    for window in windows {
        assert_eq!(
            window.len(),
            if max == 0 { whole } else { whole.min(max) },
            "{what}: {window:?}"
        );
        let mut rest = window.as_slice();
        for (group, takes) in &expected.groups {
            let (here, others) = rest.split_at((*takes).min(rest.len()));
            let there: BTreeSet<&Ipv4Addr> = here.iter().collect();
            assert_eq!(there.len(), here.len(), "{what}: twice in {window:?}");
            for address in here {
                let is_member = group.iter().any(|member| member.address == *address);
                assert!(is_member, "{what}: {address} is in the wrong place of {window:?}");
            }
            rest = others;
        }
        *first.entry(window[0]).or_default() += 1;
        let tail = &window[window.len() - expected.groups.last().unwrap().1.min(window.len())..];
        for address in tail {
            *of_last.entry(*address).or_default() += 1;
        }
    }
    // First places follow the weights.
    let (front, _) = &expected.groups[0];
    let sum: f64 = front.iter().map(|member| member.weight).sum();
    for member in front {
        let had = first.get(&member.address).copied().unwrap_or_default() as f64;
        let (is, wanted) = (had / windows.len() as f64, member.weight / sum);
        assert!(
            (is - wanted).abs() < 0.012,
            "{what}: {} is first in {is:.4}, not {wanted:.4} of {} answers",
            member.address,
            windows.len()
        );
    }
    // Every address of the last group is reached, equal ones equally often.
    for member in last {
        let had = of_last.get(&member.address).copied().unwrap_or_default();
        assert!(
            had > 0 || member.weight / sum < 0.002,
            "{what}: {} is never answered",
            member.address
        );
    }
    let equal = last.iter().all(|member| (member.weight - last[0].weight).abs() < 1e-9);
    if equal && expected.groups.len() > 1 {
        let counts: BTreeSet<usize> = of_last.values().copied().collect();
        assert_eq!(counts.len(), 1, "{what}: not evenly: {of_last:?}");
    }
}

/// Every client within the scope must get the same answers (RFC 7871 section 7.3.1).
fn check_scope(snapshot: &Snapshot, name: &str, source: IpAddr, numbers: &mut Numbers, what: &str) {
    let (windows, scope) = answers(snapshot, name, source);
    let near = (0..COUNTRIES.len()).map(client).chain([client(200)]);
    let random: Vec<IpAddr> = (0..8).map(|_| spread(source, scope, numbers.wide())).collect();
    let within = |other: &IpAddr| spread(*other, scope, 0) == spread(source, scope, 0);
    for other in near.chain(random).filter(within) {
        let same = answers(snapshot, name, other);
        assert_eq!(
            same,
            (windows.clone(), scope),
            "{what}: {other} is in the scope /{scope} of {source}"
        );
    }
}

fn check_network(shared: &Shared, network: &Network, numbers: &mut Numbers, seed: u64) {
    let snapshot = shared.snapshot(network);
    for (number, (country, _)) in COUNTRIES.iter().enumerate() {
        let source = client(number);
        let mut asked = vec![
            ("local".to_owned(), *country, vec![*country]),
            ("europe".to_owned(), "continent:EU", vec![*country]),
            ("all".to_owned(), "world", vec![*country]),
        ];
        for (other, _) in COUNTRIES {
            asked.push((other.to_ascii_lowercase(), other, vec![*country, other]));
        }
        for (label, first, countries) in asked {
            let name = format!("db.{label}");
            let what = format!("seed {seed}: {name} for {country}");
            let (windows, _) = answers(&snapshot, &name, source);
            let expected = network.expected(first, &countries);
            check(&windows, &expected, network.max, &what);
            check_scope(&snapshot, &name, source, numbers, &what);
        }
    }
    // Nobody knows where this client is: no `not-for` applies, and the path is `unknown`.
    let (windows, _) = answers(&snapshot, "db.local", client(200));
    let what = format!("seed {seed}: db.local for unknown clients");
    check(&windows, &network.expected("world", &[]), network.max, &what);
}

#[test]
fn formats_answers_are_what_the_rules_say() {
    let shared = Shared::new();
    for seed in 0..CASES {
        let mut numbers = Numbers(seed * 7919);
        let network = random(&mut numbers);
        check_network(&shared, &network, &mut numbers, seed);
    }
}
