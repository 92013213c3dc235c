//! Several sources of the feed: a file, and nginx as it comes and goes.

use crate::support;

use std::process::Command;

use support::client::{Client, Transport};
use support::daemon::{Daemon, Files};
use support::fixture::{self, Set, path, states, yields};
use support::nginx::Nginx;
use support::packet::Query;
use support::rr;

fn files(sources: &str) -> Files {
    let files = fixture::files();
    let config = files.text("cvdns.toml").replace(
        "source = \"feed.json\"",
        &format!("interval = \"1s\"\nmax-loss = 1\nstate = \"state\"\nsource = {sources}"),
    );
    files.with("cvdns.toml", format!("{config}\n[admin]\nlisten = \"unix:admin.sock\"\n"))
}

fn answer(client: Client) -> Set {
    let query = Query::new("db.de.clam.example", rr::A);
    client.ask(Transport::Udp4, &query).rdata(rr::A).into_iter().collect()
}

fn pool_without(host: &str) -> Set {
    yields(&path("DE"), &states(&[(host, "down")]), false).0
}

fn feed_without(serial: u64, host: &str) -> String {
    fixture::feed(serial, &states(&[(host, "down")]))
}

fn until_without(daemon: &Daemon, host: &str) {
    daemon.until(host, || answer(daemon.client()) == pool_without(host));
}

fn command(daemon: &Daemon, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let output = command.args(arguments).current_dir(daemon.path()).output().expect("cvdns");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// FORMATS: "path (watched) or http(s) URL": each source by its own means, and the newest of all.
#[test]
fn the_newest_feed_of_a_file_and_a_web_server_is_in_force() {
    let nginx = Nginx::start();
    let url = nginx.http("feed.json");
    nginx.publish("feed.json", &feed_without(1_001, "de2.example"));
    let files = files(&format!("[\"feed.json\", \"{url}\"]"));
    let mut daemon = Daemon::start(&files.with("feed.json", feed_without(1_000, "de1.example")));
    until_without(&daemon, "de2.example");
    daemon.write_feed(&feed_without(1_002, "de3.example"));
    until_without(&daemon, "de3.example");
    // The web server is behind now, which is no fault.
    daemon.until("both are told", || {
        let told = command(&daemon, &["status"]);
        told.contains(&format!("{url} has 1001")) && told.contains("feed.json has 1002")
    });
    assert!(!daemon.log().contains("is not taken"), "{}", daemon.log());
    assert!(command(&daemon, &["check"]).contains("from feed 1002"), "{}", daemon.log());
    assert!(command(&daemon, &["feed", "show", "--json"]).contains("1002"));

    // Without the web server the file goes on, and without the file the web server.
    drop(nginx);
    daemon.wait_for_log(0, &[&format!("the feed {url} is not taken")]);
    daemon.write_feed(&feed_without(1_003, "de1.example"));
    until_without(&daemon, "de1.example");
    // It is answered a moment before it is kept, and kept before it is said.
    daemon.wait_for_log(0, &["feed 1003 of "]);
    // What was in force is found again at a start, whichever source it came from.
    std::fs::remove_file(daemon.path().join("feed.json")).expect("removed");
    daemon.kill();
    daemon.start_again();
    assert_eq!(answer(daemon.client()), pool_without("de1.example"), "{}", daemon.log());
}

/// A source that goes back behind its own feeds, and one serial that says two things.
#[test]
fn a_source_that_contradicts_is_named_and_changes_nothing() {
    let nginx = Nginx::start();
    let url = nginx.http("feed.json");
    nginx.publish("feed.json", &feed_without(1_001, "de1.example"));
    let files = files(&format!("[\"{url}\", \"feed.json\"]"));
    let daemon = Daemon::start(&files.with("feed.json", feed_without(1_000, "de1.example")));
    until_without(&daemon, "de1.example");
    let before = daemon.log().len();
    daemon.write_feed(&feed_without(999, "de2.example"));
    daemon.wait_for_log(before, &["feed.json is not taken", "serial 999 is lower"]);
    daemon.write_feed(&feed_without(1_001, "de2.example"));
    daemon.wait_for_log(before, &["feed.json is not taken", "serial 1001"]);
    assert_eq!(answer(daemon.client()), pool_without("de1.example"));
    daemon.write_feed(&feed_without(1_002, "de2.example"));
    until_without(&daemon, "de2.example");
}

/// A list that names nothing, or one source twice, is an error with its place.
#[test]
fn lists_are_checked() {
    let daemon = Daemon::start(&files("\"feed.json\""));
    let config = std::fs::read_to_string(daemon.path().join("cvdns.toml")).expect("config");
    for (sources, says) in [
        ("[]", "`source` names no feed"),
        ("[\"feed.json\", \"feed.json\"]", "feed.json is named twice"),
        ("[\"feed.json\", \"ftp://a.example/\"]", "neither http:// nor https://"),
        ("[7]", "expected"),
    ] {
        daemon.write_file(
            "cvdns.toml",
            &config.replace("source = \"feed.json\"", &format!("source = {sources}")),
        );
        let told = command(&daemon, &["check"]);
        assert!(told.contains(says) && told.contains("error"), "{sources}: {told}");
    }
}
