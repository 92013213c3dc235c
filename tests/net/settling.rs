//! Mirrors that flap, on the running server (`settle`).

use crate::support;

use std::time::{Duration, Instant};

use support::client::{ALL, Transport};
use support::daemon::{Daemon, Files};
use support::fixture::{self, States, TTL, path, states, yields};
use support::packet::Query;
use support::reply::{Record, Reply};
use support::{http, ports, rr};

/// The fixture's server on which mirrors settle in this time, with an admin address.
fn files(settle: &str) -> (Files, u16) {
    let port = ports::free();
    let files = fixture::files();
    let config = files.text("cvdns.toml").replace(
        "[feed]\n",
        &format!("[admin]\nlisten = \"127.0.0.1:{port}\"\n[feed]\nsettle = \"{settle}\"\n"),
    );
    (files.with("cvdns.toml", config), port)
}

/// Whole replies over every transport: the country's mirrors as if the feed said this of them, with
/// this TTL.
#[track_caller]
fn answered(daemon: &Daemon, country: &str, as_if: &States, ttl: u32) {
    let (v4, _) = yields(&path(country), as_if, false);
    assert!(!v4.is_empty() && v4.len() <= fixture::MAX);
    let name = format!("db.{}.clam.example", country.to_lowercase());
    for transport in ALL {
        let query = Query::new(&name, rr::A);
        let records = v4.iter().map(|rdata| Record::new(&name, ttl, rr::A, rdata.clone()));
        let expected = Reply::to(&query).with_answer(records.collect());
        daemon.client().ask(transport, &query).must_be(&expected, &name);
    }
}

fn ttl(daemon: &Daemon, name: &str) -> u32 {
    let query = Query::new(&format!("{name}.clam.example"), rr::A);
    daemon.client().ask(Transport::Tcp4, &query).answer.first().expect("an answer").ttl
}

#[track_caller]
fn next(daemon: &Daemon, serial: u64, said: &States) {
    let before = daemon.log().len();
    daemon.write_feed(&fixture::feed(serial, said));
    daemon.wait_for_log(before, &[&format!("feed {serial} ")]);
}

fn settling(port: u16) -> f64 {
    http::samples(&http::get(port, "/metrics").1)["cvdns_mirrors_settling"]
}

#[test]
fn a_mirror_that_flaps_stays_out_until_it_was_up() {
    let (files, port) = files("10s");
    let daemon = Daemon::start(&files);
    let (up, down) = (States::new(), states(&[("de1.example", "down")]));
    // What the first feed says is no change.
    answered(&daemon, "DE", &up, TTL);

    // A pool with a member that changed is answered with half the TTL; others are not.
    next(&daemon, 1_001, &down);
    answered(&daemon, "DE", &down, TTL / 2);
    answered(&daemon, "FR", &up, TTL);
    // `db.de.big` has a TTL of its own, 45; IS is served by that mirror too; it is a member of its
    // continent.
    let names = ["db.us", "db.us.big", "db.de.big", "db.is", "db.europe"];
    assert_eq!(names.map(|name| ttl(&daemon, name)), [TTL, 45, 22, TTL / 2, TTL / 2]);

    // Three changes are not too many: up again, it is answered at once.
    next(&daemon, 1_002, &up);
    answered(&daemon, "DE", &up, TTL / 2);
    next(&daemon, 1_003, &down);
    assert!(settling(port) < 0.5);
    let before = daemon.log().len();
    let since = Instant::now();
    next(&daemon, 1_004, &up);
    daemon.wait_for_log(before, &["more than 3 times in 10 minutes", "`settle`: de1.example"]);
    daemon.until("it is shown", || (settling(port) - 1.0).abs() < 0.5);
    answered(&daemon, "DE", &down, TTL / 2);

    // A feed that says nothing new of it changes nothing; the clock lets it in.
    next(&daemon, 1_005, &states(&[("us7.example", "down")]));
    daemon.wait_for_log(before, &["no longer out for changing state too often: de1.example"]);
    assert!(since.elapsed() >= Duration::from_secs(10), "{:?}", since.elapsed());
    answered(&daemon, "DE", &up, TTL / 2);
    daemon.until("it is shown no longer", || settling(port) < 0.5);

    // Switched off, nothing is remembered.
    let before = daemon.log().len();
    let config = files.text("cvdns.toml").replace("@PORT@", &daemon.port().to_string());
    daemon.write_file("cvdns.toml", &config.replace("settle = \"10s\"", "settle = \"0s\""));
    daemon.sighup();
    daemon.wait_for_log(before, &["reloaded "]);
    answered(&daemon, "DE", &up, TTL);
    next(&daemon, 1_006, &down);
    answered(&daemon, "DE", &down, TTL);
}

/// The default: states are followed at once, however often they change.
#[test]
fn without_settle_nobody_is_held() {
    let daemon = Daemon::start(&fixture::files());
    for serial in 1_001..1_009 {
        let said = if serial % 2 == 0 { States::new() } else { states(&[("de1.example", "down")]) };
        next(&daemon, serial, &said);
        answered(&daemon, "DE", &said, TTL);
    }
}
