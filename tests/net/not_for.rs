//! The real server never answers a mirror to clients for whom it is not (FORMATS
//! "zones/mirrors.toml", `not-for`), by fleet file and by feeds that come and go.

use crate::support;

use std::path::Path;
use std::process::Command;

use support::client::Transport;
use support::daemon::{Daemon, Files};
use support::fixture::{self, Set, States, mirrors, states};
use support::packet::Query;
use support::rr;

/// Clients, by the fixture's database; its own addresses are in US and JP.
const DE: &str = "198.51.100.1/32";
const FR: &str = "198.51.100.130/32";
const JP: &str = "198.51.100.200/32";

/// A feed with these restrictions.
fn feed(serial: u64, of: &States, not_for: &[(&str, &str)]) -> String {
    let mut feed = fixture::feed(serial, of);
    for (host, areas) in not_for {
        let state = of.get(*host).copied().unwrap_or("up");
        let entry = format!("\"{host}\": {{ \"state\": \"{state}\"");
        if feed.contains(&entry) {
            feed = feed.replace(&entry, &format!("{entry}, \"not-for\": {areas}"));
        } else {
            let comma = if feed.contains("\"mirrors\": {  }") { "" } else { "," };
            feed = feed.replace(
                "\"mirrors\": { ",
                &format!("\"mirrors\": {{ {entry}, \"not-for\": {areas} }}{comma} "),
            );
        }
    }
    feed
}

/// The fixture's server, which believes every feed. The fleet file says that de3 is not for JP.
fn files() -> Files {
    let files = fixture::files();
    let config = files.text("cvdns.toml").replace("[feed]\n", "[feed]\nmax-loss = 1\n");
    let fleet = files
        .text("mirrors.toml")
        .replace("host = \"de3.example\"\n", "host = \"de3.example\"\nnot-for = [\"JP\"]\n");
    files.with("cvdns.toml", config).with("mirrors.toml", fleet)
}

/// All addresses that come up for a client, and the scope of the answers.
fn got(daemon: &Daemon, name: &str, net: &str) -> (Set, u8) {
    let query = Query::new(&format!("{name}.clam.example"), rr::A).subnet(net);
    let mut all = Set::new();
    let mut scope = None;
    for _ in 0..20 {
        let reply = daemon.client().ask(Transport::Udp4, &query);
        assert_eq!(reply.rcode(), 0);
        all.extend(reply.rdata(rr::A));
        let of_reply = reply.option(rr::ECS).expect("an ECS option")[3];
        assert_eq!(*scope.get_or_insert(of_reply), of_reply);
    }
    (all, scope.expect("a scope"))
}

fn set(last: &[u8]) -> Set {
    last.iter().map(|last| rr::a(&format!("192.0.2.{last}"))).collect()
}

#[track_caller]
fn next(daemon: &Daemon, feed: &str, says: &str) {
    let before = daemon.log().len();
    daemon.write_feed(feed);
    daemon.wait_for_log(before, &[says]);
}

#[test]
fn restrictions_come_and_go_with_feeds_while_the_server_answers() {
    let daemon = Daemon::start(&files());
    // By the fleet file: only for JP, whatever name they ask; nobody shares their answers. Theirs
    // is the widest network without others: 198.51.100.192/27.
    assert_eq!(got(&daemon, "db.de", DE).0, set(&[11, 12, 13]));
    assert_eq!(got(&daemon, "db.de", FR).0, set(&[11, 12, 13]));
    assert_eq!(got(&daemon, "db.de", JP), (set(&[11, 12]), 27));
    // No one who may not get de3 can be answered from there otherwise: it is the path of JP.
    assert_eq!(got(&daemon, "db.jp", DE).1, 0);

    // A feed adds FR for de1, and what the fleet file says still holds.
    next(&daemon, &feed(1_001, &States::new(), &[("de1.example", "[\"FR\"]")]), "feed 1001 ");
    assert_eq!(got(&daemon, "db.de", DE), (set(&[11, 12, 13]), 25));
    assert_eq!(got(&daemon, "db.de", FR), (set(&[12, 13]), 26));
    assert_eq!(got(&daemon, "db.de", JP), (set(&[11, 12]), 27));
    // The path of IS begins with de1, which serves it.
    assert!(got(&daemon, "db.is", DE).0.is_superset(&set(&[11])));
    assert_eq!(got(&daemon, "db.is", FR).0, set(&[21, 22]));

    // Nothing works: all are answered, as if they were up, but never those.
    let all_down: States = mirrors().into_iter().map(|mirror| (mirror.host, "down")).collect();
    next(&daemon, &feed(1_002, &all_down, &[("de1.example", "[\"FR\"]")]), "feed 1002 ");
    assert_eq!(got(&daemon, "db.de", FR).0, set(&[12, 13]));
    assert_eq!(got(&daemon, "db.de", DE).0, set(&[11, 12, 13]));

    // By source: the tests' own address is in US.
    let of_america = [("de1.example", "[\"continent:NA\"]"), ("de2.example", "[\"US\", \"FR\"]")];
    next(&daemon, &feed(1_003, &States::new(), &of_america), "feed 1003 ");
    let query = Query::new("db.de.clam.example", rr::A);
    for _ in 0..20 {
        let found = daemon.client().ask(Transport::Udp4, &query).rdata(rr::A);
        assert!(found.contains(&rr::a("192.0.2.13")), "{found:?}");
        assert!(!found.contains(&rr::a("192.0.2.11")) && !found.contains(&rr::a("192.0.2.12")));
    }

    // What is unknown is refused with its place, and what was said before holds.
    next(&daemon, &feed(1_004, &States::new(), &[("de1.example", "[\"XX\"]")]), "line 4 column");
    assert_eq!(got(&daemon, "db.de", FR).0, set(&[11, 13]));

    // Without them it is all as before.
    next(&daemon, &feed(1_005, &States::new(), &[]), "feed 1005 ");
    assert_eq!(got(&daemon, "db.de", FR).0, set(&[11, 12, 13]));
    assert_eq!(got(&daemon, "db.de", JP).0, set(&[11, 12]));
}

/// Where no mirror is left for a country, its clients get NODATA (FORMATS "Answers").
#[test]
fn a_country_without_any_mirror_gets_no_data_and_check_warns_of_it() {
    let hosts: Vec<String> = mirrors().into_iter().map(|mirror| mirror.host).collect();
    let all: Vec<(&str, &str)> = hosts.iter().map(|host| (host.as_str(), "[\"FR\"]")).collect();
    let up: Vec<(&str, &str)> = hosts.iter().map(|host| (host.as_str(), "up")).collect();
    let states = states(&up);
    let files = files().with("feed.json", feed(1_000, &states, &all));
    let daemon = Daemon::start(&files);
    for name in ["db.local", "db.de", "db.europe", "db.fr"] {
        assert_eq!(got(&daemon, name, FR).0, Set::new(), "{name}");
    }
    assert_eq!(got(&daemon, "db.local", DE).0, set(&[11, 12, 13]));
    let warning = "`not-for` leaves FR (France) without any mirror of clam.example";
    assert!(daemon.log().contains(warning), "{}", daemon.log());
    let (_, output) = cvdns(daemon.path(), &["check"]);
    assert!(output.contains(warning) && output.contains("mirrors.toml:2:1"), "{output}");
    let (_, output) = cvdns(daemon.path(), &["feed", "check", "feed.json"]);
    assert!(output.contains(warning) && output.contains("46 of them not for all"), "{output}");
}

/// Without names that depend on clients the country database is read for the fleet file's sake.
/// Where only a feed restricts mirrors it is not there, and they are left out for everybody: nobody
/// may get a mirror that is not for them.
#[test]
fn without_a_country_database_restricted_mirrors_are_left_out_for_all() {
    let mut zone = files().text("clam.toml").to_owned();
    for name in ["db.local", "database"] {
        zone = zone.replace(&format!("[[name]]\nowner = \"{name}\"\npool = \"client\"\n"), "");
    }
    assert!(!zone.contains("\"client\""));
    let by_fleet = files().with("clam.toml", zone.clone());
    let daemon = Daemon::start(&by_fleet);
    assert_eq!(got(&daemon, "db.de", JP).0, set(&[11, 12]));
    assert_eq!(got(&daemon, "db.de", DE).0, set(&[11, 12, 13]));

    let fleet = fixture::files().text("mirrors.toml").to_owned();
    let daemon = Daemon::start(&by_fleet.with("mirrors.toml", fleet));
    assert_eq!(got(&daemon, "db.de", JP), (set(&[11, 12, 13]), 0));
    let restricting = feed(1_001, &States::new(), &[("de3.example", "[\"JP\"]")]);
    next(&daemon, &restricting, "feed 1001 ");
    for client in [DE, FR, JP] {
        assert_eq!(got(&daemon, "db.de", client), (set(&[11, 12]), 0));
    }
    assert!(daemon.log().contains("out for all clients"), "{}", daemon.log());
}

#[test]
fn explanations_and_exports_say_who_is_left_out() {
    let daemon = Daemon::start(&files());
    let query = Query::new("_explain.db.de.clam.example", rr::TXT).subnet(JP);
    let reply = daemon.client().ask(Transport::Udp4, &query);
    let text = String::from_utf8_lossy(&reply.rdata(rr::TXT).concat()).into_owned();
    assert!(text.contains("left out: de3.example not for JP"), "{text}");
    assert!(text.contains("country=JP") && text.contains("pool=DE 2 of 3 usable"), "{text}");
    let query = Query::new("_pool.db.de.clam.example", rr::TXT).subnet(DE);
    let reply = daemon.client().ask(Transport::Udp4, &query);
    let text = String::from_utf8_lossy(&reply.rdata(rr::TXT).concat()).into_owned();
    assert!(text.contains("up, not for JP"), "{text}");

    // What a feed's restrictions change is told for those whom they concern.
    daemon.write_file("next.json", &feed(1_001, &States::new(), &[("de1.example", "[\"FR\"]")]));
    let (code, output) = cvdns(daemon.path(), &["feed", "diff", "feed.json", "next.json"]);
    let lines: Vec<&str> = output.lines().filter(|line| line.contains("de1.example")).collect();
    assert_eq!(code, Some(0), "{output}");
    assert!(
        lines
            .iter()
            .any(|line| line.contains("DE FR US continent:EU world") && line.contains("loses")),
        "{output}"
    );
    assert!(lines.iter().all(|line| line.contains("-de1.example")), "{output}");
    let (_, output) = cvdns(daemon.path(), &["feed", "show", "next.json", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&output).expect("JSON");
    let restricted = shown["countries"].as_array().expect("countries");
    let restricted = restricted.iter().find(|of| of["country"] == "DE").expect("DE");
    assert_eq!(restricted["restricted"], 2, "one by the fleet file, one by the feed");

    // An export without views cannot tell clients apart.
    let dir = daemon.path();
    let (_, output) = cvdns(dir, &["export", "bind", "--out", "plain"]);
    assert!(
        output.contains("left out for all clients") && output.contains("de3.example"),
        "{output}"
    );
    let zone = |path: &str| std::fs::read_to_string(dir.join(path)).expect(path);
    assert!(!zone("plain/current/zones/clam.example.zone").contains("192.0.2.13"));
    assert!(zone("plain/current/zones/clam.example.zone").contains("192.0.2.12"));

    // Views can. That of JP has a mirror of its own first.
    let (_, output) = cvdns(dir, &["export", "bind", "--views", "--out", "views"]);
    assert!(!output.contains("left out for all clients"), "{output}");
    let files = std::fs::read_dir(dir.join("views/current/zones")).expect("zones");
    let with: Vec<(String, bool)> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.to_string_lossy().contains("clam.example@"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a zone");
            (
                path.file_name().expect("a name").to_string_lossy().into_owned(),
                text.contains("192.0.2.13"),
            )
        })
        .collect();
    let without: Vec<&str> =
        with.iter().filter(|(_, has)| !has).map(|(name, _)| name.as_str()).collect();
    assert!(matches!(&without[..], [only] if only.contains("cvdns-jp")), "{with:?}");
}

fn cvdns(dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let done = command.args(arguments).current_dir(dir).output().expect("cvdns");
    let text = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(text).expect("text"))
}
