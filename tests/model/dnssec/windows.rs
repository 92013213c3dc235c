//! Every answer with mirrors: every window of every name along every path.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use cvdns::load::Loaded;
use cvdns_core::answer::{Answering, Transport};
use cvdns_core::decision::{Outcome, Trail, decide_by_name};
use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::{Continent, Country};
use cvdns_core::health::Feed;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::pools::{PathChoice, PathId};
use cvdns_core::snapshot::static_data::Answer;
use cvdns_core::wire::lower::LowerName;

use super::checked::{Checker, Network, respond};
use super::judge::Verdict;
use super::keys::{ED25519_CSK, P256_CSK, Scheme};
use crate::asking::{A, AAAA, loaded, project};
use crate::network_2006;
use crate::oracle::Oracle;
use crate::support::name;
use crate::support::packet::{DO, Query};
use crate::support::reply::Reply;

pub(super) const TIME: &str = "2026-11-22T17:05:00Z";

/// By which the turn grows from one query to the next: 2^64 divided by the golden ratio.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// The shipped example with its feed.
pub(super) fn example() -> (Loaded, Feed) {
    let feed = std::fs::read(project().join("feed.json")).unwrap();
    (loaded(&project().join("cvdns.toml")), Feed::parse(&feed).unwrap())
}

/// The network of 2006.
fn of_2006() -> Loaded {
    let directory = tempfile::tempdir().unwrap();
    loaded(&network_2006::configure(directory.path(), &network_2006::fixture("zone.toml")))
}

/// The number of a turn with which the first query has the window of this number.
fn turn(window: u64, count: u32) -> u64 {
    let fraction = ((u128::from(window) << 64).div_ceil(count.into())) as u64;
    // Newton's iteration doubles the right bits of the inverse, of which 3 are right at first.
    let inverse = (0..5).fold(STRIDE, |inverse, _| {
        inverse.wrapping_mul(2_u64.wrapping_sub(STRIDE.wrapping_mul(inverse)))
    });
    let turn = fraction.wrapping_mul(inverse).wrapping_sub(1);
    assert_eq!(Answering::new(turn, jiff::Timestamp::now).next_turn(), fraction);
    turn
}

/// A name with mirrors along a path.
struct Pool {
    name: String,
    qtype: u16,
    rule: u32,
    path: PathId,
    client: IpAddr,
}

/// A client of each path, for names that depend on clients.
fn clients(snapshot: &Snapshot, name: &[u8], oracle: &Oracle) -> BTreeMap<PathId, IpAddr> {
    let mut lower = LowerName::new();
    assert!(lower.set(name));
    let (mut clients, mut trail) = (BTreeMap::new(), Trail::default());
    let networks = [false, true].map(|ipv6| oracle.networks(ipv6, usize::MAX));
    // The database does not know this one.
    let unknown = (Ipv4Addr::LOCALHOST.into(), 32);
    for (address, _) in networks.into_iter().flatten().chain([unknown]) {
        let decision = decide_by_name(snapshot, &lower, A, address, &mut trail);
        if let Outcome::Pool { path, .. } = decision.outcome {
            clients.entry(path).or_insert(address);
        }
    }
    clients
}

/// All names with mirrors, each with a client of every path.
fn pools(snapshot: &Snapshot, oracle: &Oracle) -> Vec<Pool> {
    let static_data = &snapshot.static_data;
    let (mut pools, mut of_client) = (Vec::new(), None);
    for (node, owner) in static_data.names.iter() {
        for entry in static_data.answers(&static_data.nodes[node as usize]) {
            let Answer::Pool { rule, choice } = entry.answer else { continue };
            let asked: BTreeMap<PathId, IpAddr> = match choice {
                PathChoice::Path(path) => BTreeMap::from([(path, Ipv4Addr::LOCALHOST.into())]),
                _ => of_client.get_or_insert_with(|| clients(snapshot, owner, oracle)).clone(),
            };
            // Continents and named pools are paths too, but of no client.
            assert!(choice != PathChoice::Client || asked.len() > 100, "{} paths", asked.len());
            let (name, qtype) = (name::text(owner), entry.rtype);
            pools.extend(asked.into_iter().map(|(path, client)| Pool {
                name: name.clone(),
                qtype,
                rule,
                path,
                client,
            }));
        }
    }
    pools
}

/// The paths that a name can have.
fn paths(snapshot: &Snapshot, rule: u32, choice: PathChoice) -> Vec<PathId> {
    let static_data = &snapshot.static_data;
    match choice {
        PathChoice::Path(path) => vec![path],
        PathChoice::Client => {
            let plan = static_data.rules[rule as usize].plan;
            let paths = &static_data.plans[plan as usize].paths;
            let countries = Country::all().map(|country| paths.of_client(country));
            let continents =
                Continent::all().map(|continent| paths.of_client(Area::Continent(continent)));
            let unknown = paths.of_client(Area::Unknown);
            let all: BTreeSet<PathId> = countries.chain(continents).chain([unknown]).collect();
            all.into_iter().collect()
        }
        PathChoice::Restricted(_) => panic!("no mirror is restricted"),
    }
}

/// Owner, type and addresses.
pub(super) type PoolSet = (Vec<u8>, u16, BTreeSet<Vec<u8>>);

/// All distinct sets of addresses that names are answered with, and which must be signed.
pub(super) fn pool_sets(snapshot: &Snapshot) -> HashSet<PoolSet> {
    let static_data = &snapshot.static_data;
    let mut sets = HashSet::new();
    for (node, owner) in static_data.names.iter() {
        for entry in static_data.answers(&static_data.nodes[node as usize]) {
            let Answer::Pool { rule, choice } = entry.answer else { continue };
            for path in paths(snapshot, rule, choice) {
                let answer = snapshot.dynamic_data.pool(rule, path).unwrap();
                let windows = answer.windows(entry.rtype == AAAA);
                for window in 0..windows.count {
                    let octets = windows.numbered(window as usize);
                    let record = octets.len() / usize::from(windows.size);
                    let set: BTreeSet<_> =
                        octets.chunks(record).map(|record| record[12..].to_vec()).collect();
                    assert_eq!(set.len(), usize::from(windows.size), "an address stands twice");
                    sets.insert((owner.to_vec(), entry.rtype, set));
                }
            }
        }
    }
    sets
}

/// Asks for every window, and has each packet judged. What was not seen before is judged by
/// dnspython too.
#[track_caller]
fn every_window_is_secure(
    loaded: &mut Loaded,
    feed: Option<&Feed>,
    oracle: &Oracle,
    scheme: Scheme,
) {
    let network = Network::new(&mut loaded.inputs, feed, TIME, scheme, |_| true).unwrap();
    let (snapshot, store) = (&network.signed, &network.store);
    let fixed = store.made();
    let (places, empty) = snapshot.signatures.places();
    assert!(places > 0 && empty == places, "{empty} of {places}");
    let (pools, sets) = (pools(snapshot, oracle), pool_sets(snapshot).len());
    assert_eq!(snapshot.signatures.fill(store, || true), places);
    assert_eq!(snapshot.signatures.places(), (places, 0));
    let keys = network.trust.keys.values().next().unwrap().len();
    assert_eq!(store.made() - fixed, (sets * keys) as u64);
    let mut checker = Checker::new(&network);
    let (mut asked, mut seen) = (0, HashSet::new());
    for Pool { name, qtype, rule, path, client } in &pools {
        let answer = snapshot.dynamic_data.pool(*rule, *path).unwrap();
        let windows = answer.windows(*qtype == AAAA);
        let subnet = format!("{client}/{}", if client.is_ipv4() { 32 } else { 128 });
        let query = Query::new(name, *qtype).edns(1232).opt(|opt| opt.flags |= DO);
        let query = query.subnet(&subnet);
        for window in 0..windows.count {
            let turn = turn(window.into(), windows.count);
            let packet = respond(snapshot, &query, turn, *client, Transport::Tcp);
            let judged = checker.judge.judge(&packet).unwrap_or_else(|why| panic!("{name}: {why}"));
            assert_eq!((judged.verdict, judged.links), (Verdict::Answer, 0), "{name}");
            let addresses = Reply::walk(&packet).unwrap().rdata(*qtype);
            let octets = windows.numbered(window as usize);
            let record = octets.len() / usize::from(windows.size);
            let wanted = octets.chunks(record).map(|record| record[12..].to_vec());
            assert!(addresses.iter().cloned().eq(wanted), "{name} {window}");
            asked += 1;
            let set: BTreeSet<Vec<u8>> = addresses.into_iter().collect();
            if seen.insert((name.clone(), *qtype, set)) {
                checker.packets.add(&packet);
            }
        }
        if windows.count == 0 {
            let packet = respond(snapshot, &query, 0, *client, Transport::Tcp);
            let judged = checker.judge.judge(&packet).unwrap_or_else(|why| panic!("{name}: {why}"));
            assert_eq!(judged.verdict, Verdict::NoData, "{name}");
        }
    }
    // Nothing was signed while it was asked for.
    assert_eq!(store.made() - fixed, (sets * keys) as u64);
    println!("{asked} windows, {} of {sets} sets", seen.len());
    // No client of the database is of a continent alone, and these paths have the most windows.
    assert!(seen.len() * 100 >= sets * 50, "{} of {sets}", seen.len());
    checker.finish();
}

#[test]
fn every_window_of_the_example_is_secure() {
    let (mut loaded, feed) = example();
    let mirrors = network_2006::fixture("mirrors.csv");
    let oracle = Oracle::new(project(), &mirrors);
    every_window_is_secure(&mut loaded, Some(&feed), &oracle, P256_CSK);
}

#[test]
fn every_window_of_the_network_of_2006_is_secure() {
    let mirrors = network_2006::fixture("mirrors.csv");
    let oracle = Oracle::new(project(), &mirrors);
    every_window_is_secure(&mut of_2006(), None, &oracle, ED25519_CSK);
}

/// The shipped example's own names, and names that it does not have.
#[test]
fn the_static_names_of_the_example_are_secure() {
    let (mut loaded, feed) = example();
    let network = Network::new(&mut loaded.inputs, Some(&feed), TIME, P256_CSK, |_| true).unwrap();
    let mut checker = Checker::new(&network);
    let mut names: Vec<String> = Vec::new();
    for (_, owner) in network.signed.static_data.names.iter() {
        let text = name::text(owner);
        names.extend([format!("x.{text}"), text]);
    }
    for name in names {
        for qtype in [A, AAAA, 16, 15, 2, 43] {
            // Diagnostic names are not of the zone.
            if !name.starts_with("_explain") {
                checker.ask(&name, qtype).unwrap_or_else(|why| panic!("{why}"));
            }
        }
    }
    assert!(checker.judge.verifier.count() > 800, "{}", checker.judge.verifier.count());
}
