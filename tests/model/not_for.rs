//! Mirrors that are not for everybody (FORMATS "zones/mirrors.toml", `not-for`): the network of
//! 2006 with random restrictions in fleet file and feed, against lists of who may get whom.

use crate::asking::{A, Asker, Numbers, loaded, masked, project, query, spread};
use crate::network_2006::{TIME, client, configure, fixture, random_feed};
use crate::oracle::{Oracle, States};

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cvdns::load::Loaded;
use cvdns_core::answer::Transport;
use cvdns_core::decision::{Outcome, Trail, decide_by_name};
use cvdns_core::fleet::Fleet;
use cvdns_core::health::{Feed, MirrorHealth, State};
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::dynamic_data::A_SIZE;
use cvdns_core::snapshot::{Now, Snapshot, compile};
use cvdns_core::wire::lower::LowerName;
use cvdns_core::wire::name::Name;

/// Names of fixed pools, beside those of countries, and the area that their paths begin with.
const NAMES: &str = "
[[name]]
owner = \"db.europe\"
pool = \"continent:EU\"
[[name]]
owner = \"db.asia\"
pool = \"continent:AS\"
[[name]]
owner = \"all\"
pool = \"world\"
";

const ROUNDS: usize = 10;
const CLIENTS: usize = 60;

/// For whom mirrors are not, by host: countries and continents as the files have them.
type Restrictions = BTreeMap<String, Vec<&'static str>>;

static LOADED: LazyLock<(Loaded, Oracle)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let zone = std::fs::read_to_string(fixture("zone.toml")).unwrap() + NAMES;
    std::fs::write(directory.path().join("zone.toml"), zone).unwrap();
    for name in ["zone.zone", "mirrors.toml"] {
        std::fs::copy(fixture(name), directory.path().join(name)).unwrap();
    }
    // A database is read where only the fleet file asks for it, too; here a name does.
    let loaded = loaded(&configure(directory.path(), "zone.toml".as_ref()));
    (loaded, Oracle::new(project(), &fixture("mirrors.csv")))
});

static SAMPLES: LazyLock<[Vec<(IpAddr, u8)>; 2]> =
    LazyLock::new(|| [false, true].map(|ipv6| LOADED.1.networks(ipv6, 20_000)));

/// Nobody is restricted; a few; all mirrors are for nobody in CN; many are for few.
fn restrictions(oracle: &Oracle, round: usize, numbers: &mut Numbers) -> Restrictions {
    let hosts: BTreeSet<&str> = oracle.places.iter().map(|place| place.host.as_str()).collect();
    let areas =
        ["CN", "DE", "US", "JP", "FR", "BR", "RU", "continent:AS", "continent:EU", "continent:NA"];
    let mut out = Restrictions::new();
    for host in hosts {
        let count = match round {
            0 | 2 => 0,
            1 => usize::from(numbers.below(20) == 0),
            _ => numbers.below(5),
        };
        let mut listed: Vec<&str> = (0..count).map(|_| *numbers.one_of(&areas)).collect();
        if round == 2 {
            listed.push("CN");
        }
        listed.sort_unstable();
        listed.dedup();
        if !listed.is_empty() {
            out.insert(host.to_owned(), listed);
        }
    }
    out
}

/// Of each list the fleet file has some entries, and the feed has some; together they have all.
fn shared_out(all: &Restrictions, numbers: &mut Numbers, feed: &mut Feed) -> Arc<Fleet> {
    let mut text = std::fs::read_to_string(fixture("mirrors.toml")).unwrap();
    for (host, areas) in all {
        let of_fleet: Vec<&str> = areas.iter().copied().filter(|_| numbers.below(2) == 0).collect();
        let of_feed = areas.iter().filter(|area| !of_fleet.contains(area) || numbers.below(3) == 0);
        let of_feed: BTreeSet<_> = of_feed.map(|area| area.parse().unwrap()).collect();
        let up = || MirrorHealth {
            state: State::Up,
            since: None,
            main: None,
            daily: None,
            bytecode: None,
            addresses: BTreeMap::new(),
            not_for: BTreeSet::new(),
            note: String::new(),
            weight: cvdns_core::release::Share::WHOLE,
        };
        if !of_feed.is_empty() {
            feed.mirrors.entry(host.clone()).or_insert_with(up).not_for = of_feed;
        }
        let quoted = format!("{host:?}\n");
        let found = text.matches(&quoted).count();
        assert_eq!(found, 1, "{host}");
        if !of_fleet.is_empty() {
            text = text.replace(&quoted, &format!("{quoted}not-for = {of_fleet:?}\n"));
        }
    }
    let mut problems = Problems::default();
    let fleet = Fleet::parse("mirrors.toml", &text, &mut problems);
    assert!(!problems.has_errors(), "{:?}", problems.iter().map(ToString::to_string).next());
    fleet.into()
}

/// What clients of an area never get.
fn never(oracle: &Oracle, all: &Restrictions, area: Option<&str>) -> BTreeSet<String> {
    let Some(area) = area else { return BTreeSet::new() };
    let hosts = all.iter().filter(|(_, listed)| listed.iter().any(|of| oracle.is_in(area, of)));
    hosts.map(|(host, _)| host.clone()).collect()
}

/// Where the path of a name begins.
enum Start {
    OfClient,
    World,
    Place(String),
}

impl Start {
    /// The place, for a client in this area.
    fn place(&self, area: Option<String>) -> Option<String> {
        match self {
            Self::OfClient => area,
            Self::World => None,
            Self::Place(place) => Some(place.clone()),
        }
    }
}

/// Names, and where their path begins.
fn names(numbers: &mut Numbers, oracle: &Oracle) -> Vec<(String, Start)> {
    let hosts: Vec<&str> = oracle.hosts().into_iter().collect();
    let host = (*numbers.one_of(&hosts)).to_owned();
    let any = (*numbers.one_of(&["CN", "HK", "KE", "LI", "AR", "NZ", "VN", "IN"])).to_owned();
    let of = |place: &str| Start::Place(place.to_owned());
    vec![
        ("db.local".to_owned(), Start::OfClient),
        (format!("db.{host}"), of(&host)),
        (format!("db.{any}"), of(&any)),
        ("db.cn".to_owned(), of("CN")),
        ("db.europe".to_owned(), of("continent:EU")),
        ("db.asia".to_owned(), of("continent:AS")),
        ("all".to_owned(), Start::World),
    ]
}

/// All addresses that can come up in answers to a client.
fn possible(snapshot: &Snapshot, name: &str, address: IpAddr) -> BTreeSet<Ipv4Addr> {
    let name = Name::parse(&format!("{name}.clamav.net."), &Name::root()).unwrap();
    let mut lower = LowerName::new();
    lower.set(name.to_lower().wire());
    match decide_by_name(snapshot, &lower, A, address, &mut Trail::default()).outcome {
        Outcome::Pool { answer, .. } => {
            let records = answer.ipv4.records().chunks_exact(A_SIZE);
            records.map(|record| <[u8; 4]>::try_from(&record[12..]).unwrap().into()).collect()
        }
        Outcome::NoAddresses { .. } => BTreeSet::new(),
        other => panic!("{other:?}"),
    }
}

/// FORMATS "zones/mirrors.toml": never answered to these clients. RFC 7871 section 7.3.1: an answer
/// holds for every address within its scope.
#[test]
fn nobody_gets_a_mirror_that_is_not_for_them_and_scopes_hold() {
    let (loaded, oracle) = &*LOADED;
    let mut numbers = Numbers(15);
    let (mut narrowed, mut none, mut by_scope) = (0, 0, [0; 2]);
    for round in 0..ROUNDS {
        let all = restrictions(oracle, round, &mut numbers);
        // Among these feeds are one with everything down and one with everything behind.
        let (mut feed, states) = random_feed(&oracle.places, round, &mut numbers);
        let fleet = shared_out(&all, &mut numbers, &mut feed);
        let mut inputs = inputs(loaded);
        inputs.zones[0].fleet = fleet;
        let mut problems = Problems::default();
        let static_data = compile(&inputs, &feed.requirements(), &mut problems).unwrap();
        let warned = problems.iter().any(|problem| problem.what.contains("leaves CN (China)"));
        assert_eq!(warned, round == 2);
        let now = Now::new(Some(&feed), TIME.parse().unwrap(), Duration::from_secs(3600));
        let snapshot = Snapshot::new(Arc::new(static_data), &now);
        let mut asker = Asker::new(&snapshot);
        for number in 0..CLIENTS {
            let ipv6 = number % 2 == 1;
            let (address, prefix) = client(&SAMPLES[usize::from(ipv6)], ipv6, &mut numbers);
            for (name, start) in names(&mut numbers, oracle) {
                let wanted = |address: IpAddr| {
                    let area = oracle.country(address);
                    let place = start.place(area.clone());
                    let mut never = never(oracle, &all, area.as_deref());
                    if place.as_deref().is_some_and(|place| !place.starts_with("continent:")) {
                        never.extend(self::never(oracle, &all, place.as_deref()));
                    }
                    let states = States { never, ..states.clone() };
                    oracle.answers(&oracle.path(place.as_deref()), &states)
                };
                let expected = wanted(address);
                let what = format!("round {round}, {name}, {address}/{prefix}");
                assert_eq!(possible(&snapshot, &name, address), expected, "{what}");
                let free = oracle.path(start.place(oracle.country(address)).as_deref());
                narrowed += usize::from(oracle.answers(&free, &states) != expected);
                none += usize::from(expected.is_empty());

                // Whole packets, by ECS and by source.
                let whole = if ipv6 { 128 } else { 32 };
                let asked = format!("{name}.clamav.net");
                for _ in 0..3 {
                    let by_ecs = asker.send(&query(&asked, A, Some((address, prefix))));
                    let plain = query(&asked, A, None);
                    let by_source = asker.send_from(&plain, Transport::Udp, address);
                    for answer in [by_ecs, by_source] {
                        let got = answer.addresses();
                        assert_eq!(got.is_empty(), expected.is_empty(), "{what}");
                        assert!(
                            got.iter().all(
                                |got| matches!(got, IpAddr::V4(got) if expected.contains(got))
                            ),
                            "{what}: {got:?}"
                        );
                    }
                }
                let answer = asker.send(&query(&asked, A, Some((address, prefix))));
                let scope = answer.subnet().expect("an ECS option").scope_prefix();
                by_scope[usize::from(scope > 0)] += 1;
                for _ in 0..4 {
                    let other = spread(masked(address, scope), scope, numbers.wide());
                    let what = format!("{what}: /{scope} has {other}");
                    assert_eq!(wanted(other), expected, "{what}");
                    let again = asker.send(&query(&asked, A, Some((other, whole))));
                    let subnet = again.subnet().expect("an ECS option");
                    assert_eq!(subnet.scope_prefix(), scope, "{what}");
                }
            }
        }
    }
    // The test has seen what it is about.
    assert!(narrowed > 500 && none > 20, "{narrowed} {none}");
    assert!(by_scope.iter().all(|count| *count > 300), "{by_scope:?}");
}

/// The inputs once more, of which each round has its own fleet.
fn inputs(loaded: &Loaded) -> cvdns_core::snapshot::inputs::Inputs {
    use cvdns_core::snapshot::inputs::{Inputs, ZoneInput};
    let zones = loaded.inputs.zones.iter().map(|zone| ZoneInput {
        file: zone.file.clone(),
        zones: zone.zones.clone(),
        fleet: zone.fleet.clone(),
        fleet_complete: zone.fleet_complete,
    });
    Inputs {
        zones: zones.collect(),
        countries: loaded.inputs.countries.clone(),
        settings: loaded.inputs.settings.clone(),
        record_ttl: loaded.inputs.record_ttl,
    }
}
