//! `cvdns export delegation`: with what it prints a parent leads to the server (RFC 1034 section
//! 4.2.1, RFC 9471).

use crate::support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use support::daemon::{Daemon, Files};
use support::tools::{self, Peer};
use support::{fixture, ports};

/// Exit status, standard output and standard error.
type Done = (Option<i32>, String, String);

fn delegation(dir: &Path, arguments: &[&str]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(["export", "delegation"]).args(arguments).current_dir(dir).stdin(Stdio::null());
    let done = command.output().expect("cvdns");
    let text = |octets| String::from_utf8(octets).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

/// What must be printed.
fn printed(dir: &Path, arguments: &[&str]) -> String {
    let (code, out, error) = delegation(dir, arguments);
    assert_eq!(code, Some(0), "{error}");
    for words in ["scope 0", "`ecs = false` in [server]"] {
        assert!(out.contains(words) && error.contains(words), "{words}: {out}{error}");
    }
    out
}

/// Lines without comments, their blanks made one.
fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with(';') && !line.is_empty());
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn dig(address: &str, port: u16, arguments: &[&str]) -> String {
    let mut dig = tools::tool("dig");
    dig.args([format!("@{address}"), "-p".to_owned(), port.to_string(), "+norec".to_owned()]);
    tools::output(dig.args(arguments))
}

fn sections(address: &str, port: u16, arguments: &[&str], wanted: &[&str]) -> BTreeSet<String> {
    let all = [arguments, &["+noall"], wanted].concat();
    lines(&dig(address, port, &all)).into_iter().collect()
}

/// The parent zone with these delegations in it; named-checkzone must accept it without a word
/// about them.
fn parent(origin: &str, delegations: &str) -> String {
    let text = format!(
        "$ORIGIN {origin}.\n$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\n{delegations}"
    );
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("zone");
    std::fs::write(&file, &text).expect("written");
    let mut check = tools::tool("named-checkzone");
    let said = tools::output(check.args(["-i", "local", "-k", "fail", origin]).arg(&file));
    assert_eq!(said, format!("zone {origin}/IN: loaded serial 1\nOK\n"), "{text}");
    text
}

/// The fixture's server, whose zone names servers on loopback.
fn served() -> Files {
    let files = fixture::files();
    let zone = files.text("clam.zone");
    let zone = zone.replace("192.0.2.1\n", "127.0.0.2\n").replace("2001:db8::1\n", "::1\n");
    let zone = zone.replacen("192.0.2.2\n", "127.0.0.1\n", 1);
    let config =
        files.text("cvdns.toml").replace("[\"127.0.0.1:", "[\"127.0.0.2:@PORT@\", \"127.0.0.1:");
    files.with("clam.zone", zone).with("cvdns.toml", config)
}

#[test]
fn a_parent_in_bind_leads_to_the_server() {
    let daemon = Daemon::start(&served());
    let text = printed(daemon.path(), &["--parent", "example"]);
    // short.example names servers outside of what is delegated.
    let expected = [
        "$ORIGIN example.",
        "clam 900 IN NS ns1.clam",
        "clam 900 IN NS ns2.clam",
        "ns1.clam 900 IN A 127.0.0.2",
        "ns1.clam 900 IN AAAA ::1",
        "ns2.clam 900 IN A 127.0.0.1",
    ];
    let of_clam: Vec<String> =
        lines(&text).into_iter().filter(|line| !line.starts_with("short")).collect();
    assert_eq!(of_clam, expected, "{text}");
    let named = Peer::named(&[("example", &parent("example", &text))]);
    for name in ["db.de.clam.example", "clam.example"] {
        let referral = sections(
            "127.0.0.1",
            named.port,
            &[name, "A"],
            &["+answer", "+authority", "+additional"],
        );
        let own = |name: &str, kind: &str| {
            sections("127.0.0.1", daemon.port(), &[name, kind], &["+answer"])
        };
        let mut wanted = own("clam.example", "NS");
        for (server, kind) in [("ns1", "A"), ("ns1", "AAAA"), ("ns2", "A")] {
            wanted.extend(own(&format!("{server}.clam.example"), kind));
        }
        assert_eq!(wanted.len(), 5);
        assert_eq!(referral, wanted);
        for address in referral.iter().filter(|line| !line.contains(" NS ")) {
            let address = address.rsplit(' ').next().expect("an address");
            let answer = dig(address, daemon.port(), &["db.de.clam.example", "A"]);
            assert!(
                answer.contains("flags: qr aa;") && answer.contains("192.0.2.11\n"),
                "{answer}"
            );
        }
    }
}

/// A zone for each country beside the zone of their name servers, which has a child.
fn set_of_zones() -> Files {
    let zone = |file: &str, origin: &str| {
        format!("format = 1\norigin = \"{origin}\"\nrecords = \"{file}.zone\"\n")
    };
    let records = |rest: &str| format!("$TTL 60\n@ SOA a.ns.test. hostmaster 1 2 3 4 5\n{rest}");
    let config = "[server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\nworkers = 1\necs = false\n\
                  [[zone]]\nfile = \"cc.toml\"\n[[zone]]\nfile = \"ns.toml\"\n[[zone]]\nfile = \"kid.toml\"\n";
    Files::default()
        .with("cvdns.toml", config)
        .with("cc.toml", zone("cc", "db.{cc}.test"))
        .with("cc.zone", records("@ 300 NS A.ns.test.\n@ 300 NS b.else.example.\n"))
        .with("ns.toml", zone("ns", "ns.test"))
        .with("ns.zone", records("@ NS a\na 120 A 127.0.0.1\na 120 A 127.0.0.3\na AAAA ::1\n"))
        .with("kid.toml", zone("kid", "kid.ns.test"))
        .with("kid.zone", records("@ NS a.ns.test.\n@ NS own\nown A 127.0.0.4\n"))
}

#[test]
fn zones_are_grouped_by_the_zone_that_they_belong_into() {
    let daemon = Daemon::start(&set_of_zones());
    let text = printed(daemon.path(), &[]);
    assert!(text.contains("The setting is `ecs = false` now."), "{text}");
    let countries = tools::output(Command::new(env!("CARGO_BIN_EXE_cvdns")).args([
        "geoip",
        "countries",
        "--json",
    ]));
    let countries: serde_json::Value = serde_json::from_str(&countries).expect("JSON");
    let labels = countries
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|row| row["labels"].as_array().expect("labels"));
    let labels: BTreeSet<&str> = labels.map(|label| label.as_str().expect("a label")).collect();
    let count = labels.len();
    assert!(
        count > 250 && text.contains(&format!("\n; db.{{cc}}.test: {count} zones\n")),
        "{text}"
    );
    let (first, second) = text
        .split_once("; Delegations in the zone ns.test, which is served here too")
        .expect("two parents");
    assert!(first.starts_with("; Delegations in the zone test.\n"), "{first}");
    let glue = [
        "a.ns.test. 120 IN A 127.0.0.1",
        "a.ns.test. 120 IN A 127.0.0.3",
        "a.ns.test. 60 IN AAAA ::1",
    ];
    let found = lines(first);
    let (sets, rest) = found.split_at(2 * count);
    let expected: BTreeSet<String> = labels
        .iter()
        .flat_map(|cc| {
            ["A.ns.test.", "b.else.example."]
                .map(|server| format!("db.{cc}.test. 300 IN NS {server}"))
        })
        .collect();
    assert_eq!(sets.iter().cloned().collect::<BTreeSet<_>>(), expected);
    assert_eq!(rest, [&["ns.test. 60 IN NS a.ns.test."][..], &glue].concat());
    // The parent has the addresses of its own servers.
    let kid = [
        "kid.ns.test. 60 IN NS a.ns.test.",
        "kid.ns.test. 60 IN NS own.kid.ns.test.",
        "own.kid.ns.test. 60 IN A 127.0.0.4",
    ];
    let (_, second) = second.split_once('\n').expect("the rest of the heading");
    assert_eq!(lines(second), kid);

    // What belongs into a parent is told apart from what belongs into a zone below it.
    let relative = printed(daemon.path(), &["--parent", "TEST."]);
    assert!(
        !relative.contains("kid") && relative.contains("\ndb.de 300 IN NS A.ns\n"),
        "{relative}"
    );
    let of_kid =
        ["$ORIGIN ns.test.", "kid 60 IN NS a", "kid 60 IN NS own.kid", "own.kid 60 IN A 127.0.0.4"];
    assert_eq!(lines(&printed(daemon.path(), &["--parent", "ns.test"])), of_kid);
    assert_eq!(lines(&printed(daemon.path(), &["--parent", "de.test"])).len(), 1 + 2);

    // Names and addresses are the same either way, and the siblings' glue comes with the referral.
    let wanted = ["db.uk.test. 300 IN NS A.ns.test.", "db.uk.test. 300 IN NS b.else.example."];
    let wanted: BTreeSet<String> =
        wanted.iter().chain(&glue).map(|line| line.to_lowercase()).collect();
    for delegations in [&relative, first] {
        let named = Peer::named(&[("test", &parent("test", delegations))]);
        let referral = sections(
            "127.0.0.1",
            named.port,
            &["x.db.uk.test", "A"],
            &["+authority", "+additional"],
        );
        assert_eq!(
            referral.iter().map(|line| line.to_lowercase()).collect::<BTreeSet<_>>(),
            wanted
        );
    }
    let answer = dig("127.0.0.1", daemon.port(), &["db.uk.test", "SOA"]);
    assert!(answer.contains("flags: qr aa;"), "{answer}");
}

#[test]
fn zones_that_nobody_could_find_are_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let files = set_of_zones();
    let no_address =
        files.text("ns.zone").replace("a 120 A 127.0.0.1\na 120 A 127.0.0.3\na AAAA ::1\n", "");
    files.clone().with("ns.zone", no_address).write(dir.path(), ports::free());
    let (code, out, error) = delegation(dir.path(), &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    for words in [
        "error: the name server A.ns.test of db.ad.test is within ns.test and has no address\n",
        "--> cc.zone:3:",
        "error: the name server a.ns.test of ns.test is within ns.test and has no address\n",
        "--> ns.zone:3:",
        "add its A or AAAA record to that zone",
        // Reported once for all countries.
        "\n2 errors, 0 warnings\n",
        "nothing is printed until resolvers could follow all delegations",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    // Below a cut, addresses are the glue there; none of ours then.
    let cut = "$TTL 60\n@ SOA a.ns.test. hostmaster 1 2 3 4 5\n@ NS n.sub\nsub NS n.sub\nn.sub A 127.0.0.9\n";
    files.with("ns.zone", cut).write(dir.path(), ports::free());
    let (_, _, error) = delegation(dir.path(), &["--parent", "test"]);
    assert!(error.contains("A.ns.test of db.ad.test") && !error.contains("n.sub"), "{error}");
}

#[test]
fn what_belongs_nowhere_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    set_of_zones().write(dir.path(), ports::free());
    for zone in ["example", "kid.ns.test", "x.kid.ns.test"] {
        let (code, out, error) = delegation(dir.path(), &["--parent", zone]);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{zone}");
        assert!(error.contains(&format!("no served zone is delegated from {zone}")), "{error}");
    }
    assert_eq!(delegation(dir.path(), &["--parent", "a..b"]).0, Some(2));
    let (code, _, error) = delegation(dir.path(), &["--config", "none.toml"]);
    assert!(code == Some(1) && error.contains("none.toml"), "{error}");
}
