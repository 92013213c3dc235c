//! Overrides by URL, from nginx: signed, numbered, kept for the next start (docs/configuration.md).

use crate::support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use support::client::Transport;
use support::daemon::{Daemon, Files};
use support::fixture::{self, Set, path, states, yields};
use support::minisign::{key, sign};
use support::nginx::Nginx;
use support::packet::Query;
use support::rr;

/// A server whose overrides come from this URL.
fn files(url: &str, feed: &str) -> Files {
    let files = fixture::files();
    let lines = format!("[feed]\ninterval = \"1s\"\noverrides = \"{url}\"\n{feed}\n");
    let config = files.text("cvdns.toml").replace("[feed]\n", &lines);
    files.with("cvdns.toml", config)
}

/// A document that takes this mirror out.
fn document(serial: u64, host: &str) -> String {
    format!(
        "serial = {serial}\n\n[[override]]\nhost = \"{host}\"\nstate = \"down\"\nreason = \"of serial {serial}\"\n"
    )
}

fn answer(daemon: &Daemon) -> Set {
    let query = Query::new("db.de.clam.example", rr::A);
    daemon.client().ask(Transport::Udp4, &query).rdata(rr::A).into_iter().collect()
}

/// What is answered without this mirror.
fn without(host: &str) -> Set {
    yields(&path("DE"), &states(&[(host, "down")]), false).0
}

fn everything() -> Set {
    yields(&path("DE"), &states(&[]), false).0
}

fn until_out(daemon: &Daemon, host: &str) {
    daemon.until(host, || answer(daemon) == without(host));
}

fn cvdns(daemon: &Daemon, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let Output { status, stdout, stderr } =
        command.args(arguments).current_dir(daemon.path()).output().expect("run");
    (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

/// nginx tells versions apart by their second and size.
fn next_second() {
    std::thread::sleep(Duration::from_millis(1100));
}

/// RFC 9110 section 13.1.2 (If-None-Match), and what replaces what.
#[test]
fn overrides_of_nginx_are_in_force_in_their_order_alone() {
    let nginx = Nginx::start();
    nginx.publish("overrides.toml", &document(7, "de1.example"));
    let url = nginx.https("overrides.toml");
    let config = files(&url, "ca-file = \"ca.pem\"").with("ca.pem", nginx.authority());
    let with_admin = format!("{}\n[admin]\nlisten = \"unix:a.sock\"\n", config.text("cvdns.toml"));
    let config = config.with("cvdns.toml", with_admin);
    let daemon = Daemon::start(&config);
    // The first answer waits for them.
    assert_eq!(answer(&daemon), without("de1.example"), "{}", daemon.log());
    daemon.until("polls", || {
        nginx.requests().iter().filter(|line| *line == "https /overrides.toml 304 -").count() >= 2
    });
    let refused = |content: &str, words: &str| {
        next_second();
        let before = daemon.log().len();
        nginx.publish("overrides.toml", content);
        daemon.wait_for_log(before, &["are not taken", words, "the one in force goes on"]);
        assert_eq!(answer(&daemon), without("de1.example"), "{words}");
    };
    refused(&document(6, "de2.example"), "serial 6 is lower than 7, the one in force");
    refused(&document(7, "de2.example"), "serial 7 is in force with other content");
    refused(&document(8, "de2.example").replace("serial = 8\n", ""), "they have no serial");
    refused(&document(8, "de2.example").replace("down", "dwon"), "overrides.toml:5:9");
    refused(&format!("serial = 9 # {}", "x".repeat(1 << 20)), "it is over 1 mib");
    // Nobody overlooks it.
    let not_taken =
        format!("the overrides {url} are not taken: it is over 1 MiB; the one in force");
    for command in ["status", "reload", "status"] {
        let (good, said) = cvdns(&daemon, &[command]);
        assert!(good && said.contains(&not_taken), "{command}: {said}");
    }
    let (_, said) = cvdns(&daemon, &["status", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let from = &said["overrides_from"];
    assert_eq!((&from["source"], &from["serial"]), (&url.clone().into(), &7.into()), "{said}");
    assert!(from["refused"]["serial-behind"].as_u64() > Some(0), "{said}");
    let (good, said) = cvdns(&daemon, &["check"]);
    assert!(good && said.contains("the overrides are not usable: it is over 1 MiB"), "{said}");
    assert!(!said.contains("`ca-file` has no effect"), "{said}");
    next_second();
    let before = daemon.log().len();
    nginx.publish("overrides.toml", &document(8, "de2.example"));
    until_out(&daemon, "de2.example");
    daemon.wait_for_log(before, &["the overrides can be used again", "overrides 8 of https"]);
    // Commands beside the server see what it sees.
    let (_, said) = cvdns(&daemon, &["explain", "db.de.clam.example"]);
    assert!(said.contains("of serial 8"), "{said}");
    assert!(cvdns(&daemon, &["check"]).0);
    for arguments in [
        &["override", "add", "de1.example", "--state", "down", "--reason", "r"][..],
        &["override", "remove", "de2.example"],
    ] {
        let (good, said) = cvdns(&daemon, arguments);
        assert!(!good && said.contains(&url) && said.contains("higher `serial`"), "{said}");
    }
    let (good, said) = cvdns(&daemon, &["override", "list"]);
    assert!(good && said.contains("de2.example") && said.contains("of serial 8"), "{said}");
    let log = daemon.last_log();
    assert!(!log.contains("ermission denied") && !log.contains("sandbox does not"), "{log}");
}

/// FORMATS: with `public-key` the document must be signed; what was signed once is not news for
/// ever.
#[test]
fn signed_overrides_are_kept_for_the_next_start_and_old_ones_stay_refused() {
    let (nginx, dir) = (Nginx::start(), tempfile::tempdir().expect("a directory"));
    let [public, _] = ["ours", "other"].map(|name| key(dir.path(), name));
    let publish = |document: &str, by: &str| {
        next_second();
        nginx.publish("overrides.toml.minisig", &sign(dir.path(), by, document));
        nginx.publish("overrides.toml", document);
    };
    let feed = fixture::feed(1_000, &states(&[]));
    let settings = format!("public-key = \"{public}\"\nstate = \"state\"");
    let config = files(&nginx.http("overrides.toml"), &settings)
        .with("feed.json", &*feed)
        .with("feed.json.minisig", sign(dir.path(), "ours", &feed));
    let first = document(7, "de1.example");
    publish(&first, "ours");
    let mut daemon = Daemon::start(&config);
    assert_eq!(answer(&daemon), without("de1.example"), "{}", daemon.log());
    let before = daemon.log().len();
    publish(&document(8, "de2.example"), "other");
    daemon.wait_for_log(before, &["are not taken", "its signature is not valid"]);
    let (good, said) = cvdns(&daemon, &["check"]);
    assert!(!good && said.contains("serve would go on with overrides 7"), "{said}");
    publish(&document(9, "de2.example"), "ours");
    until_out(&daemon, "de2.example");

    // A server that starts again goes on with what it kept, although the web server brings back
    // what was signed before.
    daemon.until("kept", || kept(daemon.path()).contains("serial = 9"));
    daemon.kill();
    publish(&first, "ours");
    daemon.start_again();
    assert_eq!(answer(&daemon), without("de2.example"), "{}", daemon.log());
    daemon.wait_for_log(0, &["serial 7 is lower than 9, the one in force"]);
    assert_eq!(answer(&daemon), without("de2.example"));
    // Nor does a reload forget, nor does a file that somebody changed count.
    let before = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(before, &["reloaded ", "serial 7 is lower"]);
    assert_eq!(answer(&daemon), without("de2.example"));
    daemon.kill();
    // What was kept of another URL is not used, and the log says so.
    let moved = kept(daemon.path()).replace("/overrides.toml", "/before.toml");
    fs::write(daemon.path().join("state/overrides.json"), &moved).expect("written");
    daemon.start_again();
    daemon.wait_for_log(0, &["before.toml, serial 9 with 1 override: they are not used"]);
    daemon.kill();
    fs::write(daemon.path().join("state/overrides.json"), moved.replace("/before.", "/overrides."))
        .expect("written");
    let forged = kept(daemon.path()).replace("de2.example", "de3.example");
    fs::write(daemon.path().join("state/overrides.json"), forged).expect("written");
    nginx.publish("overrides.toml", "");
    daemon.start_again();
    daemon.wait_for_log(0, &["overrides.json is not good", "are not taken", "none are in force"]);
    assert_eq!(answer(&daemon), everything());
}

fn kept(dir: &Path) -> String {
    fs::read_to_string(dir.join("state/overrides.json")).unwrap_or_default()
}
