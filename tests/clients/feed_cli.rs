//! `cvdns feed`: what it says of feeds is what the server does with them.

use crate::asking;
use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use asking::{A, AAAA, Asker, Numbers};
use cvdns_core::answer::Transport;
use cvdns_core::health::Feed;
use cvdns_core::snapshot::Snapshot;
use serde_json::{Value, json};
use support::daemon::Daemon;
use support::fixture::{self, Mirror, States, mirrors, states};
use support::nginx::Nginx;

fn cvdns(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.arg("feed").args(arguments).current_dir(dir);
    command
}

/// Runs it in a directory; exit status, standard output and error.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let done = command.output().expect("cvdns");
    let text = |octets| String::from_utf8(octets).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

fn feed(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    run(&mut cvdns(dir, arguments))
}

fn json_of(dir: &Path, arguments: &[&str]) -> Value {
    let (code, out, error) = feed(dir, arguments);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    serde_json::from_str(&out).expect("JSON")
}

/// The fixture's server with further feeds.
fn directory(feeds: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let files = feeds.iter().fold(fixture::files(), |files, (name, text)| files.with(name, *text));
    files.write(dir.path(), 5300);
    dir
}

fn down(hosts: &[&str]) -> States {
    states(&hosts.iter().map(|host| (*host, "down")).collect::<Vec<_>>())
}

#[test]
fn check_says_all_that_is_wrong_with_its_place() {
    let good = fixture::feed(1_000, &down(&["de1.example", "de2.example"]));
    let bad = good.replace("\"flevel\": 90", "\"flevel\": -1").replace("\"down\"", "\"dwn\"");
    let cut = &good[..good.len() / 2];
    let dir = directory(&[("bad.json", &bad), ("cut.json", cut)]);
    let (code, out, error) = feed(dir.path(), &["check", "bad.json"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    for words in [
        "bad.json:2:",
        "bad.json:4:",
        "bad.json:5:",
        "de1.example: unknown variant `dwn`",
        "3 errors",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    let (code, _, error) = feed(dir.path(), &["check", "cut.json"]);
    assert!(
        code == Some(1) && error.contains("EOF while parsing") && error.contains("cut.json:"),
        "{error}"
    );
    let (code, _, error) = feed(dir.path(), &["check", "none.json"]);
    assert!(code == Some(1) && error.contains("cannot read none.json"), "{error}");
    // The configuration's.
    let (code, out, error) = feed(dir.path(), &["check"]);
    assert!(
        code == Some(0) && out.contains("feed.json can be used: feed 1000 of "),
        "{out}{error}"
    );
}

#[test]
fn check_warns_of_what_a_server_would_take() {
    let odd = fixture::feed(0, &down(&["de1.example", "de2.example", "de3.example", "jp1.example"]))
        .replace("\"mirrors\": { ", "\"mirrors\": { \"gone.example\": { \"state\": \"up\" }, \"fr1.example\": { \"state\": \"up\", \"daily\": 28130, \"addresses\": { \"192.0.2.99\": \"down\" } }, ");
    let aged = |second: i64| {
        let generated = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(second);
        let (head, tail) = odd.split_once("\"generated\": \"").unwrap();
        let (_, tail) = tail.split_once('"').unwrap();
        format!("{head}\"generated\": \"{generated}\"{tail}")
    };
    let dir = directory(&[("odd.json", &aged(-7200)), ("future.json", &aged(7200))]);
    let (code, out, error) = feed(dir.path(), &["check", "odd.json"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("odd.json can be used: feed 0 of "), "{out}");
    for words in [
        "the serial is 0",
        "older than max-age",
        "gone.example is in no fleet file",
        "192.0.2.99 is not an address of fr1.example",
        "fr1.example holds daily 28130, but the release has 28129",
        "DE has no usable mirror, of 3",
        "JP has no usable mirror, of 1",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    let (code, _, error) = feed(dir.path(), &["check", "future.json"]);
    assert!(code == Some(1) && error.contains("more than 5 minutes in the future"), "{error}");
}

/// The system's authorities count where the configuration names none (`SSL_CERT_FILE` says which
/// these are).
#[test]
fn a_feed_is_fetched_by_url() {
    let nginx = Nginx::start();
    nginx.publish("feed.json", &fixture::feed(7, &States::new()));
    let dir = directory(&[("ca.pem", &nginx.authority())]);
    let url = nginx.https("feed.json");
    let (code, out, error) =
        run(cvdns(dir.path(), &["check", &url]).env("SSL_CERT_FILE", dir.path().join("ca.pem")));
    assert!(code == Some(0) && out.contains("feed 7 of"), "{out}{error}");
    let (code, _, error) =
        run(cvdns(dir.path(), &["check", &url]).env("SSL_CERT_FILE", "/dev/null"));
    assert!(code == Some(1) && error.contains("certificate"), "{error}");
    let (code, _, error) = feed(dir.path(), &["show", &nginx.http("other.json")]);
    assert!(code == Some(1) && error.contains("status 404 instead of 200"), "{error}");
}

#[test]
fn show_counts_by_country() {
    let mut said = down(&["de1.example"]);
    said.extend(states(&[("de2.example", "old"), ("us1.example", "drained")]));
    let text = fixture::feed(1_000, &said).replace(
        "\"mirrors\": { ",
        "\"mirrors\": { \"fr1.example\": { \"state\": \"up\", \"daily\": 28120 }, \"fr2.example\": { \"state\": \"up\", \"daily\": 28129 }, ",
    );
    let dir = directory(&[("one.json", &text)]);
    let shown = json_of(dir.path(), &["show", "one.json", "--json"]);
    let row = |code: &str| {
        shown["countries"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["country"] == code)
            .cloned()
            .unwrap()
    };
    let de = row("DE");
    assert_eq!(
        (&de["mirrors"], &de["up"], &de["old"], &de["down"]),
        (&json!(3), &json!(1), &json!(1), &json!(1))
    );
    assert!((de["usable"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9);
    assert_eq!(row("FR")["held"]["daily"], json!({ "28120": 1, "28129": 1 }));
    assert_eq!((&row("FR")["lagging"], &row("FR")["usable"]), (&json!(1), &json!(0.5)));
    assert_eq!((&row("*")["mirrors"], &row("*")["drained"]), (&json!(46), &json!(1)));
    let (code, out, _) = feed(dir.path(), &["show", "one.json"]);
    let fr: Vec<&str> =
        out.lines().find(|line| line.starts_with("FR")).unwrap().split_whitespace().collect();
    let cells =
        ["FR", "2", "2", "0", "0", "0", "0", "0", "1", "50.0%", "?×2", "28120×1,28129×1", "?×2"];
    assert_eq!((code, fr), (Some(0), cells.to_vec()));
}

/// What a server has in force stands in its `state`: that can be looked at as any feed.
#[test]
fn what_a_server_keeps_is_read_as_the_feed_in_it() {
    let config =
        fixture::files().text("cvdns.toml").replace("[feed]\n", "[feed]\nstate = \"state\"\n");
    let before = fixture::feed(1_000, &down(&["de1.example"]));
    let daemon =
        Daemon::start(&fixture::files().with("cvdns.toml", config).with("feed.json", before));
    let kept = daemon.path().join("state/feed.json");
    daemon.until("a feed that is kept", || kept.exists());
    let after = fixture::feed(1_001, &down(&["de1.example", "de2.example"]));
    std::fs::write(daemon.path().join("after.json"), after).unwrap();
    let said =
        "cvdns: state/feed.json is a file that a server keeps in `state`; its feed came from ";
    let (code, out, error) =
        feed(daemon.path(), &["diff", "state/feed.json", "after.json", "--json"]);
    assert!(code == Some(0) && error.starts_with(said) && error.lines().count() == 1, "{error}");
    let found: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (&found["before"]["serial"], &found["after"]["serial"]),
        (&json!(1_000), &json!(1_001))
    );
    assert_eq!(rows(&found, "DE", "A", false).pop().expect("a change")["change"], "falls back");
    for arguments in [&["check", "state/feed.json"][..], &["show", "state/feed.json"]] {
        let (code, _, error) = feed(daemon.path(), arguments);
        assert!(code == Some(0) && error.starts_with(said), "{arguments:?}: {error}");
    }
}

#[test]
fn diff_says_who_falls_back_and_what_is_announced() {
    let after =
        fixture::feed(1_001, &down(&["de1.example", "de2.example"])).replace("28129", "28130");
    let dir = directory(&[("after.json", &after)]);
    let found = json_of(dir.path(), &["diff", "feed.json", "after.json", "--json"]);
    assert_eq!(found["record"], json!([{ "field": "daily", "before": "28129", "after": "28130" }]));
    let de = rows(&found, "DE", "A", false).pop().expect("a change");
    assert_eq!(de["change"], "falls back");
    assert_eq!(
        (&de["before"]["pools"], &de["after"]["pools"]),
        (&json!(["DE"]), &json!(["DE", "FR"]))
    );
    let third = json!(1.0 / 3.0);
    let hosts: Vec<&Value> =
        de["mirrors"].as_array().unwrap().iter().map(|mirror| &mirror["host"]).collect();
    assert_eq!(hosts, ["de1.example", "de2.example", "fr1.example", "fr2.example"]);
    assert_eq!((&de["mirrors"][0]["before"], &de["mirrors"][0]["after"]), (&third, &Value::Null));
    // Those of France fill answers up, behind the one of Germany.
    let none = json!(0.0);
    assert_eq!((&de["mirrors"][2]["before"], &de["mirrors"][2]["after"]), (&Value::Null, &none));
    let (code, out, _) = feed(dir.path(), &["diff", "feed.json", "after.json"]);
    assert_eq!(code, Some(0));
    for words in ["falls back", "3 of DE ", "3 of DE FR", "-de1.example 33.3%", "+fr1.example 0.0%"]
    {
        assert!(out.contains(words), "{words}: {out}");
    }
    // Back: the serial says that it would be refused.
    let (code, out, error) = feed(dir.path(), &["diff", "after.json", "feed.json"]);
    assert!(
        code == Some(0) && out.contains("recovers") && error.contains("would be refused after"),
        "{out}{error}"
    );
    let (code, out, error) = feed(dir.path(), &["diff", "feed.json", "feed.json"]);
    assert_eq!((code, out.as_str(), error.as_str()), (Some(0), "no answer changes\n", ""));
    assert_eq!(feed(dir.path(), &["diff", "feed.json"]).0, Some(2));
    assert_eq!(feed(dir.path(), &["diff", "feed.json", "cvdns.toml"]).0, Some(1));
}

/// The changes of a country's path.
fn rows(found: &Value, country: &str, rtype: &str, ipv6_alone: bool) -> Vec<Value> {
    let wanted = |row: &&Value| {
        let countries = row["countries"].as_array().unwrap();
        countries.contains(&json!(country))
            && row["type"] == rtype
            && row["ipv6_alone"] == ipv6_alone
    };
    found["paths"].as_array().unwrap().iter().filter(wanted).cloned().collect()
}

fn addresses(snapshot: &Snapshot, name: &str, rtype: u16) -> BTreeSet<IpAddr> {
    // More than fit into a datagram, and where a pool fills answers up, others each time.
    let mut asker = Asker::new(snapshot);
    let answers =
        (0..200).map(|_| asker.send_by(&asking::query(name, rtype, None), Transport::Tcp));
    answers.flat_map(|answer| answer.addresses()).collect()
}

/// Random feeds: a row for a path exactly where what queries are answered differs, with the mirrors
/// that come and go.
#[test]
fn diff_is_the_difference_of_answers() {
    let dir = directory(&[]);
    let loaded = asking::loaded(&dir.path().join("cvdns.toml"));
    let hosts: BTreeMap<IpAddr, String> = mirrors()
        .into_iter()
        .flat_map(|Mirror { host, v4, v6, .. }| {
            std::iter::once(v4)
                .chain(v6)
                .map(move |address| (address.parse().unwrap(), host.clone()))
        })
        .collect();
    let mut numbers = Numbers(7);
    let mut differences = 0;
    for _ in 0..12 {
        let share = *numbers.one_of(&[3, 40, 97, 100]);
        let texts = [1_000, 1_001].map(|serial| {
            let states = mirrors()
                .into_iter()
                .filter(|_| numbers.chance(share))
                .map(|m| m.host)
                .collect::<Vec<_>>();
            let states: States = states
                .into_iter()
                .map(|host| (host, *numbers.one_of(&["down", "down", "old", "drained", "up"])))
                .collect();
            fixture::feed(serial, &states)
        });
        for (name, text) in ["a.json", "b.json"].iter().zip(&texts) {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let feeds = texts.each_ref().map(|text| Feed::parse(text.as_bytes()).unwrap());
        let now = jiff::Timestamp::now().to_string();
        let [a, b] = feeds.each_ref().map(|feed| {
            asking::snapshot(&asking::static_data(&loaded, Some(feed)), Some(feed), &now)
        });
        let found = json_of(dir.path(), &["diff", "a.json", "b.json", "--json"]);
        for country in ["DE", "FR", "JP", "US", "LI", "IS", "GB", "BR", "AR"] {
            let owner = country.to_lowercase();
            for (name, rtype, text, alone) in
                [("big", A, "A", false), ("big", AAAA, "AAAA", false), ("ipv6", AAAA, "AAAA", true)]
            {
                let name = format!("db.{owner}.{name}.clam.example");
                let (before, after) = (addresses(&a, &name, rtype), addresses(&b, &name, rtype));
                let rows = rows(&found, country, text, alone);
                let [row] = &rows[..] else {
                    assert!(
                        rows.is_empty() && before == after,
                        "{name}: {rows:?}: {before:?} {after:?}"
                    );
                    continue;
                };
                differences += 1;
                let of = |addresses: &BTreeSet<IpAddr>| {
                    addresses.iter().map(|a| hosts[a].clone()).collect::<BTreeSet<_>>()
                };
                let told = |side: &str| -> BTreeSet<String> {
                    let mirrors = row["mirrors"].as_array().unwrap();
                    let one_sided = mirrors.iter().filter(|mirror| mirror[side].is_null());
                    one_sided.map(|mirror| mirror["host"].as_str().unwrap().to_owned()).collect()
                };
                assert_eq!(
                    told("before"),
                    of(&after).difference(&of(&before)).cloned().collect(),
                    "{name}"
                );
                assert_eq!(
                    told("after"),
                    of(&before).difference(&of(&after)).cloned().collect(),
                    "{name}"
                );
                assert_eq!(
                    (row["before"]["addresses"].as_u64(), row["after"]["addresses"].as_u64()),
                    (Some(before.len() as u64), Some(after.len() as u64)),
                    "{name}"
                );
            }
        }
    }
    assert!(differences > 50, "{differences}");
}
