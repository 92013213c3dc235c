//! Who gets what, against what `cvdns explain` tells with the same files.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::{Controlled, files};
use super::html::{ageless, all, between, text};
use crate::support::daemon::Daemon;
use crate::support::fixture::{self, states};
use crate::support::http;

fn encoded(value: &str) -> String {
    value.bytes().fold(String::new(), |encoded, octet| format!("{encoded}%{octet:02x}"))
}

/// A server some of whose mirrors are out, each for another reason.
fn server() -> Controlled {
    let (files, port) = files("");
    let downtime = "downtime = [{ from = 2030-12-01T02:00:00Z, to = 2030-12-01T06:00:00Z }]\n";
    let fleet = files
        .text("mirrors.toml")
        .replace("host = \"de1.example\"\n", &format!("host = \"de1.example\"\n{downtime}"));
    let overrides = "[[override]]\nhost = \"de2.example\"\nstate = \"down\"\nreason = \"disk swap\"\n\
                     until = 2030-12-02T00:00:00Z\n";
    let said =
        states(&[("fr1.example", "old"), ("jp1.example", "down"), ("us3.example", "removed")]);
    let config = files.text("cvdns.toml").replace("[feed]\n", "[feed]\nmax-age = \"876000h\"\n");
    let files = files
        .with("cvdns.toml", config)
        .with("mirrors.toml", fleet)
        .with("overrides.toml", overrides)
        .with("feed.json", fixture::feed(1_000, &said));
    Controlled { daemon: Daemon::start(&files), port }
}

/// Asserts that the page tells what the command does: each line of its text, and the answer.
#[track_caller]
fn assert_told(server: &Controlled, name: &str, rtype: &str, client: &str, at: &str) {
    let target = format!(
        "/who?name={}&type={}&client={}&at={}",
        encoded(name),
        encoded(rtype),
        encoded(client),
        encoded(at)
    );
    let page = server.page(&target, 200);
    let mut arguments = vec!["explain", name];
    for (option, value) in [("", rtype), ("--client", client), ("--at", at)] {
        let option = Some(option).filter(|option| !option.is_empty());
        arguments.extend(option.into_iter().chain([value]).filter(|_| !value.is_empty()));
    }
    let (code, out, error) = server.cvdns(&arguments);
    assert_eq!(code, Some(0), "{arguments:?} {error}");
    let shown = ageless(&text(between(&page, "id=\"answer\"", "</section>")));
    for line in out.lines().skip(1) {
        let words = line.trim();
        let heading = line.get(2..15).unwrap_or_default().trim();
        // Windows are a table, and pools have other names.
        if heading == "window" {
            continue;
        }
        let words = ageless(words.strip_prefix(heading).unwrap_or(words).trim());
        assert!(shown.contains(&words), "{arguments:?}: {words:?} is not told:\n{shown}");
    }
    arguments.push("--json");
    let (_, out, _) = server.cvdns(&arguments);
    let told: Value = serde_json::from_str(&out).expect("JSON");
    let strings = |value: &Value| -> Vec<String> {
        let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().map(|one| one.as_str().expect("text").to_owned()).collect()
    };
    assert_eq!(
        all(&page, "<th scope=\"row\"><code>", "</code>"),
        strings(&told["pools"]["window"]["addresses"]),
        "{arguments:?}"
    );
    let rcode = told["answer"]["rcode"].as_str().expect("an RCODE");
    let code = if told["outcome"] == "nodata" { "NODATA" } else { rcode };
    assert!(page.contains(&format!("<b>{code}</b>: ")), "{arguments:?}");
    assert!(!shown.contains(&format!("{code}: {code}: ")), "{arguments:?}");
    for (section, name) in [
        ("records", "Answer section"),
        ("authority", "Authority section"),
        ("additional", "Additional section"),
    ] {
        let region = "<pre class=\"wire\" tabindex=\"0\" role=\"region\" aria-label=";
        let records = all(&page, &format!("{region}\"{name}\">"), "</pre>");
        let sent = strings(&told["answer"][section]).join(" ");
        let sent = sent.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(records.join(" "), sent, "{arguments:?} {section}");
    }
    // Which mirrors are in, and which are out.
    let mut members = BTreeMap::new();
    for pool in told["pools"]["path"].as_array().map(Vec::as_slice).unwrap_or_default() {
        for member in pool["members"].as_array().expect("members").iter().take(50) {
            let is_in = member["why_not"].is_null();
            members.insert(member["host"].as_str().expect("a host").to_owned(), is_in);
        }
    }
    let pools = page.split_once("<ol class=\"pools\">").map(|(_, rest)| rest).unwrap_or_default();
    let pools = pools.split("</ol>").next().unwrap_or_default();
    let shown: BTreeMap<String, bool> = pools
        .split("<li><span class=\"state ")
        .skip(1)
        .map(|item| (text(between(item, "<bdi>", "</bdi>")), item.starts_with("up\">in")))
        .collect();
    assert_eq!(shown, members, "{arguments:?}");
    // The command that the page names is this one.
    let command = all(&page, "On the command line: <code>", "</code>");
    let mut expected = format!("cvdns explain {name} {}", told["type"].as_str().expect("a type"));
    let network = told["client"]["address"].as_str().expect("an address");
    if !client.is_empty() {
        let prefix = told["client"]["prefix"].as_u64().map(|prefix| format!("/{prefix}"));
        expected = format!("{expected} --client {network}{}", prefix.unwrap_or_default());
    }
    if !at.is_empty() {
        expected = format!("{expected} --at {at}");
    }
    assert_eq!(command, [expected], "{arguments:?}");
}

#[test]
fn the_page_tells_what_explain_tells() {
    let server = server();
    for client in
        ["198.51.100.9", "198.51.100.130/26", "2001:db8:e000::/36", "203.0.113.200", "9.9.9.9"]
    {
        for name in ["db.local.clam.example", "database.clam.example", "near.clam.example"] {
            for rtype in ["", "AAAA"] {
                assert_told(&server, name, rtype, client, "");
            }
        }
    }
    for (name, rtype) in [
        ("db.de.clam.example", ""),
        ("DB.jp.clam.example.", "a"),
        ("db.fr.clam.example", "AAAA"),
        ("db.us.clam.example", "A"),
        ("db.de.ipv6.clam.example", ""),
        ("current.cvd.clam.example", ""),
        ("current.cvd.clam.example", "A"),
        ("test.cvd.clam.example", ""),
        ("www.clam.example", ""),
        ("x.wild.clam.example", ""),
        ("alias.clam.example", ""),
        ("mirror.clam.example", "A"),
        ("www.old.clam.example", ""),
        ("clam.example", ""),
        ("x.ping.clam.example", ""),
        ("db.de.clam.example", "ANY"),
        ("nope.clam.example", ""),
        ("a.sub.clam.example", ""),
        ("other.test", ""),
        ("www.clam.example", "TYPE65280"),
    ] {
        assert_told(&server, name, rtype, "", "");
    }
}

/// Another moment: downtimes begin and overrides end, and the page says what it cannot know.
#[test]
fn another_moment_is_told_with_what_nobody_knows() {
    let server = server();
    for at in [
        "2030-12-01T01:58:59Z",
        "2030-12-01T01:59:00Z",
        "2030-12-01T06:00:00Z",
        "2030-12-02T00:00:00Z",
    ] {
        assert_told(&server, "db.de.clam.example", "A", "", at);
        assert_told(&server, "db.local.clam.example", "", "198.51.100.9", at);
    }
    assert_told(&server, "current.cvd.clam.example", "", "", "2027-01-01T03:14:15Z");
    let page = |at: &str| text(&server.page(&format!("/who?name=db.de.clam.example&at={at}"), 200));
    let drained = "drained (downtime, until 2030-12-01T06:00:00Z)";
    assert!(page("2030-12-01T03:00:00Z").contains(drained));
    assert!(!page("").contains(drained));
    assert!(page("2030-12-01T03:00:00Z").contains("the server cannot know"));
    assert!(page("2020-12-01T03:00:00Z").contains("The server does not remember what it answered"));
    assert!(!page("").contains("cannot know") && !page("").contains("does not remember"));
    // What is not there yet has neither an age nor a start.
    let early = page("2020-12-01+03:00");
    assert!(early.contains("generated ") && early.contains(" later"), "{early}");
    assert!(!early.contains(", -"), "{early}");
    for at in ["-009999-02-01T00:00:00Z", "9999-12-30T00:00:00Z", "1970-01-01T00:00:00Z"] {
        page(at);
    }
}

/// Questions on the page are no queries: no counter moves, that of download reports neither.
#[test]
fn what_is_asked_on_the_page_is_not_counted() {
    let server = server();
    let counted = || -> BTreeMap<String, f64> {
        let samples = http::samples(&http::get(server.port, "/metrics").1);
        let moved =
            ["cvdns_queries", "cvdns_answers", "cvdns_ping", "cvdns_path", "cvdns_mirror_answers"];
        samples
            .into_iter()
            .filter(|(name, _)| moved.iter().any(|part| name.starts_with(part)))
            .collect()
    };
    let before = counted();
    assert!(before.keys().any(|name| name.contains("ping_reports_malformed")), "{before:?}");
    for name in
        ["daily.1.2.1.1.192.0.2.11.ping.clam.example", "x.ping.clam.example", "db.de.clam.example"]
    {
        server.page(&format!("/who?name={name}"), 200);
        server.page(&format!("/who?name={name}&at=2030-01-01T00:00:00Z"), 200);
    }
    assert_eq!(counted(), before);
}
