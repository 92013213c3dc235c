//! `cvdns check --delegation`: a parent in BIND, right and wrong delegations, and servers that
//! answer differently (RFC 1034 section 4.2, RFC 1912 section 2.3, RFC 9471).

mod broken_server;

use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use broken_server::{Fault, broken_server};
use support::daemon::{Daemon, Files};
use support::tools::Peer;
use support::{fixture, ports};

/// Where the parent's name server is. BIND listens on addresses of interfaces only. The first cvdns
/// is at 127.0.0.2 and `::1`, the second at 127.0.0.3, on the same port.
const PARENT: &str = "127.0.0.1";

/// BIND with this parent zone.
fn parent(origin: &str, delegations: &str) -> Peer {
    let text = format!(
        "$ORIGIN {origin}.\n$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A {PARENT}\n{delegations}"
    );
    Peer::named(&[(origin, &text)])
}

/// Exit status, standard output and standard error of the check, in this directory.
fn check(dir: &Path, port: u16, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(["check", "--delegation", "--port", &port.to_string()]);
    command.args(["--resolver", &format!("{PARENT}:{port}")]).args(more);
    let done = command.current_dir(dir).stdin(Stdio::null()).output().expect("cvdns");
    let text = |octets| String::from_utf8(octets).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

/// The kinds of findings of each zone.
fn kinds(dir: &Path, port: u16) -> (Option<i32>, BTreeMap<String, BTreeSet<String>>) {
    let (code, out, error) = check(dir, port, &["--json"]);
    let report: serde_json::Value =
        serde_json::from_str(&out).unwrap_or_else(|it| panic!("{it}: {out}{error}"));
    let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for finding in report["delegation"]["findings"].as_array().expect("findings") {
        let word = |key: &str| finding[key].as_str().expect("a word").to_owned();
        assert!(!word("help").is_empty(), "{finding}");
        // The command says whether it worked; a signal does not.
        assert!(!word("help").contains("SIGHUP"), "{finding}");
        kinds.entry(word("zone")).or_default().insert(word("kind"));
    }
    (code, kinds)
}

/// The fixture's server with name servers on loopback; it also answers at `listen`.
fn server(nsid: &str, listen: &str) -> Files {
    let files = fixture::files();
    let zone = files.text("clam.zone").replace("192.0.2.1\n", "127.0.0.2\n");
    let zone = zone.replace("2001:db8::1\n", "::1\n").replacen("192.0.2.2\n", "127.0.0.3\n", 1);
    let config = files.text("cvdns.toml").replace("\"ns1\"", &format!("\"{nsid}\""));
    let config = config.replace("[[zone]]\nfile = \"short.toml\"\n", "");
    let config = config.replace("listen = [", &format!("listen = [{listen}, "));
    files.with("clam.zone", zone).with("cvdns.toml", config)
}

/// The addresses of the first server.
fn first(port: u16) -> String {
    format!("\"127.0.0.2:{port}\", \"[::1]:{port}\"")
}

/// The address of the second.
fn second(port: u16) -> String {
    format!("\"127.0.0.3:{port}\"")
}

const CLAM: &str = "clam NS ns1.clam\nclam NS ns2.clam\nns1.clam A 127.0.0.2\n\
                    ns1.clam AAAA ::1\nns2.clam A 127.0.0.3\n";

#[test]
fn a_right_delegation_has_no_findings() {
    let parent = parent("example", CLAM);
    let port = parent.port;
    let one = Daemon::start(&server("ns1", &first(port)));
    let _other = Daemon::start(&server("ns2", &second(port)));
    let (code, out, error) = check(one.path(), port, &[]);
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(out.ends_with("delegation of 1 zone: 0 errors, 0 warnings\n"), "{out}{error}");
    let rows: BTreeSet<Vec<&str>> = out
        .lines()
        .filter(|line| line.starts_with("clam.example  ns"))
        .map(|line| line.split_whitespace().skip(1).collect())
        .collect();
    let row = |name, address, nsid| vec![name, address, "ok", "ok", "2026112201", nsid];
    let expected = [
        row("ns1.clam.example", "127.0.0.2", "ns1"),
        row("ns1.clam.example", "::1", "ns1"),
        row("ns2.clam.example", "127.0.0.3", "ns2"),
    ];
    assert_eq!(rows, BTreeSet::from(expected), "{out}");
}

/// The wrong zones below `test`: the name, the second name server with its address in the zone, the
/// lines of the parent beside those for `ns1`, and what must be found.
const WRONG: [(&str, &str, &str, &[&str]); 12] = [
    ("less", "ns2 127.0.0.3", "", &["ns-missing-at-parent"]),
    (
        "more",
        "ns2 127.0.0.3",
        "@ NS ns2\nns2 A 127.0.0.3\n@ NS ns3\nns3 A 127.0.0.9\n",
        &["ns-only-at-parent", "unreachable"],
    ),
    ("noglue", "ns2 127.0.0.3", "@ NS ns2\n", &["glue-missing"]),
    (
        "oldglue",
        "ns2 127.0.0.3",
        "@ NS ns2\nns2 A 127.0.0.9\n",
        &["glue-differs", "glue-missing", "unreachable"],
    ),
    ("lame", "ns2 127.0.0.1", "@ NS ns2\nns2 A 127.0.0.1\n", &["lame"]),
    ("noaa", "ns2 127.0.0.7", "@ NS ns2\nns2 A 127.0.0.7\n", &["not-authoritative"]),
    ("notcp", "ns2 127.0.0.5", "@ NS ns2\nns2 A 127.0.0.5\n", &["tcp-unanswered"]),
    ("noedns", "ns2 127.0.0.6", "@ NS ns2\nns2 A 127.0.0.6\n", &["edns-broken"]),
    ("noudp", "ns2 127.0.0.8", "@ NS ns2\nns2 A 127.0.0.8\n", &["udp-unanswered"]),
    ("old", "ns2 127.0.0.3", "@ NS ns2\nns2 A 127.0.0.3\n", &["serials-differ"]),
    (
        "ds",
        "ns2 127.0.0.3",
        "@ NS ns2\nns2 A 127.0.0.3\n@ DS 12345 13 2 \
         0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\n",
        &["ds-without-key"],
    ),
    ("noaddr", "ns.nowhere.test. -", "@ NS ns.nowhere.test.\n", &["no-address"]),
];

/// A server of the wrong zones, of one that has one name server, and of one that is not delegated.
fn wrong(serial_of_old: u32, listen: &str) -> Files {
    let mut config = format!(
        "[server]\nlisten = [{listen}, \"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\nworkers = 1\n"
    );
    let mut files = Files::default();
    let wrong = WRONG.iter().map(|(name, server, ..)| (*name, *server));
    for (name, server) in wrong.chain([("alone", ""), ("gone", "ns2 127.0.0.3")]) {
        let serial = if name == "old" { serial_of_old } else { 1 };
        let mut records =
            format!("$TTL 60\n@ SOA ns1 hostmaster {serial} 2 3 4 5\n@ NS ns1\nns1 A 127.0.0.2\n");
        if let Some((second, address)) = server.split_once(' ') {
            let _ = writeln!(records, "@ NS {second}");
            if address != "-" {
                let _ = writeln!(records, "{second} A {address}");
            }
        }
        let zone = format!("format = 1\norigin = \"{name}.test\"\nrecords = \"{name}.zone\"\n");
        files = files.with(&format!("{name}.toml"), zone).with(&format!("{name}.zone"), records);
        let _ = write!(config, "[[zone]]\nfile = \"{name}.toml\"\n");
    }
    files.with("cvdns.toml", config)
}

/// What the parent has of a zone, written with names relative to that zone.
fn delegated(name: &str, rest: &str) -> String {
    let line = |line: &str| {
        let (owner, rest) = line.split_once(' ').expect("a record");
        let owner = if owner == "@" { name.to_owned() } else { format!("{owner}.{name}") };
        match rest.strip_prefix("NS ").filter(|target| !target.ends_with('.')) {
            Some(target) => format!("{owner} NS {target}.{name}\n"),
            None => format!("{owner} {rest}\n"),
        }
    };
    format!("@ NS ns1\nns1 A 127.0.0.2\n{rest}").lines().map(line).collect()
}

#[test]
fn each_wrong_delegation_is_named() {
    let mut delegations: String =
        WRONG.iter().map(|(name, _, rest, _)| delegated(name, rest)).collect();
    delegations.push_str(&delegated("alone", ""));
    let parent = parent("test", &delegations);
    let port = parent.port;
    let one = Daemon::start(&wrong(1, &first(port)));
    let _other = Daemon::start(&wrong(2, &second(port)));
    for (address, fault) in [
        ("127.0.0.5", Fault::Tcp),
        ("127.0.0.6", Fault::Edns),
        ("127.0.0.7", Fault::Aa),
        ("127.0.0.8", Fault::Udp),
    ] {
        broken_server(address.parse().expect("an address"), one.port(), port, fault);
    }
    let (code, found) = kinds(one.path(), port);
    assert_eq!(code, Some(1));
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let others: [(&str, &[&str]); 2] = [("gone", &["not-delegated"]), ("alone", &["one-server"])];
    let wrong = WRONG.iter().map(|(name, _, _, kinds)| (*name, *kinds));
    for (name, kinds) in wrong.chain(others) {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        expected.insert(format!("{name}.test"), kinds);
    }
    assert_eq!(found, expected);

    let (code, out, error) = check(one.path(), port, &[]);
    assert_eq!(code, Some(1), "{out}{error}");
    for words in [
        "error[not-delegated]: gone.test: parent's ns.test (127.0.0.1) does not delegate the zone: it answers NXDOMAIN\n  \
         help: give the parent's operator the records that `cvdns export delegation` prints\n",
        "error[ns-missing-at-parent]: less.test: the parent has no NS record for ns2.less.test\n",
        "error[lame]: lame.test: ns2.lame.test (127.0.0.1) is lame: it answers without the SOA record\n",
        "error[serials-differ]: old.test: the servers have different SOA serials: 1 at ns1.old.test (127.0.0.2); \
         2 at ns2.old.test (127.0.0.3); the zone file has 1\n",
        "error[unreachable]: more.test: ns3.more.test (127.0.0.9) does not answer: Connection refused",
        "warning[one-server]: alone.test: the zone has only one name server\n",
    ] {
        assert!(error.contains(words), "{words}\n{error}");
    }
    assert!(out.ends_with("delegation of 14 zones: 16 errors, 1 warning\n"), "{out}");
}

/// Two servers of one zone: the second has another feed, ignores client subnets and has the NSID of
/// the first.
#[test]
fn servers_that_answer_differently_are_named() {
    let parent = parent("example", CLAM);
    let port = parent.port;
    let one = Daemon::start(&server("ns1", &first(port)));
    let other = server("ns1", &second(port));
    let config = other.text("cvdns.toml").replace("[server]\n", "[server]\necs = false\n");
    // Of DE, of which the sample is, all mirrors but one are down.
    let states = fixture::states(&[("de1.example", "down"), ("de2.example", "down")]);
    let files = other.with("cvdns.toml", config).with("feed.json", fixture::feed(2_000, &states));
    let other = Daemon::start(&files);
    let (code, found) = kinds(one.path(), port);
    assert_eq!(code, Some(1));
    let expected = ["answer-differs", "ecs-not-echoed", "nsid-shared"].map(str::to_owned);
    assert_eq!(found, BTreeMap::from([("clam.example".to_owned(), BTreeSet::from(expected))]));
    let (_, _, error) = check(one.path(), port, &[]);
    for words in [
        "error[ecs-not-echoed]: clam.example: ns2.clam.example (127.0.0.3) does not echo the client subnet for db.local.clam.example A for ",
        "error[answer-differs]: clam.example: ns2.clam.example (127.0.0.3) answers db.de.clam.example A otherwise: records: ",
        "warning[nsid-shared]: clam.example: the NSID ns1 is that of several name servers: ns1.clam.example, ns2.clam.example\n",
    ] {
        assert!(error.contains(words), "{words}\n{error}");
    }
    // Seen from the configuration of the second, the first is the wrong one.
    let (code, _, error) = check(other.path(), port, &[]);
    assert_eq!(code, Some(1));
    let words = "ns1.clam.example (127.0.0.2) echoes the client subnet with scope /";
    assert!(error.contains(words), "{error}");

    // Without a feed here, the servers are compared with each other.
    let dir = tempfile::tempdir().expect("a directory");
    server("ns1", &first(port)).with("feed.json", "{").write(dir.path(), ports::free());
    let (code, found) = kinds(dir.path(), port);
    assert_eq!(code, Some(1));
    assert_eq!(found["feed"], BTreeSet::from(["feed-unread".to_owned()]));
    assert!(found["clam.example"].contains("ecs-not-echoed"), "{found:?}");
}

#[test]
fn a_resolver_that_does_not_answer_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let port = ports::free();
    server("ns1", &first(port)).write(dir.path(), ports::free());
    let (code, out, error) = check(dir.path(), port, &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let words = format!("the resolver {PARENT}:{port} does not answer: Connection refused");
    assert!(error.contains(&words) && error.contains("name another with --resolver"), "{error}");
    let arguments = ["check", "--resolver", "127.0.0.1"];
    let done = Command::new(env!("CARGO_BIN_EXE_cvdns")).args(arguments).output().expect("cvdns");
    assert_eq!(done.status.code(), Some(2), "--resolver goes with --delegation only");
}
