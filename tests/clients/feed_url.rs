//! A feed by URL: from nginx, and from servers that misbehave. Whatever these do, the server goes
//! on answering as it did.

use crate::support;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::bad_web::{BadWeb, Way};
use support::client::{Client, Transport};
use support::daemon::{Daemon, Files};
use support::fixture::{self, Set, States, path, states, yields};
use support::minisign::{key, sign};
use support::nginx::Nginx;
use support::packet::Query;
use support::rr;

/// A server with these lines in `[feed]`.
fn files(feed: &str) -> Files {
    let files = fixture::files();
    let config = files
        .text("cvdns.toml")
        .replace("source = \"feed.json\"", &format!("interval = \"1s\"\n{feed}"));
    files.with("cvdns.toml", config)
}

fn from(url: &str) -> Files {
    files(&format!("source = \"{url}\""))
}

fn pool_of(states: &States) -> Set {
    yields(&path("DE"), states, false).0
}

fn down(host: &str) -> States {
    states(&[(host, "down")])
}

fn answer(client: Client) -> Set {
    let query = Query::new("db.de.clam.example", rr::A);
    client.ask(Transport::Udp4, &query).rdata(rr::A).into_iter().collect()
}

fn until(daemon: &Daemon, what: &str, holds: impl FnMut() -> bool) {
    daemon.until(what, holds);
}

fn until_down(daemon: &Daemon, host: &str) {
    until(daemon, host, || answer(daemon.client()) == pool_of(&down(host)));
}

/// Lines of the log since then that say that a feed was not taken.
fn refusals(daemon: &Daemon, before: usize) -> Vec<String> {
    let log = daemon.log();
    log[before..].lines().filter(|line| line.contains("is not taken")).map(str::to_owned).collect()
}

fn check(daemon: &Daemon) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let output = command.arg("check").current_dir(daemon.path()).output().expect("cvdns check");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// RFC 9110 section 13.1.2 (If-None-Match) and section 8.4.1.3 (gzip), over http and https.
#[test]
fn a_feed_of_nginx_is_fetched_when_it_changes() {
    let nginx = Nginx::start();
    for (url, coming) in [(nginx.http("feed.json"), "http"), (nginx.https("feed.json"), "https")] {
        nginx.publish("feed.json", &fixture::feed(1_000, &down("de1.example")));
        let config = format!("source = \"{url}\"\nca-file = \"ca.pem\"");
        let daemon = Daemon::start(&files(&config).with("ca.pem", nginx.authority()));
        // The first answer waits for the first fetch.
        assert_eq!(answer(daemon.client()), pool_of(&down("de1.example")), "{}", daemon.log());
        let count = |status: &str| {
            let line = format!("{coming} /feed.json {status}");
            nginx.requests().iter().filter(|request| **request == line).count()
        };
        until(&daemon, "several polls", || count("304 -") >= 2);
        assert_eq!(count("200 gzip"), 1, "{:?}", nginx.requests());
        nginx.publish("feed.json", &fixture::feed(1_001, &down("de2.example")));
        until_down(&daemon, "de2.example");
        // nginx logs what it has sent.
        until(&daemon, "the second in nginx's log", || count("200 gzip") >= 2);
        assert_eq!(count("200 gzip"), 2, "{:?}", nginx.requests());
        // All over one connection.
        let connections = nginx.connections(coming);
        assert!(
            connections.len() >= 4 && connections.iter().all(|one| *one == connections[0]),
            "{connections:?}"
        );
        let (good, text) = check(&daemon);
        assert!(good, "{text}");
        assert_eq!(text.contains("`ca-file` has no effect"), coming == "http", "{text}");
        assert_eq!(refusals(&daemon, 0), Vec::<String>::new());
    }
}

/// By a server's name and with the system's authorities, which the server reads in its sandbox.
#[test]
fn a_feed_by_https_is_trusted_by_the_authorities_of_the_system() {
    let nginx = Nginx::start();
    nginx.publish("feed.json", &fixture::feed(1_000, &down("de1.example")));
    let url = nginx.https("feed.json").replace("127.0.0.1", "localhost");
    let mut daemon = Daemon::start(&from(&url));
    // Debian's package ca-certificates.
    let has_authorities = Path::new("/etc/ssl/certs/ca-certificates.crt").exists();
    let says = if has_authorities { "unknownissuer" } else { "install ca-certificates" };
    daemon.wait_for_log(0, &["no feed from https://localhost", says]);
    daemon.kill();

    let system = tempfile::tempdir().expect("a directory");
    let file = system.path().join("ca.pem");
    std::fs::write(&file, nginx.authority()).expect("the authority");
    daemon.start_again_after(&format!("export SSL_CERT_FILE={}", file.display()));
    until_down(&daemon, "de1.example");
    // Another file with the authority, and everything is read again.
    std::fs::write(system.path().join("new"), nginx.authority()).expect("the authority");
    std::fs::rename(system.path().join("new"), &file).expect("renamed");
    let before = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(before, &["reloaded "]);
    // nginx tells versions apart by their second and size.
    std::thread::sleep(Duration::from_millis(1100));
    nginx.publish("feed.json", &fixture::feed(1_001, &down("de2.example")));
    until_down(&daemon, "de2.example");
    let log = daemon.last_log();
    assert!(!log.contains("ermission denied") && !log.contains("sandbox does not"), "{log}");
}

/// FORMATS: "`SOURCE.minisig` must verify", also where the source is a URL.
#[test]
fn formats_a_signed_feed_is_fetched_with_its_signature() {
    let (nginx, dir) = (Nginx::start(), tempfile::tempdir().expect("a directory"));
    let public = key(dir.path(), "ours");
    let publish = |feed: &str, signed: &str| {
        // nginx tells versions apart by their second and size.
        std::thread::sleep(Duration::from_millis(1100));
        nginx.publish("feed.json.minisig", &sign(dir.path(), "ours", signed));
        nginx.publish("feed.json", feed);
    };
    let first = fixture::feed(1_000, &down("de1.example"));
    publish(&first, &first);
    let config = format!("source = \"{}\"\npublic-key = \"{public}\"", nginx.http("feed.json"));
    let daemon = Daemon::start(&files(&config));
    assert_eq!(answer(daemon.client()), pool_of(&down("de1.example")), "{}", daemon.log());
    let second = fixture::feed(1_001, &down("de2.example"));
    publish(&second, &second);
    until_down(&daemon, "de2.example");

    let third = fixture::feed(1_002, &down("de3.example"));
    let before = daemon.log().len();
    publish(&third, &second);
    until(&daemon, "a refusal", || refusals(&daemon, before).len() == 1);
    assert!(
        refusals(&daemon, before)[0].contains("its signature is not valid"),
        "{}",
        daemon.log()
    );
    assert_eq!(answer(daemon.client()), pool_of(&down("de2.example")));
    // The feed stays as it is; its signature alone is mended.
    nginx.publish("feed.json.minisig", &sign(dir.path(), "ours", &third));
    until_down(&daemon, "de3.example");
}

/// A corrected key and SIGHUP: what the web server has unchanged is fetched and judged anew.
#[test]
fn a_corrected_public_key_has_what_is_fetched_judged_anew() {
    let (nginx, dir) = (Nginx::start(), tempfile::tempdir().expect("a directory"));
    let (ours, theirs) = (key(dir.path(), "ours"), key(dir.path(), "theirs"));
    let feed = fixture::feed(1_000, &down("de1.example"));
    nginx.publish("feed.json.minisig", &sign(dir.path(), "ours", &feed));
    nginx.publish("feed.json", &feed);
    // Long enough that no poll comes in between.
    let lines = format!("source = \"{}\"\npublic-key = \"{theirs}\"", nginx.http("feed.json"));
    let files = files(&lines);
    let config = files.text("cvdns.toml").replace("interval = \"1s\"", "interval = \"1h\"");
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    assert_eq!(refusals(&daemon, 0).len(), 1, "{}", daemon.log());
    let config =
        std::fs::read_to_string(daemon.path().join("cvdns.toml")).expect("the configuration");
    let reload = |config: &str, says: &str| {
        daemon.write_file("cvdns.toml", config);
        let before = daemon.log().len();
        daemon.sighup();
        daemon.wait_for_log(before, &[says]);
    };
    reload(&config.replace(&theirs, &ours), "feed 1000 of ");
    assert_eq!(answer(daemon.client()), pool_of(&down("de1.example")));
    // And what is in force is verified by the next keys, too.
    reload(&config, "key other than");
    assert_eq!(answer(daemon.client()), pool_of(&down("de1.example")));
}

#[test]
fn a_server_that_nobody_vouches_for_is_refused() {
    let (nginx, other) = (Nginx::start(), Nginx::start());
    nginx.publish("feed.json", &fixture::feed(1_000, &down("de1.example")));
    let config = format!("source = \"{}\"\nca-file = \"ca.pem\"", nginx.https("feed.json"));
    let daemon = Daemon::start(&files(&config).with("ca.pem", other.authority()));
    daemon.wait_for_log(0, &["tls failed: invalid peer certificate", "no feed from https://"]);
    assert_eq!(answer(daemon.client()), pool_of(&States::new()));

    // What is no certificate is an error with its place, and changes nothing.
    daemon.write_file("ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let (good, text) = check(&daemon);
    assert!(!good && text.contains("certificate 1 of") && text.contains("cvdns.toml:"), "{text}");
    daemon.write_file("ca.pem", "nothing\n");
    let (good, text) = check(&daemon);
    assert!(!good && text.contains("has no certificate"), "{text}");
    let logged = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(logged, &["has no certificate", "was not reloaded"]);

    daemon.write_file("ca.pem", &nginx.authority());
    daemon.sighup();
    until_down(&daemon, "de1.example");
}

/// Each bad way: answers stay, the log says once what it is, and a good feed is taken again.
#[test]
fn a_server_that_misbehaves_changes_nothing() {
    let feed = fixture::feed(1_001, &down("de2.example"));
    let bomb = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![b' '; 64 << 20]).expect("packed");
        encoder.finish().expect("packed")
    };
    let raw =
        |head: &str| Way::Send(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{feed}").into_bytes());
    let ways = [
        (Way::Hang, "no answer within 3s"),
        (Way::Drip, "its answer did not end within 3s"),
        (Way::Endless, "it is over 16 MiB"),
        (Way::Close, "the connection was closed without an answer"),
        (
            Way::answer("302 Found\r\nLocation: http://127.0.0.1:1/feed.json", b""),
            "status 302 sends elsewhere",
        ),
        (Way::answer("200 OK\r\nContent-Type: text/html", b"<html>log in</html>"), "it is HTML"),
        (Way::answer("500 Oops", feed.as_bytes()), "status 500 instead of 200"),
        (Way::answer("200 OK\r\nContent-Encoding: gzip", &bomb), "it is over 16 MiB"),
        (raw("Content-Length: 100000"), "the connection was closed before the end of the document"),
        (raw("Content-Length: 100"), "the server's Content-Length too small"),
        (Way::good("{ \"format\": 7 }"), "format 7"),
    ];
    std::thread::scope(|scope| {
        for (way, words) in ways {
            scope.spawn(move || {
                let web = BadWeb::start(Way::good(&fixture::feed(1_000, &down("de1.example"))));
                let daemon = Daemon::start(&from(&web.url()));
                assert_eq!(
                    answer(daemon.client()),
                    pool_of(&down("de1.example")),
                    "{}",
                    daemon.log()
                );
                let logged = daemon.log().len();
                web.set(way);
                let before = web.requests();
                until(&daemon, "three polls", || web.requests() >= before + 3);
                assert_eq!(answer(daemon.client()), pool_of(&down("de1.example")), "{words}");
                let said = refusals(&daemon, logged);
                assert!(said.len() == 1 && said[0].contains(words), "{words}: {said:#?}");
                assert!(said[0].ends_with("feed 1000 goes on"), "{said:?}");
                web.set(Way::good(&fixture::feed(1_001, &down("de2.example"))));
                until_down(&daemon, "de2.example");
            });
        }
    });
}

/// RFC 9110 section 15.2: interim responses come before the final one, whatever follows at once.
#[test]
fn hints_before_a_large_feed_are_passed_over() {
    let feed = fixture::feed(1_000, &down("de1.example"));
    let padding = format!(
        "\"mirrors\": {{ \"none.example\": {{ \"state\": \"up\", \"note\": \"{}\" }}, ",
        "n".repeat(300_000)
    );
    let large = feed.replace("\"mirrors\": { ", &padding);
    assert!(large.len() > 300_000, "{feed}");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", large.len());
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(3);
    let web = BadWeb::start(Way::Send([hints, head, large].concat().into_bytes()));
    let daemon = Daemon::start(&from(&web.url()));
    assert_eq!(answer(daemon.client()), pool_of(&down("de1.example")), "{}", daemon.log());
    assert_eq!(refusals(&daemon, 0), Vec::<String>::new());
}

/// What an editor puts before a feed is no reason to refuse it, and is said once.
#[test]
fn a_byte_order_mark_is_passed_over_and_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let public = key(dir.path(), "ours");
    let feed = format!("\u{feff}{}", fixture::feed(1_000, &down("de1.example")));
    let signature = sign(dir.path(), "ours", &feed);
    let files = files(&format!("source = \"feed.json\"\npublic-key = \"{public}\""));
    let files = files.with("feed.json", feed).with("feed.json.minisig", signature);
    let daemon = Daemon::start(&files);
    assert_eq!(answer(daemon.client()), pool_of(&down("de1.example")), "{}", daemon.log());
    daemon.wait_for_log(0, &["feed: the file starts with a byte order mark"]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let output = command
        .args(["feed", "check"])
        .current_dir(daemon.path())
        .output()
        .expect("cvdns feed check");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.contains("starts with a byte order mark"), "{text}");
}

/// Nothing waits for a web server but the first answer, and that not for long.
#[test]
fn a_server_that_hangs_holds_nothing_up() {
    let web = BadWeb::start(Way::Hang);
    let files = from(&web.url());
    let daemon = Daemon::start(&files);
    assert_eq!(answer(daemon.client()), pool_of(&States::new()));
    daemon.wait_for_log(0, &["takes longer than 2s", "no feed from http://"]);
    let zone = files.text("clam.zone").to_owned();
    for (n, address) in ["192.0.2.7", "192.0.2.8", "192.0.2.9"].into_iter().enumerate() {
        daemon.write_file("clam.zone", &zone.replace("192.0.2.3", address));
        let (logged, asked) = (daemon.log().len(), web.requests());
        daemon.sighup();
        daemon.wait_for_log(logged, &["reloaded"]);
        let reply = daemon.client().ask(Transport::Udp4, &Query::new("www.clam.example", rr::A));
        assert!(reply.rdata(rr::A).contains(&rr::a(address)), "reload {n}");
        until(&daemon, "the source asked anew", || web.requests() > asked);
    }
    assert_eq!(daemon.terminate().code(), Some(0));
}

/// Another source, whichever kind it is, has serials of its own.
#[test]
fn a_reload_goes_to_another_source_and_back() {
    let (one, two) = (BadWeb::start(Way::Close), BadWeb::start(Way::Close));
    one.set(Way::good(&fixture::feed(1_000, &down("de1.example"))));
    two.set(Way::good(&fixture::feed(5, &down("de2.example"))));
    let files = from(&one.url()).with("feed.json", fixture::feed(7, &down("de3.example")));
    // In the sandbox, another port takes a restart.
    let config = files.text("cvdns.toml").replace("[server]\n", "[server]\nsandbox = false\n");
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    let config =
        std::fs::read_to_string(daemon.path().join("cvdns.toml")).expect("the configuration");
    assert_eq!(answer(daemon.client()), pool_of(&down("de1.example")));
    for (source, host) in [
        (two.url(), "de2.example"),
        ("feed.json".to_owned(), "de3.example"),
        (one.url(), "de1.example"),
    ] {
        daemon.write_file("cvdns.toml", &config.replace(&one.url(), &source));
        daemon.sighup();
        until_down(&daemon, host);
    }
    // One that cannot be had leaves the one in force.
    two.set(Way::Close);
    daemon.write_file("cvdns.toml", &config.replace(&one.url(), &two.url()));
    let logged = daemon.log().len();
    daemon.sighup();
    daemon
        .wait_for_log(logged, &["is not taken: the connection was closed", "feed 1000 of http://"]);
    assert_eq!(answer(daemon.client()), pool_of(&down("de1.example")));
    let asked = one.requests();
    std::thread::sleep(Duration::from_secs(3));
    assert!(one.requests() <= asked + 1, "the source of before is no longer polled");
    daemon.write_file("cvdns.toml", &config.replace(&format!("source = \"{}\"", one.url()), ""));
    daemon.sighup();
    until(&daemon, "no feed", || answer(daemon.client()) == pool_of(&States::new()));
}

/// A feed that was refused for its time alone is taken when that has come, though the server says
/// that it is still the same.
#[test]
fn a_feed_from_the_future_is_asked_for_again() {
    let nginx = Nginx::start();
    let feed = fixture::feed(1_000, &down("de1.example"));
    let (head, tail) = feed.split_once("\"generated\": \"").expect("a time");
    let (_, tail) = tail.split_once('"').expect("its end");
    let ahead = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(315);
    nginx.publish("feed.json", &format!("{head}\"generated\": \"{ahead}\"{tail}"));
    let daemon = Daemon::start(&from(&nginx.http("feed.json")));
    daemon.wait_for_log(0, &["more than 5 minutes in the future"]);
    assert_eq!(answer(daemon.client()), pool_of(&States::new()));
    until_down(&daemon, "de1.example");
    assert_eq!(refusals(&daemon, 0).len(), 1, "{}", daemon.log());
}
