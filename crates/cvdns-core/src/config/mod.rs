//! What `cvdns.toml` says of the server. The file's shape is read here; files that it names are read by `load`.

mod monitor;
mod restart;
mod server;

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};

use crate::geo::country::Country;
use crate::health::{Key, Keys};
use crate::problem::Problems;
use crate::problem::table::{Document, Placed, Table, read};
use crate::release::Share;

pub use monitor::Monitor;
pub use restart::waiting_for_restart;
pub use server::{Explain, Server, UdpMode};

/// The server's configuration; paths are as written, relative to the file that names them.
#[derive(Debug, Clone)]
pub struct Config {
    /// How it listens and answers.
    pub server: Server,
    /// The zones' files.
    pub zones: Vec<Placed<String>>,
    /// The country database.
    pub database: Placed<String>,
    /// The least networks that the database may have; `None`: at a reload half of what the one in force has, at a start any.
    pub min_networks: Option<u64>,
    /// What beats the database; the longest prefix wins.
    pub overrides: Vec<(IpNet, Country)>,
    /// Where the feed comes from.
    pub feed: Feed,
    /// The version record.
    pub record: Record,
    /// Where it is looked after: HTTP; none: nowhere.
    pub admin: Option<SocketAddr>,
    /// How much is logged.
    pub log: Log,
    /// The coordinator.
    pub monitor: Monitor,
}

/// `[feed]`.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The path of its file, or its URL; none: all mirrors are up.
    pub source: Option<Placed<String>>,
    /// A URL is fetched this often. A file is read at least this often, whatever the watch says.
    pub interval: Duration,
    /// The file of the certificates that a server by https must have one of, instead of the system's.
    pub ca_file: Option<Placed<String>>,
    /// Older than this it is stale.
    pub max_age: Duration,
    /// The coordinators' keys; `None`: feeds need no signature.
    pub public_key: Option<Keys>,
    /// An update that takes away more than this share of the usable mirrors is held back.
    pub max_loss: Share,
    /// Where the last good feed and record are kept for the next start; none: nowhere.
    pub state: Option<Placed<String>>,
    /// The file in which an operator overrides it.
    pub overrides: Option<Placed<String>>,
    /// Mirrors that change their state too often stay out until they were up for so long; 0: they do not.
    pub settle: Duration,
}

/// `[record]`.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its TTL in seconds.
    pub ttl: u32,
    /// Whether it is no longer answered when its stamp is too old (`on-stale`).
    pub expire: bool,
    /// The share of the usable mirrors' capacity that must hold a version before it is announced.
    pub quorum: Share,
    /// How many versions a mirror may be behind the record and still be answered.
    pub lag: u32,
    /// The directory whose databases' versions are taken instead of the feed's.
    pub cvd_dir: Option<Placed<String>>,
    /// The file with the record that is taken instead of the feed's release.
    pub file: Option<Placed<String>>,
}

/// `[log]`.
#[derive(Debug, Clone)]
pub struct Log {
    /// A level or a filter of `tracing`.
    pub level: String,
    /// Whether lines are JSON.
    pub json: bool,
    /// The share of the queries that are logged.
    pub query_sample: f64,
}

/// The country database of a configuration that names none.
const DEFAULT_DATABASE: &str = "geoip/country.mmdb";

impl Config {
    /// Reads the file; everything wrong in it is noted.
    pub fn parse(file: &str, text: &str, problems: &mut Problems) -> Option<Self> {
        let document = Document::new(file, text);
        let mut root = document.parse(problems)?;
        let server = Server::read(root.table("server", problems), problems);
        let zones: Vec<Placed<String>> = zones(&mut root, problems);
        if zones.is_empty() {
            problems.error(
                document.whole(),
                "no zone to serve",
                "add [[zone]] with file = \"zones/NAME.toml\"",
            );
        }
        let Geoip { database, min_networks, overrides } = geoip(&mut root, problems);
        let database = database.unwrap_or_else(|| Placed {
            value: DEFAULT_DATABASE.to_owned(),
            location: document.whole(),
        });
        let feed = feed(&mut root, problems);
        let record = record(&mut root, feed.source.is_some(), problems);
        let admin = admin(&mut root, problems);
        let log = log(&mut root, problems);
        let monitor = Monitor::read(root.table("monitor", problems), feed.max_age, problems);
        root.finish(problems);
        Some(Self {
            server,
            zones,
            database,
            min_networks,
            overrides,
            feed,
            record,
            admin,
            log,
            monitor,
        })
    }
}

fn zones(root: &mut Table<'_>, problems: &mut Problems) -> Vec<Placed<String>> {
    let mut out: Vec<Placed<String>> = Vec::new();
    let mut named = HashSet::new();
    for mut table in root.tables("zone", problems) {
        let file = table.require(
            "file",
            "the zone's file, such as \"zones/clamav.net.toml\"",
            problems,
            read::string,
        );
        table.finish(problems);
        let Some(file) = file else { continue };
        if named.insert(file.value.clone()) {
            out.push(file);
        } else {
            problems.error(
                file.location,
                format!("the zone file {} is named twice", file.value),
                "keep one",
            );
        }
    }
    out
}

/// `[geoip]`.
#[derive(Default)]
struct Geoip {
    database: Option<Placed<String>>,
    min_networks: Option<u64>,
    overrides: Vec<(IpNet, Country)>,
}

fn geoip(root: &mut Table<'_>, problems: &mut Problems) -> Geoip {
    let Some(mut table) = root.table("geoip", problems) else { return Geoip::default() };
    let database = table.get("database", "the path of a country MMDB", problems, read::string);
    let least = table.get(
        "min-networks",
        "a number of networks; 0 for any",
        problems,
        read::integer(0..=u32::MAX.into()),
    );
    let min_networks = least.map(|least| least.value);
    let mut overrides: Vec<(IpNet, Country)> = Vec::new();
    for mut entry in table.tables("override", problems) {
        let location = entry.location();
        let net = entry.require("net", "a network such as \"203.0.113.0/24\"", problems, network);
        let country = entry.require(
            "country",
            "an ISO 3166 code such as \"DE\"",
            problems,
            read::parsed::<Country>,
        );
        entry.finish(problems);
        let (Some(net), Some(country)) = (net, country) else { continue };
        if let Some(v4) = looked_up_as(net.value) {
            let what =
                format!("no client is looked up in {}: it is by the IPv4 address in it", net.value);
            problems.error(net.location, what, format!("write {v4}"));
            continue;
        }
        if overrides.iter().any(|(earlier, _)| *earlier == net.value) {
            problems.error(location, format!("{} is overridden twice", net.value), "keep one");
        } else {
            overrides.push((net.value, country.value));
        }
    }
    table.finish(problems);
    Geoip { database, min_networks, overrides }
}

/// A network without bits beyond its prefix: with them, it is unclear which network is meant.
fn network(value: &toml::de::DeValue<'_>) -> Result<IpNet, String> {
    let net: IpNet = read::parsed(value)?;
    if net.addr() == net.network() {
        Ok(net)
    } else {
        Err(format!("{net} has bits beyond its prefix; {} has not", net.trunc()))
    }
}

/// A duration of a second or more: with less, the server would do nothing else, or nothing at all.
fn of_seconds(value: &toml::de::DeValue<'_>) -> Result<Duration, String> {
    let duration = read::duration(value)?;
    if duration < Duration::from_secs(1) {
        Err("less than a second".to_owned())
    } else {
        Ok(duration)
    }
}

/// The same, or none at all.
fn off_or_seconds(value: &toml::de::DeValue<'_>) -> Result<Duration, String> {
    let duration = read::duration(value)?;
    if duration.is_zero() { Ok(duration) } else { of_seconds(value) }
}

/// The IPv4 network that clients of an IPv6 one are looked up by: IPv4-mapped addresses (RFC 4291 section 2.5.5.2)
/// and 6to4 (RFC 3056 section 2) are placed by the IPv4 address in them.
fn looked_up_as(net: IpNet) -> Option<IpNet> {
    let IpNet::V6(net) = net else { return None };
    let bits = net.network().to_bits();
    let (lead, shift) = match net.prefix_len() {
        length if length >= 96 && bits >> 32 == 0xffff => (96, 0),
        length if length >= 16 && bits >> 112 == 0x2002 => (16, 80),
        _ => return None,
    };
    let address = Ipv4Addr::from_bits((bits >> shift) as u32);
    let net = Ipv4Net::new(address, (net.prefix_len() - lead).min(32)).ok()?;
    Some(IpNet::V4(net.trunc()))
}

fn feed(root: &mut Table<'_>, problems: &mut Problems) -> Feed {
    let mut feed = Feed {
        source: None,
        interval: Duration::from_secs(30),
        ca_file: None,
        max_age: Duration::from_secs(3600),
        public_key: None,
        max_loss: Share::HALF,
        state: None,
        overrides: None,
        settle: Duration::ZERO,
    };
    let Some(mut table) = root.table("feed", problems) else { return feed };
    feed.source = table.get("source", "the path of the feed, or its URL", problems, read::string);
    feed.ca_file = table.get("ca-file", "the path of certificates in PEM", problems, read::string);
    let interval = table.get("interval", "a duration such as \"30s\"", problems, of_seconds);
    feed.interval = interval.map_or(feed.interval, |d| d.value);
    let max_age = table.get("max-age", "a duration such as \"1h\"", problems, of_seconds);
    feed.max_age = max_age.map_or(feed.max_age, |d| d.value);
    let is_signed = table.has("public-key");
    feed.public_key = public_keys(&mut table, problems);
    if let Some(source) = feed.source.as_ref().filter(|_| !is_signed)
        && is_open(&source.value)
    {
        let what =
            "whoever is on the way to this server can write the feed, and so where clients go";
        problems.warning(
            source.location.clone(),
            what,
            "use https://, or have it signed and set `public-key`",
        );
    }
    let max_loss = table.get("max-loss", "a share such as 0.5; 1 for any", problems, share);
    feed.max_loss = max_loss.map_or(feed.max_loss, |share| share.value);
    feed.state = table.get("state", "the path of a directory", problems, read::string);
    feed.overrides =
        table.get("overrides", "the path of a file of overrides", problems, read::string);
    let settle = table.get(
        "settle",
        "a duration such as \"10s\"; \"0s\" for none",
        problems,
        off_or_seconds,
    );
    feed.settle = settle.map_or(feed.settle, |settle| settle.value);
    table.finish(problems);
    feed
}

/// One key, or a list of several: while coordinators change theirs, both the old and the new one count.
fn public_keys(table: &mut Table<'_>, problems: &mut Problems) -> Option<Keys> {
    let location = table.key_spot("public-key");
    let given = table.has("public-key");
    let expected =
        "a minisign public key, \"RW…\" (the last line of its .pub file), or a list of several";
    let mut keys: Vec<Key> = Vec::new();
    for Placed { value, location } in
        table.one_or_list("public-key", expected, problems, read::parsed::<Key>).unwrap_or_default()
    {
        if keys.contains(&value) {
            problems.error(location, format!("the key {} is named twice", value.id()), "keep one");
        } else {
            keys.push(value);
        }
    }
    if given && keys.is_empty() && !problems.has_errors() {
        let help = format!("write {expected}; without the key, feeds need no signature");
        problems.error(location, "`public-key` names no key", help);
    }
    Keys::new(keys)
}

/// Whether a URL leads over a network without TLS.
fn is_open(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let is_here = ["127.", "[::1]", "localhost"].iter().any(|host| rest.starts_with(host));
    scheme.eq_ignore_ascii_case("http") && !is_here
}

fn share(value: &toml::de::DeValue<'_>) -> Result<Share, String> {
    let share = read::number(value)?;
    Share::new(share).ok_or_else(|| format!("{share} is not within 0 to 1"))
}

fn record(root: &mut Table<'_>, has_feed: bool, problems: &mut Problems) -> Record {
    let mut record =
        Record { ttl: 1800, expire: true, quorum: Share::MOST, lag: 1, cvd_dir: None, file: None };
    let Some(mut table) = root.table("record", problems) else { return record };
    let ttl = table.get("ttl", "seconds", problems, read::integer(0..=0x7fff_ffff));
    record.ttl = ttl.map_or(record.ttl, |ttl| ttl.value as u32);
    let expire = table.get("on-stale", "\"servfail\" or \"serve\"", problems, |value| match value
        .as_str()
    {
        Some("servfail") => Ok(true),
        Some("serve") => Ok(false),
        _ => Err(String::new()),
    });
    record.expire = expire.is_none_or(|expire| expire.value);
    let quorum = table.get("quorum", "a share such as 0.9; 0 for none", problems, share);
    record.quorum = quorum.map_or(record.quorum, |quorum| quorum.value);
    let lag =
        table.get("lag", "a number of versions", problems, read::integer(0..=u32::MAX.into()));
    record.lag = lag.map_or(record.lag, |lag| lag.value as u32);
    record.file = table.get("record-file", "the path of a text file", problems, read::string);
    record.cvd_dir = table.get("cvd-dir", "the path of a directory", problems, read::string);
    if let (Some(directory), None, false) = (&record.cvd_dir, &record.file, has_feed) {
        let what = "headers of databases have no software version, and nothing else that is configured has one";
        let help = "name a feed (`source` in [feed]) or a `record-file` for the rest of the record";
        problems.error(directory.location.clone(), what, help);
    }
    table.finish(problems);
    record
}

fn admin(root: &mut Table<'_>, problems: &mut Problems) -> Option<SocketAddr> {
    let mut table = root.table("admin", problems)?;
    let expected = "an address and a port, such as \"127.0.0.1:8053\"";
    let listen = table.get("listen", expected, problems, read::parsed::<SocketAddr>);
    table.finish(problems);
    if let Some(listen) =
        listen.as_ref().filter(|listen| !listen.value.ip().to_canonical().is_loopback())
    {
        let what = if listen.value.ip().is_unspecified() {
            "everybody who reaches any address of this machine may ask for metrics and state: nobody is asked who they are"
        } else {
            "everybody who reaches this address may ask for metrics and state: nobody is asked who they are"
        };
        let help = "write a loopback address such as \"127.0.0.1:8053\", or let a firewall decide who reaches it";
        problems.warning(listen.location.clone(), what, help);
    }
    listen.map(|listen| listen.value)
}

fn log(root: &mut Table<'_>, problems: &mut Problems) -> Log {
    let mut log = Log { level: "info".to_owned(), json: false, query_sample: 0.0 };
    let Some(mut table) = root.table("log", problems) else { return log };
    let level = table.get(
        "level",
        "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
        problems,
        |value| {
            let text = read::string(value)?;
            if ["error", "warn", "info", "debug", "trace"].contains(&text.as_str()) {
                Ok(text)
            } else {
                Err(format!("\"{text}\" is no level"))
            }
        },
    );
    log.level = level.map_or(log.level, |level| level.value);
    let format =
        table.get("format", "\"text\" or \"json\"", problems, |value| match value.as_str() {
            Some("text") => Ok(false),
            Some("json") => Ok(true),
            _ => Err(String::new()),
        });
    log.json = format.is_some_and(|format| format.value);
    let sample =
        table.get("query-sample", "a share such as 0.001; 0 for none", problems, |value| {
            let share = read::number(value)?;
            let is_share = (0.0..=1.0).contains(&share);
            if is_share { Ok(share) } else { Err(format!("{share} is not within 0 to 1")) }
        });
    log.query_sample = sample.map_or(log.query_sample, |share| share.value);
    table.finish(problems);
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a configuration of these lines.
    fn problems(text: &str) -> Vec<String> {
        let mut problems = Problems::default();
        Config::parse("c", &format!("zone = [{{ file = \"z\" }}]\n{text}\n"), &mut problems);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn durations_are_a_second_at_least() {
        for (section, key) in [("feed", "interval"), ("feed", "max-age"), ("server", "tcp-idle")] {
            for short in ["0s", "999ms"] {
                let found = problems(&format!("[{section}]\n{key} = \"{short}\""));
                assert!(found.len() == 1 && found[0].contains("less than a second"), "{found:?}");
            }
            assert_eq!(problems(&format!("[{section}]\n{key} = \"1s\"")), Vec::<String>::new());
        }
    }

    #[test]
    fn settling_is_off_or_of_a_second_at_least() {
        for (settle, good) in [("0s", true), ("999ms", false), ("1s", true), ("1h", true)] {
            let found = problems(&format!("[feed]\nsettle = \"{settle}\""));
            assert_eq!(found.is_empty(), good, "{settle}: {found:?}");
        }
    }

    #[test]
    fn a_wildcard_has_its_port_alone_within_its_family() {
        for (listen, good) in [
            (r#""127.0.0.1:53", "0.0.0.0:53""#, false),
            (r#""0.0.0.0:53", "127.0.0.1:53""#, false),
            (r#""[::]:53", "[::1]:53""#, false),
            (r#""0.0.0.0:53", "[::]:53", "[::1]:54", "127.0.0.1:54""#, true),
        ] {
            let found = problems(&format!("[server]\nudp = \"mmsg\"\nlisten = [{listen}]"));
            assert_eq!(found.is_empty(), good, "{listen}: {found:?}");
        }
    }

    #[test]
    fn affinity_is_for_workers() {
        for (keys, warnings) in [
            ("affinity = true\nudp = \"portable\"", 1),
            ("affinity = false\nudp = \"portable\"", 0),
            ("affinity = true\nudp = \"mmsg\"", 0),
        ] {
            let found = problems(&format!("[server]\n{keys}"));
            assert_eq!(found.len(), warnings, "{keys}: {found:?}");
            assert!(
                found.iter().all(|found| found.contains("no effect on portable UDP")),
                "{found:?}"
            );
        }
        let found = problems("[server]\naffinity = \"yes\"");
        assert!(found.len() == 1 && found[0].contains("true or false"), "{found:?}");
    }

    #[test]
    fn a_directory_of_databases_needs_the_rest_of_the_record() {
        let found = problems("[record]\ncvd-dir = \"d\"");
        assert!(found.len() == 1 && found[0].contains("no software version"), "{found:?}");
        for rest in ["record-file = \"dns.txt\"", "[feed]\nsource = \"feed.json\""] {
            assert_eq!(
                problems(&format!("[record]\ncvd-dir = \"d\"\n{rest}")),
                Vec::<String>::new()
            );
        }
    }

    #[test]
    fn a_feed_that_anyone_may_write_is_warned_of() {
        let key = "public-key = \"RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5\"";
        for (source, more, warnings) in [
            ("http://feed.example.org/feed.json", "", 1),
            ("http://feed.example.org/feed.json", key, 0),
            ("https://feed.example.org/feed.json", "", 0),
            ("http://127.0.0.1:8080/feed.json", "", 0),
            ("feed.json", "", 0),
        ] {
            let found = problems(&format!("[feed]\nsource = \"{source}\"\n{more}"));
            assert_eq!(found.len(), warnings, "{source}: {found:?}");
        }
    }

    #[test]
    fn an_empty_nsid_is_called_empty() {
        let found = problems("[server]\nnsid = \"\"");
        assert!(found.len() == 1 && found[0].contains("it is empty"), "{found:?}");
    }

    #[test]
    fn overrides_of_networks_that_hold_ipv4_name_it() {
        for (net, write) in [
            ("2002:c633:6400::/40", "write 198.51.100.0/24"),
            ("2002:c633:6401:5::/64", "write 198.51.100.1/32"),
            ("2002::/16", "write 0.0.0.0/0"),
            ("::ffff:198.51.100.0/120", "write 198.51.100.0/24"),
            ("::ffff:0:0/96", "write 0.0.0.0/0"),
        ] {
            let found = problems(&format!("[[geoip.override]]\nnet = \"{net}\"\ncountry = \"DE\""));
            assert!(found.len() == 1 && found[0].contains(write), "{net}: {found:?}");
        }
        for net in ["2001:db8::/32", "2000::/3", "::/64", "198.51.100.0/24"] {
            let found = problems(&format!("[[geoip.override]]\nnet = \"{net}\"\ncountry = \"DE\""));
            assert_eq!(found, Vec::<String>::new(), "{net}");
        }
    }
}
