//! `query-sample`: lines of JSON against the queries that were sent.

#![allow(clippy::float_cmp, reason = "counts are whole numbers")]

use crate::support;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use support::client::{ALL, Transport, receive};
use support::daemon::Daemon;
use support::fixture;
use support::packet::{self, Query};
use support::prometheus::Page;
use support::{ports, rr};

/// The fixture's server with an admin address, which logs this share.
fn start(share: &str) -> (Daemon, u16) {
    let (port, files) = (ports::free(), fixture::files());
    let config = format!(
        "{}\n[admin]\nlisten = \"127.0.0.1:{port}\"\n[log]\nquery-sample = {share}\n",
        files.text("cvdns.toml")
    );
    (Daemon::start(&files.with("cvdns.toml", config)), port)
}

/// The samples in a log: all lines that begin as JSON does, each of which must be whole.
fn samples(log: &str) -> Vec<Value> {
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    let lines = whole.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The same without the probes that waited for the server to start: some are logged before, some
/// after what a test asks first.
fn asked_by_test(log: &str) -> Vec<Value> {
    let mut found = samples(log);
    found.retain(|line| line["name"] != ".");
    found
}

fn logged(port: u16) -> f64 {
    let page = Page::of(port);
    assert!(page.get("cvdns_query_samples_total", &[("outcome", "dropped")]) < 0.5);
    page.get("cvdns_query_samples_total", &[("outcome", "logged")])
}

/// With a share of 1 every answer is a line, and every field is what was sent and answered.
#[test]
fn every_answer_is_logged_when_so_asked() {
    let (daemon, _) = start("1");
    let odd = Query {
        name: b"\x07a\"b\\\n\x00.\x04clam\x07example\0".to_vec(),
        ..Query::new("x", rr::A)
    };
    let queries = [
        (
            Query::new("www.clam.example", rr::A),
            json!({ "name": "www.clam.example.", "type": "A", "class": "IN",
            "ecs": null, "scope": null, "rcode": "NOERROR", "truncated": false, "answers": ["A 192.0.2.3", "A 192.0.2.4"] }),
        ),
        (
            Query::new("DB.li.clam.example", rr::MX),
            json!({ "name": "DB.li.clam.example.", "type": "MX", "class": "IN",
            "ecs": null, "scope": null, "rcode": "NOERROR", "truncated": false, "answers": [] }),
        ),
        (
            Query::new("db.jp.clam.example", rr::A).class(4),
            json!({ "name": "db.jp.clam.example.", "type": "A", "class": "HS",
            "ecs": null, "scope": null, "rcode": "REFUSED", "truncated": false, "answers": [] }),
        ),
        (
            Query::new("nothing.clam.example", 65_280).subnet("198.51.100.0/24"),
            json!({ "name": "nothing.clam.example.", "type": "TYPE65280", "class": "IN", "ecs": "198.51.100.0/24", "scope": 0,
            "rcode": "NXDOMAIN", "truncated": false, "answers": [] }),
        ),
        (
            Query::new("text.clam.example", rr::TXT),
            json!({ "name": "text.clam.example.", "type": "TXT", "class": "IN",
            "ecs": null, "scope": null, "rcode": "NOERROR", "truncated": false, "answers": ["TXT \"static\""] }),
        ),
        (
            Query::new("clam.example", rr::SOA).opt(|opt| opt.version = 1),
            json!({ "name": "clam.example.", "type": "SOA",
            "class": "IN", "ecs": null, "scope": null, "rcode": "BADVERS", "truncated": false, "answers": [] }),
        ),
        (
            Query::new("clam.example", rr::SOA).opcode(4),
            json!({ "name": null, "type": null, "class": null, "ecs": null,
            "scope": null, "rcode": "NOTIMP", "truncated": false, "answers": [] }),
        ),
        (
            odd,
            json!({ "name": "a\"b\\\\\\010\\000\\..clam.example.", "type": "A", "class": "IN",
            "ecs": null, "scope": null, "rcode": "NXDOMAIN", "truncated": false, "answers": [] }),
        ),
    ];
    let mut expected = Vec::new();
    for (query, fields) in &queries {
        for transport in ALL {
            let (client, answer) = exchange(&daemon, transport, query);
            let mut line = fields.clone();
            line["client"] = json!(client.to_string());
            line["transport"] = json!(if transport.is_udp() { "udp" } else { "tcp" });
            line["size"] = json!(answer.len());
            expected.push(line);
        }
    }
    // Too long for UDP.
    let (client, answer) =
        exchange(&daemon, Transport::Udp4, &Query::new("mid.clam.example", rr::TXT));
    expected.push(json!({ "client": client.to_string(), "transport": "udp", "name": "mid.clam.example.", "type": "TXT",
        "class": "IN", "ecs": null, "scope": null, "rcode": "NOERROR", "truncated": true, "answers": [], "size": answer.len() }));
    // No answer, no line.
    let dropped = Query::new("www.clam.example", rr::A).flags(packet::QR).build();
    daemon.client().udp([127, 0, 0, 1].into()).send(&dropped).expect("sent");
    daemon.until("all samples", || asked_by_test(&daemon.log()).len() >= expected.len());
    // At its end the server writes what it still has: nothing more may come.
    let mut found = asked_by_test(&daemon.last_log());
    let now = jiff::Timestamp::now();
    for line in &mut found {
        let time = line.as_object_mut().expect("an object").remove("time").expect("a time");
        let time: jiff::Timestamp = time.as_str().expect("text").parse().expect("a moment");
        assert!(now.duration_since(time).as_secs().abs() < 60, "{time}");
    }
    // One worker for each address and connections write into one log: what is one after the other
    // may be written otherwise.
    let sorted = |mut lines: Vec<Value>| {
        lines.sort_by_key(ToString::to_string);
        lines
    };
    let (found, expected) = (sorted(found), sorted(expected));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

/// The client's address and the answer.
fn exchange(daemon: &Daemon, transport: Transport, query: &Query) -> (SocketAddr, Vec<u8>) {
    if transport.is_udp() {
        let socket = daemon.client().udp(transport.ip());
        socket.send(&query.build()).expect("sent");
        (socket.local_addr().expect("an address"), receive(&socket).expect("an answer"))
    } else {
        let mut stream = daemon.client().tcp(transport.ip());
        support::client::send(&mut stream, &query.build());
        let answer = support::client::read(&mut stream).expect("an answer");
        (stream.local_addr().expect("an address"), answer)
    }
}

/// Of what each worker answers, and of what all connections do, the share is logged, rounded up or
/// down.
#[test]
fn a_share_is_logged() {
    let (daemon, port) = start("0.1");
    let query = Query::new("db.de.clam.example", rr::A).build();
    for transport in ALL {
        for _ in 0..150 {
            daemon.client().exchange(transport, &query).expect("an answer");
        }
    }
    let counters = || -> Vec<f64> {
        let page = Page::of(port);
        let udp = page.0.iter().filter(|((name, _), _)| name == "cvdns_udp_worker_received_total");
        let tcp = page.get("cvdns_queries_received_total", &[("transport", "tcp")]);
        udp.map(|(_, count)| *count).chain([tcp]).collect()
    };
    let least = |counters: &[f64]| counters.iter().map(|count| (count * 0.1).floor()).sum::<f64>();
    daemon.until("all samples", || logged(port) >= least(&counters()));
    // Once all are written, nothing is logged for a server that is asked nothing.
    daemon.until("a log that stays as it is", || {
        let length = daemon.log().len();
        std::thread::sleep(Duration::from_millis(300));
        daemon.log().len() == length
    });
    let counters = counters();
    assert_eq!(counters.len(), 3, "a worker for each address");
    let (least, most) =
        (least(&counters), counters.iter().map(|count| (count * 0.1).ceil()).sum::<f64>());
    let found = samples(&daemon.last_log()).len() as f64;
    assert!(least <= found && found <= most, "{found} of {counters:?}");
}

/// Nobody reads the log: the server goes on as ever, and only samples are left out.
#[test]
fn samples_hold_nothing_up() {
    let (port, files) = (ports::free(), fixture::files());
    let config = format!(
        "{}\n[admin]\nlisten = \"127.0.0.1:{port}\"\n[log]\nquery-sample = 1\n",
        files.text("cvdns.toml")
    );
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let daemon = Daemon::start_logging_to(&files.with("cvdns.toml", config), writer);
    let query = Query::new("db.de.clam.example", rr::A).build();
    let socket = daemon.client().udp([127, 0, 0, 1].into());
    for _ in 0..4_000 {
        socket.send(&query).expect("sent");
        receive(&socket).expect("an answer");
    }
    let down = fixture::states(&[("de1.example", "down")]);
    for serial in [7_000, 7_001] {
        daemon.write_feed(&fixture::feed(serial, &down));
        daemon.until("the feed", || {
            (Page::of(port).get("cvdns_feed_serial", &[]) - serial as f64).abs() < 0.5
        });
    }
    let outcome =
        |outcome| Page::of(port).get("cvdns_query_samples_total", &[("outcome", outcome)]);
    daemon.until("all samples", || outcome("logged") + outcome("dropped") > 4_000.0);
    let (logged, dropped) = (outcome("logged"), outcome("dropped"));
    assert!(logged > 10.0 && dropped > 3_000.0, "{logged} and {dropped}");
    assert!(daemon.terminate().success());
    let mut log = String::new();
    std::io::Read::read_to_string(&mut reader, &mut log).expect("the log");
    let (lines, words): (Vec<&str>, Vec<&str>) =
        log.lines().partition(|line| line.starts_with('{'));
    assert!(lines.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
    assert_eq!(lines.len() as f64, logged);
    for said in ["feed 7000 of", "feed 7001 of", "stopped: "] {
        assert!(words.iter().any(|line| line.contains(said)), "{said}: {words:#?}");
    }
}

#[test]
fn without_a_share_nothing_is_logged() {
    let (daemon, port) = start("0");
    for transport in ALL {
        daemon
            .client()
            .exchange(transport, &Query::new("db.de.clam.example", rr::A).build())
            .expect("an answer");
    }
    assert!(logged(port) < 0.5);
    assert!(samples(&daemon.last_log()).is_empty());
}
