//! What is between clients and servers: a resolver that follows a parent's referral.

use super::apart::apart;
use crate::support::daemon::{Daemon, Files};
use crate::support::fixture::{self, path, states, yields};
use crate::support::tools::{self, Peer, tool, tool_of};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

/// Where BIND has the parent zone, and where it is a resolver that knows nothing but where the
/// parent is.
const PARENT: &str = "127.0.0.3";
const RESOLVER: &str = "127.0.0.4";

/// The fixture's server; the zone's name servers are on loopback.
fn served() -> Files {
    let files = fixture::files();
    let zone = files
        .text("clam.zone")
        .replace("192.0.2.1\n", "127.0.0.2\n")
        .replace("2001:db8::1\n", "::1\n");
    let zone = zone.replacen("192.0.2.2\n", "127.0.0.1\n", 1);
    let config =
        files.text("cvdns.toml").replace("[\"127.0.0.1:", "[\"127.0.0.2:@PORT@\", \"127.0.0.1:");
    files.with("clam.zone", zone).with("cvdns.toml", config)
}

/// BIND on port 53 of this address.
fn named(address: &str, options: &str, zone: &str, records: &str) -> Peer {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().display();
    let config = format!(
        "options {{ directory \"{path}\"; listen-on {{ {address}; }}; listen-on-v6 {{ none; }}; pid-file none;\n\
         session-keyfile none; dnssec-validation no; notify no; {options} }};\ncontrols {{ }};\n\
         zone \"example\" {{ {zone} }};\n"
    );
    std::fs::write(dir.path().join("named.conf"), config).expect("named.conf");
    std::fs::write(dir.path().join("example.zone"), records).expect("the zone");
    let mut command = tool("named");
    command.args(["-g", "-n", "1", "-c"]).arg(dir.path().join("named.conf"));
    Peer::of(command, 53, dir, [])
}

/// What dig says, if only that nobody answers.
fn dig(arguments: &[&str]) -> String {
    let said = tool("dig").arg(format!("@{RESOLVER}")).args(arguments).output().expect("dig runs");
    String::from_utf8(said.stdout).expect("text")
}

/// RFC 1034 section 5.3.3, and with BIND's minimised names RFC 9156: the names between the zone's
/// and the one that is asked for.
#[test]
fn a_resolver_finds_the_server_by_what_the_parent_is_given() {
    apart(|| {
        // BIND listens on addresses that an interface has, and on no others of 127.0.0.0/8.
        for address in [PARENT, RESOLVER] {
            let mut ip = tool_of("ip", "install iproute2");
            tools::output(ip.args(["address", "add", &format!("{address}/32"), "dev", "lo"]));
        }
        let server = Daemon::start_on(53, &served());
        let mut export = Command::new(env!("CARGO_BIN_EXE_cvdns"));
        export.args(["export", "delegation", "--parent", "example"]).current_dir(server.path());
        let records = format!(
            "$ORIGIN example.\n$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A {PARENT}\n{}",
            tools::output(&mut export)
        );
        let parent =
            named(PARENT, "recursion no;", "type primary; file \"example.zone\";", &records);
        let stub = format!("type static-stub; server-addresses {{ {PARENT}; }};");
        let resolver = named(RESOLVER, "qname-minimization strict;", &stub, "");
        let deadline = Instant::now() + crate::support::PATIENCE;
        let answer = loop {
            let answer = dig(&["db.de.clam.example", "A", "+tries=1"]);
            if answer.contains("status: NOERROR") {
                break answer;
            }
            assert!(Instant::now() < deadline, "{answer}{}{}", parent.log(), resolver.log());
            std::thread::sleep(Duration::from_millis(50));
        };
        assert!(answer.contains("flags: qr rd ra;"), "not by way of a resolver: {answer}");
        let usable = yields(&path("DE"), &states(&[]), false).0;
        let octets =
            |line: &str| line.parse::<std::net::Ipv4Addr>().expect("an address").octets().to_vec();
        for name in ["db.de.clam.example", "DB.DE.clam.example"] {
            let short = dig(&[name, "A", "+short"]);
            let addresses: BTreeSet<Vec<u8>> = short.lines().map(octets).collect();
            assert!(!addresses.is_empty() && addresses.is_subset(&usable), "{addresses:?}");
        }
        // Kept by the resolver under its own name: names that do not exist are denied, others go on
        // being answered.
        let denied = dig(&["nowhere.clam.example", "A"]);
        assert!(denied.contains("status: NXDOMAIN") && denied.contains("SOA"), "{denied}");
        for (name, kind) in
            [("db.local.clam.example", "A"), ("clam.example", "NS"), ("clam.example", "SOA")]
        {
            let answer = dig(&[name, kind]);
            assert!(
                answer.contains("status: NOERROR") && !answer.contains("ANSWER: 0"),
                "{name}: {answer}"
            );
        }
    });
}
