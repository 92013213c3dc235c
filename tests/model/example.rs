//! The example that the repository ships: it is right, it shows everything, and it is nobody's.

use crate::asking;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use asking::{A, AAAA, Asker, TXT, loaded, project, query, snapshot, static_data};
use cvdns::load::{FeedSource, Loaded};
use cvdns_core::answer::Transport;
use cvdns_core::fleet::Fleet;
use cvdns_core::health::{Feed, State};
use cvdns_core::snapshot::Snapshot;
use cvdns_io::read_feed;
use ipnet::IpNet;

const TIME: &str = "2026-11-22T17:05:00Z";

fn example() -> (Loaded, Feed) {
    let loaded = loaded(&project().join("cvdns.toml"));
    let octets = read_feed(loaded.feeds.first().and_then(FeedSource::file).expect("a feed"))
        .expect("a readable feed");
    (loaded, Feed::parse(&octets).expect("a feed that validates"))
}

fn serving() -> Snapshot {
    let (loaded, feed) = example();
    snapshot(&static_data(&loaded, Some(&feed)), Some(&feed), TIME)
}

fn fleet(loaded: &Loaded) -> &Fleet {
    &loaded.inputs.zones[0].fleet
}

#[test]
fn the_fleet_spans_the_world() {
    let (loaded, _) = example();
    let fleet = fleet(&loaded);
    let countries: BTreeSet<&str> = fleet.enabled().map(|(_, m)| m.country.code()).collect();
    let continents: BTreeSet<&str> =
        fleet.enabled().map(|(_, m)| m.country.continent().code()).collect();
    assert!(
        fleet.mirrors.len() >= 60 && countries.len() >= 32,
        "{} in {}",
        fleet.mirrors.len(),
        countries.len()
    );
    assert_eq!(continents.into_iter().collect::<Vec<_>>(), ["AF", "AS", "EU", "NA", "OC", "SA"]);
}

#[test]
fn nobody_is_contacted_who_did_not_ask_for_it() {
    // RFC 5737 section 3, RFC 3849 section 2.
    let documentation: [IpNet; 4] =
        ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"]
            .map(|net| net.parse().unwrap());
    let is_documentation = |address: IpAddr| documentation.iter().any(|net| net.contains(&address));
    let (loaded, _) = example();
    for mirror in &fleet(&loaded).mirrors {
        assert!(mirror.addresses().all(is_documentation), "{}", mirror.host);
        // RFC 2606 section 3.
        let reserved = ["example.com", "example.net", "example.org"];
        assert!(reserved.iter().any(|domain| mirror.host.ends_with(domain)), "{}", mirror.host);
    }
    let master = std::fs::read_to_string(project().join("zones/clamav.net.zone")).unwrap();
    let words =
        master.lines().filter_map(|line| line.split(';').next()).flat_map(str::split_whitespace);
    let addresses: Vec<IpAddr> = words.filter_map(|word| word.parse().ok()).collect();
    assert!(addresses.len() > 5 && addresses.into_iter().all(is_documentation));
}

#[test]
fn the_feed_shows_every_state_and_knows_its_mirrors() {
    let (loaded, feed) = example();
    let fleet = fleet(&loaded);
    for (host, health) in &feed.mirrors {
        let mirror = fleet.get(host).unwrap_or_else(|| panic!("{host} is not in the fleet"));
        let own: Vec<IpAddr> = mirror.addresses().collect();
        assert!(health.addresses.keys().all(|address| own.contains(address)), "{host}");
    }
    for state in [State::Up, State::Old, State::Down, State::Drained, State::Removed] {
        assert!(feed.mirrors.values().any(|health| health.state == state), "{state}");
    }
    assert!(feed.mirrors.values().any(|health| !health.addresses.is_empty()));
}

#[test]
fn the_names_of_the_network_are_answered() {
    let snapshot = serving();
    let mut asker = Asker::new(&snapshot);
    let cases: BTreeMap<&str, &[u16]> = BTreeMap::from([
        ("db.de.clamav.net", [A, AAAA].as_slice()),
        ("db.uk.clamav.net", &[A, AAAA]),
        ("db.aq.clamav.net", &[A, AAAA]),
        ("db.local.clamav.net", &[A, AAAA]),
        ("database.clamav.net", &[A, AAAA]),
        ("db.europe.clamav.net", &[A, AAAA]),
        ("db.america.clamav.net", &[A, AAAA]),
        ("db.asia.clamav.net", &[A, AAAA]),
        ("db.other.clamav.net", &[A, AAAA]),
        ("db.local.win.clamav.net", &[A, AAAA]),
        ("db.jp.ipv6.clamav.net", &[AAAA]),
        ("db.us.big.clamav.net", &[A, AAAA]),
        ("ns1.clamav.net", &[A, AAAA]),
        ("www.clamav.net", &[A, AAAA]),
        ("daily.25580.105.1.0.6810DA54.ping.clamav.net", &[A]),
        ("current.cvd.clamav.net", &[TXT]),
        ("current.cvd.win.clamav.net", &[TXT]),
        ("main.cvd.clamav.net", &[TXT]),
        ("test.cvd.clamav.net", &[TXT]),
    ]);
    for (name, types) in cases {
        for qtype in types {
            let answer = asker.ask(name, *qtype);
            assert_eq!(answer.message.response_code.low(), 0, "{name}");
            assert!(
                answer.message.authoritative && !answer.message.answers.is_empty(),
                "{name} {qtype}"
            );
            assert!(answer.length <= 512, "{name} {qtype}");
        }
    }
    let record = asker.ask("current.cvd.clamav.net", TXT).strings();
    assert_eq!(record, ["1.4.6:63:28129:1795366800:1:90:49192:339"]);
    assert_eq!(asker.ask("test.cvd.clamav.net", TXT).strings(), ["6:1795366800"]);
    // No country: NXDOMAIN. A delegation: a referral with its glue.
    assert_eq!(asker.ask("db.zz.clamav.net", A).message.response_code.low(), 3);
    let referral = asker.ask("a.lists.clamav.net", A).message;
    assert_eq!(
        (referral.authoritative, referral.authorities.len(), referral.additionals.len()),
        (false, 1, 2)
    );
}

#[test]
fn the_feed_takes_mirrors_out_of_answers() {
    let snapshot = serving();
    let mut asker = Asker::new(&snapshot);
    let mut all = BTreeSet::new();
    for qtype in [A, AAAA] {
        let asked = query("db.de.big.clamav.net", qtype, None);
        all.extend(
            asker.send_by(&asked, Transport::Tcp).addresses().iter().map(ToString::to_string),
        );
    }
    let wanted =
        ["192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.14", "2001:db8::10", "2001:db8::12"];
    assert_eq!(all.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
}

/// The clock alone ends a record: at the moment that is announced, and not before.
#[test]
fn a_record_expires_by_the_clock() {
    let (loaded, feed) = example();
    let static_data = static_data(&loaded, Some(&feed));
    // Generated at 17:00, stale at 18:00 with that as its stamp; a TTL of half an hour leaves two
    // and a half.
    let now = |time: &str| {
        let max_age = std::time::Duration::from_secs(3600);
        cvdns_core::snapshot::Now::new(Some(&feed), time.parse().unwrap(), max_age)
    };
    assert_eq!(static_data.next_expiry(&now(TIME)).unwrap().to_string(), "2026-11-22T20:30:00Z");
    let strings = |time: &str| {
        let snapshot = snapshot(&static_data, Some(&feed), time);
        Asker::new(&snapshot).ask("current.cvd.clamav.net", TXT).strings().len()
    };
    assert_eq!(strings("2026-11-22T20:29:59Z"), 1);
    assert_eq!(strings("2026-11-22T20:30:00Z"), 0);
    assert_eq!(static_data.next_expiry(&now("2026-11-22T20:30:00Z")), None);
}

/// What the configuration shows behind a `#` is what holds without it.
#[test]
fn commented_out_values_are_the_defaults() {
    let text = std::fs::read_to_string(project().join("cvdns.toml")).unwrap();
    // Those of a section that has no effect without a key that has no default are among them.
    let without_default = |line: &str| {
        [
            "user",
            "bundle",
            "takeover",
            "public-key",
            "state",
            "overrides",
            "cvd-dir",
            "record-file",
            "mode = \"native\"",
            "file",
            "socket",
            "sample",
            "messages",
            "identity",
            "version",
            "listen = \"127.0.0.1:8053",
            "catalog",
            "address",
            "key = \"transfer\"",
            "certificate",
            "key = \"privkey.pem\"",
            "dot",
            "doq",
            "doh",
            "connections = 1000",
            "servers",
            "credentials",
            "ca-file = \"nats",
            "bucket",
            "name = \"fra1\"",
            "report",
            "source = \"https://fra1",
            "country = \"DE\"",
            "operator",
            "addresses",
            "own-mirrors",
            "zones = [",
        ]
        .iter()
        .any(|key| line.starts_with(key))
    };
    let uncommented: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.contains(" = ") && !without_default(rest) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_ne!(text, uncommented);
    let parse = |text: &str| {
        let mut problems = cvdns_core::problem::Problems::default();
        let config = cvdns_core::config::Config::parse("cvdns.toml", text, &mut problems);
        assert!(
            problems.is_empty(),
            "{:?}",
            problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        );
        let config = config.unwrap();
        let feed = (config.feed.interval, config.feed.settle);
        format!("{:?} {:?} {:?} {:?}", config.server, feed, config.log, config.record)
    };
    assert_eq!(parse(&text), parse(&uncommented));
}
