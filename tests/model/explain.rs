//! What explains an answer is what answers: for random feeds, overrides, clients and names, the
//! story of a decision is held against the packet, which `hickory-proto` decodes, and against plain
//! lists of the fleet file.

use crate::asking;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use asking::{A, AAAA, Numbers, TXT, loaded, project, query, static_data};
use cvdns::load::Loaded;
use cvdns_core::answer::{Answering, Transport};
use cvdns_core::explain::{
    AddressSource, ClientAddress, ExplainQuery, Explanation, OutcomeKind, PathInfo, usual_type,
};
use cvdns_core::fleet::Fleet;
use cvdns_core::health::{Feed, HealthInputs, Overrides, State};
use cvdns_core::problem::Problems;
use cvdns_core::release::{Announced, DatedRelease};
use cvdns_core::snapshot::{Now, Snapshot, StaticData};
use cvdns_core::wire::lower::LowerName;
use cvdns_core::wire::name::Name;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

const TIME: &str = "2026-11-22T17:05:00Z";
const FEEDS: usize = 60;
const QUESTIONS: usize = 150;

const STATES: [&str; 5] = ["up", "old", "down", "drained", "removed"];

/// What a round is about.
struct Round {
    snapshot: Snapshot,
    answering: Answering,
    buffer: Vec<u8>,
}

/// A packet as it came back.
struct Packet {
    message: Message,
    turn: u64,
}

fn time() -> jiff::Timestamp {
    TIME.parse().unwrap()
}

/// What a feed is like.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// So many percent of the mirrors are up, the others in any state. Some addresses differ, some
    /// versions do.
    Mixed(usize),
    /// No mirror works.
    Dead,
    /// All hold what is ten versions behind what was announced.
    Behind,
}

const KINDS: [Kind; 6] =
    [Kind::Mixed(100), Kind::Mixed(90), Kind::Mixed(50), Kind::Mixed(10), Kind::Dead, Kind::Behind];

fn random_feed(fleet: &Fleet, numbers: &mut Numbers, kind: Kind) -> String {
    let mut mirrors = String::new();
    for mirror in &fleet.mirrors {
        let state = match kind {
            Kind::Mixed(_) if numbers.chance(20) => continue,
            Kind::Mixed(health) if !numbers.chance(health) => *numbers.one_of(&STATES),
            Kind::Mixed(_) | Kind::Behind => "up",
            Kind::Dead => *numbers.one_of(&STATES[2..]),
        };
        let since = if numbers.chance(50) { ", \"since\": \"2026-11-20T02:11:00Z\"" } else { "" };
        let daily = match kind {
            Kind::Behind => ", \"daily\": 90".to_owned(),
            _ if numbers.chance(30) => format!(", \"daily\": {}", 96 + numbers.below(6)),
            _ => String::new(),
        };
        let mut differ = Vec::new();
        for address in mirror.addresses() {
            if kind != Kind::Dead && numbers.chance(15) {
                differ.push(format!("\"{address}\": \"{}\"", numbers.one_of(&STATES)));
            }
        }
        let comma = if mirrors.is_empty() { "" } else { "," };
        let host = &mirror.host;
        let differ = differ.join(", ");
        write!(
            mirrors,
            "{comma}\n\"{host}\": {{ \"state\": \"{state}\"{since}{daily}, \"addresses\": {{ {differ} }} }}"
        )
        .unwrap();
    }
    format!(
        "{{ \"format\": 1, \"serial\": 7, \"generated\": \"2026-11-22T17:00:00Z\",
        \"release\": {{ \"software\": \"1.4.6\", \"main\": 63, \"daily\": 100, \"bytecode\": 339, \"flevel\": 90 }},
        \"mirrors\": {{ {mirrors} }} }}"
    )
}

fn random_overrides(fleet: &Fleet, numbers: &mut Numbers) -> Overrides {
    let mut text = String::new();
    for _ in 0..numbers.below(4) {
        let host = &numbers.one_of(&fleet.mirrors).host;
        let state = numbers.one_of(&STATES);
        write!(text, "[[override]]\nhost = \"{host}\"\nstate = \"{state}\"\nreason = \"a test\"\n")
            .unwrap();
    }
    let mut problems = Problems::default();
    let overrides = Overrides::parse("o", &text, &mut problems);
    assert!(problems.is_empty());
    overrides
}

impl Round {
    fn new(static_data: &Arc<StaticData>, feed: &Feed, overrides: &Overrides, turn: u64) -> Self {
        let inputs = HealthInputs { feed: Some(feed), overrides: Some(overrides), settling: None };
        let release: Option<DatedRelease<'_>> = feed.dated_release();
        let max_age = Duration::from_secs(3600);
        let now = Now { inputs, release, history: None, time: time(), max_age };
        // Versions once announced are not taken back.
        let before = Announced::known(&feed.release.clone().unwrap(), time().as_second() - 3600);
        let snapshot = Snapshot::remembering(Some(&before), Arc::clone(static_data), &now);
        Self { snapshot, answering: Answering::new(turn, time), buffer: vec![0; 65_535] }
    }

    fn ask(&mut self, query: &[u8], client: IpAddr) -> Packet {
        let turn = self.answering.next_turn();
        self.buffer[..query.len()].copy_from_slice(query);
        let from = (client, 5353).into();
        let answering = &mut self.answering;
        let length = answering
            .respond(&self.snapshot, &mut self.buffer, query.len(), from, Transport::Tcp)
            .unwrap();
        Packet { message: Message::from_vec(&self.buffer[..length]).unwrap(), turn }
    }
}

impl Packet {
    fn addresses(&self) -> Vec<IpAddr> {
        let address = |data: &RData| match data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        };
        self.message.answers.iter().filter_map(|record| address(&record.data)).collect()
    }

    fn strings(&self) -> Vec<String> {
        let texts = self.message.answers.iter().filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(&txt.txt_data),
            _ => None,
        });
        texts
            .flat_map(|strings| strings.iter())
            .map(|s| String::from_utf8(s.to_vec()).unwrap())
            .collect()
    }

    fn scope(&self) -> Option<u8> {
        match self.message.edns.as_ref()?.option(EdnsCode::Subnet)? {
            EdnsOption::Subnet(subnet) => Some(subnet.scope_prefix()),
            _ => None,
        }
    }

    fn words(&self) -> Option<String> {
        match self.message.edns.as_ref()?.option(EdnsCode::Unknown(15))? {
            EdnsOption::Unknown(15, data) => Some(String::from_utf8(data[2..].to_vec()).unwrap()),
            _ => None,
        }
    }
}

const NAMES: [&str; 24] = [
    "db.local.clamav.net",
    "database.clamav.net",
    "db.local.win.clamav.net",
    "db.de.clamav.net",
    "db.jp.clamav.net",
    "db.li.clamav.net",
    "db.us.clamav.net",
    "db.uk.clamav.net",
    "db.aq.clamav.net",
    "db.br.ipv6.clamav.net",
    "db.us.big.clamav.net",
    "db.europe.clamav.net",
    "db.other.clamav.net",
    "current.cvd.clamav.net",
    "daily.cvd.clamav.net",
    "a.b.ping.clamav.net",
    "clamav.net",
    "www.clamav.net",
    "de.clamav.net",
    "db.zz.clamav.net",
    "nothing.here.clamav.net",
    "elsewhere.test",
    "_explain.db.de.clamav.net",
    "ns1.clamav.net",
];

fn random_client(numbers: &mut Numbers) -> (IpAddr, u8) {
    if numbers.chance(50) {
        let prefix = 1 + numbers.below(32) as u8;
        (asking::masked(IpAddr::V4(numbers.v4().into()), prefix), prefix)
    } else {
        let prefix = 1 + numbers.below(128) as u8;
        (asking::masked(IpAddr::V6(numbers.v6().into()), prefix), prefix)
    }
}

fn rcode(outcome: OutcomeKind) -> ResponseCode {
    match outcome {
        OutcomeKind::Nxdomain => ResponseCode::NXDomain,
        OutcomeKind::NotReady
        | OutcomeKind::Expired
        | OutcomeKind::NotTransferred
        | OutcomeKind::ZoneExpired => ResponseCode::ServFail,
        OutcomeKind::NotOurs => ResponseCode::Refused,
        OutcomeKind::TooLong => ResponseCode::YXDomain,
        _ => ResponseCode::NoError,
    }
}

/// The story against the packet: RCODE, window, order, TTL, scope, words.
fn story_is_packet(story: &Explanation, packet: &Packet, qtype: u16) {
    assert_eq!(packet.message.metadata.response_code, rcode(story.outcome), "{story:?}");
    assert_eq!(packet.scope(), Some(story.scope.unwrap_or(0)), "{story:?}");
    let window = story.pools.as_ref().and_then(|pools| pools.window.as_ref());
    if matches!(qtype, A | AAAA) && story.outcome == OutcomeKind::Pool {
        let window = window.expect("a window");
        assert_eq!(packet.addresses(), window.addresses, "{story:?}");
        assert!(packet.message.answers.iter().all(|record| record.ttl == window.ttl), "{story:?}");
    } else {
        assert_eq!(window, None, "{story:?}");
    }
    let words = match story
        .pools
        .as_ref()
        .filter(|pools| pools.window.is_some())
        .map(|pools| pools.reach)
    {
        Some("open") => Some("no mirror of the path is usable: answered as if all were".to_owned()),
        Some("lagging") => Some(
            "no mirror of the path holds the record: answered with those least behind".to_owned(),
        ),
        Some("further") => Some(story.pools.as_ref().unwrap().note.clone().expect("words")),
        Some("near") | None => None,
        Some(other) => panic!("{other}"),
    };
    assert_eq!(packet.words(), words, "{story:?}");
    // Whatever is answered is of a mirror that is told.
    let told: Vec<IpAddr> = story
        .pools
        .iter()
        .flat_map(|pools| &pools.path)
        .flat_map(|pool| &pool.members)
        .flat_map(|m| m.answered.clone())
        .collect();
    assert!(
        packet.addresses().iter().all(|address| !matches!(qtype, A | AAAA)
            || story.pools.is_none()
            || told.contains(address)),
        "{story:?}"
    );
    if story.outcome == OutcomeKind::Record {
        let record = story.record.as_ref().unwrap();
        assert_eq!(packet.strings(), [record.text.clone().unwrap()]);
        assert_eq!(Some(packet.message.answers[0].ttl), record.ttl);
    }
}

/// The mirrors of a pool by the fleet file, in its order.
fn members<'f>(fleet: &'f Fleet, pool: &str) -> Vec<&'f str> {
    let within = |mirror: &&cvdns_core::fleet::Mirror| match pool.split_once(':') {
        Some(("continent", code)) => mirror.country.continent().code() == code,
        Some(("pool", name)) => mirror.pools.iter().any(|pool| pool == name),
        _ if pool == "world" => true,
        _ => {
            mirror.country.code() == pool
                || mirror.serves.iter().any(|country| country.code() == pool)
        }
    };
    fleet
        .mirrors
        .iter()
        .filter(|mirror| mirror.enabled)
        .filter(within)
        .map(|m| m.host.as_str())
        .collect()
}

/// The pools of a story against the fleet file; and what it says of mirrors against itself.
fn pools_are_the_fleets(pools: &PathInfo, fleet: &Fleet) {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let drawn: Vec<bool> = pools.path.iter().map(|pool| pool.drawn).collect();
    assert!(drawn.is_sorted_by(|a, b| a >= b), "drawn from in order: {drawn:?}");
    for pool in &pools.path {
        let all = members(fleet, &pool.pool);
        assert_eq!(pool.mirrors, all.len(), "{}", pool.pool);
        let new: Vec<&str> = all.into_iter().filter(|host| !seen.contains(*host)).collect();
        if pool.drawn {
            // Behind them stand those that take no part.
            let told =
                pool.members.iter().filter(|m| m.mirror.enabled).map(|m| m.mirror.host.as_str());
            assert_eq!(told.collect::<Vec<_>>(), new);
            seen.extend(new.iter().map(|host| (*host).to_owned()));
        } else {
            assert!(pool.members.is_empty());
        }
        for member in &pool.members {
            assert_eq!(member.answered.is_empty(), member.why_not.is_some(), "{member:?}");
            let mirror = &member.mirror;
            let works = |of: &cvdns_core::explain::fleet::AddressInfo| {
                matches!(of.state, State::Up | State::Old)
            };
            assert_eq!(
                mirror.usable,
                mirror.enabled && mirror.behind <= 1 && mirror.addresses.iter().any(works),
                "{mirror:?}"
            );
            assert_eq!(mirror.usable, mirror.left_out.is_none());
        }
    }
}

/// All windows together hold what the members give, and nothing else.
fn windows_hold_what_members_give(
    story: &Explanation,
    round: &mut Round,
    query: &[u8],
    client: IpAddr,
) {
    let Some(pools) = story.pools.as_ref().filter(|pools| pools.window.is_some()) else { return };
    let given: BTreeSet<IpAddr> =
        pools.path.iter().flat_map(|pool| &pool.members).flat_map(|m| m.answered.clone()).collect();
    let windows = pools.window.as_ref().unwrap().of as usize;
    let mut served = BTreeSet::new();
    // Multiples of the golden ratio leave no gap wider than twice the share of each (Steinhaus).
    for _ in 0..(3 * windows).max(8) {
        served.extend(round.ask(query, client).addresses());
    }
    assert_eq!(served, given, "{story:?}");
}

fn fleet(loaded: &Loaded) -> Arc<Fleet> {
    loaded.inputs.zones[0].fleet.clone()
}

#[test]
fn what_explains_is_what_serves() {
    let loaded = loaded(&project().join("cvdns.toml"));
    let fleet = fleet(&loaded);
    let mut numbers = Numbers(6);
    let mut told: HashMap<String, usize> = HashMap::new();
    for round in 0..FEEDS {
        let kind = KINDS[round % KINDS.len()];
        let feed = Feed::parse(random_feed(&fleet, &mut numbers, kind).as_bytes()).unwrap();
        let overrides = random_overrides(&fleet, &mut numbers);
        let mut round =
            Round::new(&static_data(&loaded, Some(&feed)), &feed, &overrides, numbers.next());
        for _ in 0..QUESTIONS {
            let name = *numbers.one_of(&NAMES);
            let qtype = *numbers.one_of(&[A, AAAA, A, AAAA, TXT, 255, 15]);
            let (client, prefix) = random_client(&mut numbers);
            let mut lower = LowerName::new();
            assert!(lower.set(Name::parse(name, &Name::root()).unwrap().wire()));
            let query = query(name, qtype, Some((client, prefix)));
            let packet = round.ask(&query, [192, 0, 2, 1].into());
            if name.starts_with("_explain") {
                told_by_dig(&mut round, &lower, &packet, (client, prefix), qtype);
                continue;
            }
            let asker =
                ClientAddress { address: client, prefix: Some(prefix), from: AddressSource::Ecs };
            let inquiry = ExplainQuery {
                name: &lower,
                qtype,
                client: asker,
                turn: packet.turn,
                time: time(),
            };
            let story = Explanation::of(&round.snapshot, &inquiry);
            story_is_packet(&story, &packet, qtype);
            if let Some(pools) = &story.pools {
                pools_are_the_fleets(pools, &fleet);
                *told.entry(pools.reach.to_owned()).or_default() += 1;
            }
            *told.entry(format!("{:?}", story.outcome)).or_default() += 1;
            if numbers.chance(3) {
                windows_hold_what_members_give(&story, &mut round, &query, [192, 0, 2, 1].into());
            }
            assert!(story.txt_strings().iter().all(|line| line.len() < 255));
        }
    }
    // Each kind of answer was met.
    for kind in [
        "near", "further", "lagging", "open", "Pool", "Record", "Nodata", "Nxdomain", "NotOurs",
        "Static", "Ping",
    ] {
        assert!(told.get(kind).is_some_and(|count| *count > 20), "{kind}: {told:?}");
    }
}

/// The diagnostic name tells the same story to those who may ask, and is refused to others.
fn told_by_dig(
    round: &mut Round,
    name: &LowerName,
    packet: &Packet,
    client: (IpAddr, u8),
    qtype: u16,
) {
    assert_eq!(
        packet.message.metadata.response_code,
        ResponseCode::Refused,
        "192.0.2.1 is not local"
    );
    assert_eq!(packet.words().as_deref(), Some("diagnostic names are for local clients (explain)"));
    let query = query("_explain.db.de.clamav.net", qtype, Some(client));
    let packet = round.ask(&query, [10, 0, 0, 1].into());
    if !matches!(qtype, TXT | 255) {
        assert!(packet.message.answers.is_empty() && packet.message.authorities.len() == 1);
        return;
    }
    let mut about = LowerName::new();
    assert!(about.set(&name.wire()[1 + "_explain".len()..]));
    let asker =
        ClientAddress { address: client.0, prefix: Some(client.1), from: AddressSource::Ecs };
    let qtype = usual_type(&round.snapshot, &about);
    let inquiry =
        ExplainQuery { name: &about, qtype, client: asker, turn: packet.turn, time: time() };
    assert_eq!(packet.strings(), Explanation::of(&round.snapshot, &inquiry).txt_strings());
    assert!(packet.message.answers.iter().all(|record| record.ttl == 0));
}
