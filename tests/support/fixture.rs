//! A small mirror network, and what it must answer by plain list logic.
//!
//! Every country that is asked for has `[[neighbours]]`, so that no expectation depends on
//! distances.

use super::daemon::Files;
use super::{place, rr, tools};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::process::Command;
use std::sync::OnceLock;

pub const ORIGIN: &str = "clam.example";
pub const TTL: u32 = 60;
pub const MAX: usize = 8;
pub const MIN: usize = 2;

/// Its SOA's TTL is above its MINIMUM, that of `short.example` below.
pub const NEGATIVE_TTL: u32 = 300;
pub const SHORT_NEGATIVE_TTL: u32 = 60;

#[derive(Clone, Debug)]
pub struct Mirror {
    pub host: String,
    pub country: &'static str,
    pub serves: &'static [&'static str],
    pub v4: String,
    pub v6: Option<String>,
}

/// DE has IPv6 for some, FR for none, JP too few for one answer, US more than fit one, IS only a
/// foreign mirror.
pub fn mirrors() -> Vec<Mirror> {
    let of = |country: &'static str, first: usize, count: usize, with_v6: usize| {
        (0..count).map(move |i| Mirror {
            host: format!("{}{}.example", country.to_lowercase(), i + 1),
            country,
            serves: if country == "DE" && i == 0 { &["IS"] } else { &[] },
            v4: format!("192.0.2.{}", first + i),
            v6: (i < with_v6).then(|| format!("2001:db8:1::{}", first + i)),
        })
    };
    of("DE", 11, 3, 2)
        .chain(of("FR", 21, 2, 0))
        .chain(of("JP", 31, 1, 1))
        .chain(of("US", 41, 40, 2))
        .collect()
}

const NEIGHBOURS: [(&str, &[&str]); 9] = [
    ("DE", &["FR", "US"]),
    ("FR", &["DE", "US"]),
    ("JP", &["US", "DE"]),
    ("US", &["DE", "FR"]),
    ("LI", &["DE", "FR"]),
    ("IS", &["FR", "DE"]),
    ("GB", &["FR", "DE"]),
    ("BR", &["US", "DE"]),
    ("AR", &["US", "DE"]),
];

/// The path of a country: itself where it has mirrors, its neighbours, its continent, the world.
/// `??` is a client that the database does not know.
pub fn path(country: &str) -> Vec<&'static str> {
    let continent = match country {
        "??" => return vec!["world"],
        "JP" => "AS",
        "US" => "NA",
        "BR" | "AR" => "SA",
        _ => "EU",
    };
    let (own, next) =
        NEIGHBOURS.iter().find(|(known, _)| *known == country).expect("a country with neighbours");
    let own = (!pool(own).is_empty()).then_some(*own);
    own.into_iter().chain(next.iter().copied()).chain([continent, "world"]).collect()
}

/// The mirrors of a pool.
pub fn pool(name: &str) -> Vec<Mirror> {
    let countries: &[&str] = match name {
        "EU" => &["DE", "FR"],
        "AS" => &["JP"],
        "NA" => &["US"],
        "world" => &["DE", "FR", "JP", "US"],
        _ => &[],
    };
    let belongs = |mirror: &Mirror| {
        countries.contains(&mirror.country)
            || mirror.country == name
            || mirror.serves.contains(&name)
    };
    mirrors().into_iter().filter(belongs).collect()
}

/// What the feed says of mirrors: those that are missing are `up`.
pub type States = BTreeMap<String, &'static str>;

pub fn states(of: &[(&str, &'static str)]) -> States {
    of.iter().map(|(host, state)| ((*host).to_owned(), *state)).collect()
}

/// What answers are drawn from: groups in the order in which they are answered, and of each how
/// many addresses an answer has at most.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Groups(pub Vec<(Set, usize)>);

impl Groups {
    /// Every address that may be answered.
    pub fn all(&self) -> Set {
        self.0.iter().flat_map(|(set, _)| set.clone()).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many addresses of each group an answer has that may have `max`.
    pub fn sizes(&self, max: usize) -> Vec<usize> {
        let mut room = max;
        let size = |(_, take): &(Set, usize)| {
            let size = room.min(*take);
            room -= size;
            size
        };
        self.0.iter().map(size).collect()
    }
}

impl From<&Self> for Groups {
    fn from(other: &Self) -> Self {
        other.clone()
    }
}

impl From<&Set> for Groups {
    fn from(one: &Set) -> Self {
        Self(vec![(one.clone(), one.len())])
    }
}

/// The A and AAAA rdata that answers of a path are drawn from (FORMATS, "Home first"): the pools in
/// order, of each the `up` addresses and, while there are fewer than `MIN`, the `old` ones too; of
/// the pool that brings `MIN` as many as are missing, unless it is the first that has any; AAAA
/// from the pools that A took, and none where the first of them has no IPv6. `v6_alone` walks for
/// IPv6.
pub fn groups(path: &[&str], states: &States, v6_alone: bool) -> (Groups, Groups) {
    let (mut v4, mut v6): (Vec<Set>, Vec<Set>) = (Vec::new(), Vec::new());
    let count = |pools: &[Set]| pools.iter().map(Set::len).sum::<usize>();
    for name in path {
        let [seen4, seen6] =
            [&v4, &v6].map(|pools| pools.iter().flatten().cloned().collect::<Set>());
        v4.push(Set::new());
        v6.push(Set::new());
        for state in ["up", "old"] {
            if count(if v6_alone { &v6 } else { &v4 }) >= MIN {
                break;
            }
            for mirror in pool(name) {
                if *states.get(&mirror.host).unwrap_or(&"up") == state {
                    let (a, aaaa) = (rr::a(&mirror.v4), mirror.v6.as_deref().map(rr::aaaa));
                    v4.last_mut().expect("one").extend((!seen4.contains(&a)).then_some(a));
                    let new = aaaa.filter(|aaaa| !seen6.contains(aaaa));
                    v6.last_mut().expect("one").extend(new);
                }
            }
        }
        if count(if v6_alone { &v6 } else { &v4 }) >= MIN {
            break;
        }
    }
    let enough = count(if v6_alone { &v6 } else { &v4 }) >= MIN;
    let nearest = |pools: &[Set]| pools.iter().position(|pool| !pool.is_empty());
    if !v6_alone && nearest(&v4).is_some() && nearest(&v6) > nearest(&v4) {
        v6.clear();
    }
    (drawn(v4, enough), drawn(v6, enough))
}

/// The groups of one family; `enough` says whether the last pool brought `MIN`.
fn drawn(pools: Vec<Set>, enough: bool) -> Groups {
    let mut out = Groups::default();
    let (mut before, last) = (0, pools.len().saturating_sub(1));
    for (at, pool) in pools.into_iter().enumerate().filter(|(_, pool)| !pool.is_empty()) {
        let n = pool.len();
        let missing = MIN.saturating_sub(before).min(n);
        let take = if at == last && enough && before > 0 { missing } else { n };
        before += n;
        if take > 0 {
            out.0.push((pool, take));
        }
    }
    out
}

/// Every A and AAAA rdata that may be answered along a path ([`groups`]).
pub fn yields(path: &[&str], states: &States, v6_alone: bool) -> (Set, Set) {
    let (v4, v6) = groups(path, states, v6_alone);
    (v4.all(), v6.all())
}

pub type Set = BTreeSet<Vec<u8>>;

/// The country database's networks. BR and AR have the same path, so their halves merge; the halves
/// of DE too.
pub const GEO: [(&str, &str); 12] = [
    ("198.51.100.0/26", "DE"),
    ("198.51.100.64/26", "DE"),
    ("198.51.100.128/26", "FR"),
    ("198.51.100.192/27", "JP"),
    ("198.51.100.224/27", "US"),
    ("203.0.113.0/25", "BR"),
    ("203.0.113.128/25", "AR"),
    ("2001:db8:8000::/34", "DE"),
    ("2001:db8:c000::/35", "FR"),
    ("2001:db8:e000::/36", "JP"),
    ("2001:db8:f000::/37", "BR"),
    ("2001:db8:f800::/37", "AR"),
];

/// Overrides, which give the tests' own addresses a country.
pub const RESOLVER4: &str = "US";
pub const RESOLVER6: &str = "JP";

/// The country of an address, and the length of the longest prefix around it in which all is served
/// alike.
pub fn locate(address: IpAddr) -> (&'static str, u8) {
    let country = country(address);
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let scope = (0..=bits).find(|&length| {
        networks().all(|(net, length_of_net, other)| {
            net.is_ipv4() != address.is_ipv4()
                || !overlap(address, length, net, length_of_net)
                || same_path(other, country)
        }) && (country == "??" || covered(address, length))
    });
    (country, scope.expect("the address alone is served alike"))
}

fn networks() -> impl Iterator<Item = (IpAddr, u8, &'static str)> {
    let [v4, v6] = place::networks();
    let overrides = [(v4, RESOLVER4), (v6, RESOLVER6)];
    GEO.into_iter().chain(overrides).map(|(net, country)| {
        let (address, length) = net.split_once('/').expect("address/length");
        (address.parse().expect("an address"), length.parse().expect("a length"), country)
    })
}

fn country(address: IpAddr) -> &'static str {
    let inside = |(net, length, country)| overlap(address, 128, net, length).then_some(country);
    networks()
        .filter(|(net, ..)| net.is_ipv4() == address.is_ipv4())
        .find_map(inside)
        .unwrap_or("??")
}

fn same_path(one: &str, other: &str) -> bool {
    path(one) == path(other)
}

/// Whether the database's networks leave no gap in `address/length`.
fn covered(address: IpAddr, length: u8) -> bool {
    let size = |length: u8| 2f64.powi(-i32::from(length));
    let inside = networks().filter(|(net, of_net, _)| {
        net.is_ipv4() == address.is_ipv4() && overlap(address, length, *net, *of_net)
    });
    let filled: f64 = inside.map(|(_, of_net, _)| size(of_net.max(length))).sum();
    filled >= size(length)
}

/// Whether one of two prefixes holds the other.
fn overlap(a: IpAddr, a_length: u8, b: IpAddr, b_length: u8) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let common = u32::from(a_length.min(b_length));
    common == 0 || (bits(a) ^ bits(b)) >> (128 - common) == 0
}

/// The feed document.
pub fn feed(serial: u64, states: &States) -> String {
    feed_of(serial, jiff::Timestamp::now(), states)
}

/// The same, made at this moment.
pub fn feed_of(serial: u64, generated: jiff::Timestamp, states: &States) -> String {
    let now = jiff::Timestamp::from_second(generated.as_second()).expect("a moment");
    let mirrors: Vec<String> = states
        .iter()
        .map(|(host, state)| format!("\"{host}\": {{ \"state\": \"{state}\" }}"))
        .collect();
    format!(
        "{{ \"format\": 1, \"serial\": {serial}, \"generated\": \"{now}\",\n\
         \"release\": {{ \"software\": \"1.4.6\", \"main\": 63, \"daily\": 28129, \"bytecode\": 339, \"flevel\": 90,\n\
         \"warn\": true, \"safebrowsing\": 49192, \"extra\": {{ \"test\": 6 }} }},\n\
         \"mirrors\": {{ {} }} }}\n",
        mirrors.join(",\n")
    )
}

/// All files of the fixture's server, its feed with nothing but `up`.
pub fn files() -> Files {
    Files::default()
        .with("cvdns.toml", CONFIG)
        .with("clam.toml", zone_toml())
        .with("clam.zone", include_str!("clam.example.zone"))
        .with("short.toml", "format = 1\norigin = \"short.example\"\nrecords = \"short.zone\"\n")
        .with("short.zone", include_str!("short.example.zone"))
        .with("mirrors.toml", mirrors_toml())
        .with("feed.json", feed(1_000, &States::new()))
        .with("country.mmdb", country_mmdb())
}

/// The same with a signed zone: `cvdns keys generate` makes the key.
pub fn signed(files: Files) -> Files {
    let dir = tempfile::tempdir().expect("a directory");
    let mut generate = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    generate.args(["keys", "generate", "clam.example", "--directory"]).arg(dir.path());
    super::tools::output(&mut generate);
    let zone = format!("{}\n[dnssec]\nkeys = \"keys\"\n", files.text("clam.toml"));
    let keys = std::fs::read_dir(dir.path()).expect("the files of the key");
    keys.fold(files.with("clam.toml", zone), |files, entry| {
        let path = entry.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        files.with(&format!("keys/{name}"), std::fs::read(&path).expect("a key"))
    })
}

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:@PORT@", "[::1]:@PORT@"]
workers = 1
nsid = "ns1"
tcp-idle = "2s"
tcp-max-per-client = 1000

[[zone]]
file = "clam.toml"
[[zone]]
file = "short.toml"

[geoip]
database = "country.mmdb"
[[geoip.override]]
net = "127.0.0.0/8"
country = "US"
[[geoip.override]]
net = "::1/128"
country = "JP"

[feed]
source = "feed.json"
"#;

fn zone_toml() -> String {
    let mut out = include_str!("clam.example.toml").to_owned();
    for (country, next) in NEIGHBOURS {
        let _ = writeln!(out, "[[neighbours]]\ncountry = \"{country}\"\nnext = {next:?}");
    }
    out
}

fn mirrors_toml() -> String {
    let mut out = String::new();
    for Mirror { host, country, serves, v4, v6 } in mirrors() {
        let v6: Vec<String> = v6.into_iter().collect();
        let _ = writeln!(
            out,
            "[[mirror]]\nhost = {host:?}\ncountry = {country:?}\nserves = {serves:?}\nipv4 = [{v4:?}]\nipv6 = {v6:?}"
        );
    }
    out
}

/// Made once a run, by the command that users make theirs with.
pub fn country_mmdb() -> Vec<u8> {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    let build = || {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (source, out) = (dir.path().join("country.csv"), dir.path().join("country.mmdb"));
        let lines: Vec<String> =
            GEO.iter().map(|(net, country)| format!("{net},{country}\n")).collect();
        std::fs::write(&source, lines.concat()).expect("the source");
        let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
        tools::output(command.args(["geoip", "build", "--out"]).arg(&out).arg(&source));
        std::fs::read(out).expect("the database built")
    };
    BUILT.get_or_init(build).clone()
}
