//! The mirror network of 2006 served over the real country database, against an independent oracle.

use crate::asking;
use crate::oracle;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use asking::{
    A, AAAA, Asker, Numbers, loaded, masked, project, query, snapshot, spread, static_data,
};
use cvdns_core::geo::build::{Options, Source, build};
use cvdns_core::health::{Feed, HealthInputs, Overrides};
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::{Now, Snapshot, StaticData};
use hickory_proto::rr::rdata::opt::ClientSubnet;
use oracle::{Oracle, Place, States};
use proptest::prelude::*;

const TIME: &str = "2026-11-22T17:05:00Z";
/// The zone's limit.
const MAX: usize = 8;
/// Feeds and clients: 10,000 in all, half of them IPv6.
const FEEDS: usize = 20;
const CLIENTS: usize = 500;

/// The fleet is loaded and compiled once for all tests.
static NETWORK: LazyLock<(Arc<StaticData>, Oracle)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let loaded = loaded(&configure(directory.path(), &fixture("zone.toml")));
    (static_data(&loaded, None), Oracle::new(project(), &fixture("mirrors.csv")))
});

/// The same fleet over a database that knows of some networks the continent alone.
static CONTINENTS: LazyLock<(Arc<StaticData>, Oracle)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("continents.mmdb");
    std::fs::write(&database, continents_database()).unwrap();
    let loaded = loaded(&configure_with(&database, directory.path(), &fixture("zone.toml")));
    (static_data(&loaded, None), Oracle::over(&database, project(), &fixture("mirrors.csv")))
});

/// Random networks, often within each other: in countries, on continents as such, and in neither.
fn continents_database() -> Vec<u8> {
    let mut numbers = Numbers(2026);
    let mut text = String::from("network,country_code,continent_code\n");
    for number in 0..6_000 {
        let (space, length): (IpAddr, u8) = if number % 2 == 0 {
            (spread("10.0.0.0".parse().unwrap(), 5, numbers.wide()), 10 + numbers.below(15) as u8)
        } else {
            (spread("2a00::".parse().unwrap(), 12, numbers.wide()), 16 + numbers.below(50) as u8)
        };
        let country =
            *numbers.one_of(&["DE", "FR", "JP", "US", "BR", "ZA", "AU", "AQ", "KE", "LI"]);
        let continent = *numbers.one_of(&["EU", "AS", "AF", "NA", "SA", "OC", "AN"]);
        let country = *numbers.one_of(&[country, "", ""]);
        let continent = *numbers.one_of(&[continent, continent, continent, ""]);
        writeln!(text, "{}/{length},{country},{continent}", masked(space, length)).unwrap();
    }
    let source = Source { name: "continents.csv".to_owned(), text };
    build(&[source], &Options::default(), &mut |_, _| ()).unwrap().bytes
}

fn fixture(name: &str) -> PathBuf {
    project().join("tests/fixtures/mirrors-2006").join(name)
}

/// Writes a configuration that serves this zone file with the shipped database.
fn configure(directory: &Path, zone: &Path) -> PathBuf {
    configure_with(&project().join("geoip/country.mmdb"), directory, zone)
}

fn configure_with(database: &Path, directory: &Path, zone: &Path) -> PathBuf {
    let config = directory.join("cvdns.toml");
    let text = format!(
        "[[zone]]\nfile = '{}'\n[geoip]\ndatabase = '{}'\n[record]\nquorum = 0\n",
        zone.display(),
        database.display()
    );
    std::fs::write(&config, text).unwrap();
    config
}

#[test]
fn the_fleet_file_is_the_list() {
    let mut problems = Problems::default();
    let text = std::fs::read_to_string(fixture("mirrors.toml")).unwrap();
    let fleet = cvdns_core::fleet::Fleet::parse("mirrors.toml", &text, &mut problems);
    assert!(problems.is_empty());
    let of_fleet: BTreeSet<(String, Ipv4Addr, String)> = fleet
        .mirrors
        .iter()
        .flat_map(|m| m.ipv4.iter().map(|a| (m.host.clone(), *a, m.country.code().to_owned())))
        .collect();
    let of_list: BTreeSet<_> =
        NETWORK.1.places.iter().map(|p| (p.host.clone(), p.address, p.country.clone())).collect();
    assert_eq!(of_fleet, of_list);
    assert_eq!((of_list.len(), fleet.mirrors.len()), (135, 134));
}

#[test]
fn the_withdrawn_code_is_refused_with_its_place_and_its_successors() {
    let directory = tempfile::tempdir().unwrap();
    let zone = std::fs::read_to_string(fixture("zone.toml")).unwrap();
    let zone = zone.replace("mirrors.toml", "mirrors-with-cs.toml");
    std::fs::write(directory.path().join("zone.toml"), zone).unwrap();
    for name in ["zone.zone", "mirrors-with-cs.toml"] {
        std::fs::copy(fixture(name), directory.path().join(name)).unwrap();
    }
    let config = configure(directory.path(), Path::new("zone.toml"));
    let mut problems = Problems::default();
    let loaded = cvdns::load::load(&config, &mut problems).unwrap();
    assert!(
        cvdns_core::snapshot::compile(
            &loaded.inputs,
            &std::collections::BTreeSet::new(),
            &mut problems
        )
        .is_none()
    );
    let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let [message] = messages.as_slice() else { panic!("{messages:#?}") };
    let text = std::fs::read_to_string(fixture("mirrors-with-cs.toml")).unwrap();
    let line = text.lines().position(|line| line.contains("\"CS\"")).unwrap() + 1;
    let place = format!("{}:{line}:11: ", directory.path().join("mirrors-with-cs.toml").display());
    assert!(message.starts_with(&place), "{message}");
    for inputs in ["CS", "Serbia and Montenegro", "2006", "RS", "ME"] {
        assert!(message.contains(inputs), "{inputs} is not in: {message}");
    }
}

#[test]
fn a_country_with_mirrors_is_answered_with_exactly_them() {
    let (static_data, oracle) = &*NETWORK;
    let snapshot = snapshot(static_data, None, TIME);
    let mut asker = Asker::new(&snapshot);
    let mut of_country: BTreeMap<&str, BTreeSet<IpAddr>> = BTreeMap::new();
    for Place { address, country, .. } in &oracle.places {
        of_country.entry(country).or_default().insert((*address).into());
    }
    assert!(of_country.len() > 35);
    for (country, mirrors) in of_country {
        let name = format!("db.{country}.big.clamav.net");
        let big = query(&name, A, None);
        let answer = asker.send_by(&big, cvdns_core::answer::Transport::Tcp).addresses();
        assert_eq!(answer.len(), mirrors.len(), "{name}");
        assert_eq!(answer.into_iter().collect::<BTreeSet<_>>(), mirrors, "{name}");

        let name = format!("db.{country}.clamav.net");
        let wanted = oracle.groups(&oracle.path(Some(country)), &States::default());
        reaches(&mut asker, &query(&name, A, None), &wanted, &name);
        // No mirror of 2006 had IPv6: the name exists all the same.
        let none = asker.ask(&name, AAAA);
        assert_eq!(
            (none.message.response_code.low(), none.message.answers.len()),
            (0, 0),
            "{name}"
        );
        assert_eq!(none.message.authorities.len(), 1, "{name}");
    }
}

#[test]
fn ten_thousand_networks_get_what_the_oracle_says() {
    let (static_data, oracle) = &*NETWORK;
    let mut numbers = Numbers(2006);
    let mut paths_seen = BTreeSet::new();
    for round in 0..FEEDS {
        let (feed, mut states) = random_feed(&oracle.places, round, &mut numbers);
        let overrides = random_overrides(&oracle.places, round, &mut numbers, &mut states);
        let inputs =
            HealthInputs { feed: Some(&feed), overrides: Some(&overrides), settling: None };
        let hour = Duration::from_secs(3600);
        let now = Now { inputs, ..Now::new(Some(&feed), TIME.parse().unwrap(), hour) };
        let snapshot = Snapshot::new(Arc::clone(static_data), &now);
        let mut asker = Asker::new(&snapshot);
        for number in 0..CLIENTS {
            let ipv6 = number % 2 == 1;
            let (address, prefix) = client(&SAMPLES[usize::from(ipv6)], ipv6, &mut numbers);
            let path = oracle.path(oracle.country(address).as_deref());
            let wanted = oracle.groups(&path, &states);
            let asked = query("db.local.clamav.net", A, Some((address, prefix)));
            let who = format!("feed {round}, client {address}/{prefix}, path {path:?}");
            reaches(&mut asker, &asked, &wanted, &who);
            paths_seen.insert(path);
        }
    }
    // The clients were not all in a few places.
    assert!(paths_seen.len() > 80, "{}", paths_seen.len());
}

#[test]
fn every_address_of_a_pool_is_answered_alike() {
    let (static_data, oracle) = &*NETWORK;
    let mut numbers = Numbers(7);
    for round in 0..4 {
        let (feed, states) = random_feed(&oracle.places, round, &mut numbers);
        let snapshot = snapshot(static_data, Some(&feed), TIME);
        let mut asker = Asker::new(&snapshot);
        let hosts = oracle.hosts();
        for country in hosts.iter().copied().chain(["KE", "NZ", "AQ", "LU"]) {
            let groups = oracle.groups(&oracle.path(Some(country)), &states);
            let windows: usize = groups.iter().map(|(addresses, _)| addresses.len()).product();
            let queries = 200 * windows;
            let asked = query(&format!("db.{country}.clamav.net"), A, None);
            let mut counts: HashMap<IpAddr, (usize, usize)> = HashMap::new();
            for _ in 0..queries {
                let addresses = asker.send(&asked).addresses();
                counts.entry(addresses[0]).or_default().1 += 1;
                for address in addresses {
                    counts.entry(address).or_default().0 += 1;
                }
            }
            for (address, (times, first)) in counts {
                // Every one of a group stands in the same share of the answers and leads the same
                // share of them, if it is the group in front.
                let is_of = |(group, _): &&oracle::Group| group.contains(&v4(address));
                let (group, take) = groups.iter().find(is_of).expect("a group");
                let fair = queries * (*take).min(MAX) / group.len();
                assert!(
                    times.abs_diff(fair) * 10 <= fair,
                    "{country} {address}: {times}, fair is {fair}"
                );
                let lead = if *group == groups[0].0 { queries / group.len() } else { 0 };
                assert!(
                    first.abs_diff(lead) * 10 <= lead,
                    "{country} {address}: first {first} times of {lead}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// RFC 7871 section 7.3.1: an answer holds for every address within the scope. And not for
    /// twice as many: a scope that is longer than it must be fills resolvers' caches with copies.
    #[test]
    fn a_scope_holds_within_and_not_beyond(seed in any::<u64>(), ipv6 in any::<bool>()) {
        let mut numbers = Numbers(seed);
        let (address, prefix) = client(&SAMPLES[usize::from(ipv6)], ipv6, &mut numbers);
        check_scope(&NETWORK.1, &mut Asker::new(&ALL_UP), (address, prefix), &mut numbers);
    }
}

/// Where a database knows the continent alone, clients have its path and scopes keep to it,
/// whatever surrounds their network.
#[test]
fn clients_of_whom_the_continent_alone_is_known_get_its_mirrors() {
    let (static_data, oracle) = &*CONTINENTS;
    let snapshot = snapshot(static_data, None, TIME);
    let mut asker = Asker::new(&snapshot);
    let mut numbers = Numbers(7);
    let mut paths_seen: HashMap<oracle::Pools, usize> = HashMap::new();
    for ipv6 in [false, true] {
        let known = oracle.networks(ipv6, 4_000);
        for _ in 0..400 {
            let (network, length) = *numbers.one_of(&known);
            let whole = if ipv6 { 64 } else { 32 };
            let prefix = length.max(8).max(numbers.below(usize::from(whole) + 1) as u8).min(whole);
            let address = masked(spread(network, length, numbers.wide()), prefix);
            check_scope(oracle, &mut asker, (address, prefix), &mut numbers);
            *paths_seen.entry(oracle.path(oracle.country(address).as_deref())).or_default() += 1;
        }
    }
    // No mirror stands in Antarctica: the world is its path.
    for continent in ["EU", "AS", "NA"] {
        let path = vec![format!("continent:{continent}"), "world".to_owned()];
        assert!(
            paths_seen.get(&path).is_some_and(|seen| *seen > 20),
            "{continent}: {paths_seen:?}"
        );
    }
    assert!(
        paths_seen.contains_key(&vec!["world".to_owned()]) && paths_seen.len() > 8,
        "{paths_seen:?}"
    );
}

/// The answer is what the oracle says for this network, and its scope the widest within which all
/// have that path.
fn check_scope(
    oracle: &Oracle,
    asker: &mut Asker<'_>,
    (address, prefix): (IpAddr, u8),
    numbers: &mut Numbers,
) {
    let asked = |address, prefix| query("db.local.clamav.net", A, Some((address, prefix)));
    let answer = asker.send(&asked(address, prefix));
    let subnet = answer.subnet().expect("an ECS option");
    assert_eq!((subnet.addr(), subnet.source_prefix()), (address, prefix));
    let scope = subnet.scope_prefix();
    let path = oracle.path(oracle.country(address).as_deref());
    let wanted = oracle.groups(&path, &States::default());
    for _ in 0..6 {
        let other = spread(address, scope, numbers.wide());
        assert_eq!(
            oracle.path(oracle.country(other).as_deref()),
            path,
            "{address}/{scope}: {other}"
        );
        let whole = if address.is_ipv6() { 128 } else { 32 };
        reaches(asker, &asked(other, whole), &wanted, &format!("{address}/{scope}: {other}"));
        let again = asker.send(&asked(other, whole));
        assert_eq!(
            again.subnet().map(ClientSubnet::scope_prefix),
            Some(scope),
            "{address}/{scope}: {other}"
        );
    }
    assert_eq!(oracle.other_path(masked(address, scope), scope, &path), None, "{address}/{scope}");
    if let Some(parent) = scope.checked_sub(1) {
        let beyond = oracle.other_path(masked(address, parent), parent, &path);
        assert!(beyond.is_some(), "{address}/{scope} could be /{parent}");
    }
}

/// The network without a feed.
static ALL_UP: LazyLock<Snapshot> = LazyLock::new(|| snapshot(&NETWORK.0, None, TIME));

/// Networks of the database, IPv4 and IPv6.
static SAMPLES: LazyLock<[Vec<(IpAddr, u8)>; 2]> =
    LazyLock::new(|| [false, true].map(|ipv6| NETWORK.1.networks(ipv6, 40_000)));

/// A client's network: mostly one within a random network of the database, else any.
fn client(known: &[(IpAddr, u8)], ipv6: bool, numbers: &mut Numbers) -> (IpAddr, u8) {
    let (shortest, longest): (u8, u8) = if ipv6 { (24, 64) } else { (8, 32) };
    loop {
        let (network, length) = known[numbers.below(known.len())];
        let address = match (numbers.below(8), ipv6) {
            (0, false) => IpAddr::V4((numbers.next() as u32).into()),
            (0, true) => spread("2000::".parse().unwrap(), 3, numbers.wide()),
            _ => spread(network, length, numbers.wide()),
        };
        let prefix = shortest + (numbers.next() % u64::from(longest - shortest + 1)) as u8;
        let address = masked(address, prefix);
        if !stands_for_ipv4(address) {
            return (address, prefix);
        }
    }
}

/// Teredo (`2001::/32`) and 6to4 (`2002::/16`), which databases have as aliases of IPv4: unit tests
/// look at them.
fn stands_for_ipv4(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => matches!(address.segments(), [0x2001, 0, ..] | [0x2002, ..]),
    }
}

/// All addresses of the groups come up when the query is asked often enough to see each of the
/// windows, and no others; every answer is checked alone too.
#[track_caller]
fn reaches(asker: &mut Asker<'_>, query: &[u8], groups: &[oracle::Group], who: &str) {
    let mut all = BTreeSet::new();
    let windows: usize = groups.iter().map(|(addresses, _)| addresses.len()).product();
    for _ in 0..4 * windows + 8 {
        let answer = asker.send(query);
        assert!(answer.length <= 512);
        assert!(answer.message.authoritative && !answer.message.truncation);
        let addresses: Vec<Ipv4Addr> = answer.addresses().into_iter().map(v4).collect();
        let different: BTreeSet<Ipv4Addr> = addresses.iter().copied().collect();
        assert_eq!(different.len(), addresses.len(), "an address stands twice in an answer");
        let mut rest = addresses.as_slice();
        for (group, take) in groups {
            let size = (*take).min(MAX - (addresses.len() - rest.len()));
            let (own, others) = rest.split_at_checked(size).expect("enough addresses");
            assert!(own.iter().all(|address| group.contains(address)), "{who}: {addresses:?}");
            rest = others;
        }
        assert!(rest.is_empty(), "{who}: {addresses:?} of {groups:?}");
        all.extend(addresses);
    }
    let wanted: BTreeSet<Ipv4Addr> = groups.iter().flat_map(|(group, _)| group.clone()).collect();
    assert_eq!(all, wanted, "{who}");
}

fn v4(address: IpAddr) -> Ipv4Addr {
    if let IpAddr::V4(address) = address { address } else { panic!("{address} is IPv6") }
}

/// The version that the feed releases.
const RELEASED: u32 = 100;

/// A feed that says something of most mirrors. Of the first ones: everything up; everything down;
/// whole countries down; few up, and then all behind.
fn random_feed(places: &[Place], round: usize, numbers: &mut Numbers) -> (Feed, States) {
    let mut states = States::default();
    let mut json = String::new();
    let struck: BTreeSet<&str> =
        places.iter().map(|p| p.country.as_str()).filter(|_| numbers.below(3) == 0).collect();
    for Place { host, address, country } in places {
        let any = ["up", "up", "up", "up", "up", "up", "old", "down", "drained", "removed"]
            [numbers.below(10)];
        let state = match round {
            0 => "up",
            1 => "down",
            2 if struck.contains(country.as_str()) => "removed",
            3 => ["old", "down", "down"][numbers.below(3)],
            _ => any,
        };
        let behind = match round {
            0..4 => 0,
            4 => 5 + numbers.below(3) as u32,
            5 if !struck.contains(country.as_str()) => 0,
            _ => [0, 0, 0, 1, 1, 2, 3, 9][numbers.below(8)],
        };
        if states.hosts.contains_key(host) || (round > 3 && numbers.below(10) == 0) {
            continue;
        }
        states.hosts.insert(host.clone(), state);
        let mut differing = String::new();
        if round > 3 && numbers.below(8) == 0 {
            let other = ["up", "old", "down"][numbers.below(3)];
            states.addresses.insert(*address, other);
            differing = format!(",\"addresses\":{{\"{address}\":\"{other}\"}}");
        }
        let comma = if json.is_empty() { "" } else { "," };
        states.behind.insert(host.clone(), behind);
        let daily = RELEASED - behind;
        write!(json, "{comma}\"{host}\":{{\"state\":\"{state}\",\"daily\":{daily}{differing}}}")
            .unwrap();
    }
    let text = format!(
        "{{\"format\":1,\"serial\":{},\"generated\":\"2026-11-22T17:00:00Z\",\"release\":{{\"software\":\"1.4.6\",\"main\":63,\
         \"daily\":{RELEASED},\"bytecode\":339,\"flevel\":90}},\"mirrors\":{{{json}}}}}",
        round + 1
    );
    (Feed::parse(text.as_bytes()).unwrap(), states)
}

/// In every other round some overrides, and what they make of the states: by a mirror's name, or by
/// the end of several mirrors' names. Those that have ended make nothing of them.
fn random_overrides(
    places: &[Place],
    round: usize,
    numbers: &mut Numbers,
    states: &mut States,
) -> Overrides {
    let (mut text, mut said) = (String::new(), BTreeSet::new());
    for _ in 0..round % 2 * 6 {
        let host = numbers.one_of(places).host.as_str();
        let end = host.rsplit_once('.').map_or(host, |(_, end)| end);
        let (glob, hosts) = match numbers.below(3) {
            0 => (format!("*.{}.", end.to_uppercase()), format!(".{end}")),
            _ => (host.to_owned(), host.to_owned()),
        };
        let state = *numbers.one_of(&["up", "old", "down", "drained", "removed"]);
        let until =
            *numbers.one_of(&["", "until = 2026-11-22T17:05:00Z", "until = 2026-11-22T17:05:01Z"]);
        writeln!(
            text,
            "[[override]]\nhost = \"{glob}\"\nstate = \"{state}\"\nreason = \"because\"\n{until}"
        )
        .unwrap();
        if until.contains("05:00") {
            continue;
        }
        let is_meant = |host: &str| {
            if hosts.starts_with('.') { host.ends_with(&hosts) } else { host == hosts }
        };
        for place in places.iter().filter(|place| is_meant(&place.host)) {
            // Of several on a host the first holds.
            if said.insert(place.address) {
                states.hosts.insert(place.host.clone(), state);
                states.addresses.remove(&place.address);
            }
        }
    }
    let mut problems = Problems::default();
    let overrides = Overrides::parse("overrides.toml", &text, &mut problems);
    assert!(problems.is_empty(), "{text}");
    overrides
}
