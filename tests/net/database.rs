//! A country database that is replaced while the server runs (docs/configuration.md).

use crate::support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::client::Transport;
use support::daemon::{Daemon, Files};
use support::fixture::{self, GEO};
use support::packet::Query;
use support::prometheus::Page;
use support::{ports, rr, tools};

/// The networks of the fixture, of which these are in another country.
fn networks(moved: &[(&str, &str)]) -> Vec<String> {
    let country = |net: &str, country: &str| {
        moved
            .iter()
            .find(|(other, _)| *other == net)
            .map_or(country.to_owned(), |(_, to)| (*to).into())
    };
    GEO.iter().map(|(net, of)| format!("{net},{}\n", country(net, of))).collect()
}

/// Builds a database by the command that users make theirs with, and renames it into place.
fn replace(daemon: &Daemon, lines: &[String]) {
    replace_of(daemon, lines, &[]);
}

/// The same with further arguments.
fn replace_of(daemon: &Daemon, lines: &[String], arguments: &[&str]) {
    let path = |name: &str| daemon.path().join(name);
    fs::write(path("country.csv"), lines.concat()).expect("the source");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let command = command.args(["geoip", "build"]).args(arguments).arg("--out");
    tools::output(command.arg(path("new.mmdb")).arg(path("country.csv")));
    put(&path("new.mmdb"), daemon);
}

fn put(file: &Path, daemon: &Daemon) {
    fs::rename(file, daemon.path().join("country.mmdb")).expect("renamed");
}

/// What clients of a network are answered, in no order.
fn answered(daemon: &Daemon) -> Vec<Vec<u8>> {
    let query = Query::new("db.local.clam.example", rr::A).subnet("198.51.100.192/27");
    let mut addresses = daemon.client().ask(Transport::Udp4, &query).rdata(rr::A);
    addresses.sort();
    addresses
}

fn pool(country: &str) -> Vec<Vec<u8>> {
    let mut addresses: Vec<_> =
        fixture::pool(country).iter().map(|mirror| rr::a(&mirror.v4)).collect();
    addresses.sort();
    addresses
}

#[test]
fn another_database_in_its_place_is_in_force_and_a_bad_one_is_not() {
    let (files, admin): (Files, u16) = (fixture::files(), ports::free());
    let config = files.text("cvdns.toml");
    let config = format!("{config}\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n");
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    let updates = |outcome: &str| {
        let page = Page::of(admin);
        page.get("cvdns_geoip_updates_total", &[("outcome", outcome)])
    };
    // Japan has one mirror: another is answered behind it, and none of Germany.
    let is_in =
        |country: &str| pool(country).iter().all(|mirror| answered(&daemon).contains(mirror));
    assert!(is_in("JP") && !is_in("DE"));

    let before = daemon.log().len();
    replace(&daemon, &networks(&[("198.51.100.192/27", "DE")]));
    daemon.until("the other country", || is_in("DE"));
    daemon.wait_for_log(before, &["another country database is in force", "country.mmdb of "]);
    assert_eq!(answered(&daemon), pool("DE"));
    assert!((updates("done"), updates("failed")) == (1.0, 0.0));

    // One in which most is missing, one that is cut off, and none: the last good one goes on.
    let whole = fs::read(daemon.path().join("country.mmdb")).expect("the database");
    let usable = || Page::of(admin).get("cvdns_geoip_file_usable", &[]);
    let refused = |number: f64, words: &str, change: &dyn Fn()| {
        let before = daemon.log().len();
        change();
        daemon
            .wait_for_log(before, &["warn", "the country database is not taken", words, "goes on"]);
        daemon.until("the count", || updates("failed") >= number);
        assert!(usable() < 0.5, "{words}");
        assert!(is_in("DE"), "{words}");
    };
    refused(1.0, "less than half of the", &|| replace(&daemon, &networks(&[])[..3]));
    // Another one with the same fault has a line of its own.
    refused(2.0, "less than half of the", &|| replace(&daemon, &networks(&[])[..2]));
    let status = Command::new(env!("CARGO_BIN_EXE_cvdns"))
        .arg("status")
        .current_dir(daemon.path())
        .output()
        .expect("the command ran");
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("not taken the country database is not taken: "), "{status}");
    refused(3.0, "country.mmdb", &|| {
        fs::write(daemon.path().join("cut.mmdb"), &whole[..whole.len() / 2]).expect("written");
        put(&daemon.path().join("cut.mmdb"), &daemon);
    });
    refused(4.0, "country.mmdb", &|| {
        fs::remove_file(daemon.path().join("country.mmdb")).expect("removed");
    });
    // A reload of what is not there would fail, as a start would.
    let before = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(before, &["was not reloaded"]);
    assert!(is_in("DE"));

    let before = daemon.log().len();
    replace(&daemon, &networks(&[]));
    daemon.wait_for_log(before, &["another country database is in force"]);
    assert!(is_in("JP") && !is_in("DE"));
    let (done, page) = (updates("done"), Page::of(admin));
    assert!(done > 1.5, "{done}");
    let count = page.get("cvdns_geoip_networks", &[]);
    assert!(count > 5.5, "{count}");
    assert!(page.get("cvdns_geoip_build_timestamp_seconds", &[]) > 1.7e9);
    assert!(usable() > 0.5);

    // One that is older than that in force is taken, and one of the future, with a warning.
    for (date, words) in [
        ("2020-01-01", "is older than the one before"),
        ("2222-02-02", "of the future: 2222-02-02"),
    ] {
        let before = daemon.log().len();
        replace_of(&daemon, &networks(&[]), &["--date", date]);
        daemon.wait_for_log(before, &["another country database is in force", "warn", words]);
    }
}

/// Nothing is read anew: the file that the link leads to is the one in force.
#[test]
fn a_link_that_leads_back_to_the_database_in_force_ends_the_warning() {
    let (files, admin): (Files, u16) = (fixture::files(), ports::free());
    let config = files.text("cvdns.toml");
    let config = format!("{config}\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n");
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    let path = |name: &str| daemon.path().join(name);
    let lead_to = |name: &str| {
        std::os::unix::fs::symlink(name, path("link")).expect("a link");
        fs::rename(path("link"), path("country.mmdb")).expect("the link in place");
    };
    let usable = || Page::of(admin).get("cvdns_geoip_file_usable", &[]) > 0.5;
    let whole = fs::read(path("country.mmdb")).expect("the database");
    fs::write(path("cut.mmdb"), &whole[..whole.len() / 2]).expect("written");
    fs::write(path("whole.mmdb"), whole).expect("written");

    let before = daemon.log().len();
    lead_to("whole.mmdb");
    daemon.wait_for_log(before, &["another country database is in force"]);
    let before = daemon.log().len();
    lead_to("cut.mmdb");
    daemon.wait_for_log(before, &["the country database is not taken"]);
    daemon.until("the gauge", || !usable());
    let before = daemon.log().len();
    lead_to("whole.mmdb");
    daemon.wait_for_log(before, &["the country database can be used again"]);
    daemon.until("the gauge", usable);
    let log = daemon.log();
    let since = log.get(before..).unwrap_or_default();
    assert!(!since.contains("another country database is in force"), "{since}");
}
