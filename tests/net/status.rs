//! `cvdns status` and the API against the files that the server was given.

use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::client::{ALL, Transport};
use support::daemon::{Daemon, Files};
use support::fixture::{self, Mirror, States, mirrors, path, pool, states};
use support::packet::Query;
use support::{http, ports, rr};

/// The fixture's server with an admin address.
fn start(files: Files) -> (Daemon, u16) {
    let port = ports::free();
    let config = format!("{}\n[admin]\nlisten = \"127.0.0.1:{port}\"\n", files.text("cvdns.toml"));
    (Daemon::start(&files.with("cvdns.toml", config)), port)
}

fn status(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.arg("status").args(arguments).current_dir(directory).output().expect("the command ran")
}

fn get(port: u16, path: &str) -> Value {
    let (status, text) = http::get(port, path);
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

fn said() -> States {
    states(&[("de1.example", "down"), ("de2.example", "old"), ("jp1.example", "drained")])
}

fn fed(port: u16, daemon: &Daemon) {
    let length = daemon.log().len();
    daemon.write_feed(&fixture::feed(2_000, &said()));
    daemon.wait_for_log(length, &["feed 2000 "]);
    assert_eq!(get(port, "/api/v1/feed")["in_force"]["serial"], 2_000);
}

#[test]
fn the_api_tells_what_the_files_say() {
    let (daemon, port) = start(fixture::files());
    fed(port, &daemon);
    let state = |host: &str| said().get(host).copied().unwrap_or("up");
    let expected: Vec<Value> = mirrors()
        .iter()
        .map(|Mirror { host, country, v4, v6, .. }| {
            let addresses: Vec<Value> = std::iter::once(v4)
                .chain(v6)
                .map(|address| json!({ "address": address, "state": state(host) }))
                .collect();
            let usable = ["up", "old"].contains(&state(host));
            json!({ "host": host, "country": country, "state": state(host), "addresses": addresses,
                    "usable": usable })
        })
        .collect();
    let shown = get(port, "/api/v1/mirrors");
    let fleet = &shown["fleets"][0];
    assert_eq!(
        (&fleet["zone"], &shown["fleets"][1]["mirrors"]),
        (&json!("clam.example"), &json!([]))
    );
    let found: Vec<Value> = fleet["mirrors"]
        .as_array()
        .expect("mirrors")
        .iter()
        .map(|mirror| {
            let fields = ["host", "country", "state", "addresses", "usable"];
            fields
                .map(|field| (field.to_owned(), mirror[field].clone()))
                .into_iter()
                .collect::<Value>()
        })
        .collect();
    assert_eq!(found, expected);

    // Pools and paths by the fixture's plain lists.
    let shown = get(port, "/api/v1/pools");
    let fleet = &shown["fleets"][0];
    let hosts = |list: &Value| -> BTreeSet<String> {
        list.as_array()
            .expect("hosts")
            .iter()
            .map(|host| host.as_str().expect("text").to_owned())
            .collect()
    };
    for shown in fleet["pools"].as_array().expect("pools") {
        let name = shown["pool"].as_str().expect("a name").trim_start_matches("continent:");
        let all: BTreeSet<String> = pool(name).into_iter().map(|mirror| mirror.host).collect();
        let usable: BTreeSet<String> =
            all.iter().filter(|host| ["up", "old"].contains(&state(host))).cloned().collect();
        assert_eq!((hosts(&shown["mirrors"]), hosts(&shown["usable"])), (all, usable), "{name}");
    }
    for country in ["DE", "FR", "JP", "US", "LI", "IS", "BR"] {
        let along: Vec<&str> =
            path(country).into_iter().filter(|name| !pool(name).is_empty()).collect();
        let of = |shown: &&Value| {
            shown["countries"].as_array().expect("countries").contains(&json!(country))
        };
        let shown =
            fleet["paths"].as_array().expect("paths").iter().find(of).expect("the country's path");
        let words = shown["path"].as_array().expect("pools").iter();
        let words: Vec<&str> = words
            .map(|word| word.as_str().expect("text").trim_start_matches("continent:"))
            .collect();
        assert_eq!(words, along, "{country}");
        let (v4, v6) = fixture::yields(&along, &said(), false);
        let usual = shown["yields"].as_array().expect("yields");
        let usual = usual
            .iter()
            .find(|of| of["max"] == 8 && of["types"] == json!(["A", "AAAA"]))
            .expect("a rule");
        assert_eq!(usual["ipv4"]["addresses"], v4.len(), "{country}");
        assert_eq!(usual["ipv6"]["addresses"], v6.len(), "{country}");
    }

    let query = Query::new("current.cvd.clam.example", rr::TXT);
    let answered = daemon.client().ask(Transport::Udp4, &query).rdata(rr::TXT)[0][1..].to_vec();
    let record = &get(port, "/api/v1/record")["record"];
    assert_eq!(
        (record["text"].as_str().map(str::as_bytes), &record["ttl"]),
        (Some(&answered[..]), &json!(1800))
    );
    let feed = get(port, "/api/v1/feed");
    assert_eq!(
        (&feed["in_force"]["fresh"], &feed["held"], &feed["refused"]),
        (&json!(true), &Value::Null, &json!({}))
    );
    assert!(feed["source"].as_str().is_some_and(|source| source.ends_with("feed.json")), "{feed}");
}

#[test]
fn status_shows_how_the_server_stands() {
    let (daemon, port) = start(fixture::files());
    fed(port, &daemon);
    for transport in ALL {
        daemon.client().ask(transport, &Query::new("db.li.clam.example", rr::A));
    }
    let output = status(daemon.path(), &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let address = |ip: &str| json!({ "address": format!("{ip}:{}", daemon.port()), "workers": 1 });
    assert_eq!(told["listen"], json!([address("127.0.0.1"), address("[::1]")]));
    assert_eq!(
        told["zones"][0],
        json!({ "origin": "clam.example", "mirrors": 46, "countries": 4 })
    );
    let left_out: BTreeMap<&str, &str> = told["left_out"]
        .as_array()
        .expect("mirrors")
        .iter()
        .map(|out| (out["host"].as_str().expect("a host"), out["why"].as_str().expect("why")))
        .collect();
    assert_eq!(left_out, BTreeMap::from([("de1.example", "down"), ("jp1.example", "drained")]));
    let mut states = told["mirrors"].clone();
    states.as_object_mut().expect("states").retain(|_, count| *count != 0);
    assert_eq!(states, json!({ "up": 43, "old": 1, "down": 1, "drained": 1 }));
    // The probes of the start are for the root's NS records.
    assert_eq!(told["queries"]["by_class"]["country"], 4);
    assert_eq!(told["queries"]["by_rcode"]["NOERROR"], 4);
    assert_eq!(told["queries"]["widened"], 4, "LI has no mirror");
    assert_eq!((&told["feed"]["serial"], &told["not_ready"]), (&json!(2_000), &json!([])));

    let output = status(daemon.path(), &[]);
    let page = String::from_utf8(output.stdout).expect("text");
    let record = told["record"]["text"].as_str().expect("a record");
    let database = daemon.path().join("country.mmdb");
    for line in [
        "ready     yes",
        &format!("listen    127.0.0.1:{}, 1 worker", daemon.port()),
        &format!("          [::1]:{}, 1 worker", daemon.port()),
        "zones     clam.example: 46 mirrors in 4 countries",
        "          short.example: 0 mirrors in 0 countries",
        &format!("database  {}", database.display()),
        "feed      2000 of ",
        &format!("record    {record}, stamp "),
        "mirrors   43 up, 1 old, 1 drained, 1 down",
        "          left out: DE de1.example: down",
        "          left out: JP jp1.example: drained",
        "          by name: ",
        "4 country",
        "4 with mirrors from further along the path",
    ] {
        assert!(page.contains(line), "no {line:?} in\n{page}");
    }
    // Nobody reads fractions of seconds.
    let is_moment = |word: &&str| word.ends_with('Z') && word.contains('T');
    let moments: Vec<&str> = page.split([' ', ',', '\n']).filter(is_moment).collect();
    assert!(moments.len() >= 2 && !moments.iter().any(|word| word.contains('.')), "{moments:?}");
}

#[test]
fn status_says_what_keeps_the_server_from_being_ready() {
    let files = fixture::files().with("feed.json", "{ }");
    let (daemon, _) = start(files);
    let output = status(daemon.path(), &[]);
    let page = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(1), "{page}");
    let expected = "ready     no: no feed: all mirrors count as up\n          no: no release: there is no record\n";
    assert!(page.contains(expected), "{page}");
    assert!(page.contains("record    SERVFAIL, as no release is known\n"), "{page}");
    assert!(page.contains("refused since the start: "), "{page}");
}

#[test]
fn status_says_why_nobody_can_be_asked() {
    let dir = tempfile::tempdir().expect("a directory");
    fixture::files().write(dir.path(), ports::free());
    let failed = |words: &str| {
        let output = status(dir.path(), &[]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(1) && output.stdout.is_empty() && error.contains(words),
            "{error}"
        );
    };
    failed("the configuration has no [admin] address");
    let config = std::fs::read_to_string(dir.path().join("cvdns.toml")).expect("the configuration");
    let port = ports::free();
    let config = format!("{config}\n[admin]\nlisten = \"127.0.0.1:{port}\"\n");
    std::fs::write(dir.path().join("cvdns.toml"), config).expect("written");
    failed("does not answer");
    std::fs::remove_file(dir.path().join("cvdns.toml")).expect("removed");
    failed("name another configuration with --config");
}

/// Each mirror that comes or goes is a line with the reason; a whole network is a few lines and a
/// number.
#[test]
fn changes_of_mirrors_are_logged() {
    let files = fixture::files();
    let config = files.text("cvdns.toml").replace("[feed]\n", "[feed]\nmax-loss = 1\n");
    let first =
        fixture::feed(1_000, &states(&[("fr1.example", "down"), ("us1.example", "removed")]));
    let (daemon, port) = start(files.with("cvdns.toml", config).with("feed.json", first));
    // What the first feed says is no change.
    let log = daemon.log();
    assert!(
        log.contains("feed 1000 of ") && log.contains("in force: 44 up, 1 down, 1 removed"),
        "{log}"
    );
    assert!(!log.contains(" mirror ") && !log.contains("was up"), "{log}");
    let news_of = |serial: u64, feed: &str| {
        let length = daemon.log().len();
        daemon.write_feed(feed);
        daemon.wait_for_log(length, &[&format!("feed {serial} ")]);
        let log = daemon.log();
        let lines = log[length..]
            .lines()
            .filter_map(|line| line.split_once(" INFO ").map(|(_, text)| text));
        let of_mirrors: Vec<String> = lines
            .filter(|line| {
                line.starts_with("mirror ")
                    || line.starts_with("feed ")
                    || line.contains("more mirrors")
            })
            .map(str::to_owned)
            .collect();
        of_mirrors
    };
    let news = |serial, states: &States| news_of(serial, &fixture::feed(serial, states));
    let lines = news(1_001, &States::new());
    let expected =
        ["mirror fr1.example (FR): up, was down", "mirror us1.example (US): up, was removed"];
    assert_eq!(lines[..lines.len() - 1], expected);
    let of_feed = |lines: &[String]| {
        lines.last().expect("the feed's line").split_once("in force: ").map(|(_, s)| s.to_owned())
    };
    let lines = news(2_000, &said());
    let expected = [
        "mirror de1.example (DE): down, was up",
        "mirror de2.example (DE): old, was up",
        "mirror jp1.example (JP): drained, was up",
    ];
    assert_eq!(lines[..lines.len() - 1], expected);
    assert_eq!(of_feed(&lines).as_deref(), Some("43 up, 1 old, 1 drained, 1 down"));
    assert_eq!(news(2_001, &said()).len(), 1, "nothing changed");
    let lines = news(2_002, &states(&[("de1.example", "down"), ("jp1.example", "drained")]));
    assert_eq!(lines[..lines.len() - 1], ["mirror de2.example (DE): up, was old"]);

    // A single address.
    let address =
        r#""de3.example": { "state": "up", "addresses": { "192.0.2.13": "down" } }, "de1.example""#;
    let feed = |serial| {
        fixture::feed(serial, &states(&[("de1.example", "down"), ("jp1.example", "drained")]))
    };
    let lines = news_of(2_003, &feed(2_003).replacen("\"de1.example\"", address, 1));
    assert_eq!(
        lines[..lines.len() - 1],
        ["mirror de3.example (DE): its address 192.0.2.13 is down, was up"]
    );
    let lines = news_of(2_004, &feed(2_004));
    assert_eq!(
        lines[..lines.len() - 1],
        ["mirror de3.example (DE): its address 192.0.2.13 is up, was down"]
    );

    // More than are named one by one.
    let many: Vec<String> = (1..=21).map(|number| format!("us{number}.example")).collect();
    let mut down = said();
    down.remove("de2.example");
    down.extend(many.iter().map(|host| (host.clone(), "down")));
    let lines = news(2_005, &down);
    assert_eq!(lines.iter().filter(|line| line.ends_with("(US): down, was up")).count(), 20);
    assert!(
        lines.contains(&"1 more mirrors changed: `cvdns status` shows who is left out".to_owned()),
        "{lines:?}"
    );
    assert_eq!(get(port, "/api/v1/status")["left_out"].as_array().map(Vec::len), Some(23));

    // A reload that changes the fleet.
    let length = daemon.log().len();
    let fleet = std::fs::read_to_string(daemon.path().join("mirrors.toml")).expect("the fleet");
    daemon.write_file(
        "mirrors.toml",
        &fleet.replace("host = \"fr1.example\"", "host = \"fr9.example\""),
    );
    daemon.sighup();
    daemon.wait_for_log(
        length,
        &[
            "reloaded ",
            "mirror fr9.example (fr) is new: up",
            "mirror fr1.example is no longer in the fleet",
        ],
    );
}
