//! The keys of `[monitor]`.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::monitor_member as member;
use crate::schema::kind::{DURATION, SECONDS, ZERO_OR_SECONDS};
use crate::schema::{
    Custom, FilePath, Integer, Key, List, OneOf, Optional, Parsed, Preset, Section, Shape, Tables,
    Text, read,
};

/// A name that can stand in a Host header (RFC 9110 section 7.2).
const HOST: Custom<String> = Custom {
    read: |value| {
        let text = read::string(value)?;
        let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-._".contains(&octet);
        if !text.is_empty() && text.bytes().all(is_allowed) {
            Ok(text)
        } else {
            Err(format!("\"{text}\" is not a host name"))
        }
    },
    shape: || Shape::Pattern("^[A-Za-z0-9._-]+$"),
    literal: |text| format!("{text:?}"),
};

/// The path of a request (RFC 9112 section 3.2.1): visible ASCII characters, which need no escape.
const REQUEST_PATH: Custom<String> = Custom {
    read: |value| {
        let text = read::string(value)?;
        let is_allowed = |octet: u8| octet.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&octet);
        if text.starts_with('/') && text.bytes().all(is_allowed) {
            Ok(text)
        } else {
            Err(format!("\"{text}\" is not the path of a URL"))
        }
    },
    shape: || Shape::Pattern("^/[!$-;=?-\\[\\]_a-z~%]*$"),
    literal: |text| format!("{text:?}"),
};

/// The URL of a directory (RFC 3986): without account, query and fragment, with a slash at its end.
const DIRECTORY_URL: Custom<String> = Custom {
    read: |value| {
        let text = read::string(value)?;
        let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| format!("\"{text}\" is not an https or http URL"))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_authority(authority) {
            return Err(format!("\"{text}\" is a URL without a host that can be named in links"));
        }
        if !is_url_path(path) {
            return Err(format!(
                "\"{text}\" is not the URL of a directory: its path has at most {LONGEST_PATH} \
                 visible ASCII characters, and neither `?` nor `#`"
            ));
        }
        Ok(if text.ends_with('/') { text } else { text + "/" })
    },
    shape: || {
        Shape::Pattern("^https?://[0-9A-Za-z._:\\[\\]-]{1,261}(/[!$-;=@-\\[\\]_a-z~%]{0,1000})?$")
    },
    literal: |text| format!("{text:?}"),
};

/// Whether this is a host with or without a port: a name, an IPv4 address, or an IPv6 address in
/// brackets (RFC 3986 section 3.2).
fn is_authority(text: &str) -> bool {
    // Of a name (RFC 1035 section 2.3.4).
    const LONGEST: usize = 253;
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_name = |octet: u8| octet.is_ascii_alphanumeric() || b"-._".contains(&octet);
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.len() <= LONGEST && host.bytes().all(is_name),
    };
    let is_number = |port: &str| port.bytes().all(|octet| octet.is_ascii_digit());
    let is_port = |port: &str| is_number(port) && port.parse::<u16>().is_ok_and(|port| port > 0);
    is_host && port.is_none_or(is_port)
}

/// Most octets of a URL's path: it stands in each file of each mirror.
const LONGEST_PATH: usize = 1000;

/// Whether a URL can have this as its path.
fn is_url_path(text: &str) -> bool {
    let is_allowed = |octet: u8| octet.is_ascii_graphic() && !b"\"#<>?\\^`{|}".contains(&octet);
    text.len() <= LONGEST_PATH && text.bytes().all(is_allowed)
}

/// The section.
pub static SECTION: Section = Section {
    doc: "",
    keys: &[
        &FEED,
        &SECRET_KEY,
        &STATE,
        &RELEASE,
        &PAGE,
        &PAGE_URL,
        &PROBE,
        &HOSTS,
        &PORT,
        &INTERVAL,
        &RETRY_INTERVAL,
        &CONFIRM,
        &CONFIRM_INTERVAL,
        &GOOD_CHECKS,
        &OLD_AFTER,
        &REMOVED_AFTER,
        &FAULT_AFTER,
        &NEW,
        &RAMP,
        &WITNESSES,
        &PUBLISH_EVERY,
        &NAME,
        &REPORT,
        &COMBINE_INTERVAL,
        &MEMBER,
        &CONCURRENCY,
        &CONNECT_TIMEOUT,
        &TIMEOUT,
        &ON_CHANGE,
    ],
};

/// `feed`.
pub static FEED: Key<FilePath, Optional> = Key {
    name: "feed",
    kind: FilePath,
    default: Optional("`[feed] source`"),
    expected: "the path of the feed",
    example: "\"state/monitor/feed.json\"",
    doc: "Path of the feed that the coordinator writes.",
};

/// `secret-key`.
pub static SECRET_KEY: Key<FilePath, Optional> = Key {
    name: "secret-key",
    kind: FilePath,
    default: Optional("none"),
    expected: "the path of a minisign secret key",
    example: "\"monitor.key\"",
    doc: "minisign secret key without a password; the signature goes to FEED.minisig. Without the \
        key the feed is not signed.",
};

/// `state`.
pub static STATE: Key<FilePath, Optional> = Key {
    name: "state",
    kind: FilePath,
    default: Optional("`state/monitor`"),
    expected: "the path of a directory",
    example: "\"state/monitor\"",
    doc: "Directory in which the coordinator keeps what it knows (memory.json; a damaged file is \
        renamed to memory.json.broken), the history of checks (history.db), metrics.prom and a \
        lock.",
};

/// `release`.
pub static RELEASE: Key<FilePath, Optional> = Key {
    name: "release",
    kind: FilePath,
    default: Optional("that of the last feed"),
    expected: "the path of a JSON file",
    example: "\"release.json\"",
    doc: "JSON object that becomes the feed's release. Without the key the last feed's release is \
        repeated.",
};

/// `page`.
pub static PAGE: Key<FilePath, Optional> = Key {
    name: "page",
    kind: FilePath,
    default: Optional("none"),
    expected: "the path of a directory",
    example: "\"/srv/www/mirrors\"",
    doc: "Directory of its own into which the coordinator writes web pages about the network and \
        each of its mirrors, for any web server. All that is in them is public.",
};

/// `page-url`.
pub static PAGE_URL: Key<Custom<String>, Optional> = Key {
    name: "page-url",
    kind: DIRECTORY_URL,
    default: Optional("none"),
    expected: "the URL of a directory, such as \"https://status.example.org/\"",
    example: "\"https://status.example.org/\"",
    doc: "The URL at which a web server shows `page`. With it, Atom feeds have absolute links, the \
        HTML of a badge can be copied as it is, and the JSON documents have the URLs of their pages.",
};

/// `probe`.
pub static PROBE: Key<Custom<String>, Optional> = Key {
    name: "probe",
    kind: REQUEST_PATH,
    default: Optional("timestamp and databases"),
    expected: "a path that begins with a slash, such as \"/timestamp\"",
    example: "\"/timestamp\"",
    doc: "For mirrors of other files than ClamAV's: the path that is requested instead of timestamp \
        and databases. An address is up if it answers with status 200.",
};

/// `hosts`.
pub static HOSTS: Key<List<Custom<String>>, Optional> = Key {
    name: "hosts",
    kind: List(HOST),
    default: Optional("`database.ORIGIN`, `db.test.ORIGIN`; with `probe` ORIGIN"),
    expected: "two names such as [\"database.clamav.example\", \"db.test.clamav.example\"]",
    example: "[\"database.clamav.net\", \"db.test.clamav.net\"]",
    doc: "The virtual hosts of mirrors: two, or with `probe` one or more. The key is required if an \
        origin has `{cc}`.",
};

/// `port`.
pub static PORT: Key<Integer<u16>, Preset<u16>> = Key {
    name: "port",
    kind: Integer::new(1, 65_535),
    default: Preset(80),
    expected: "a number, 1 or more",
    example: "",
    doc: "Port of the mirrors' web servers.",
};

/// `interval`.
pub static INTERVAL: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "interval",
    kind: SECONDS,
    default: Preset(Duration::from_secs(3600)),
    expected: "",
    example: "",
    doc: "A healthy address is checked once in each interval.",
};

/// `retry-interval`.
pub static RETRY_INTERVAL: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "retry-interval",
    kind: SECONDS,
    default: Preset(Duration::from_secs(300)),
    expected: "",
    example: "",
    doc: "Time from the last check of an unhealthy address to the next.",
};

/// `confirm`.
pub static CONFIRM: Key<Integer<u32>, Preset<u32>> = Key {
    name: "confirm",
    kind: Integer::new(1, 100),
    default: Preset(3),
    expected: "a number, 1 or more",
    example: "",
    doc: "Tries before a failure counts.",
};

/// `confirm-interval`.
pub static CONFIRM_INTERVAL: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "confirm-interval",
    kind: DURATION,
    default: Preset(Duration::from_secs(10)),
    expected: "",
    example: "",
    doc: "Pause between two tries.",
};

/// `good-checks`.
pub static GOOD_CHECKS: Key<Integer<u32>, Preset<u32>> = Key {
    name: "good-checks",
    kind: Integer::new(1, 1000),
    default: Preset(2),
    expected: "a number, 1 or more",
    example: "",
    doc: "Successful checks in a row that bring an address back.",
};

/// `old-after`.
pub static OLD_AFTER: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "old-after",
    kind: SECONDS,
    default: Preset(Duration::from_secs(24 * 3600)),
    expected: "",
    example: "",
    doc: "Age of a timestamp, or time with a database that is more than `lag` of [record] behind \
        the release, after which an address is old.",
};

/// `removed-after`.
pub static REMOVED_AFTER: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "removed-after",
    kind: SECONDS,
    default: Preset(Duration::from_secs(48 * 3600)),
    expected: "",
    example: "",
    doc: "Time as old after which an address is removed.",
};

/// `fault-after`.
pub static FAULT_AFTER: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "fault-after",
    kind: ZERO_OR_SECONDS,
    default: Preset(Duration::from_secs(15 * 60)),
    expected: "",
    example: "",
    doc: "Time of wrong answers after which an address is down; \"0s\": at once. It is noticed at a \
        check, so at the latest one `retry-interval` later.",
};

/// `new`.
pub static NEW: Key<OneOf<bool>, Preset<bool>> = Key {
    name: "new",
    kind: OneOf(&[("down", true), ("up", false)]),
    default: Preset(true),
    expected: "",
    example: "",
    doc: "State of an address that was added to the fleet, from then until its first good check. A \
        coordinator that has lost its memory takes no address to be new.",
};

/// `ramp`.
pub static RAMP: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "ramp",
    kind: ZERO_OR_SECONDS,
    default: Preset(Duration::from_secs(30 * 60)),
    expected: "",
    example: "",
    doc: "Time over which a mirror that was out for more than an hour is given back its weight, in \
        four steps from a quarter; \"0s\": at once.",
};

/// `witnesses`.
pub static WITNESSES: Key<List<Parsed<SocketAddr>>, Optional> = Key {
    name: "witnesses",
    kind: List(Parsed::new("^[0-9A-Fa-f.:%\\[\\]]+:[0-9]+$")),
    default: Optional("none"),
    expected: "addresses and ports: [\"192.0.2.1:80\", \"[2001:db8::1]:443\"]",
    example: "[\"192.0.2.1:80\"]",
    doc: "Addresses and ports of other networks, not of mirrors, that always accept a TCP \
        connection. While none of them does, the coordinator takes its own network to be down and \
        changes no state.",
};

/// `publish-every`.
pub static PUBLISH_EVERY: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "publish-every",
    kind: SECONDS,
    default: Preset(Duration::from_secs(600)),
    expected: "",
    example: "",
    doc: "The feed, or the report, is renewed at least this often; a warning if this is more than \
        half of `max-age`.",
};

/// `name`.
pub static NAME: Key<Custom<String>, Optional> = Key {
    name: "name",
    kind: member::MONITOR_NAME,
    default: Optional("none"),
    expected: "a name such as \"fra1\"",
    example: "\"fra1\"",
    doc: "Name of this monitor among several, for its report (`cvdns monitor --report`).",
};

/// `report`.
pub static REPORT: Key<FilePath, Optional> = Key {
    name: "report",
    kind: FilePath,
    default: Optional("`report.json` in `state`"),
    expected: "the path of the report",
    example: "\"/srv/www/report.json\"",
    doc: "Path of the report that `cvdns monitor --report` writes in place of the feed. Its \
        signature by `secret-key` goes to REPORT.minisig.",
};

/// `combine-interval`.
pub static COMBINE_INTERVAL: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "combine-interval",
    kind: SECONDS,
    default: Preset(Duration::from_secs(30)),
    expected: "",
    example: "",
    doc: "How often `cvdns monitor --combine` reads the reports of the members.",
};

/// `[[monitor.member]]`.
pub static MEMBER: Key<Tables, Optional> = Key {
    name: "member",
    kind: Tables(&member::SECTION),
    default: Optional("none"),
    expected: "",
    example: "",
    doc: "One [[monitor.member]] section for each monitor whose report `cvdns monitor --combine` \
        joins with the others.",
};

/// `concurrency`.
pub static CONCURRENCY: Key<Integer<usize>, Preset<usize>> = Key {
    name: "concurrency",
    kind: Integer::new(1, 1024),
    default: Preset(32),
    expected: "a number, 1 or more",
    example: "",
    doc: "Most addresses checked at once. Each is a waiting thread.",
};

/// `connect-timeout`.
pub static CONNECT_TIMEOUT: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "connect-timeout",
    kind: SECONDS,
    default: Preset(Duration::from_secs(10)),
    expected: "",
    example: "",
    doc: "Limit for the connection.",
};

/// `timeout`.
pub static TIMEOUT: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "timeout",
    kind: SECONDS,
    default: Preset(Duration::from_secs(20)),
    expected: "",
    example: "",
    doc: "Limit for the whole answer, from the request to the last octet; neither slow octets nor \
        interim responses (1xx), which are skipped, extend it.",
};

/// `on-change`.
pub static ON_CHANGE: Key<List<Text>, Optional> = Key {
    name: "on-change",
    kind: List(Text),
    default: Optional("none"),
    expected: "[\"/usr/bin/mail-the-team\"]",
    example: "[\"/usr/bin/mail-the-team\"]",
    doc: "Command with its arguments that gets each change, and each freeze, as JSON on its standard input. It runs \
        without a shell; after 30 seconds the command and its child processes are ended.",
};
