//! An operator's overrides on the running server (FORMATS: "overrides.toml").

use crate::support;

use std::process::Command;
use std::time::{Duration, Instant};

use support::client::{ALL, Transport};
use support::daemon::{Daemon, Files};
use support::fixture::{self, States, TTL, path, states, yields};
use support::packet::Query;
use support::reply::{Record, Reply};
use support::{PATIENCE, http, ports, rr, tools};

/// The fixture's server that follows overrides, with an admin address.
fn files(feed: &States) -> (Files, u16) {
    let port = ports::free();
    let files = fixture::files().with("feed.json", fixture::feed(1_000, feed));
    let config = files.text("cvdns.toml").replace(
        "[feed]\n",
        &format!(
            "[admin]\nlisten = \"127.0.0.1:{port}\"\n[feed]\ninterval = \"1s\"\noverrides = \"overrides.toml\"\n"
        ),
    );
    (files.with("cvdns.toml", config), port)
}

/// An override; `rest` is what follows its reason.
fn said(host: &str, state: &str, rest: &str) -> String {
    format!(
        "[[override]]\nhost = \"{host}\"\nstate = \"{state}\"\nreason = \"disk swap\"\n{rest}\n"
    )
}

fn in_force(port: u16) -> f64 {
    let (status, page) = http::get(port, "/metrics");
    assert_eq!(status, 200);
    http::samples(&page)["cvdns_overrides_in_force"]
}

/// Waits until so many are shown: they are said a moment before.
#[track_caller]
fn until_in_force(daemon: &Daemon, port: u16, count: f64) {
    daemon.until(&format!("{count} in force"), || (in_force(port) - count).abs() < 0.5);
}

/// Whole replies over every transport: the country's mirrors as if the feed said this of them.
#[track_caller]
fn answered(daemon: &Daemon, country: &str, as_if: &States) {
    let (v4, v6) = yields(&path(country), as_if, false);
    let name = format!("db.{}.clam.example", country.to_lowercase());
    for (rtype, rdatas) in [(rr::A, v4), (rr::AAAA, v6)] {
        assert!(!rdatas.is_empty() && rdatas.len() <= fixture::MAX);
        for transport in ALL {
            let query = Query::new(&name, rtype);
            let records = rdatas.iter().map(|rdata| Record::new(&name, TTL, rtype, rdata.clone()));
            let expected = Reply::to(&query).with_answer(records.collect());
            daemon.client().ask(transport, &query).must_be(&expected, &name);
        }
    }
}

/// Replaces the overrides by rename and waits until the log has these words.
#[track_caller]
fn next(daemon: &Daemon, overrides: &str, says: &[&str]) {
    let before = daemon.log().len();
    daemon.write_file("overrides.new", overrides);
    let to = daemon.path().join("overrides.toml");
    std::fs::rename(daemon.path().join("overrides.new"), to).expect("the overrides renamed");
    daemon.wait_for_log(before, says);
}

fn check(daemon: &Daemon) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let output = command.arg("check").current_dir(daemon.path()).output().expect("cvdns check");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[test]
fn formats_an_override_beats_the_feed_and_ends_by_itself() {
    let feed = states(&[("de1.example", "down")]);
    let (files, port) = files(&feed);
    let daemon = Daemon::start(&files);
    answered(&daemon, "DE", &feed);
    until_in_force(&daemon, port, 0.0);

    // A glob, in any case and with a final dot; of two on one host the first holds. Up, it brings a
    // mirror back. Time for all that is asked before it is over.
    let until = jiff::Timestamp::from_second(now() + 12).expect("a moment");
    let overrides = said("DE2.*.", "drained", &format!("until = {until}"))
        + &said("de1.example", "up", "")
        + &said("de2.example", "up", "");
    let in_force_line =
        format!("override in force: de2.* drained (disk swap, until {until})").to_lowercase();
    next(&daemon, &overrides, &[&in_force_line, "override in force: de1.example up (disk swap)"]);
    answered(&daemon, "DE", &states(&[("de2.example", "drained")]));
    until_in_force(&daemon, port, 3.0);
    assert!(now() < until.as_second(), "the machine is too slow for this test");

    // Nobody touches a file: its time is over.
    let before = daemon.log().len();
    daemon.wait_for_log(before, &["override ended: de2.* drained (disk swap, until "]);
    assert!(now() >= until.as_second());
    answered(&daemon, "DE", &States::new());
    until_in_force(&daemon, port, 2.0);

    // Without the file there are none.
    let before = daemon.log().len();
    std::fs::remove_file(daemon.path().join("overrides.toml")).expect("the overrides removed");
    daemon.wait_for_log(before, &["override ended: de1.example up (disk swap)"]);
    answered(&daemon, "DE", &feed);
    until_in_force(&daemon, port, 0.0);
    assert_eq!(daemon.log().matches("override in force").count(), 3, "{}", daemon.log());
}

/// A file that does not parse changes nothing, and is said once however often it is read.
#[test]
fn formats_bad_overrides_change_nothing() {
    let (files, port) = files(&States::new());
    let daemon = Daemon::start(&files.with("overrides.toml", said("de1.example", "down", "")));
    let down = states(&[("de1.example", "down")]);
    // It was there at the start.
    answered(&daemon, "DE", &down);
    assert!(
        daemon.log().contains("override in force: de1.example down (disk swap)"),
        "{}",
        daemon.log()
    );

    let bad = said("de1.example", "down", "") + &said("de2.example", "dwon", "untill = 1");
    let says = [
        "overrides.toml:8:9: `state`: \"dwon\": no state",
        "and 1 more",
        "the one in force goes on",
    ];
    next(&daemon, &bad, &says);
    // It is read every second.
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(daemon.log().matches("are not taken").count(), 1, "{}", daemon.log());
    answered(&daemon, "DE", &down);
    until_in_force(&daemon, port, 1.0);

    // What kind of bad it is makes no difference.
    let before = daemon.log().len();
    let path = daemon.path().join("overrides.toml");
    tools::output(Command::new("mkfifo").arg(daemon.path().join("pipe")));
    // In one step: were it missing for a moment, the override would end.
    std::fs::rename(daemon.path().join("pipe"), &path).expect("the pipe renamed");
    daemon.wait_for_log(before, &["it is a pipe, not a regular file"]);

    next(
        &daemon,
        &said("de1.example", "drained", ""),
        &["override changed: de1.example drained (disk swap), was"],
    );
    answered(&daemon, "DE", &states(&[("de1.example", "drained")]));
    // The same again is nothing new; what matches nobody is said.
    let says = [
        "overrides.toml:7:8: the override of dr1.example matches no mirror",
        "in force: dr1.example",
    ];
    next(&daemon, &(said("de1.example", "drained", "") + &said("dr1.example", "down", "")), &says);
}

/// At the start and at SIGHUP overrides are part of the configuration: a bad file is an error like
/// any other.
#[test]
fn formats_bad_overrides_are_errors_of_the_configuration() {
    let (files, port) = files(&States::new());
    let daemon =
        Daemon::start(&files.clone().with("overrides.toml", said("de1.example", "down", "")));
    let down = states(&[("de1.example", "down")]);
    assert!(check(&daemon).0);

    next(&daemon, "[[override]]\nhost = \"x\"\n", &["are not taken"]);
    let before = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(before, &["[[override]] has no `reason`", "was not reloaded"]);
    answered(&daemon, "DE", &down);
    let (good, text) = check(&daemon);
    assert!(
        !good && text.contains("overrides.toml:1:1") && text.contains("has no `state`"),
        "{text}"
    );

    // Good, with a host that is nowhere: a warning.
    next(&daemon, &said("nowhere.example", "up", ""), &["matches no mirror"]);
    answered(&daemon, "DE", &States::new());
    let (good, text) = check(&daemon);
    assert!(
        good && text.contains("overrides.toml:2:8") && text.contains("matches no mirror"),
        "{text}"
    );

    // A reload names another file, and none.
    daemon.write_file("other.toml", &said("de3.example", "removed", ""));
    let config = files.text("cvdns.toml").replace("@PORT@", &daemon.port().to_string());
    for (line, as_if) in
        [("overrides = \"other.toml\"", states(&[("de3.example", "removed")])), ("", States::new())]
    {
        let before = daemon.log().len();
        daemon.write_file("cvdns.toml", &config.replace("overrides = \"overrides.toml\"", line));
        daemon.sighup();
        daemon.wait_for_log(before, &["reloaded "]);
        answered(&daemon, "DE", &as_if);
    }
    until_in_force(&daemon, port, 0.0);

    let dir = tempfile::tempdir().expect("a directory");
    files.with("overrides.toml", "[[overide]]").write(dir.path(), ports::free());
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let output = command.arg("serve").current_dir(dir.path()).output().expect("cvdns serve");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("overrides.toml:1:3") && text.contains("did you mean `override`?"),
        "{text}"
    );
}

/// Overrides need no feed: all mirrors are up but those of which something is said.
#[test]
fn formats_overrides_hold_without_a_feed() {
    let (files, _) = files(&States::new());
    let config = files.text("cvdns.toml").replace("source = \"feed.json\"\n", "");
    let all = said("de*", "down", "") + &said("*.example", "old", "");
    let daemon = Daemon::start(&files.with("cvdns.toml", config).with("overrides.toml", all));
    // FR's two are old, and DE is down: enough of FR.
    let query = Query::new("db.de.clam.example", rr::A);
    let started = Instant::now();
    let expected = fixture::Set::from(["192.0.2.21", "192.0.2.22"].map(rr::a));
    loop {
        let found: fixture::Set =
            daemon.client().ask(Transport::Udp4, &query).rdata(rr::A).into_iter().collect();
        if found == expected {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{found:?}");
    }
}
