//! Which server answers, and what it saw: `_whoami`, CHAOS, NSID; and what goes with ordinary
//! answers: extended errors.

use super::ask::{Ask, TOOLS, Told, Tool, WITH_OPTIONS};
use super::oracle::note;
use super::{files, server};
use crate::support::daemon::Daemon;
use crate::support::fixture::{States, states};
use crate::support::ports;

#[test]
fn whoami_says_what_the_server_saw() {
    let server = server(&States::new());
    for (ip, tool) in [
        ("127.0.0.1", Tool::Dig),
        ("::1", Tool::Dig),
        ("127.0.0.1", Tool::Kdig),
        ("::1", Tool::Kdig),
    ] {
        for (tcp, transport) in [(false, "udp"), (true, "tcp")] {
            for subnet in [None, Some("198.51.100.0/24"), Some("2001:db8:8000::/33")] {
                let source = ports::free();
                let bind = if tool == Tool::Dig {
                    format!("{ip}#{source}")
                } else {
                    format!("{ip}@{source}")
                };
                let ask = Ask {
                    server: ip,
                    tcp,
                    subnet,
                    words: &["-b", &bind],
                    ..Ask::txt(server.port(), "_whoami.clam.example")
                };
                let told = ask.by(tool);
                let expected = [
                    format!("address={ip}"),
                    format!("port={source}"),
                    format!("transport={transport}"),
                    format!("ecs={}", subnet.unwrap_or("none")),
                ];
                assert_eq!(told.strings(), expected, "{tool:?}");
                assert_eq!(told.scope, subnet.map(|_| 0));
            }
        }
    }
    let strings =
        Ask::txt(server.port(), "_whoami.db.local.clam.example").by(Tool::Drill).strings();
    assert_eq!((strings[0].as_str(), strings[2].as_str()), ("address=127.0.0.1", "transport=udp"));
}

/// RFC 4892, RFC 5001.
#[test]
fn the_servers_name_and_version_are_told() {
    let server = server(&States::new());
    let version = format!("cvdns {}", env!("CARGO_PKG_VERSION"));
    for tool in TOOLS {
        for (name, text) in [
            ("version.bind", version.as_str()),
            ("version.server", &version),
            ("id.server", "ns1"),
            ("hostname.bind", "ns1"),
        ] {
            let words: &[&str] = if tool == Tool::Drill { &["CH"] } else { &["-c", "CH"] };
            let told = Ask { words, ..Ask::txt(server.port(), name) }.by(tool);
            assert_eq!(told.strings(), [text], "{tool:?} {name}");
        }
    }
    for tool in WITH_OPTIONS {
        for name in ["db.de.clam.example", "_explain.db.de.clam.example"] {
            let told = Ask { words: &["+nsid"], ..Ask::txt(server.port(), name) }.by(tool);
            assert_eq!(told.nsid.as_deref(), Some("ns1"), "{}", told.text);
            assert_eq!(Ask::txt(server.port(), name).by(tool).nsid, None);
        }
    }
}

/// RFC 8914: what tools show of it.
#[test]
fn extended_errors_are_shown_by_tools() {
    let down = states(&[("de1.example", "down"), ("de2.example", "down"), ("jp1.example", "old")]);
    let server = server(&down);
    let mut said = 0;
    for country in ["DE", "FR", "JP", "US", "LI", "IS", "BR"] {
        for (qtype, ipv6) in [("A", false), ("AAAA", true)] {
            for tool in WITH_OPTIONS {
                let suffix = if ipv6 { ".ipv6" } else { "" };
                let name = format!("db.{}{suffix}.clam.example", country.to_lowercase());
                let told = Ask::txt(server.port(), &name).qtype(qtype).by(tool);
                let expected =
                    note(country, &down, ipv6).map(|words| format!("0 (Other): {words}"));
                assert_eq!(told.ede, expected, "{name} {}", told.text);
                said += usize::from(told.ede.is_some());
            }
        }
    }
    assert!(said > 12, "{said}");
}

fn ede(server: &Daemon, name: &str, qtype: &str) -> Vec<(String, Option<String>)> {
    let asked = WITH_OPTIONS.map(|tool| Ask::txt(server.port(), name).qtype(qtype).by(tool));
    asked.into_iter().map(|Told { status, ede, .. }| (status, ede)).collect()
}

fn both(status: &str, ede: &str) -> Vec<(String, Option<String>)> {
    vec![(status.to_owned(), Some(ede.to_owned())); 2]
}

#[test]
fn extended_errors_of_what_is_broken_are_shown_by_tools() {
    // Nothing of any path is usable.
    let all = crate::support::fixture::mirrors();
    let down: States = all.into_iter().map(|mirror| (mirror.host, "down")).collect();
    let open = server(&down);
    let words = "3 (Stale Answer): no mirror of the path is usable: answered as if all were";
    assert_eq!(ede(&open, "db.de.clam.example", "A"), both("NOERROR", words));
    let strings =
        Ask::txt(open.port(), "_explain.db.de.clam.example").tcp().by(Tool::Dig).strings();
    assert!(
        strings
            .contains(&"note=no mirror of the path is usable: answered as if all were".to_owned()),
        "{strings:?}"
    );
    assert!(strings.contains(&"ttl=30".to_owned()), "{strings:?}");

    // No release, and one that nothing renews.
    let files = files(&States::new());
    let config = files.text("cvdns.toml").replace("source = \"feed.json\"\n", "");
    let without = Daemon::start(&files.clone().with("cvdns.toml", config));
    let words = "14 (Not Ready): no release is known yet";
    assert_eq!(ede(&without, "current.cvd.clam.example", "TXT"), both("SERVFAIL", words));
    let strings = Ask::txt(without.port(), "_feed.clam.example").by(Tool::Kdig).strings();
    assert_eq!(strings, ["no feed: all mirrors count as up", "mirrors: 46 up"]);

    let (head, tail) = files.text("feed.json").split_once("\"generated\": \"").expect("when");
    let tail = tail.split_once('"').expect("when").1;
    let aged = format!("{head}\"generated\": \"2026-01-01T00:00:00Z\"{tail}");
    let stale = Daemon::start(&files.clone().with("feed.json", aged.clone()));
    let words = "24 (Invalid Data): the record is too old: nothing renews it";
    assert_eq!(ede(&stale, "current.cvd.clam.example", "TXT"), both("SERVFAIL", words));
    let strings =
        Ask::txt(stale.port(), "_explain.current.cvd.clam.example").by(Tool::Drill).strings();
    assert_eq!(strings[1], "answer=SERVFAIL: the record is too old");
    assert!(
        strings[2].starts_with("stamp=1767229200 age=") && strings[2].ends_with(", too old"),
        "{strings:?}"
    );
    assert!(strings.last().expect("the feed").ends_with(", older than max-age"), "{strings:?}");
    let strings = Ask::txt(stale.port(), "_feed.clam.example").by(Tool::Drill).strings();
    assert!(strings[1].ends_with(" (stale)"), "{strings:?}");

    let config = files.text("cvdns.toml").to_owned() + "[record]\non-stale = \"serve\"\n";
    let served = Daemon::start(&files.with("feed.json", aged).with("cvdns.toml", config));
    let words = "3 (Stale Answer): the record is too old: nothing renews it";
    assert_eq!(ede(&served, "current.cvd.clam.example", "TXT"), both("NOERROR", words));
}
