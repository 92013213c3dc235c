//! Walks against an oracle of plain lists, written from FORMATS ("Home first", `[[demand]]`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::geo::country::Country;
use crate::health::{HealthInputs, Overrides};
use crate::problem::Problems;
use crate::snapshot::exclusions::Exclusions;
use crate::snapshot::path_builder::PathInputs;
use crate::zone::file::PoolRef;

/// The path of Germany in these tests: DE, FR, BE, the continent, the world.
const COUNTRIES: [&str; 5] = ["DE", "FR", "BE", "IT", "JP"];

/// A mirror: country, capacity in Mbit/s, state, number of IPv4 and of IPv6 addresses.
#[derive(Debug, Clone)]
struct Given {
    country: usize,
    capacity: u64,
    state: &'static str,
    ipv4: usize,
    ipv6: usize,
}

fn given() -> impl Strategy<Value = Given> {
    let state = prop::sample::select(vec!["up", "up", "up", "old", "down"]);
    (0..COUNTRIES.len(), 1u64..50, state, 0usize..3, 0usize..3)
        .prop_filter("an address", |(.., ipv4, ipv6)| ipv4 + ipv6 > 0)
        .prop_map(|(country, capacity, state, ipv4, ipv6)| Given {
            country,
            capacity,
            state,
            ipv4,
            ipv6,
        })
}

/// A group: what each pool has (mirrors in order, and what it takes), and how many are answered.
type ExpectedGroup = (Vec<(Vec<usize>, u64)>, usize);

/// The groups of one family, by plain lists; `demand` in Mbit/s.
#[allow(clippy::too_many_lines, reason = "the rule is told once, from its start to its end")]
fn expected(
    mirrors: &[Given],
    min: usize,
    demand: u64,
    counts_ipv6: bool,
    ipv6: bool,
) -> Vec<ExpectedGroup> {
    let addresses = |mirror: usize, ipv6: bool| {
        if ipv6 { mirrors[mirror].ipv6 } else { mirrors[mirror].ipv4 }
    };
    let in_pool = |pool: usize, mirror: &Given| match pool {
        0..3 => mirror.country == pool,
        3 => mirror.country != 4,
        _ => true,
    };
    let mut seen = BTreeSet::new();
    // For each visited pool, the mirrors that it gives, and what it takes.
    let mut visited: Vec<(Vec<usize>, u64)> = Vec::new();
    let (mut count, mut unmet) = (0, demand);
    for pool in 0..5 {
        let members: Vec<usize> =
            (0..mirrors.len()).filter(|at| in_pool(pool, &mirrors[*at])).collect();
        // Pools without mirrors are not on the path.
        if members.is_empty() {
            continue;
        }
        let fresh: Vec<usize> = members.iter().copied().filter(|at| seen.insert(*at)).collect();
        let of = |state: &str| -> Vec<usize> {
            fresh.iter().copied().filter(|at| mirrors[*at].state == state).collect()
        };
        let mut gives = of("up");
        count += gives.iter().map(|at| addresses(*at, counts_ipv6)).sum::<usize>();
        if count < min {
            let old = of("old");
            count += old.iter().map(|at| addresses(*at, counts_ipv6)).sum::<usize>();
            gives.extend(old);
        }
        let capacity: u64 = gives
            .iter()
            .filter(|at| addresses(**at, counts_ipv6) > 0)
            .map(|at| mirrors[*at].capacity)
            .sum();
        let takes = capacity.min(unmet);
        unmet -= takes;
        visited.push((gives, takes));
        if count >= min && unmet == 0 {
            break;
        }
    }
    if let Some(last) = visited.iter_mut().rev().find(|(_, takes)| *takes > 0) {
        last.1 += unmet;
    }
    let last = visited.len() - 1;
    let size = |gives: &[usize]| gives.iter().map(|at| addresses(*at, ipv6)).sum::<usize>();
    let has = |pool: &(Vec<usize>, u64)| size(&pool.0) > 0;
    let share: Vec<usize> =
        (0..=last).filter(|at| visited[*at].1 > 0 && has(&visited[*at])).collect();
    let mut out: Vec<ExpectedGroup> = Vec::new();
    let mut rest: Vec<usize> = (0..=last).filter(|at| has(&visited[*at])).collect();
    if share.len() > 1 {
        let pools: Vec<_> = share.iter().map(|at| visited[*at].clone()).collect();
        let all = pools.iter().map(|pool| size(&pool.0)).sum();
        out.push((pools, all));
        rest.retain(|at| !share.contains(at));
    }
    let mut before: usize = out.iter().map(|(_, take)| *take).sum();
    for at in rest {
        let n = size(&visited[at].0);
        let is_filled_up = at == last && count >= min && before > 0;
        let take = if is_filled_up { n.min(min.saturating_sub(before)) } else { n };
        before += n;
        if take > 0 {
            out.push((vec![visited[at].clone()], take));
        }
    }
    out
}

fn found<A: Copy>(family: &FamilyYield<A>) -> Vec<ExpectedGroup> {
    let of = |(group, candidates): (&Group, &[Candidate<A>])| {
        let mut rest = candidates;
        let pools = group.pools.iter().map(|part| {
            let (own, others) = rest.split_at(part.addresses);
            rest = others;
            let mirrors = own.iter().map(|candidate| candidate.mirror as usize);
            (mirrors.collect(), part.takes / 1000)
        });
        (pools.collect(), group.take)
    };
    family.groups().map(of).collect()
}

/// The mirrors once for each address, as candidates have them.
fn by_address(groups: Vec<ExpectedGroup>, mirrors: &[Given], ipv6: bool) -> Vec<ExpectedGroup> {
    let repeat = |at: usize| {
        let n = if ipv6 { mirrors[at].ipv6 } else { mirrors[at].ipv4 };
        std::iter::repeat_n(at, n)
    };
    let pool = |(gives, takes): (Vec<usize>, u64)| {
        (gives.into_iter().flat_map(repeat).collect::<Vec<usize>>(), takes)
    };
    groups.into_iter().map(|(pools, take)| (pools.into_iter().map(pool).collect(), take)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn walks_are_what_plain_lists_say(
        mirrors in proptest::collection::vec(given(), 1..14), min in 1usize..6,
        demand in prop::option::of(1u64..200), ipv6_alone in any::<bool>(),
    ) {
        let (mut fleet, mut overrides) = (String::new(), String::new());
        for (at, mirror) in mirrors.iter().enumerate() {
            let ipv4: Vec<String> = (0..mirror.ipv4).map(|n| format!("192.0.{at}.{}", n + 1)).collect();
            let ipv6: Vec<String> = (0..mirror.ipv6).map(|n| format!("2001:db8:{at}::{}", n + 1)).collect();
            writeln!(
                fleet,
                "[[mirror]]\nhost = \"m{at}.example\"\ncountry = \"{}\"\ncapacity = \"{}Mbit/s\"\nipv4 = {ipv4:?}\nipv6 = {ipv6:?}",
                COUNTRIES[mirror.country], mirror.capacity
            ).unwrap();
            writeln!(
                overrides,
                "[[override]]\nhost = \"m{at}.example\"\nstate = \"{}\"\nreason = \"x\"",
                mirror.state
            ).unwrap();
        }
        let mut problems = Problems::default();
        let fleet = Fleet::parse("mirrors.toml", &fleet, &mut problems);
        let overrides = Overrides::parse("overrides.toml", &overrides, &mut problems);
        prop_assert!(!problems.has_errors(), "{}", fleet.mirrors.len());
        let country = |code: &str| code.parse::<Country>().unwrap();
        let next = [(country("DE"), vec![country("FR"), country("BE")])];
        let needed: Vec<_> = demand.iter().map(|rate| (country("DE"), rate * 1000)).collect();
        let world = PoolRef::World;
        let exclusions = Exclusions::new(&fleet, &BTreeMap::new());
        let inputs = PathInputs {
            fleet: &fleet,
            neighbours: &next,
            demand: &needed,
            unknown: &world,
            named: &[],
            continents: &BTreeSet::new(),
            exclusions,
            locates: true,
        };
        let paths = inputs.paths();
        let inputs = HealthInputs { overrides: Some(&overrides), ..HealthInputs::default() };
        let health = Health::at(&fleet, inputs, Timestamp::UNIX_EPOCH, Duration::ZERO);
        let families = if ipv6_alone { Families::V6 } else { Families::Both };
        let walk = Walk { fleet: &fleet, health: &health, paths: &paths, min, families };
        let path = paths.get(paths.of_client(country("DE"))).unwrap();
        prop_assert_eq!(path.demand, demand.map(|rate| rate * 1000));
        let yielded = walk.along(path);
        let counts_ipv6 = ipv6_alone || mirrors.iter().all(|mirror| mirror.ipv4 == 0);
        let works = |mirror: &Given| {
            mirror.state != "down" && if counts_ipv6 { mirror.ipv6 > 0 } else { mirror.ipv4 > 0 }
        };
        prop_assume!(mirrors.iter().any(works));
        for ipv6 in [false, true] {
            let demand = demand.unwrap_or(0);
            let mut wanted = expected(&mirrors, min, demand, counts_ipv6, ipv6);
            if ipv6 && !counts_ipv6 {
                // FORMATS: "where the chosen pool has mirrors but none with usable IPv6".
                let pool_of = |at: &usize| match mirrors[*at].country {
                    own @ 0..3 => own,
                    3 => 3,
                    _ => 4,
                };
                let pools = |group: &ExpectedGroup| -> Vec<usize> {
                    group.0.iter().flat_map(|(of, _)| of).map(pool_of).collect()
                };
                let home = pools(&expected(&mirrors, min, demand, false, false)[0]);
                let nearest = wanted.iter().flat_map(pools).min();
                if nearest > home.into_iter().max() {
                    wanted.clear();
                }
            }
            let found = if ipv6 { found(&yielded.ipv6) } else { found(&yielded.ipv4) };
            prop_assert_eq!(found, by_address(wanted, &mirrors, ipv6), "IPv6: {}", ipv6);
        }
    }
}
