//! A month of coordinator and server together, by a stepped clock: what clients are answered while
//! mirrors are stuck, flap, lie, go and come back, and the coordinator loses its network twice.

mod rules;
mod truth;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use crate::asking::{A, AAAA, Asker, Numbers, TXT, project, query};
use cvdns::daemon::SteppedServer;
use cvdns::load::{load, monitor};
use cvdns_core::geo::country::Country;
use cvdns_core::health::{Feed, State};
use cvdns_core::problem::Problems;
use cvdns_core::release::Release;
use cvdns_core::snapshot::Snapshot;
use cvdns_monitor::rule::Evidence;
use cvdns_monitor::{Coordinator, Role};
use jiff::{SignedDuration, Timestamp};
use rules::{CHECK, Rules, is_clear, least_announced};
use truth::{
    COUNTRIES, DAY, HOUR, Kind, LOSSES, MIRRORS, Shows, held, is_lost, is_well_for, kind, released,
    shows,
};

/// Minutes from one step to the next.
const STEP: i64 = 5;

/// When all have been checked after a day.
const A_DAY_CHECKED: i64 = DAY + CHECK;

/// Countries that are asked for at a step.
const ASKED: usize = 3;

fn at(minute: i64) -> Timestamp {
    let start: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
    start.checked_add(SignedDuration::from_mins(minute)).unwrap()
}

static HOSTS: LazyLock<Vec<String>> =
    LazyLock::new(|| (0..MIRRORS).map(|mirror| format!("m{mirror:03}.example.net")).collect());

fn host(mirror: usize) -> &'static str {
    &HOSTS[mirror]
}

/// Writes a configuration with the shipped settings. A mirror in three has no IPv6.
fn write(directory: &Path) {
    let countries: Vec<Country> = Country::all().step_by(6).take(COUNTRIES).collect();
    let mut fleet = String::new();
    for mirror in 0..MIRRORS {
        let (host, country) = (host(mirror), countries[mirror % COUNTRIES]);
        write!(fleet, "[[mirror]]\nhost = \"{host}\"\ncountry = \"{country}\"\n").unwrap();
        writeln!(fleet, "ipv4 = [\"198.18.0.{mirror}\"]").unwrap();
        if mirror % 3 != 0 {
            writeln!(fleet, "ipv6 = [\"2001:db8::{mirror:x}\"]").unwrap();
        }
        let capacity = ["1Gbit/s", "2Gbit/s", "1500Mbit/s"][mirror / 7 % 3];
        writeln!(fleet, "capacity = \"{capacity}\"").unwrap();
    }
    let records = project().join("zones/clamav.net.zone");
    let zone = format!(
        "format = 1\norigin = \"clamav.net\"\nrecords = '{}'\nmirrors = \"mirrors.toml\"\n\
         [answer]\nttl = 60\nmax = 8\nmin = 2\n[[name]]\nowner = \"db.{{cc}}\"\npool = \"{{cc}}\"\n\
         [[name]]\nowner = \"current.cvd\"\ntxt = \"record\"\n",
        records.display()
    );
    let database = project().join("geoip/country.mmdb");
    let config = format!(
        "[server]\nlisten = [\"127.0.0.1:5300\"]\n[[zone]]\nfile = \"zone.toml\"\n\
         [geoip]\ndatabase = '{}'\n[feed]\n\
         source = \"https://feed.example.net/feed.json\"\n[monitor]\nfeed = \"feed.json\"\n",
        database.display()
    );
    for (name, text) in [("mirrors.toml", fleet), ("zone.toml", zone), ("cvdns.toml", config)] {
        std::fs::write(directory.join(name), text).unwrap();
    }
}

/// The network, its coordinator and a server.
struct Month {
    coordinator: Coordinator,
    server: SteppedServer,
    random: Numbers,
    rules: Rules,
    /// The addresses, each with its mirror and whether it is one of IPv6, by the number that the
    /// rules have for it.
    addresses: Vec<(IpAddr, usize, bool)>,
    numbers: HashMap<IpAddr, usize>,
    /// The countries that clients ask for next.
    countries: Box<dyn Iterator<Item = Country>>,
    announced: u32,
    answered: usize,
}

impl Month {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path());
        let config = directory.path().join("cvdns.toml");
        let mut problems = Problems::default();
        let loaded = load(&config, &mut problems).unwrap();
        let inputs = monitor(&config, Role::Alone, &mut problems).unwrap();
        assert!(
            !problems.has_errors(),
            "{:#?}",
            problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        );
        let fleet = &inputs.fleets[0].1;
        let addresses = fleet.mirrors.iter().enumerate().flat_map(|(mirror, of)| {
            of.addresses().map(move |address| (address, mirror, address.is_ipv6()))
        });
        let addresses: Vec<(IpAddr, usize, bool)> = addresses.collect();
        let numbers = addresses.iter().enumerate().map(|(number, (ip, ..))| (*ip, number));
        Self {
            coordinator: Coordinator::without_memory(&inputs, at(0)).unwrap(),
            server: SteppedServer::new(loaded, problems, at(0)).unwrap_or_else(|_| panic!()),
            random: Numbers(15),
            rules: Rules::new(addresses.iter().map(|(_, mirror, is_ipv6)| (*mirror, *is_ipv6))),
            numbers: numbers.collect(),
            addresses,
            countries: Box::new(Country::all().cycle()),
            announced: 0,
            answered: 0,
        }
    }

    /// The coordinator checks what is due, and what is due because of that.
    fn check(&mut self, minute: i64) {
        for _ in 0..20 {
            let due = self.coordinator.due(at(minute));
            if due.is_empty() {
                return;
            }
            for (number, ip) in due {
                let known = self.numbers[&ip];
                let (_, mirror, is_ipv6) = self.addresses[known];
                let shows =
                    if is_lost(minute) { Shows::Dead } else { shows(mirror, is_ipv6, minute) };
                let evidence = match shows {
                    Shows::Well => Evidence::Serves {
                        timestamp: at(truth::timestamp(mirror, minute)),
                        versions: [63, held(mirror, minute), 339],
                    },
                    Shows::Faulty => Evidence::Faulty("status 503".to_owned()),
                    Shows::Dead => Evidence::Dead("no answer".to_owned()),
                };
                self.rules.checked(known, minute);
                let random = &mut self.random;
                self.coordinator.checked(number, evidence, at(minute), &mut || random.next());
            }
        }
        panic!("checks go on and on at {minute}");
    }

    /// A step of everything; the feed that the coordinator wrote.
    fn step(&mut self, minute: i64) -> Feed {
        self.rules.advance(minute);
        self.coordinator.set_release(Release::of("1.4.6", [63, released(minute), 339], 90));
        self.check(minute);
        let text = self.coordinator.feed_text(at(minute)).unwrap();
        let feed = Feed::parse(&text).unwrap();
        self.server.step(text, at(minute));
        feed
    }

    /// What the record announces, which never goes back, and never waits for too long.
    fn check_record(&mut self, snapshot: &Snapshot, minute: i64) {
        let strings = Asker::new(snapshot).ask("current.cvd.clamav.net", TXT).strings();
        let announced: u32 = strings[0].split(':').nth(2).unwrap().parse().unwrap();
        assert!((self.announced..=released(minute)).contains(&announced), "at {minute}");
        self.announced = announced;
        if let Some(least) = least_announced(minute) {
            let released = released(minute);
            assert!(
                announced >= least,
                "{announced} is announced at {minute}, and {released} is released"
            );
        }
    }

    /// No client is answered an address that the rules exclude.
    fn ask(&mut self, snapshot: &Snapshot, excluded: &[Option<&'static str>], minute: i64) {
        let mut asker = Asker::new(snapshot);
        for country in self.countries.by_ref().take(ASKED) {
            for qtype in [A, AAAA] {
                let name = format!("db.{country}.clamav.net");
                let addresses = asker.send(&query(&name, qtype, None)).addresses();
                // AAAA is drawn from the pools that A is drawn from (FORMATS: "Home first").
                assert!(qtype == AAAA || addresses.len() >= 2, "{name} at {minute}: {addresses:?}");
                for address in addresses {
                    let number = self.numbers[&address];
                    let kind = kind(self.addresses[number].1);
                    let reason = excluded[number];
                    assert_eq!(reason, None, "{name} at {minute}: {address} is {kind:?}");
                    self.answered += 1;
                }
            }
        }
    }
}

fn usable(snapshot: &Snapshot) -> BTreeSet<usize> {
    let health = snapshot.dynamic_data.health(0).unwrap();
    (0..MIRRORS).filter(|mirror| health.is_usable(*mirror)).collect()
}

fn states(feed: &Feed) -> BTreeMap<&str, (State, &BTreeMap<IpAddr, State>)> {
    feed.mirrors.iter().map(|(host, of)| (host.as_str(), (of.state, &of.addresses))).collect()
}

/// What holds of mirrors that nothing is wrong with, while the coordinator trusts itself.
fn check_the_well(feed: &Feed, snapshot: &Snapshot, minute: i64) {
    let stuck: Vec<&str> = snapshot.dynamic_data.stuck().iter().map(String::as_str).collect();
    for mirror in 0..MIRRORS {
        // Who is always too far behind is old after a day.
        let states: &[State] = match (kind(mirror), minute) {
            (Kind::Late, ..DAY) => &[State::Up],
            (Kind::Late, DAY..=A_DAY_CHECKED) => &[State::Up, State::Old],
            (Kind::Late, _) => &[State::Old],
            _ if is_well_for(CHECK, mirror, minute) => &[State::Up],
            _ => continue,
        };
        let of = &feed.mirrors[host(mirror)];
        let kind = kind(mirror);
        assert!(states.contains(&of.state), "{} at {minute}: {kind:?} {of:?}", host(mirror));
        let is_as_well = |state| states.contains(state);
        assert!(of.addresses.values().all(is_as_well), "{} at {minute}: {of:?}", host(mirror));
        assert!(!stuck.contains(&host(mirror)), "{} at {minute}: {kind:?}", host(mirror));
    }
    assert!(!snapshot.dynamic_data.suspect(), "at {minute}");
    let usable = usable(snapshot).len();
    assert!(usable > MIRRORS * 7 / 10 || (12 * DAY..15 * DAY).contains(&minute), "{usable}");
}

/// Rule: "200 mirrors, 8 releases a day, stuck, flapping, lying and returning mirrors, a
/// coordinator that loses its network twice: at no step is a client answered a mirror that the
/// rules exclude, the record never waits for a stuck minority longer than `stuck-after`, and the
/// network is never taken away by its coordinator."
#[test]
fn a_month_of_coordinator_and_server() {
    let mut month = Month::new();
    let mut before: Option<(Feed, Arc<Snapshot>)> = None;
    let mut excluded = Vec::new();
    let (mut holds, mut frozen, mut waits) = (Vec::new(), 0, 0);
    for minute in (0..30 * DAY).step_by(STEP as usize) {
        let feed = month.step(minute);
        let snapshot = month.server.followed().snapshot;
        month.check_record(&snapshot, minute);
        waits += i64::from(month.announced + 1 < released(minute));
        let now = month.rules.excluded(month.announced, minute);
        let is_held = snapshot.meta.held.is_some();
        if is_held {
            // For one step the feed before is in force.
            assert_ne!(holds.last(), Some(&(minute - STEP)), "a loss is believed at last");
            holds.push(minute);
        } else {
            excluded = now;
        }
        month.ask(&snapshot, &excluded, minute);
        month.rules.check_weights(&feed, minute);
        let in_force = snapshot.meta.feed.as_ref().unwrap();
        assert!(in_force.fresh && (is_held || in_force.generated == at(minute)));
        if is_lost(minute) {
            let (feed_before, snapshot_before) = before.as_ref().unwrap();
            let (states, states_before) = (states(&feed), states(feed_before));
            let changed: Vec<_> =
                states.iter().zip(&states_before).filter(|(a, b)| a != b).collect();
            assert!(changed.is_empty() && states.len() == MIRRORS, "at {minute}: {changed:?}");
            let changed = &usable(&snapshot) ^ &usable(snapshot_before);
            assert!(changed.is_empty(), "at {minute}: {changed:?}");
            assert!(feed.frozen.is_some() && in_force.frozen == feed.frozen, "at {minute}");
            frozen += 1;
            continue;
        }
        let is_thawing = LOSSES.iter().any(|(_, to)| (*to..to + 2 * STEP).contains(&minute));
        assert!(is_thawing || feed.frozen.is_none(), "at {minute}: {:?}", feed.frozen);
        if is_clear(minute) {
            check_the_well(&feed, &snapshot, minute);
        }
        before = Some((feed, snapshot));
    }
    assert_eq!(frozen, 11 * 60 / STEP, "all the time of the losses");
    // Four of five in a country have gone, and all of another one are removed.
    let bursts = [26, 19].map(|day| day * DAY..day * DAY + 5 * HOUR);
    let is_in = |burst: &Range<i64>| holds.iter().any(|minute| burst.contains(minute));
    assert!(bursts.iter().all(is_in) && holds.len() == 2, "{holds:?}");
    assert!(waits > 60 / STEP && month.answered > 150_000, "{waits} {}", month.answered);
    let Rules { reasons, weights, .. } = month.rules;
    assert!(reasons.len() == 5 && reasons.values().all(|count| *count > 5_000), "{reasons:?}");
    assert!(weights[1..4].iter().all(|count| *count > 200), "{weights:?}");
}
