//! The keys of `[server]`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::config::explain::Explain;
use crate::config::udp_mode::UdpMode;
use crate::schema::kind::SECONDS;
use crate::schema::{
    Custom, FilePath, Flag, Integer, Key, List, OneOf, Optional, Parsed, Preset, Section, Shape,
    Text, read,
};

/// The addresses of a server that is only tried out.
const LOOPBACK: &[SocketAddr] = &[
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5300),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 5300),
];

/// What is wrong with a name server identifier, if anything.
pub(crate) fn check_nsid(text: &str) -> Result<(), String> {
    match text.len() {
        0 => Err("it is empty".to_owned()),
        // `dig` and logs show the octets as text.
        _ if text.chars().any(char::is_control) => Err("it has control characters".to_owned()),
        1..=128 => Ok(()),
        length => Err(format!("{length} octets are too many")),
    }
}

/// RFC 5001 section 2.3: opaque octets. The limit is well below what an answer has room for.
const NSID_KIND: Custom<String> = Custom {
    read: |value| {
        let text = read::string(value)?;
        check_nsid(&text).map(|()| text)
    },
    shape: || Shape::Pattern("^[^\\u0000-\\u001f\\u007f-\\u009f]{1,128}$"),
    literal: |text| format!("{text:?}"),
};

/// The section.
pub static SECTION: Section = Section {
    doc: "",
    keys: &[
        &LISTEN,
        &WORKERS,
        &NSID,
        &USER,
        &EDNS_UDP_SIZE,
        &ECS,
        &EXPLAIN,
        &UDP,
        &AFFINITY,
        &TCP_MAX_PER_CLIENT,
        &TCP_MAX_CONNECTIONS,
        &TCP_IDLE,
        &TAKEOVER,
        &SANDBOX,
    ],
};

/// `listen`.
pub static LISTEN: Key<List<Parsed<SocketAddr>>, Preset<&'static [SocketAddr]>> = Key {
    name: "listen",
    kind: List(Parsed::new("^[0-9A-Fa-f.:%\\[\\]]+:[0-9]+$")),
    default: Preset(LOOPBACK),
    expected: "an address and a port: \"192.0.2.1:53\", \"[2001:db8::1]:53\", \"0.0.0.0:53\"",
    example: "",
    doc: "Addresses and ports, each for UDP and TCP. A real server listens on port 53 of its \
        public addresses.",
};

/// `workers`.
pub static WORKERS: Key<Integer<usize>, Preset<usize>> = Key {
    name: "workers",
    kind: Integer::new(0, 1024),
    default: Preset(0),
    expected: "a number; 0 for one per core",
    example: "",
    doc: "UDP workers for each address; 0 means one for each core.",
};

/// `nsid`.
pub static NSID: Key<Custom<String>, Optional> = Key {
    name: "nsid",
    kind: NSID_KIND,
    default: Optional("none"),
    expected: "1 to 128 characters on one line, such as \"ns1\"",
    example: "\"ns1\"",
    doc: "Name server identifier (RFC 5001), which distinguishes the servers of a zone. Without \
        the key, none is sent.",
};

/// `user`.
pub static USER: Key<Text, Optional> = Key {
    name: "user",
    kind: Text,
    default: Optional("none"),
    expected: "an account's name",
    example: "\"cvdns\"",
    doc: "Account to which a server that root starts drops after binding. Without the key, the \
        server keeps its account. Feed and `state` are read and written only as this account.",
};

/// `edns-udp-size`.
pub static EDNS_UDP_SIZE: Key<Integer<u16>, Preset<u16>> = Key {
    name: "edns-udp-size",
    kind: Integer::new(512, 4096),
    default: Preset(1232),
    expected: "octets, 512 to 4096",
    example: "",
    doc: "Largest UDP answer in octets, which is also announced to clients. 1232 passes every \
        network without fragmentation.",
};

/// `ecs`.
pub static ECS: Key<Flag, Preset<bool>> = Key {
    name: "ecs",
    kind: Flag,
    default: Preset(true),
    expected: "",
    example: "",
    doc: "Client subnets (RFC 7871). Set false if other servers of the zone answer them with scope \
        0.",
};

/// `explain`.
pub static EXPLAIN: Key<OneOf<Explain>, Preset<Explain>> = Key {
    name: "explain",
    kind: OneOf(&[("public", Explain::Public), ("local", Explain::Local), ("off", Explain::Off)]),
    default: Preset(Explain::Local),
    expected: "",
    example: "",
    doc: "Who may ask the diagnostic names (docs/diagnose.md): \"public\", \"local\" (loopback and \
        private addresses) or \"off\".",
};

/// `udp`.
pub static UDP: Key<OneOf<UdpMode>, Preset<UdpMode>> = Key {
    name: "udp",
    kind: OneOf(&[
        ("auto", UdpMode::Auto),
        ("mmsg", UdpMode::Mmsg),
        ("portable", UdpMode::Portable),
    ]),
    default: Preset(UdpMode::Auto),
    expected: "",
    example: "",
    doc: "How UDP is served: \"mmsg\" (Linux), \"portable\" (every system) or \"auto\", the better \
        one available.",
};

/// `affinity`.
pub static AFFINITY: Key<Flag, Preset<bool>> = Key {
    name: "affinity",
    kind: Flag,
    default: Preset(false),
    expected: "",
    example: "",
    doc: "With true (Linux, \"mmsg\"), each UDP worker keeps to one core and gets the queries that \
        this core handles. Only for network cards that spread queries over several cores: if one \
        core handles all of them, one worker answers all of them.",
};

/// `tcp-max-per-client`.
pub static TCP_MAX_PER_CLIENT: Key<Integer<usize>, Preset<usize>> = Key {
    name: "tcp-max-per-client",
    kind: Integer::new(1, 1_000_000),
    default: Preset(32),
    expected: "a number, at least 1",
    example: "",
    doc: "Most TCP connections of one client, which is an IPv4 address or an IPv6 /64. Further ones \
        are closed at once.",
};

/// `tcp-max-connections`.
pub static TCP_MAX_CONNECTIONS: Key<Integer<usize>, Preset<usize>> = Key {
    name: "tcp-max-connections",
    kind: Integer::new(1, 1_000_000),
    default: Preset(1024),
    expected: "a number, at least 1",
    example: "",
    doc: "Most TCP connections at once. For each further one, a connection of the network and \
        client with the most connections is closed. Each takes a file descriptor.",
};

/// `tcp-idle`.
pub static TCP_IDLE: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "tcp-idle",
    kind: SECONDS,
    default: Preset(Duration::from_secs(10)),
    expected: "",
    example: "",
    doc: "An idle TCP connection is closed after this time, or sooner if most seats are taken.",
};

/// `takeover`.
pub static TAKEOVER: Key<FilePath, Optional> = Key {
    name: "takeover",
    kind: FilePath,
    default: Optional("none"),
    expected: "the path of a Unix socket",
    example: "\"run/takeover.sock\"",
    doc: "Path of the Unix socket by which `cvdns serve --replace` takes over from the running \
        server without a lost query (docs/reliability.md). Only the server's account and root may \
        use it. Without the key, a server cannot be replaced.",
};

/// `sandbox`.
pub static SANDBOX: Key<Flag, Preset<bool>> = Key {
    name: "sandbox",
    kind: Flag,
    default: Preset(true),
    expected: "",
    example: "",
    doc: "Whether the server gives up, once its addresses are bound, all files, TCP connections and \
        system calls that it does not need (Linux; docs/security.md).",
};
