//! What operators see over HTTP, against what was asked and fed before.

use crate::support;

use std::collections::BTreeMap;

use support::client::{ALL, Transport};
use support::daemon::{Daemon, Files};
use support::fixture::{self, States, mirrors};
use support::packet::{Query, RD};
use support::reply::{Record, Reply};
use support::{http, ports, rr, tools};

/// The fixture's server with an admin address.
pub(crate) fn start(files: Files) -> (Daemon, u16) {
    let port = ports::free();
    let admin = format!("listen = \"127.0.0.1:{port}\"\ntoken-file = \"admin.token\"");
    let config = format!("{}\n[admin]\n{admin}\n", files.text("cvdns.toml"));
    (Daemon::start(&files.with("cvdns.toml", config).with("admin.token", http::TOKEN)), port)
}

fn metrics(port: u16) -> BTreeMap<String, f64> {
    let (status, page) = http::get(port, "/metrics");
    assert_eq!(status, 200);
    http::samples(&page)
}

/// Sends a report over every transport; the answer must always be 127.0.0.1 (CLIENTS: "The answer
/// is ignored").
fn report(daemon: &Daemon, name: &str) {
    let name = format!("{name}.ping.clam.example");
    let query = Query::new(&name, rr::A).flags(RD);
    let answer = vec![Record::new(&name, 60, rr::A, rr::a("127.0.0.1"))];
    for transport in ALL {
        let reply = daemon.client().ask(transport, &query);
        reply.must_be(&Reply::to(&query).with_answer(answer.clone()), &name);
    }
}

/// CLIENTS: "0.97.1 to 0.101 report each download's outcome this way".
#[test]
fn clients_reports_are_counted_by_mirror_and_outcome() {
    let (daemon, port) = start(fixture::files());
    let counts = |port| -> BTreeMap<String, String> {
        let all = metrics(port)
            .into_iter()
            .filter(|(name, value)| name.starts_with("cvdns_ping_") && *value > 0.0);
        all.map(|(name, value)| {
            (name.trim_start_matches("cvdns_ping_").to_owned(), value.to_string())
        })
        .collect()
    };
    assert_eq!(counts(port), BTreeMap::new());
    assert_eq!(
        metrics(port).keys().filter(|name| name.starts_with("cvdns_ping_reports_total")).count(),
        47 * 2
    );
    // de1.example has 192.0.2.11 and 2001:db8:1::11.
    report(&daemon, "daily.25580.105.1.0.C000020B");
    report(&daemon, "main.62.105.1.1.192.0.2.11");
    report(&daemon, "daily.25580.105.0.0.20010DB8000100000000000000000011");
    report(&daemon, "bytecode.339.93.0.0.c0000229");
    report(&daemon, "daily.25580.105.1.0.192.0.2.1");
    report(&daemon, "test.6.105.0.0.6810DA54");
    for malformed in
        ["daily", "daily.1.1.1.0.6810DA5", "daily.x.105.1.0.C000020B", "a.b.c.d.e.f.g.h.i.j"]
    {
        report(&daemon, malformed);
    }
    let each = ALL.len() as u64;
    let expected = [
        ("reports_total{mirror=\"de1.example\",outcome=\"success\"}", 2 * each),
        ("reports_total{mirror=\"de1.example\",outcome=\"failure\"}", each),
        ("reports_total{mirror=\"us1.example\",outcome=\"failure\"}", each),
        ("reports_total{mirror=\"other\",outcome=\"success\"}", each),
        ("reports_total{mirror=\"other\",outcome=\"failure\"}", each),
        ("reports_malformed_total", 4 * each),
    ];
    let expected: BTreeMap<String, String> =
        expected.map(|(name, count)| (name.to_owned(), count.to_string())).into();
    assert_eq!(counts(port), expected);

    // Other types and names count nothing; a reload and a feed with other databases take nothing
    // away.
    for (name, qtype) in
        [("daily.1.1.1.0.C000020B.ping", rr::AAAA), ("ping", rr::A), ("db.de", rr::A)]
    {
        daemon.client().ask(Transport::Udp4, &Query::new(&format!("{name}.clam.example"), qtype));
    }
    let length = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(length, &["reloaded "]);
    let feed =
        fixture::feed(1_001, &States::new()).replace("\"test\": 6", "\"test\": 6, \"more\": 1");
    daemon.write_feed(&feed);
    daemon.wait_for_log(length, &["feed 1001 "]);
    assert_eq!(counts(port), expected);
}

#[test]
fn what_is_announced_and_why_is_shown() {
    let held = |number: usize| if number < 8 { 28_129 } else { 28_130 };
    let held = mirrors().into_iter().enumerate().map(|(number, mirror)| {
        format!("\"{}\": {{ \"state\": \"up\", \"daily\": {} }}", mirror.host, held(number))
    });
    let mirrors = format!("\"mirrors\": {{ {} }}", held.collect::<Vec<_>>().join(","));
    let feed = fixture::feed(1_000, &States::new())
        .replace("28129", "28130")
        .replace("\"mirrors\": {  }", &mirrors);
    let (daemon, port) = start(fixture::files().with("feed.json", feed));
    let shown = metrics(port);
    let query = Query::new("current.cvd.clam.example", rr::TXT).flags(RD);
    let reply = daemon.client().ask(Transport::Udp4, &query);
    let record = String::from_utf8(reply.rdata(rr::TXT)[0][1..].to_vec()).expect("text");
    let fields: Vec<f64> =
        record.split(':').map(|field| field.parse().unwrap_or_default()).collect();
    for (name, value) in [
        ("record_version{database=\"main\"}", fields[1]),
        ("record_version{database=\"daily\"}", fields[2]),
        ("record_version{database=\"bytecode\"}", fields[7]),
        ("record_version{database=\"test\"}", 6.0),
        ("record_released_version{database=\"daily\"}", 28_130.0),
        // 38 of 46.
        ("record_released_held_ratio{database=\"daily\"}", 0.826_086),
        ("record_released_held_ratio{database=\"main\"}", 1.0),
        ("record_held_ratio{database=\"daily\"}", 1.0),
        ("record_available", 1.0),
        ("record_files_unusable", 0.0),
        ("record_quorum_ratio{database=\"daily\"}", 0.9),
        ("record_stamp_timestamp_seconds", fields[3]),
        ("record_expired", 0.0),
        ("mirrors_lagging", 0.0),
        ("feed_serial", 1_000.0),
        ("feed_fresh", 1.0),
    ] {
        let found = shown.get(&format!("cvdns_{name}")).copied();
        assert!(
            found.is_some_and(|found| (found - value).abs() < 1e-6),
            "{name}: {found:?}, not {value}"
        );
    }
    assert!((fields[2] - 28_129.0).abs() < 0.1, "the quorum is not reached: {record}");
}

/// While no mirror is usable, nobody knows which share of them holds a version.
#[test]
fn no_share_of_nothing_is_shown() {
    let down = mirrors().into_iter().map(|mirror| (mirror.host, "down")).collect();
    let (_daemon, port) = start(fixture::files().with("feed.json", fixture::feed(1_000, &down)));
    let shown = metrics(port);
    let of = |name: &str| shown.get(&format!("cvdns_record_{name}{{database=\"daily\"}}")).copied();
    assert_eq!((of("held_ratio"), of("released_held_ratio")), (None, None));
    assert!(of("version").is_some() && of("quorum_ratio").is_some());
}

#[test]
fn health_and_readiness_are_told() {
    let (daemon, port) = start(fixture::files());
    assert_eq!(http::get(port, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(http::get(port, "/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(http::get(port, "/index.html").0, 404);
    drop(daemon);

    let old = fixture::feed(1_000, &States::new());
    let now = old
        .split("\"generated\": \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a time");
    let (_daemon, port) =
        start(fixture::files().with("feed.json", old.replace(now, "2026-01-01T00:00:00Z")));
    assert_eq!(http::get(port, "/healthz").0, 200);
    assert_eq!(http::get(port, "/readyz"), (503, "the feed is older than max-age\n".to_owned()));
    let shown = metrics(port);
    assert!(
        (shown["cvdns_record_expired"] - 1.0).abs() < 1e-6
            && shown["cvdns_feed_fresh"].abs() < 1e-6
    );

    let (_daemon, port) = start(fixture::files().with("feed.json", "{}"));
    let why = "no feed: all mirrors count as up\nno release: there is no record\n";
    assert_eq!(http::get(port, "/readyz"), (503, why.to_owned()));
    assert!(!metrics(port).contains_key("cvdns_feed_serial"));
}

/// A feed may lose its release: then there is no record, which must not go unnoticed.
#[test]
fn a_record_that_is_gone_is_told() {
    let (daemon, port) = start(fixture::files());
    let (before, feed) = (daemon.log().len(), fixture::feed(1_001, &States::new()));
    let (head, rest) = feed.split_once("\"release\"").expect("a release");
    let (_, mirrors) = rest.split_once("\"mirrors\"").expect("mirrors");
    daemon.write_feed(&format!("{head}\"mirrors\"{mirrors}"));
    daemon.wait_for_log(before, &["there is no release any more", "feed 1001 "]);
    let reply =
        daemon.client().ask(Transport::Udp4, &Query::new("current.cvd.clam.example", rr::TXT));
    assert_eq!(reply.rcode(), rr::SERVFAIL);
    assert_eq!(http::get(port, "/readyz"), (503, "no release: there is no record\n".to_owned()));
    let shown = metrics(port);
    assert!(shown["cvdns_record_available"].abs() < 1e-6, "{shown:?}");
    assert!(!shown.keys().any(|name| name.starts_with("cvdns_record_version")), "{shown:?}");
    // What was announced is not forgotten.
    daemon.write_feed(&fixture::feed(1_002, &States::new()).replace("28129", "28128"));
    daemon.wait_for_log(
        before,
        &["announced: main 63, daily 28129 (the release has 28128, which is older"],
    );
}

#[test]
fn files_of_the_record_that_cannot_be_used_are_told() {
    let files = fixture::files();
    let config = format!("{}\n[record]\ncvd-dir = \"databases\"\n", files.text("cvdns.toml"));
    let (daemon, port) = start(files.with("cvdns.toml", config));
    let (status, why) = http::get(port, "/readyz");
    assert!(status == 503 && why.contains("neither main.cvd nor main.cld is in "), "{why}");
    let shown = metrics(port);
    assert!(
        shown["cvdns_record_available"].abs() < 1e-6
            && (shown["cvdns_record_files_unusable"] - 1.0).abs() < 1e-6
    );
    drop(daemon);
}

/// Whoever can reach the admin address must not take the server's files and sockets.
#[test]
fn idle_admin_connections_do_not_add_up() {
    let (daemon, port) = start(fixture::files());
    let connect = || std::net::TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    // As many as the system queues beside those that are served.
    let idle: Vec<_> = (0..120).map(|_| connect()).collect();
    let open = format!("/proc/{}/fd", daemon.pid());
    let held = || std::fs::read_dir(&open).expect("files").count();
    daemon.until("fewer than 100 files are open", || held() < 100);
    // They are closed in turn, and who has a question is heard.
    drop(idle);
    assert_eq!(http::get(port, "/healthz").0, 200);
}

/// An address that is taken keeps the server from starting: who relies on its metrics must not find
/// out later.
#[test]
fn an_admin_address_that_is_taken_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    let port = taken.local_addr().expect("an address").port();
    let dir = tempfile::tempdir().expect("a directory");
    let files = fixture::files();
    let config = format!("{}\n[admin]\nlisten = \"127.0.0.1:{port}\"\n", files.text("cvdns.toml"));
    files.with("cvdns.toml", config).write(dir.path(), ports::free());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let command = command.arg("serve").current_dir(dir.path()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("the server");
    let status = tools::ended(&mut child);
    let mut log = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().expect("a log"), &mut log)
        .expect("text");
    if status.is_none() {
        let _ = child.kill();
    }
    assert_eq!(status.and_then(|status| status.code()), Some(1), "{log}");
    assert!(
        log.contains(&format!("cannot listen on 127.0.0.1:{port} (`listen` in [admin])")),
        "{log}"
    );
}
