//! Work that goes on in the sandbox: reloads, new files, state and a feed by URL.

use super::{files, has_landlock};
use crate::support::bad_web::{BadWeb, Way};
use crate::support::client::Transport;
use crate::support::daemon::Daemon;
use crate::support::packet::Query;
use crate::support::{fixture, rr};

use std::fs;
use std::path::Path;

fn address(daemon: &Daemon, name: &str) -> Vec<Vec<u8>> {
    let query = Query::new(&format!("{name}.clam.example"), rr::A);
    daemon.client().ask(Transport::Udp4, &query).rdata(rr::A)
}

/// Reloads, and waits for what the log then says.
fn reload(daemon: &Daemon, words: &[&str]) {
    let before = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(before, words);
}

/// Adds a line to the fixture's master file.
fn master(line: &str) -> String {
    format!("{}\n$ORIGIN clam.example.\n{line}\n", fixture::files().text("clam.zone"))
}

#[test]
fn files_that_are_replaced_or_new_in_known_directories_are_read() {
    let daemon = Daemon::start(&files());
    // Another file takes the place of the one that was read.
    daemon.write_file("new", &master("new 60 IN A 192.0.2.77"));
    fs::rename(daemon.path().join("new"), daemon.path().join("clam.zone")).expect("renamed");
    reload(&daemon, &["reloaded "]);
    assert_eq!(address(&daemon, "new"), [rr::a("192.0.2.77")]);
    // One that was not there, in a directory that was not there.
    fs::create_dir(daemon.path().join("more")).expect("a directory");
    daemon.write_file("more/hosts.zone", "newer 60 IN A 192.0.2.78\n");
    daemon.write_file("clam.zone", &master("$INCLUDE more/hosts.zone"));
    reload(&daemon, &["reloaded "]);
    assert_eq!(address(&daemon, "newer"), [rr::a("192.0.2.78")]);
    // A file that is named first, and made later.
    let config = fs::read_to_string(daemon.path().join("cvdns.toml")).expect("the configuration");
    let config = config.replace("[feed]\n", "[feed]\noverrides = \"overrides.toml\"\n");
    daemon.write_file("cvdns.toml", &config);
    reload(&daemon, &["reloaded "]);
    let before = daemon.log().len();
    daemon.write_file(
        "overrides.toml",
        "[[override]]\nhost = \"de1.example\"\nstate = \"down\"\nreason = \"a test\"\n",
    );
    daemon.wait_for_log(before, &["de1.example"]);
    daemon.until("the override", || address(&daemon, "db.de").len() == 2);
    let log = daemon.last_log();
    assert!(!log.contains("Permission denied") && !log.contains("sandbox does not"), "{log}");
}

#[test]
fn what_lies_elsewhere_takes_a_restart_and_is_said_so() {
    let mut daemon = Daemon::start(&files());
    let elsewhere = tempfile::tempdir().expect("a directory");
    let file = elsewhere.path().join("hosts.zone");
    fs::write(&file, "far 60 IN A 192.0.2.79\n").expect("written");
    daemon.write_file("clam.zone", &master(&format!("$INCLUDE {}", file.display())));
    if !has_landlock() {
        reload(&daemon, &["reloaded "]);
        assert!(daemon.log().contains("the kernel has no Landlock"), "{}", daemon.log());
        return;
    }
    let place = elsewhere.path().display().to_string().to_lowercase();
    let says = format!("sandbox does not allow reading in {place}: it allows only the directories");
    reload(&daemon, &["clam.zone:", &says, "restart the server", "was not reloaded"]);
    assert!(address(&daemon, "far").is_empty() && !address(&daemon, "www").is_empty());
    daemon.kill();
    daemon.start_again();
    assert_eq!(address(&daemon, "far"), [rr::a("192.0.2.79")]);

    // What is not there yet, and what is connected to, is said when it is asked for.
    let other = tempfile::tempdir().expect("a directory");
    let config = fs::read_to_string(daemon.path().join("cvdns.toml")).expect("the configuration");
    let asks = format!(
        "[feed]\noverrides = \"{}\"\nstate = \"{}\"",
        other.path().join("overrides.toml").display(),
        other.path().join("state").display()
    );
    let config = config
        .replace("state = \"state\"\n", "")
        .replace("[feed]", &asks)
        .replace("\"feed.json\"", "\"http://127.0.0.1:9/feed.json\"");
    daemon.write_file("cvdns.toml", &config);
    let [reading, writing] =
        ["", "/state"].map(|at| format!("{}{at}", other.path().display()).to_lowercase());
    let before = daemon.log().len();
    reload(
        &daemon,
        &[
            "reloaded ",
            // In one line.
            &format!(
                "the sandbox does not allow reading {reading}, writing {writing}, connecting to tcp \
                 port 9, which"
            ),
            "restart the server",
        ],
    );
    assert!(!daemon.log()[before..].contains("ERROR"), "{}", daemon.log());
}

#[test]
fn state_is_written_and_a_directory_that_goes_away_takes_a_restart() {
    let mut daemon = Daemon::start(&files());
    let state = daemon.path().join("state");
    let is_kept = |state: &Path| state.join("feed.json").is_file();
    daemon.until("state", || is_kept(&state));
    fs::remove_file(state.join("feed.json")).expect("removed");
    daemon.until("state again", || is_kept(&state));
    if !has_landlock() {
        return;
    }
    // At once: what is missing may be written while a directory is removed file by file.
    fs::rename(&state, daemon.path().join("removed")).expect("renamed");
    daemon.wait_for_log(0, &["cannot write ", "sandbox does not allow writing", "restart"]);
    fs::create_dir(&state).expect("made");
    let before = daemon.log().len();
    daemon.write_feed(&fixture::feed(1_001, &fixture::states(&[("de1.example", "down")])));
    daemon.wait_for_log(before, &["feed 1001 of"]);
    assert!(!is_kept(&state), "another directory is not allowed");
    daemon.kill();
    daemon.start_again();
    daemon.until("state", || is_kept(&state));
}

/// By name: the system's resolver reads its files.
#[test]
fn a_feed_by_url_is_fetched_from_within() {
    let feed = fixture::feed(1_000, &fixture::states(&[("de1.example", "down")]));
    let web = BadWeb::start(Way::good(&feed));
    let url = web.url().replace("127.0.0.1", "localhost");
    assert!(url.contains("localhost"), "{url}");
    let files = files();
    let config = files.text("cvdns.toml").replace("\"feed.json\"", &format!("\"{url}\""));
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    daemon.wait_for_log(0, &["feed 1000 of"]);
    daemon.until("the feed", || address(&daemon, "db.de").len() == 2);
}
