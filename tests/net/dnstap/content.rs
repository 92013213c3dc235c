//! What a collector gets: every field of every message.

use super::capture::Capture;
use super::support;
use super::{counted, exchange, files};

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use support::client::{ALL, Transport, receive};
use support::daemon::Daemon;
use support::packet::{self, Query};
use support::prometheus::Page;
use support::{name, rr};

/// A collector and a server that is connected to it.
struct Scene {
    capture: Capture,
    daemon: Daemon,
    admin: u16,
}

impl Scene {
    fn new(keys: &str, change: impl FnOnce(&str) -> String) -> Self {
        let (files, admin) = files(keys);
        let capture = Capture::start();
        let config = change(files.text("cvdns.toml"));
        let config = config.replace("tap.sock", &capture.socket().display().to_string());
        let daemon = Daemon::start(&files.with("cvdns.toml", config));
        daemon.until("the collector", || counted(admin, "connected", &[]) == 1);
        Self { capture, daemon, admin }
    }

    /// Ends the server, then the collector.
    fn ended(self) -> Capture {
        let Self { mut capture, daemon, .. } = self;
        assert!(daemon.terminate().success());
        capture.stop();
        capture
    }

    /// Ends both, and returns all messages but those of the probes that waited for the start.
    fn end(self) -> Vec<Value> {
        let mut found = self.ended().messages();
        found.retain(|found| !is_probe(&found["message"]));
        found
    }
}

/// Whether a message is about the root.
fn is_probe(message: &Value) -> bool {
    let octets = message.get("query_message").or(message.get("response_message"));
    octets.and_then(Value::as_str).expect("a message").get(24..26) == Some("00")
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

fn address(of: IpAddr) -> String {
    match of {
        IpAddr::V4(of) => hex(&of.octets()),
        IpAddr::V6(of) => hex(&of.octets()),
    }
}

/// What both messages of an exchange have.
fn common(transport: Transport, client: SocketAddr, server: u16, zone: Option<&str>) -> Value {
    let is_v4 = client.is_ipv4();
    let mut message = json!({
        "socket_family": if is_v4 { "INET" } else { "INET6" },
        "socket_protocol": if transport.is_udp() { "UDP" } else { "TCP" },
        "query_address": address(client.ip()), "query_port": client.port(),
        "response_address": address(transport.ip()), "response_port": server,
    });
    if let Some(zone) = zone {
        message["query_zone"] = json!(hex(&name::wire(zone)));
    }
    message
}

fn query_of(common: &Value, query: &[u8]) -> Value {
    let mut message = common.clone();
    message["type"] = json!("AUTH_QUERY");
    message["query_message"] = json!(hex(query));
    message
}

fn answer_of(common: &Value, answer: &[u8]) -> Value {
    let mut message = common.clone();
    message["type"] = json!("AUTH_RESPONSE");
    message["response_message"] = json!(hex(answer));
    message
}

/// A moment of a message, in nanoseconds since 1970.
fn time(message: &mut Value, kind: &str) -> Option<u128> {
    let message = message.as_object_mut().expect("an object");
    let [sec, nsec] = ["sec", "nsec"].map(|unit| message.remove(&format!("{kind}_time_{unit}")));
    let number = |value: Value| u128::from(value.as_u64().expect("a number"));
    // A field of 0 is there nevertheless, in proto2.
    Some(number(sec?) * 1_000_000_000 + nsec.map_or(0, number))
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos()
}

/// Takes times and server out of all messages. Times must be those of the test, and in order.
fn bare(found: Vec<Value>, since: u128, identity: Option<&str>) -> Vec<Value> {
    let until = now();
    let version = hex(concat!("cvdns ", env!("CARGO_PKG_VERSION")).as_bytes());
    let bare = |mut found: Value| {
        assert_eq!(found["type"], "MESSAGE");
        assert_eq!(found["version"], version.as_str());
        let named = identity.map(|identity| hex(identity.as_bytes()));
        assert_eq!(found.get("identity").and_then(Value::as_str), named.as_deref());
        let mut message = found["message"].take();
        let asked = time(&mut message, "query").expect("a time");
        let answered = time(&mut message, "response");
        assert_eq!(answered.is_some(), message["type"] == "AUTH_RESPONSE", "{message}");
        let answered = answered.unwrap_or(asked);
        assert!(since <= asked && asked <= answered && answered <= until, "{message}");
        message
    };
    found.into_iter().map(bare).collect()
}

/// One worker for each address and connections write into one queue: what is one after the other
/// may be sent otherwise.
fn assert_same(mut found: Vec<Value>, mut expected: Vec<Value>) {
    for list in [&mut found, &mut expected] {
        list.sort_by_key(ToString::to_string);
    }
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

/// Queries of every kind, each with the zone of its name.
fn queries() -> Vec<(Query, Option<&'static str>)> {
    vec![
        (Query::new("www.clam.example", rr::A), Some("clam.example")),
        (Query::new("DB.li.CLAM.example", rr::A), Some("clam.example")),
        (
            Query::new("db.local.clam.example", rr::AAAA).subnet("198.51.100.0/24"),
            Some("clam.example"),
        ),
        (Query::new("clam.example", rr::SOA).edns(1232), Some("clam.example")),
        (Query::new("nothing.short.example", rr::TXT), Some("short.example")),
        // Too long for UDP.
        (Query::new("mid.clam.example", rr::TXT), Some("clam.example")),
        (Query::new("elsewhere.example", rr::A), None),
        // A cookie of a client (RFC 7873 section 4.1).
        (Query::new("text.clam.example", rr::TXT).option(10, &[7; 8]), Some("clam.example")),
        // Answered with NOTIMP, and FORMERR.
        (Query::new("clam.example", rr::SOA).opcode(2), Some("clam.example")),
        (
            Query::new("db.de.clam.example", rr::A).option(rr::ECS, &[0, 1, 24, 1, 192, 0, 2]),
            Some("clam.example"),
        ),
    ]
}

/// Changes a configuration.
type Change = fn(&str) -> String;

fn wildcards(config: &str) -> String {
    config.replace("127.0.0.1:@", "0.0.0.0:@").replace("[::1]:@", "[::]:@")
}

/// With the defaults every query and every answer comes as it was, by every transport, whether the
/// server listens on its addresses or on wildcards.
#[test]
fn every_query_and_answer_is_sent_as_it_was() {
    let scenes: [(&str, &str, Change); 2] =
        [("", "ns1", str::to_owned), ("identity = \"here\"", "here", wildcards)];
    for (keys, identity, change) in scenes {
        let since = now();
        let scene = Scene::new(keys, change);
        let mut expected = Vec::new();
        for (query, zone) in queries() {
            for transport in ALL {
                let query = query.build();
                let (client, answer) = exchange(&scene.daemon, transport, &query, true);
                let common = common(transport, client, scene.daemon.port(), zone);
                expected.push(query_of(&common, &query));
                expected.push(answer_of(&common, &answer.expect("an answer")));
            }
        }
        assert_same(bare(scene.end(), since, Some(identity)), expected);
    }
}

/// `dnstap-read` of BIND reads the same.
#[test]
fn bind_reads_what_was_sent() {
    let scene = Scene::new("", str::to_owned);
    let port = scene.daemon.port();
    let mut expected = Vec::new();
    for transport in ALL {
        let query = Query::new("www.clam.example", rr::A).build();
        let (client, answer) = exchange(&scene.daemon, transport, &query, true);
        let server = SocketAddr::new(transport.ip(), port);
        let by = if transport.is_udp() { "UDP" } else { "TCP" };
        let written = |address: SocketAddr| format!("{}:{}", address.ip(), address.port());
        let (client, server) = (written(client), written(server));
        let end = "www.clam.example/IN/A";
        let answered = answer.expect("an answer").len();
        expected.push(format!("AQ {client} -> {server} {by} {}b {end}", query.len()));
        expected.push(format!("AR {client} <- {server} {by} {answered}b {end}"));
    }
    let mut found = scene.ended().lines();
    found.retain(|line| line.ends_with(" www.clam.example/IN/A"));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

/// A query without an answer comes alone; what is no query does not come at all.
#[test]
fn a_query_without_an_answer_is_sent_alone() {
    let since = now();
    let limit = "\n[rate-limit]\nresponses-per-second = 1\nslip = 0\n";
    // Without `nsid`, the server is called as its machine is.
    let change = |config: &str| config.replace("nsid = \"ns1\"\n", "") + limit;
    let scene = Scene::new("", change);
    let udp = [("transport", "udp")];
    let received = || Page::of(scene.admin).get("cvdns_queries_received_total", &udp);
    let before = received();
    let (ip, port) = ([127, 0, 0, 1].into(), scene.daemon.port());
    let socket = scene.daemon.client().udp(ip);
    for wrong in [vec![0; 11], Query::new("www.clam.example", rr::A).flags(packet::QR).build()] {
        socket.send(&wrong).expect("sent");
    }
    let mut expected = Vec::new();
    let common = common(
        Transport::Udp4,
        socket.local_addr().expect("an address"),
        port,
        Some("clam.example"),
    );
    for _ in 0..20 {
        let query = Query::new("www.clam.example", rr::A).build();
        socket.send(&query).expect("sent");
        expected.push(query_of(&common, &query));
    }
    scene.daemon.until("all datagrams", || {
        let page = Page::of(scene.admin);
        let dropped = page.sum("cvdns_queries_dropped_total", &udp);
        let all = page.get("cvdns_queries_received_total", &udp);
        let is_done = (dropped + page.get("cvdns_answers_sent_total", &udp) - all).abs() < 0.5;
        (all - before - 22.0).abs() < 0.5 && is_done
    });
    socket.set_nonblocking(true).expect("no waiting");
    while let Some(answer) = receive(&socket) {
        expected.push(answer_of(&common, &answer));
    }
    assert_same(bare(scene.end(), since, Some(&hostname())), expected);
}

/// The machine's name, by which a server without `nsid` calls itself.
fn hostname() -> String {
    nix::unistd::gethostname().expect("a name").into_string().expect("text")
}

/// Either message can be had alone, and the server's name and version can be left out.
#[test]
fn what_is_sent_can_be_chosen() {
    for (keys, kind) in [
        ("messages = [\"auth-response\"]\nidentity = \"\"\nversion = \"\"", "AUTH_RESPONSE"),
        ("messages = [\"auth-query\"]\nidentity = \"\"\nversion = \"\"", "AUTH_QUERY"),
    ] {
        let scene = Scene::new(keys, str::to_owned);
        for transport in ALL {
            exchange(
                &scene.daemon,
                transport,
                &Query::new("www.clam.example", rr::A).build(),
                true,
            );
        }
        let found = scene.end();
        assert_eq!(found.len(), ALL.len());
        for found in found {
            assert_eq!(found["message"]["type"], kind);
            assert_eq!((found.get("identity"), found.get("version")), (None, None));
        }
    }
}

/// Of what each worker and all connections are asked, the share is sent, rounded up or down.
#[test]
fn a_share_is_sent() {
    let scene = Scene::new("sample = 0.1\nmessages = [\"auth-response\"]", str::to_owned);
    let query = Query::new("db.de.clam.example", rr::A).build();
    for transport in ALL {
        for _ in 0..150 {
            exchange(&scene.daemon, transport, &query, true);
        }
    }
    let page = Page::of(scene.admin);
    let udp = page.0.iter().filter(|((name, _), _)| name == "cvdns_udp_worker_received_total");
    let tcp = page.get("cvdns_queries_received_total", &[("transport", "tcp")]);
    let counters: Vec<f64> = udp.map(|(_, count)| *count).chain([tcp]).collect();
    assert_eq!(counters.len(), 3, "a worker for each address");
    let sum = |round: fn(f64) -> f64| counters.iter().map(|count| round(count * 0.1)).sum::<f64>();
    let found = scene.ended().messages().len() as f64;
    assert!(sum(f64::floor) <= found && found <= sum(f64::ceil), "{found} of {counters:?}");
}
