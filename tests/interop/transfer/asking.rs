//! Who gets what: dig and kdig with and without keys, and strangers.

use std::process::Command;

use super::secondaries::{
    AXFR, CATALOG, IXFR, Program, SECRET, served_serial, signed, transferred,
};
use super::{ZONES, files};
use crate::support::client::{ALL, Client, Transport};
use crate::support::daemon::Daemon;
use crate::support::packet::Query;
use crate::support::reply::Reply;
use crate::support::tools::{output, tool};
use crate::support::{fixture, ports, rr};

/// A server with one secondary, which may have `short.example` only.
fn server(client_names: &str, zones: &str) -> Daemon {
    let transfer = format!("catalog = \"{CATALOG}\"\nclient-names = \"{client_names}\"");
    let files = files(&transfer, &[(Program::Named, ports::free())]);
    let config = format!("{}zones = {zones}\n", files.text("cvdns.toml"));
    Daemon::start(&files.with("cvdns.toml", config))
}

pub(super) fn key(secret: &str) -> String {
    format!("hmac-sha256:{}:{secret}", Program::Named.key())
}

/// What dig or kdig prints.
fn asked(program: &str, port: u16, arguments: &[&str]) -> String {
    let mut command = tool(program);
    command.args(["@127.0.0.1", "-p", &port.to_string()]).args(arguments);
    output(&mut command)
}

/// The serial in the SOA record of an answer, in whichever section.
fn serial_in(port: u16, name: &str, qtype: u16) -> u32 {
    let reply = Client { port }.ask(Transport::Tcp4, &Query::new(name, qtype));
    let soa = reply.answer.iter().chain(&reply.authority).find(|record| record.rtype == rr::SOA);
    let numbers = soa.unwrap_or_else(|| panic!("no SOA: {reply:?}")).rdata.last_chunk::<20>();
    let serial = numbers.expect("five numbers").first_chunk().expect("a serial");
    u32::from_be_bytes(*serial)
}

/// The SOA record has the serial of the transfer wherever it stands: at the apex, in NXDOMAIN and
/// NODATA, at names with mirrors, and behind aliases.
#[test]
fn the_soa_has_the_serial_of_the_transfer_everywhere() {
    let daemon = server("unknown", "[\"*\"]");
    let port = daemon.port();
    let key = Some(Program::Named);
    for zone in ZONES {
        let lines = transferred(port, zone, key);
        let soa = lines.iter().find(|line| line.contains(" in soa ")).expect("a SOA record");
        let serial: u32 = soa.split(' ').nth(6).and_then(|word| word.parse().ok()).expect("serial");
        assert_eq!(serial_in(port, zone, rr::SOA), serial, "{zone}");
        assert_eq!(serial_in(port, &format!("no.such.{zone}"), rr::A), serial, "{zone}");
        assert_eq!(serial_in(port, zone, rr::MX), serial, "{zone}");
    }
    let newest = served_serial(port, fixture::ORIGIN);
    assert_ne!(newest, 2_026_112_201, "that of the master file");
    for name in ["www", "db.de", "db.fr", "mirror", "near", "x.wild", "x.anyde", "db.local"] {
        let name = format!("{name}.{}", fixture::ORIGIN);
        assert_eq!(serial_in(port, &name, rr::MX), newest, "{name}");
    }
    assert_eq!(serial_in(port, &format!("db.fr.{}", fixture::ORIGIN), rr::AAAA), newest);
}

/// dig and kdig verify what they get, over UDP and TCP, and get the same records.
#[test]
fn dig_and_kdig_verify_transfers_and_answers() {
    let daemon = server("unknown", "[\"*\"]");
    let port = daemon.port();
    let zone = fixture::ORIGIN;
    let newest = served_serial(port, zone).to_string();
    let key = key(SECRET);
    for transport in ["+notcp", "+tcp"] {
        for name in [zone, &format!("db.de.{zone}"), &format!("large.{zone}")] {
            for kind in ["SOA", "A", "TXT"] {
                for program in ["dig", "kdig"] {
                    let said = asked(program, port, &["-y", &key, transport, "+norec", name, kind]);
                    let words = said.to_ascii_lowercase();
                    assert!(words.contains("noerror") && words.contains("tsig"), "{said}");
                    assert!(
                        !words.contains("couldn't verify") && !words.contains("warning"),
                        "{said}"
                    );
                }
            }
        }
    }
    let mut sets: Vec<Vec<String>> = Vec::new();
    for program in ["dig", "kdig"] {
        let said = asked(program, port, &["-y", &key, zone, "AXFR"]);
        let words = said.to_ascii_lowercase();
        assert!(!words.contains("couldn't verify") && !words.contains("warning"), "{said}");
        let records = said.lines().filter(|line| !line.is_empty() && !line.starts_with(';'));
        let records = records.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let mut records: Vec<String> = records
            .map(|line| line.to_ascii_lowercase())
            .filter(|line| !line.contains(" tsig "))
            .collect();
        records.sort();
        records.dedup();
        sets.push(records);
    }
    assert!(sets[0].len() > 1_000, "{}", sets[0].len());
    assert_eq!(sets[0].len(), sets[1].len());
    // RFC 1995 section 2: who has everything gets the SOA record alone, as does who asks over UDP.
    let ixfr = format!("IXFR={newest}");
    let said = asked("dig", port, &["-y", &key, zone, &ixfr, "+noall", "+answer"]);
    assert_eq!(said.lines().filter(|line| line.contains("SOA")).count(), 1, "{said}");
    let said = asked("dig", port, &["-y", &key, zone, "IXFR=1", "+notcp", "+noall", "+answer"]);
    assert_eq!(said.lines().filter(|line| line.contains("IN")).count(), 1, "{said}");
    // Unknown serials and those of the future: the whole zone.
    for serial in ["1", "4000000000"] {
        let ixfr = format!("IXFR={serial}");
        let said = asked("dig", port, &["-y", &key, zone, &ixfr, "+tcp", "+noall", "+answer"]);
        // dig stops after a message whose serial is smaller than its own.
        assert!(said.lines().count() > 100, "{serial}: {}", said.lines().count());
    }
}

/// RFC 8945 section 5.2: a wrong secret and an unknown key, as dig sees them.
#[test]
fn dig_is_told_what_is_wrong_with_its_key() {
    let daemon = server("unknown", "[\"*\"]");
    let port = daemon.port();
    let wrong = key("d3Jvbmcgc2VjcmV0IHdyb25nIHNlY3JldCB3cm9uZyE=");
    let unknown = format!("hmac-sha256:nobody:{SECRET}");
    let other = format!("hmac-sha512:{}:{SECRET}", Program::Named.key());
    for (key, error) in [(&wrong, "BADSIG"), (&unknown, "BADKEY"), (&other, "BADKEY")] {
        for (kind, transport) in [("SOA", "+notcp"), ("SOA", "+tcp"), ("IXFR=1", "+tcp")] {
            let arguments = ["-y", key, fixture::ORIGIN, kind, transport, "+comments", "+all"];
            let mut dig = tool("dig");
            dig.args(["@127.0.0.1", "-p", &port.to_string()]).args(arguments);
            let said = dig.output().expect("dig runs");
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            assert!(said.contains(error), "{kind} {transport}: {said}");
        }
    }
    let log = daemon.last_log();
    assert!(log.contains("its secret is another one (BADSIG)"), "{log}");
    assert_eq!(log.matches("is refused: ").count(), 1, "one line a minute for a source:\n{log}");
}

/// Without a signature nothing is transferred, over any transport, and the catalog does not exist.
#[test]
fn strangers_are_refused() {
    let daemon = server("unknown", "[\"*\"]");
    let client = daemon.client();
    for transport in ALL {
        for (name, qtype) in [
            (fixture::ORIGIN, AXFR),
            ("short.example", AXFR),
            ("short.example", IXFR),
            (CATALOG, AXFR),
            (CATALOG, rr::SOA),
            ("elsewhere.example", AXFR),
        ] {
            let reply = client.ask(transport, &Query::new(name, qtype).edns(1232));
            assert_eq!(reply.rcode(), rr::REFUSED, "{transport:?} {name} {qtype}");
            assert!(reply.answer.is_empty());
            if qtype != rr::SOA {
                // 18, Prohibited (RFC 8914).
                assert_eq!(reply.option(15).map(|of| &of[..2]), Some(&[0, 18][..]), "{reply:?}");
            }
        }
    }
}

/// A secondary gets its zones and its catalog, and no others.
#[test]
fn a_secondary_gets_its_zones_alone() {
    let daemon = server("unknown", "[\"SHORT.example\"]");
    let port = daemon.port();
    let rcode = |zone: &str, qtype: u16, transport: Transport| {
        let answer = daemon.client().exchange(transport, &signed(zone, qtype)).expect("an answer");
        Reply::walk(&answer).expect("well formed").rcode()
    };
    assert!(transferred(port, "short.example", Some(Program::Named)).len() > 2);
    for qtype in [AXFR, IXFR] {
        for transport in [Transport::Udp4, Transport::Tcp4] {
            assert_eq!(rcode(fixture::ORIGIN, qtype, transport), rr::REFUSED, "{transport:?}");
            // NOTAUTH (RFC 5936 section 2.2.1).
            assert_eq!(rcode("elsewhere.example", qtype, transport), 9, "{transport:?}");
        }
    }
    for transport in [Transport::Udp4, Transport::Tcp4] {
        assert_eq!(rcode("short.example", IXFR, transport), rr::NOERROR, "{transport:?}");
        assert_eq!(rcode(CATALOG, rr::SOA, transport), rr::NOERROR, "{transport:?}");
        let of_udp = if transport.is_udp() { rr::REFUSED } else { rr::NOERROR };
        assert_eq!(rcode("short.example", AXFR, transport), of_udp, "{transport:?}");
    }
    let lines = transferred(port, CATALOG, Some(Program::Named));
    assert_eq!(lines.iter().filter(|line| line.contains(" in ptr ")).count(), 1, "{lines:?}");
    assert!(lines.iter().any(|line| line.ends_with("in txt \"2\"")), "{lines:?}");
}

/// While client subnets are answered, a zone whose answers depend on the client is refused, with a
/// text that says why, and `cvdns check` and `cvdns status` say so.
#[test]
fn zones_that_depend_on_clients_are_refused() {
    let daemon = server("refuse", "[\"*\"]");
    let port = daemon.port();
    let answer = daemon.client().exchange(Transport::Tcp4, &signed(fixture::ORIGIN, AXFR));
    let reply = Reply::walk(&answer.expect("an answer")).expect("well formed");
    let why = String::from_utf8_lossy(reply.option(15).expect("an extended error"));
    assert_eq!(reply.rcode(), rr::REFUSED);
    assert!(why.contains("depend on the client"), "{why}");
    assert!(transferred(port, "short.example", Some(Program::Named)).len() > 2);
    // The zone has the serial of its master file.
    assert_eq!(served_serial(port, fixture::ORIGIN), 2_026_112_201);
    let config = daemon.path().join("cvdns.toml");
    let mut check = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let checked = check.args(["check", "--config"]).arg(&config).output().expect("it runs");
    let said = [checked.stdout, checked.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("clam.example is not transferred"), "{said}");
    assert!(said.contains("client-names = \"unknown\""), "{said}");
}
