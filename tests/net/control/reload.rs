//! `cvdns reload` says what was read, what is wrong, and what needs a restart.

use std::thread;

use serde_json::{Value, json};

use super::Controlled;
use crate::support::client::Transport;
use crate::support::fixture::{self, States, mirrors, states};
use crate::support::packet::Query;
use crate::support::rr;

fn report(server: &Controlled) -> (Option<i32>, Value) {
    let (code, out, error) = server.cvdns(&["reload", "--json"]);
    let report = serde_json::from_str(&out).unwrap_or_else(|_| panic!("no JSON: {out}{error}"));
    (code, report)
}

#[test]
fn it_says_what_was_read() {
    let server = Controlled::start("");
    let feed = fixture::feed(2_000, &states(&[("de1.example", "down")]));
    server.daemon.write_feed(&feed);
    server.daemon.write_file(
        "overrides.toml",
        "[[override]]\nhost = \"de2.example\"\nstate = \"drained\"\nreason = \"r\"\n",
    );
    let (code, report) = report(&server);
    assert_eq!((code, &report["done"]), (Some(0), &json!(true)), "{report}");
    assert_eq!(
        report["zones"][0],
        json!({ "origin": "clam.example", "mirrors": 46, "countries": 4 })
    );
    assert_eq!(report["feed"]["serial"], 2_000);
    assert_eq!(report["overrides"], 1);
    let database = report["database"].as_str().expect("text");
    assert!(database.contains("country.mmdb"), "{database}");
    assert_eq!(report["names"], server.status()["names"]);
    assert_eq!((&report["errors"], &report["problems"]), (&json!(0), &json!([])), "{report}");
    assert_eq!((&report["restart"], &report["remarks"]), (&json!([]), &json!([])), "{report}");

    let (code, out, error) = server.cvdns(&["reload"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    for line in [
        "cvdns.toml\n",
        "zone clam.example: 46 mirrors in 4 countries\n",
        "2 zone files, ",
        "country.mmdb",
        "feed 2000 from ",
        "; 1 override in force\n",
    ] {
        assert!(out.contains(line), "no {line:?} in\n{out}");
    }
    assert_eq!(server.status()["reloads"], 2);
}

/// What a reload applies is in force when the command ends, without a wait.
#[test]
fn what_was_read_is_in_force_when_it_ends() {
    let server = Controlled::start("");
    let zone = std::fs::read_to_string(server.daemon.path().join("clam.zone")).expect("the zone");
    for number in 1..=5 {
        let name = format!("new{number}");
        server.daemon.write_file("clam.zone", &format!("{zone}\n{name} IN A 192.0.2.99\n"));
        assert_eq!(server.cvdns(&["reload"]).0, Some(0));
        let query = Query::new(&format!("{name}.clam.example"), rr::A);
        let reply = server.daemon.client().ask(Transport::Udp4, &query);
        assert_eq!((reply.rcode(), reply.rdata(rr::A)), (rr::NOERROR, vec![rr::a("192.0.2.99")]));
    }
}

#[test]
fn it_names_what_needs_a_restart() {
    let server = Controlled::start("");
    let config = server.config();
    let changed = config
        .replace("tcp-idle = \"2s\"", "tcp-idle = \"3s\"")
        .replace("workers = 1", "workers = 2")
        .replace("\"unix:run/admin.sock\"", "\"unix:run/other.sock\"");
    server.daemon.write_file("cvdns.toml", &changed);
    // The command reads the new configuration, in which the socket is another one.
    let answer = server.over_socket("POST", "/api/v1/reload", "");
    assert_eq!(answer.status, 200);
    let report: Value = serde_json::from_str(&answer.body).expect("JSON");
    let keys = json!(["`workers` in [server]", "`tcp-idle` in [server]", "`listen` in [admin]"]);
    assert_eq!(report["restart"], keys, "{report}");
    let changed = config.replace("tcp-idle = \"2s\"", "tcp-idle = \"4s\"");
    server.daemon.write_file("cvdns.toml", &changed);
    let (code, out, error) = server.cvdns(&["reload"]);
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(
        error.contains("`tcp-idle` in [server] changed since the start: restart the server"),
        "{error}"
    );
    server.daemon.write_file("cvdns.toml", &config);
    let (code, _, error) = server.cvdns(&["reload"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
}

/// A feed that is not taken is no error of the configuration, but nobody may overlook it.
#[test]
fn it_says_that_a_feed_is_not_taken_or_held_back() {
    let server = Controlled::start("");
    server.daemon.write_feed("{ \"format\": 1 }");
    let (code, bad) = report(&server);
    assert_eq!((code, &bad["feed"]["serial"]), (Some(0), &json!(1_000)), "{bad}");
    let remark = bad["remarks"][0].as_str().expect("a remark");
    assert!(
        remark.contains("feed.json is not taken: ") && remark.ends_with("feed 1000 stays in force"),
        "{remark}"
    );
    let down: Vec<(String, &str)> =
        mirrors().into_iter().map(|mirror| (mirror.host, "down")).collect();
    server.daemon.write_feed(&fixture::feed(1_001, &down.into_iter().collect()));
    let (code, _, error) = server.cvdns(&["reload"]);
    assert_eq!(code, Some(0));
    assert!(
        error.contains("warning: feed 1001 is held back, as it takes away 46 of 46"),
        "{error}"
    );
    assert_eq!(server.status()["feed"]["serial"], 1_000);
    let (code, out, error) = server.cvdns(&["feed", "accept"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.starts_with("feed 1001 is in force"), "{out}");
    assert_eq!(report(&server).1["remarks"], json!([]));
}

/// A feed stays in force until another source has one: nobody is to take it for that one's.
#[test]
fn it_says_where_the_feed_in_force_comes_from() {
    let server = Controlled::start("");
    let config = server.config().replace("\"feed.json\"", "\"other.json\"");
    server.daemon.write_file("cvdns.toml", &config);
    let dir = server.daemon.path().display().to_string();
    let before = format!("from {dir}/feed.json, as {dir}/other.json has none yet");
    let (code, out, _) = server.cvdns(&["reload"]);
    assert_eq!(code, Some(0));
    assert!(out.ends_with(&format!("feed 1000 {before}; 0 overrides in force\n")), "{out}");
    let (_, page, _) = server.cvdns(&["status"]);
    assert!(page.contains(&format!(", fresh, {before}\n")), "{page}");
    let feed = &server.status()["feed"];
    assert_eq!(feed["source"], format!("{dir}/other.json"), "{feed}");
    assert_eq!(feed["read_from"], format!("{dir}/feed.json"), "{feed}");

    server.daemon.write_file("other.json", &fixture::feed(7, &States::new()));
    let (code, out, error) = server.cvdns(&["reload"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let after = format!("feed 7 from {dir}/other.json; 0 overrides in force\n");
    assert!(out.ends_with(&after), "{out}");
    assert_eq!(server.status()["feed"]["read_from"], format!("{dir}/other.json"));
}

/// Many at once are carried out one after the other, and each has its own whole report.
#[test]
fn reloads_at_once_are_carried_out_one_after_the_other() {
    const MANY: usize = 12;
    let server = Controlled::start("");
    let before = server.daemon.log().len();
    let ask = || {
        let answer = server.over_socket("POST", "/api/v1/reload", "");
        let report: Value = serde_json::from_str(&answer.body).expect("JSON");
        (answer.status, report["done"].clone(), report["zones"].as_array().map(Vec::len))
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..MANY).map(|_| scope.spawn(ask)).collect();
        for one in running {
            assert_eq!(one.join().expect("a thread"), (200, json!(true), Some(2)));
        }
    });
    assert_eq!(server.status()["reloads"], MANY);
    let news = || server.daemon.log()[before..].to_owned();
    server.daemon.until("all in the log", || news().matches("reloaded ").count() == MANY);
    let log = news();
    // What a reload logs is never mixed with what another one does.
    let lines = log
        .lines()
        .filter(|line| line.contains("zone clam.example: ") || line.contains("reloaded "));
    let kinds: Vec<bool> = lines.map(|line| line.contains("reloaded ")).collect();
    assert!(kinds.len() == 2 * MANY && kinds.windows(2).all(|pair| pair[0] != pair[1]), "{log}");
}

/// SIGHUP stays, and counts together with the command.
#[test]
fn sighup_does_the_same() {
    let server = Controlled::start("");
    let before = server.daemon.log().len();
    server.daemon.sighup();
    server.daemon.wait_for_log(before, &["reloaded "]);
    assert_eq!(server.cvdns(&["reload"]).0, Some(0));
    assert_eq!(server.status()["reloads"], 2);
}
