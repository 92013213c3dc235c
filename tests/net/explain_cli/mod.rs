//! `cvdns explain` by the real binary: stories, JSON, clients, other feeds and times, and what a
//! live server answers.

#![allow(clippy::format_collect, clippy::needless_for_each)]

mod json_keys;
mod live_server;

use crate::support;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::daemon::{Daemon, Files};
use support::fixture::{self, States, states};

/// Exit status, standard output and error.
type Done = (Option<i32>, String, String);

fn explain(dir: &Path, arguments: &str) -> Done {
    explain_with(dir, arguments, "")
}

fn explain_with(dir: &Path, arguments: &str, input: &str) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.arg("explain").args(arguments.split(' ')).current_dir(dir);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cvdns");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("written");
    let done = child.wait_with_output().expect("cvdns");
    let text = |octets| String::from_utf8(octets).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[track_caller]
fn json_of(dir: &Path, arguments: &str) -> Value {
    let (code, out, error) = explain(dir, &format!("{arguments} --json"));
    assert_eq!((code, error.as_str()), (Some(0), ""), "{arguments}");
    serde_json::from_str(&out).expect("JSON")
}

/// A refusal: nothing on standard output, one reason on standard error.
#[track_caller]
fn refused(dir: &Path, arguments: &str, words: &str) {
    let (code, out, error) = explain(dir, arguments);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments}: {error}");
    assert!(error.contains(words), "{arguments}: {error}");
}

fn directory(files: &Files) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    files.write(dir.path(), 5300);
    dir
}

/// A feed of a fixed time, so that whole outputs can be compared.
fn feed_of(serial: u64, generated: &str, said: &States) -> String {
    let feed = fixture::feed(serial, said);
    let (head, tail) = feed.split_once("\"generated\": \"").expect("when");
    let tail = tail.split_once('"').expect("when").1;
    format!("{head}\"generated\": \"{generated}\"{tail}")
}

const GENERATED: &str = "2026-11-22T17:00:00Z";
const AT: &str = "--at 2026-11-22T17:05:10Z";

fn some() -> States {
    states(&[("de1.example", "down"), ("de2.example", "drained"), ("fr1.example", "old")])
}

fn fixed() -> tempfile::TempDir {
    directory(&fixture::files().with("feed.json", feed_of(1_000, GENERATED, &some())))
}

#[test]
fn a_story_has_the_whole_decision_and_the_answer() {
    let dir = fixed();
    let (code, out, error) =
        explain(dir.path(), &format!("db.local.clam.example --client 198.51.100.9/29 {AT}"));
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let date = out
        .split("country.mmdb ")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .expect("its date");
    let window: String =
        out.lines().filter(|line| line.trim_start().starts_with("window")).collect();
    let addresses: Vec<&str> = window.split(": ").nth(1).expect("addresses").split(' ').collect();
    let records: String = addresses
        .iter()
        .flat_map(|address| ["               db.local.clam.example. 60 IN A ", address, "\n"])
        .collect();
    let expected = format!(
        "db.local.clam.example A, asked by 198.51.100.8/29
  zone         clam.example
  country      DE, by country.mmdb {date}, which has all of 198.51.100.0/25 there
  path         DE, FR, US, continent:EU, world
  DE           1 of 3 mirrors usable, gives 1 address (in front), needed: 2
                 de1.example: left out: down
                 de2.example: left out: drained
                 de3.example: 192.0.2.13 (up, 100Mbit/s)
  FR           2 of 2 mirrors usable, gives 1 address (in each answer), needed: 2
                 fr1.example: left out: old: the 2 that are needed are up
                 fr2.example: 192.0.2.22 (up, 100Mbit/s)
  US           40 of 40 mirrors usable, not needed
  continent:EU 3 of 5 mirrors usable, not needed
  world        44 of 46 mirrors usable, not needed
  note         DE has 1 of 3 mirrors usable: filled up from FR
{window}
  feed         1000, 5m 10s old
  answer       addresses of mirrors, TTL 60 s, scope /25
{records}  EDE          0: DE has 1 of 3 mirrors usable: filled up from FR
"
    );
    assert_eq!(out, expected);
    let distinct: BTreeSet<&str> = addresses.into_iter().collect();
    assert_eq!(distinct, BTreeSet::from(["192.0.2.13", "192.0.2.22"]));
}

/// Name and type, outcome and response code, first of the answer or authority.
#[test]
fn every_kind_of_name_has_its_story() {
    let dir = fixed();
    let stamp = "1795366800";
    let record =
        format!("current.cvd.clam.example. 1800 IN TXT \"1.4.6:63:28129:{stamp}:1:90:49192:339\"");
    let soa = "clam.example. 300 IN SOA ns1.clam.example. hostmaster.clam.example. 2026112201 7200 900 1209600 300";
    let short = soa.replacen("300", "60", 1);
    for (asked, rtype, outcome, rcode, first) in [
        ("db.jp.clam.example", "A", "pool", "NOERROR", ""),
        ("db.de.ipv6.clam.example", "AAAA", "pool", "NOERROR", ""),
        // Never longer than the TTL of the mirrors that the name has.
        ("db.fr.clam.example AAAA", "AAAA", "nodata", "NOERROR", &short),
        ("current.cvd.clam.example", "TXT", "record", "NOERROR", &record),
        (
            "test.cvd.clam.example",
            "TXT",
            "record",
            "NOERROR",
            "test.cvd.clam.example. 1800 IN TXT \"6:1795366800\"",
        ),
        ("current.cvd.clam.example A", "A", "nodata", "NOERROR", soa),
        ("www.clam.example", "A", "static", "NOERROR", "www.clam.example. 120 IN A 192.0.2.3"),
        (
            "x.wild.clam.example",
            "TXT",
            "static",
            "NOERROR",
            "x.wild.clam.example. 120 IN TXT \"wildcard\"",
        ),
        (
            "alias.clam.example",
            "A",
            "static",
            "NOERROR",
            "alias.clam.example. 120 IN CNAME www.clam.example.",
        ),
        (
            "mirror.clam.example",
            "A",
            "pool",
            "NOERROR",
            "mirror.clam.example. 120 IN CNAME db.fr.clam.example.",
        ),
        (
            "www.old.clam.example",
            "A",
            "static",
            "NOERROR",
            "old.clam.example. 120 IN DNAME clam.example.",
        ),
        ("clam.example SOA", "SOA", "static", "NOERROR", ""),
        ("clam.example", "SOA", "static", "NOERROR", ""),
        ("x.ping.clam.example", "A", "ping", "NOERROR", "x.ping.clam.example. 60 IN A 127.0.0.1"),
        (
            "db.de.clam.example ANY",
            "ANY",
            "minimal-any",
            "NOERROR",
            "db.de.clam.example. 3600 IN HINFO \"RFC8482\" \"\"",
        ),
        ("nope.clam.example", "A", "nxdomain", "NXDOMAIN", soa),
        ("de.clam.example", "A", "nodata", "NOERROR", soa),
        (
            "a.sub.clam.example",
            "A",
            "referral",
            "NOERROR",
            "sub.clam.example. 120 IN NS ns.sub.clam.example.",
        ),
        ("other.test", "A", "not-ours", "REFUSED", ""),
        ("www.clam.example TYPE65280", "TYPE65280", "nodata", "NOERROR", soa),
    ] {
        let told = json_of(dir.path(), &format!("{asked} {AT}"));
        let name = asked.split(' ').next().expect("a name");
        assert_eq!((&told["name"], &told["type"]), (&json!(name), &json!(rtype)), "{asked}");
        assert_eq!(
            (&told["outcome"], &told["answer"]["rcode"]),
            (&json!(outcome), &json!(rcode)),
            "{asked}"
        );
        let both = [&told["answer"]["records"], &told["answer"]["authority"]];
        let found = both
            .iter()
            .find_map(|records| records.get(0))
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !first.is_empty() {
            assert_eq!(found, first, "{asked}");
        }
        let zone = if name.ends_with("clam.example") { json!("clam.example") } else { Value::Null };
        assert_eq!(told["zone"], zone, "{asked}");
        // The text is of the same.
        let (code, text, _) = explain(dir.path(), &format!("{asked} {AT}"));
        assert_eq!(code, Some(0));
        assert!(text.starts_with(&format!("{name} {rtype}, asked by any client\n")), "{text}");
        assert!(found.is_empty() || text.contains(found), "{text}");
    }
}

#[test]
fn a_client_decides_where_the_name_asks_for_it() {
    let dir = fixed();
    for (client, country, scope) in [
        ("198.51.100.9", json!("DE"), 25),
        ("198.51.100.130/26", json!("FR"), 26),
        ("2001:db8:e000::/36", json!("JP"), 36),
        ("203.0.113.200", json!("AR"), 24),
        ("127.0.0.5", json!("US"), 8),
    ] {
        let told = json_of(dir.path(), &format!("database.clam.example --client {client} {AT}"));
        assert_eq!(
            (&told["location"]["country"], &told["scope"]),
            (&country, &json!(scope)),
            "{client}"
        );
        assert_eq!(told["answer"]["scope"], json!(scope), "{client}");
        let of = json!(if client.starts_with("127.") { Some("127.0.0.0/8") } else { None });
        assert_eq!(told["location"]["override"], of);
    }
    refused(
        dir.path(),
        "db.local.clam.example",
        "the answer depends on the client: name one with --client",
    );
    refused(
        dir.path(),
        "near.clam.example",
        "the answer depends on the client: name one with --client",
    );
    refused(
        dir.path(),
        "db.local.clam.example --client 192.0.2",
        "\"192.0.2\" is neither an address nor a network",
    );
    refused(
        dir.path(),
        "db.local.clam.example --client 192.0.2.0/33",
        "\"192.0.2.0/33\" is neither",
    );
    refused(
        dir.path(),
        "db.local.clam.example --client 0.0.0.0/0",
        "\"0.0.0.0/0\" does not locate a client",
    );
    refused(dir.path(), "db.local.clam.example --client ::/0", "\"::/0\" does not locate a client");
}

#[test]
fn many_clients_are_a_table() {
    let dir = fixed();
    let list = "# who complained\n198.51.100.9\n\n  198.51.100.130/26   # FR\nnobody\n2001:db8:e000::1\n10.0.0.0/99\n9.9.9.9\n";
    std::fs::write(dir.path().join("clients"), list).expect("a file");
    let check = |(code, out, error): Done, file: &str| {
        assert_eq!(code, Some(1), "{error}");
        let lines: Vec<Vec<&str>> =
            out.lines().map(|line| line.split_whitespace().collect()).collect();
        let head = ["CLIENT", "COUNTRY", "PATH", "USABLE", "ANSWER", "TTL", "SCOPE", "SERVER"];
        assert_eq!(lines[0], head);
        let shown: Vec<(&str, &str)> = lines[1..].iter().map(|line| (line[0], line[1])).collect();
        let expected = [
            ("198.51.100.9", "DE"),
            ("198.51.100.128/26", "FR"),
            ("2001:db8:e000::1", "JP"),
            ("9.9.9.9", "unknown"),
        ];
        assert_eq!(shown, expected);
        let words = "is neither an address nor a network such as 192.0.2.0/24";
        assert_eq!(
            error,
            format!(
                "cvdns: {file}:5: \"nobody\" {words}\ncvdns: {file}:7: \"10.0.0.0/99\" {words}\n"
            )
        );
    };
    check(explain(dir.path(), &format!("db.local.clam.example --clients clients {AT}")), "clients");
    check(explain_with(dir.path(), &format!("db.local.clam.example --clients - {AT}"), list), "-");

    // Several on the command line, and beside a file; as JSON an array.
    std::fs::write(dir.path().join("good"), "9.9.9.9\n").expect("a file");
    let told = json_of(
        dir.path(),
        &format!(
            "db.local.clam.example --client 198.51.100.9 --client 198.51.100.200 --clients good {AT}"
        ),
    );
    let countries: Vec<&Value> =
        told.as_array().expect("an array").iter().map(|one| &one["location"]["country"]).collect();
    assert_eq!(countries, [&json!("DE"), &json!("JP"), &Value::Null]);
    assert_eq!(
        json_of(dir.path(), &format!("db.local.clam.example --clients good {AT}"))
            .as_array()
            .map(Vec::len),
        Some(1)
    );

    std::fs::write(dir.path().join("empty"), "# nobody\n\n").expect("a file");
    refused(dir.path(), "db.local.clam.example --clients empty", "empty names no client");
    refused(
        dir.path(),
        "db.local.clam.example --clients missing",
        "cannot read missing: No such file",
    );
    let bad = (0..25).map(|number| format!("x{number}")).collect::<Vec<_>>().join("\n");
    std::fs::write(dir.path().join("bad"), bad).expect("a file");
    let (code, out, error) = explain(dir.path(), "db.local.clam.example --clients bad");
    assert_eq!(
        (code, out.lines().count(), error.lines().count()),
        (Some(1), 1, 21),
        "{out}{error}"
    );
    assert!(error.ends_with("cvdns: bad: 5 more such lines\n"), "{error}");
}

#[test]
fn another_feed_gives_another_story() {
    let dir = fixed();
    let all =
        states(&[("de1.example", "up"), ("gone.example", "down"), ("jp1.example", "removed")]);
    std::fs::write(dir.path().join("other.json"), feed_of(2_000, GENERATED, &all)).expect("a feed");
    std::fs::write(dir.path().join("broken.json"), "{ \"format\": 1,\n \"serial\": }")
        .expect("a feed");
    let (code, out, error) =
        explain(dir.path(), &format!("db.jp.clam.example --feed other.json --json {AT}"));
    assert_eq!(
        (code, error.as_str()),
        (
            Some(0),
            "cvdns: other.json: gone.example is in no fleet file: its state in the feed is not used\n"
        )
    );
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["feed"]["serial"], json!(2_000));
    assert_eq!(told["pools"]["path"][0]["members"][0]["why_not"], json!("removed"));
    assert_eq!(
        json_of(dir.path(), &format!("db.jp.clam.example {AT}"))["feed"]["serial"],
        json!(1_000)
    );
    refused(dir.path(), "db.jp.clam.example --feed broken.json", "broken.json: ");
    refused(dir.path(), "db.jp.clam.example --feed broken.json", "line 2");
    refused(dir.path(), "db.jp.clam.example --feed missing.json", "cannot read missing.json");
    // Without any feed all mirrors are up, and there is no record.
    let files = fixture::files();
    let config = files.text("cvdns.toml").replace("source = \"feed.json\"\n", "");
    let dir = directory(&files.with("cvdns.toml", config));
    let told = json_of(dir.path(), "current.cvd.clam.example");
    assert_eq!(
        (&told["outcome"], &told["answer"]["extended_error"]),
        (&json!("not-ready"), &json!("14: no release is known yet"))
    );
    assert_eq!(told["feed"]["serial"], Value::Null);
}

/// Downtimes and overrides begin and end, stamps go on.
#[test]
fn another_time_tells_what_will_be() {
    let downtime = "downtime = [{ from = 2026-12-01T02:00:00Z, to = 2026-12-01T06:00:00Z }]\n";
    let fleet = fixture::files()
        .text("mirrors.toml")
        .replace("host = \"de1.example\"\n", &format!("host = \"de1.example\"\n{downtime}"));
    let overrides = "[[override]]\nhost = \"de2.example\"\nstate = \"down\"\nreason = \"disk swap\"\nuntil = 2026-12-02T00:00:00Z\n";
    let files = fixture::files();
    let config = files
        .text("cvdns.toml")
        .replace("[feed]\n", "[feed]\nmax-age = \"720h\"\noverrides = \"overrides.toml\"\n");
    let files = files
        .with("feed.json", feed_of(1_000, GENERATED, &States::new()))
        .with("cvdns.toml", config);
    let dir = directory(&files.with("mirrors.toml", fleet).with("overrides.toml", overrides));
    let why = |at: &str| -> Vec<Value> {
        let told = json_of(dir.path(), &format!("db.de.clam.example --at {at}"));
        told["pools"]["path"][0]["members"].as_array().expect("members")[..2]
            .iter()
            .map(|m| m["why_not"].clone())
            .collect()
    };
    let down = json!("down (override: disk swap, until 2026-12-02T00:00:00Z)");
    let drained = json!("drained (downtime, until 2026-12-01T06:00:00Z)");
    // Drained one TTL before: the longest of the zone file's pools, 60 s.
    for (at, expected) in [
        ("2026-12-01T01:58:59Z", [Value::Null, down.clone()]),
        ("2026-12-01T01:59:00Z", [drained.clone(), down.clone()]),
        ("2026-12-01T05:59:59Z", [drained, down.clone()]),
        ("2026-12-01T06:00:00Z", [Value::Null, down.clone()]),
        ("2026-12-01T23:59:59Z", [Value::Null, down]),
        ("2026-12-02T00:00:00Z", [Value::Null, Value::Null]),
    ] {
        assert_eq!(why(at), expected, "{at}");
    }
    // 2026-12-01T03:14:15Z is of the half hour of 03:00.
    let told = json_of(dir.path(), "current.cvd.clam.example --at 2026-12-01T03:14:15Z");
    assert_eq!(
        (&told["record"]["stamp"], &told["record"]["age"]),
        (&json!(1_796_094_000), &json!(855))
    );
    // The feed is stale after max-age, and the record a while after that.
    let told = json_of(dir.path(), "current.cvd.clam.example --at 2027-03-01T00:00:00Z");
    assert_eq!((&told["outcome"], &told["feed"]["fresh"]), (&json!("expired"), &json!(false)));
    assert_eq!(told["answer"]["rcode"], json!("SERVFAIL"));
    let (code, _, error) = explain(dir.path(), "db.de.clam.example --at soon");
    let wrong = "invalid value 'soon' for '--at <TIME>': write a time such as 2026-12-24T00:00:00Z";
    assert!(code == Some(2) && error.contains(wrong), "{error}");
}

#[test]
fn what_is_no_name_or_type_is_refused() {
    let dir = fixed();
    let label = "a".repeat(64);
    let name = vec!["a".repeat(60); 5].join(".");
    refused(dir.path(), &format!("{label}.clam.example"), "a label is over 63 octets long");
    refused(dir.path(), &name, "is not a domain name");
    refused(dir.path(), "a..clam.example", "is not a domain name");
    refused(
        dir.path(),
        "db.de.clam.example FOO",
        "\"FOO\" is not a record type: expected a type such as A, AAAA, TXT or TYPE65280",
    );
    refused(dir.path(), "db.de.clam.example TYPE65536", "is not a record type");
    refused(
        dir.path(),
        "db.de.clam.example --config missing.toml",
        "missing.toml cannot be served",
    );
    assert_eq!(explain(dir.path(), "--json").0, Some(2));
}

/// What is at a diagnostic name is made when a server is asked; with `explain = "off"` there is
/// none.
#[test]
fn a_diagnostic_name_leads_to_the_name_that_it_is_about() {
    let dir = fixed();
    refused(
        dir.path(),
        "_Explain.db.DE.clam.example",
        "_Explain.db.DE.clam.example is a diagnostic name that explains db.de.clam.example: use \
         `cvdns explain db.de.clam.example`, or query the server with dig",
    );
    refused(dir.path(), "_feed.clam.example TXT", "use `cvdns explain clam.example`, or query");
    // These are about nothing of ours.
    for name in ["_pool.nowhere.clam.example", "_other.db.de.clam.example"] {
        assert_eq!(json_of(dir.path(), name)["answer"]["rcode"], "NXDOMAIN", "{name}");
    }
    let files = fixture::files().with("feed.json", feed_of(1_000, GENERATED, &some()));
    let off = files.text("cvdns.toml").replace("[server]\n", "[server]\nexplain = \"off\"\n");
    let dir = directory(&files.with("cvdns.toml", off));
    let story = json_of(dir.path(), "_explain.db.de.clam.example");
    assert_eq!(story["answer"]["rcode"], "NXDOMAIN", "{story}");
}
