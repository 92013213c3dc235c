//! Random networks, and the library's snapshots of them.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::asking::{Numbers, loaded, snapshot};
use cvdns_core::geo::country_map::CountryMap;
use cvdns_core::health::Feed;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::inputs::Inputs;
use cvdns_core::snapshot::{Snapshot, compile};

use super::rules::{COUNTRIES, Mirror, Network};

pub(super) const ORIGIN: &str = "example.net";

const TIME: &str = "2026-11-22T18:00:00Z";
const RECORDS: &str = "$TTL 300\n@ SOA ns host 1 3600 900 604800 300\n@ NS ns\nns A 192.0.2.53\n";

/// A client in the country of this number; 200 is nowhere.
pub(super) fn client(number: usize) -> IpAddr {
    Ipv4Addr::new(198, 18, number as u8, 77).into()
}

/// What all networks share: where clients are.
pub(super) struct Shared {
    countries: Arc<CountryMap>,
}

impl Shared {
    /// Reads the shipped database, with a network of its own for each country.
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = crate::asking::project().join("geoip/country.mmdb");
        let mut config = format!(
            "[[zone]]\nfile = \"zone.toml\"\n[geoip]\ndatabase = '{}'\n",
            database.display()
        );
        for (number, (country, _)) in COUNTRIES.iter().enumerate() {
            let net = format!("198.18.{number}.0/24");
            write!(config, "[[geoip.override]]\nnet = \"{net}\"\ncountry = \"{country}\"\n")
                .unwrap();
        }
        let zone = "format = 1\norigin = \"example.net\"\nrecords = \"zone\"\nmirrors = \"fleet\"\n\
                    [[name]]\nowner = \"db.local\"\npool = \"client\"\n";
        let fleet = "[[mirror]]\nhost = \"m\"\ncountry = \"DE\"\nipv4 = [\"192.0.2.1\"]\n";
        let files = [
            ("cvdns.toml", config.as_str()),
            ("zone.toml", zone),
            ("zone", RECORDS),
            ("fleet", fleet),
        ];
        for (name, content) in files {
            std::fs::write(directory.path().join(name), content).unwrap();
        }
        let loaded = loaded(&directory.path().join("cvdns.toml"));
        Self { countries: loaded.inputs.countries.clone() }
    }

    /// A network as a server has it.
    pub(super) fn snapshot(&self, network: &Network) -> Snapshot {
        let (zone, fleet, feed) = (zone(network), fleet(network), feed(network));
        let mut problems = Problems::default();
        let inputs = Inputs::of_zone(&zone, RECORDS, &fleet, &mut problems);
        let errors = || problems.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(!problems.has_errors(), "{:#?}\n{zone}\n{fleet}", errors());
        let inputs = Inputs { countries: self.countries.clone(), ..inputs.unwrap() };
        let feed = Feed::parse(feed.as_bytes()).unwrap();
        // Warnings are no matter: a country may be left without any mirror.
        let compiled = compile(&inputs, &feed.requirements(), &mut problems);
        let why = || problems.iter().map(ToString::to_string).collect::<Vec<_>>();
        let compiled = Arc::new(compiled.unwrap_or_else(|| panic!("{:#?}", why())));
        snapshot(&compiled, Some(&feed), TIME)
    }
}

/// A network of up to nine mirrors.
pub(super) fn random(numbers: &mut Numbers) -> Network {
    let codes: Vec<&'static str> = COUNTRIES.iter().map(|(code, _)| *code).collect();
    let with_mirrors = &codes[..8];
    let restricted = numbers.chance(50);
    let mut mirrors: Vec<Mirror> = Vec::new();
    for number in 0..=numbers.below(9) {
        let state = |numbers: &mut Numbers| {
            *numbers.one_of(&["up", "up", "up", "up", "old", "down", "drained", "removed"])
        };
        let addresses = (0..=numbers.below(2))
            .map(|address| {
                let address = Ipv4Addr::new(192, 0, 2, (10 * number + address) as u8);
                (address, state(numbers))
            })
            .collect();
        let barred = |numbers: &mut Numbers| {
            let choices = ["NO", "SE", "DE", "JP", "LI", "continent:EU", "continent:AS"];
            let often = if restricted { 30 } else { 0 };
            let count = if numbers.chance(often) { 1 + numbers.below(2) } else { 0 };
            (0..count).map(|_| (*numbers.one_of(&choices)).to_owned()).collect()
        };
        mirrors.push(Mirror {
            host: format!("m{number}.example.org"),
            country: with_mirrors[numbers.below(with_mirrors.len())],
            serves: if numbers.chance(20) { vec![*numbers.one_of(&codes)] } else { Vec::new() },
            not_for: barred(numbers),
            not_for_too: barred(numbers),
            capacity: *numbers.one_of(&[100_000, 100_000, 200_000, 400_000, 1_000_000]),
            weight: *numbers.one_of(&[100, 100, 100, 100, 50, 25]),
            addresses,
        });
    }
    let neighbours = codes.iter().map(|code| (*code, two_others(code, numbers)));
    let neighbours = neighbours.collect();
    let demand = if numbers.chance(50) {
        let rate = |numbers: &mut Numbers| *numbers.one_of(&[50, 150, 300, 700, 2000]);
        let chosen: Vec<&'static str> =
            codes.iter().copied().filter(|_| numbers.chance(50)).collect();
        chosen.into_iter().map(|code| (code, rate(numbers))).collect()
    } else {
        Vec::new()
    };
    let min = 1 + numbers.below(4);
    let max = *numbers.one_of(&[0, 4, 5, 8]);
    Network { mirrors, neighbours, min, max, demand }
}

fn two_others(code: &str, numbers: &mut Numbers) -> [&'static str; 2] {
    let others: Vec<&'static str> =
        COUNTRIES.iter().map(|(code, _)| *code).filter(|other| *other != code).collect();
    let first = numbers.below(others.len());
    let second = (first + 1 + numbers.below(others.len() - 1)) % others.len();
    [others[first], others[second]]
}

fn zone(network: &Network) -> String {
    let mut text = format!(
        "format = 1\norigin = \"{ORIGIN}\"\nrecords = \"zone\"\nmirrors = \"fleet\"\n\
         [answer]\nmin = {}\nmax = {}\n",
        network.min, network.max
    );
    for (owner, pool) in [
        ("db.{cc}", "{cc}"),
        ("db.local", "client"),
        ("db.europe", "continent:EU"),
        ("db.all", "world"),
    ] {
        write!(text, "[[name]]\nowner = \"{owner}\"\npool = \"{pool}\"\n").unwrap();
    }
    for (country, [first, second]) in &network.neighbours {
        let next = format!("[\"{first}\", \"{second}\"]");
        write!(text, "[[neighbours]]\ncountry = \"{country}\"\nnext = {next}\n").unwrap();
    }
    for (country, rate) in &network.demand {
        write!(text, "[[demand]]\ncountry = \"{country}\"\nrate = \"{rate}Mbit/s\"\n").unwrap();
    }
    text
}

fn fleet(network: &Network) -> String {
    let mut text = String::new();
    for mirror in &network.mirrors {
        let addresses: Vec<String> =
            mirror.addresses.iter().map(|(address, _)| address.to_string()).collect();
        write!(
            text,
            "[[mirror]]\nhost = \"{}\"\ncountry = \"{}\"\nserves = {:?}\nnot-for = {:?}\n\
             ipv4 = {:?}\ncapacity = \"{}kbit/s\"\n",
            mirror.host, mirror.country, mirror.serves, mirror.not_for, addresses, mirror.capacity
        )
        .unwrap();
    }
    text
}

fn feed(network: &Network) -> String {
    let mirrors: Vec<String> = network
        .mirrors
        .iter()
        .map(|mirror| {
            let (_, state) = mirror.addresses[0];
            let others: Vec<String> = mirror
                .addresses
                .iter()
                .filter(|(_, other)| *other != state)
                .map(|(address, other)| format!("\"{address}\":\"{other}\""))
                .collect();
            format!(
                "\"{}\":{{\"state\":\"{state}\",\"addresses\":{{{}}},\"not-for\":{:?},\"weight\":{}}}",
                mirror.host,
                others.join(","),
                mirror.not_for_too,
                mirror.weight as f64 / 100.0
            )
        })
        .collect();
    format!(
        "{{\"format\":1,\"serial\":1,\"generated\":\"2026-11-22T17:00:00Z\",\"mirrors\":{{{}}}}}",
        mirrors.join(",")
    )
}
