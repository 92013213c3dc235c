//! First places (FORMATS, "Home first" and `[[demand]]`): who is first in how many answers, counted
//! in packets.

use crate::asking;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use asking::{A, Asker, loaded, query, snapshot, static_data};
use cvdns_core::explain::{AddressSource, ClientAddress, ExplainQuery, Explanation};
use cvdns_core::health::Feed;
use cvdns_core::snapshot::{Snapshot, StaticData};
use cvdns_core::wire::lower::LowerName;
use cvdns_core::wire::name::Name;

const TIME: &str = "2026-11-22T18:00:00Z";

const RECORDS: &str = "$TTL 300\n@ SOA ns host 1 3600 900 604800 300\n@ NS ns\nns A 192.0.2.53\n";

/// The names of all tests; `rest` goes on with the zone file.
fn zone(min: usize, rest: &str) -> String {
    format!(
        "format = 1\norigin = \"clam.example\"\nrecords = \"z.zone\"\nmirrors = \"mirrors.toml\"\n\
         [answer]\nmax = 8\nmin = {min}\n[[name]]\nowner = \"db.{{cc}}\"\npool = \"{{cc}}\"\n\
         [[name]]\nowner = \"db.local\"\npool = \"client\"\n{rest}"
    )
}

/// Compiles a zone over mirrors, given as country and capacities in Mbit/s.
fn compiled(min: usize, rest: &str, fleet: &[(&str, &[u64])]) -> Arc<StaticData> {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    let database = Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip/country.mmdb");
    write(
        "cvdns.toml",
        &format!("[[zone]]\nfile = \"z.toml\"\n[geoip]\ndatabase = '{}'\n", database.display()),
    );
    write("z.toml", &zone(min, rest));
    write("z.zone", RECORDS);
    let mut mirrors = String::new();
    for (number, (country, capacities)) in fleet.iter().enumerate() {
        for (at, capacity) in capacities.iter().enumerate() {
            writeln!(
                mirrors,
                "[[mirror]]\nhost = \"{}{at}.example\"\ncountry = \"{country}\"\n\
                 ipv4 = [\"192.0.{}.{}\"]\ncapacity = \"{capacity}Mbit/s\"",
                country.to_lowercase(),
                number + 10,
                at + 1
            )
            .unwrap();
        }
    }
    write("mirrors.toml", &mirrors);
    static_data(&loaded(&directory.path().join("cvdns.toml")), None)
}

/// The index of an address's entry in the fleet, and that of the mirror in it.
fn place(address: IpAddr) -> (usize, usize) {
    let IpAddr::V4(address) = address else { panic!("{address} is IPv6") };
    let [.., entry, mirror] = Ipv4Addr::octets(&address);
    (usize::from(entry) - 10, usize::from(mirror) - 1)
}

/// The explanation of a name's A records at a turn, a fraction of 2^64.
fn explained(snapshot: &Snapshot, name: &str, turn: u64) -> Explanation {
    let mut lower = LowerName::new();
    assert!(lower.set(Name::parse(name, &Name::root()).unwrap().to_lower().wire()));
    let address = Ipv4Addr::LOCALHOST.into();
    let client = ClientAddress { address, prefix: None, from: AddressSource::Given };
    let time = TIME.parse().unwrap();
    Explanation::of(snapshot, &ExplainQuery { name: &lower, qtype: A, client, turn, time })
}

/// By address: how often it is first, and how often it is answered.
type Counts = BTreeMap<(usize, usize), (usize, usize)>;

/// How often each address is first, and how often it is answered, over all windows of a name; and
/// how many windows there are.
fn counted(snapshot: &Snapshot, name: &str) -> (Counts, usize) {
    let at = |turn| explained(snapshot, name, turn).pools.unwrap().window.unwrap();
    let windows = u64::from(at(0).of);
    let mut counts = Counts::new();
    for number in 0..windows {
        let turn = (u128::from(number) << 64).div_ceil(u128::from(windows)) as u64;
        let window = at(turn);
        assert_eq!(window.number as u64, number + 1);
        for (at, address) in window.addresses.iter().enumerate() {
            let (first, times) = counts.entry(place(*address)).or_default();
            *first += usize::from(at == 0);
            *times += 1;
        }
    }
    (counts, windows as usize)
}

/// With `min` one above the mirrors at home, these are first and a neighbour's is last, each of
/// them evenly; over 400 packets too.
#[test]
fn formats_the_home_pool_is_first_beside_larger_neighbours() {
    for home in [1_usize, 2, 5] {
        let (own, sweden, denmark) = (vec![100; home], vec![100; 40], vec![100; 25]);
        let fleet = [("NO", own.as_slice()), ("SE", &sweden), ("DK", &denmark)];
        let neighbours = "[[neighbours]]\ncountry = \"NO\"\nnext = [\"SE\", \"DK\"]\n";
        let snapshot = snapshot(&compiled(home + 1, neighbours, &fleet), None, TIME);
        let (counts, windows) = counted(&snapshot, "db.no.clam.example");
        assert!(windows % (40 * home) == 0, "{windows}");
        for mirror in 0..home {
            assert_eq!(counts[&(0, mirror)], (windows / home, windows), "NO {mirror} of {home}");
        }
        for mirror in 0..40 {
            assert_eq!(counts[&(1, mirror)], (0, windows / 40), "SE {mirror} beside {home}");
        }
        assert_eq!(counts.len(), home + 40, "DK is not needed");

        let (mut asker, mut first) = (Asker::new(&snapshot), BTreeMap::new());
        for _ in 0..400 {
            let addresses = asker.ask("db.no.clam.example", A).addresses();
            assert_eq!(addresses.len(), home + 1);
            *first.entry(place(addresses[0])).or_insert(0_usize) += 1;
            assert_eq!(place(addresses[home]).0, 1);
        }
        assert!(first.keys().all(|(entry, _)| *entry == 0), "{first:?}");
        let fair = 400 / home;
        assert!(first.values().all(|n| n.abs_diff(fair) * 20 <= fair), "{first:?}");
        // Where the first pool has enough, answers are windows over it.
        assert_eq!(asker.ask("db.se.clam.example", A).addresses().len(), 8);
    }
}

/// The last pool is reached by weight.
#[test]
fn formats_mirrors_fill_up_by_weight() {
    let fleet: [(&str, &[u64]); 2] = [("NO", &[100]), ("SE", &[100, 100, 300, 500])];
    let neighbours = "[[neighbours]]\ncountry = \"NO\"\nnext = [\"SE\"]\n";
    let snapshot = snapshot(&compiled(2, neighbours, &fleet), None, TIME);
    let (counts, windows) = counted(&snapshot, "db.no.clam.example");
    assert_eq!(counts[&(0, 0)], (windows, windows));
    let times = [0, 1, 2, 3].map(|mirror| counts[&(1, mirror)].1 * 10 / windows);
    assert_eq!((times, windows % 10), ([1, 1, 3, 5], 0));
}

/// A demand beyond the home pool is shared out along the path by capacity: 12 Gbit/s are 2 of
/// India's, 3 of Singapore's, and the rest of Asia's other mirrors.
#[test]
fn formats_a_demand_is_shared_out_along_the_path() {
    let fleet: [(&str, &[u64]); 4] = [
        ("IN", &[1000, 500, 500]),
        ("SG", &[2000, 1000]),
        ("JP", &[10_000, 5000, 5000]),
        ("DE", &[40_000]),
    ];
    let next = "[[neighbours]]\ncountry = \"IN\"\nnext = [\"SG\"]\n\
                [[neighbours]]\ncountry = \"NP\"\nnext = [\"IN\", \"SG\"]\n";
    let demand = |rate: &str| format!("{next}[[demand]]\ncountry = \"IN\"\nrate = \"{rate}\"\n");
    let shares = |rate: &str| {
        let snapshot = asking::snapshot(&compiled(2, &demand(rate), &fleet), None, TIME);
        let (counts, windows) = counted(&snapshot, "db.in.clam.example");
        let mut shares = [0.0; 4];
        for ((entry, _), (first, _)) in &counts {
            shares[*entry] += *first as f64 / windows as f64;
        }
        (shares, counts, windows)
    };
    let close = |found: [f64; 4], fair: [f64; 4]| {
        found.iter().zip(fair).all(|(found, fair)| (found - fair).abs() < 0.005)
    };
    let (found, counts, windows) = shares("12Gbit/s");
    assert!(close(found, [2.0 / 12.0, 3.0 / 12.0, 7.0 / 12.0, 0.0]), "{found:?}");
    // Within a pool by capacity.
    let of = |entry, mirror| counts[&(entry, mirror)].0 as f64 / windows as f64;
    assert!((of(0, 0) - 1.0 / 12.0).abs() < 0.005 && (of(0, 1) - 0.5 / 12.0).abs() < 0.005);
    assert!((of(2, 0) - 3.5 / 12.0).abs() < 0.005, "{}", of(2, 0));
    let snapshot = snapshot(&compiled(2, &demand("12Gbit/s"), &fleet), None, TIME);
    let said = explained(&snapshot, "db.in.clam.example", 0).txt_strings();
    for words in [
        "pool=IN 3 of 3 usable, first in 16.7 % of answers",
        "pool=SG 2 of 2 usable, first in 25.0 % of answers",
        "note=IN has 3 of 3 mirrors usable: demand shared as far as continent:AS",
    ] {
        assert!(said.iter().any(|string| string == words), "{words}: {said:#?}");
    }
    // Home alone meets it: as without demand.
    let (found, _, windows) = shares("2Gbit/s");
    assert!(close(found, [1.0, 0.0, 0.0, 0.0]) && windows == 4, "{found:?} {windows}");
    // More than the path has: the last pool takes the rest.
    let (found, ..) = shares("100Gbit/s");
    assert!(close(found, [0.02, 0.03, 0.2, 0.75]), "{found:?}");
    // A small share is still one.
    let (found, ..) = shares("2.02Gbit/s");
    assert!(close(found, [2.0 / 2.02, 0.02 / 2.02, 0.0, 0.0]) && found[1] > 0.0, "{found:?}");
}

/// Countries with different demand have different paths, be their pools the same: scopes (RFC 7871)
/// keep to them. Nepal has India's pools but not its demand.
#[test]
fn formats_a_demand_is_that_of_one_country() {
    let fleet: [(&str, &[u64]); 2] = [("IN", &[1000, 1000]), ("SG", &[8000])];
    let next = "[[neighbours]]\ncountry = \"IN\"\nnext = [\"SG\"]\n\
                [[neighbours]]\ncountry = \"NP\"\nnext = [\"IN\", \"SG\"]\n";
    let demand = format!("{next}[[demand]]\ncountry = \"IN\"\nrate = \"10Gbit/s\"\n");
    let pools = |data: &StaticData, code: &str| {
        let paths = &data.plans[0].paths;
        let number = paths.of_client(code.parse::<cvdns_core::geo::country::Country>().unwrap());
        (number, paths.get(number).unwrap().clone())
    };
    let (without, with) = (compiled(2, next, &fleet), compiled(2, &demand, &fleet));
    assert_eq!(pools(&without, "IN"), pools(&without, "NP"), "one path without demand");
    let (india, nepal) = (pools(&with, "IN"), pools(&with, "NP"));
    assert!(india.0 != nepal.0 && india.1.pools == nepal.1.pools);
    assert_eq!((india.1.demand, nepal.1.demand), (Some(10_000_000), None));
    let snapshot = snapshot(&with, None, TIME);
    let first = |name: &str| counted(&snapshot, name).0.into_iter().map(|(at, n)| (at, n.0));
    let india: BTreeMap<_, _> = first("db.in.clam.example").collect();
    let nepal: BTreeMap<_, _> = first("db.np.clam.example").collect();
    assert!(india[&(1, 0)] > 0 && !nepal.contains_key(&(1, 0)), "{india:?} {nepal:?}");
    // A network of India and one of Nepal are never in one scope.
    let mut asker = Asker::new(&snapshot);
    let places: [(Ipv4Addr, usize); 2] =
        [(Ipv4Addr::new(49, 36, 0, 1), 3), (Ipv4Addr::new(27, 34, 64, 1), 2)];
    for (address, answered) in places {
        let asked = query("db.local.clam.example", A, Some((address.into(), 32)));
        let answer = asker.send(&asked);
        assert_eq!(answer.addresses().len(), answered, "{address}");
        assert!(answer.subnet().is_some_and(|subnet| subnet.scope_prefix() > 0), "{address}");
    }
}

/// Demand pools with fewer than `min` addresses are filled up from the next, behind them.
#[test]
fn formats_a_demand_does_not_lower_min() {
    let fleet: [(&str, &[u64]); 3] = [("IN", &[1000]), ("SG", &[3000]), ("JP", &[1000; 20])];
    let rest = "[[neighbours]]\ncountry = \"IN\"\nnext = [\"SG\", \"JP\"]\n\
                [[demand]]\ncountry = \"IN\"\nrate = \"4Gbit/s\"\n";
    let snapshot = snapshot(&compiled(3, rest, &fleet), None, TIME);
    let (counts, windows) = counted(&snapshot, "db.in.clam.example");
    assert_eq!(
        (counts[&(0, 0)], counts[&(1, 0)]),
        ((windows / 4, windows), (windows / 4 * 3, windows))
    );
    assert!((0..20).all(|mirror| counts[&(2, mirror)] == (0, windows / 20)), "{counts:?}");
}

/// Without a usable mirror at home the next pool is windows of `max`, as ever.
#[test]
fn formats_a_dead_home_is_answered_by_the_next_pool() {
    let fleet: [(&str, &[u64]); 2] = [("NO", &[100]), ("SE", &[100; 20])];
    let static_data = compiled(2, "[[neighbours]]\ncountry = \"NO\"\nnext = [\"SE\"]\n", &fleet);
    let feed = "{\"format\":1,\"serial\":1,\"generated\":\"2026-11-22T17:59:00Z\",\
                \"mirrors\":{\"no0.example\":{\"state\":\"down\"}}}";
    let feed = Feed::parse(feed.as_bytes()).unwrap();
    let snapshot = snapshot(&static_data, Some(&feed), TIME);
    let (counts, windows) = counted(&snapshot, "db.no.clam.example");
    assert_eq!((counts.len(), windows), (20, 20));
    assert!(counts.values().all(|n| *n == (1, 8)), "{counts:?}");
}
