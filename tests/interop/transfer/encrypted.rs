//! Transfers over TLS (RFC 9103) and QUIC (RFC 9250): dig and kdig, and BIND and NSD as secondaries
//! that verify the certificate. Knot 3.2 transfers over neither.

use super::asking::key;
use super::following::change;
use super::secondaries::{
    AXFR, IXFR, Program, SECRET, Secondary, served_serial, signed, transferred,
};
use super::{CATALOG, ZONES, files};
use crate::encrypted::with_tls;
use crate::support::daemon::Daemon;
use crate::support::tools::{output, tool};
use crate::support::{fixture, http, ports};

/// A server with encrypted transports.
struct Server {
    daemon: Daemon,
    admin: u16,
    dot: u16,
    doq: u16,
    doh: u16,
}

impl Server {
    fn start(secondaries: &[(Program, u16)]) -> Self {
        let [admin, dot, doq, doh] = [(); 4].map(|()| ports::free());
        let transfer = format!("catalog = \"{CATALOG}\"\nclient-names = \"unknown\"");
        let files = with_tls(files(&transfer, secondaries), [dot, doq, doh]);
        let config =
            format!("{}\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n", files.text("cvdns.toml"));
        Self { daemon: Daemon::start(&files.with("cvdns.toml", config)), admin, dot, doq, doh }
    }

    /// How many queries came by this transport.
    fn received(&self, transport: &str) -> u64 {
        let (_, page) = http::get(self.admin, "/metrics");
        let series = format!("cvdns_queries_received_total{{transport=\"{transport}\"}} ");
        let count = page.lines().find_map(|line| line.strip_prefix(&series));
        count.and_then(|count| count.parse().ok()).expect("a count")
    }
}

/// The records of a transfer that dig or kdig prints, in lower case, without signature and spaces.
fn records(said: &str) -> Vec<String> {
    let said = said.to_ascii_lowercase();
    let lines = said.lines().filter(|line| !line.is_empty() && !line.starts_with(';'));
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut records: Vec<String> = words.filter(|line| !line.contains(" tsig ")).collect();
    records.sort();
    records
}

fn asked(program: &str, port: u16, arguments: &[&str]) -> String {
    let mut command = tool(program);
    command.args(["@127.0.0.1", "-p", &port.to_string(), "-y", &key(SECRET)]).args(arguments);
    output(&mut command)
}

/// AXFR and IXFR, signed, give the records that they give over TCP.
#[test]
fn dig_and_kdig_transfer_over_tls_and_quic_as_over_tcp() {
    let server = Server::start(&[(Program::Named, ports::free())]);
    let plain = server.daemon.port();
    for zone in ZONES {
        let expected = records(&asked("kdig", plain, &[zone, "AXFR"]));
        assert!(expected.len() > 3, "{expected:?}");
        for (program, port, transport) in [
            ("dig", server.dot, "+tls"),
            ("kdig", server.dot, "+tls"),
            ("kdig", server.doq, "+quic"),
        ] {
            for kind in ["AXFR", "IXFR=1"] {
                let said = asked(program, port, &[transport, zone, kind]);
                let words = said.to_ascii_lowercase();
                assert!(words.contains("tsig"), "{program} {transport} {kind}: {said}");
                let is_right = !words.contains("couldn't verify") && !words.contains("warning");
                assert!(is_right, "{program} {transport} {kind}: {said}");
                assert_eq!(records(&said), expected, "{program} {transport} {zone} {kind}");
            }
        }
    }
}

/// Each change of the feed arrives at BIND and NSD, which refuse servers that do not prove their
/// name, and ask for everything over TLS.
#[test]
fn bind_and_nsd_follow_every_change_over_tls() {
    let places = [Program::Named, Program::Nsd].map(|program| (program, ports::free()));
    let server = Server::start(&places);
    let authority = server.daemon.path().join("c.pem");
    let mut secondaries = places.map(|(program, port)| {
        Secondary::over_tls(program, port, server.dot, &ZONES, (&authority, "ns1.clam.example"))
    });
    for secondary in &mut secondaries {
        secondary.start();
    }
    let plain = server.received("tcp");
    for number in 1..=10 {
        let newest = change(&server.daemon, number);
        for secondary in &secondaries {
            secondary.must_reach(fixture::ORIGIN, newest);
        }
    }
    assert!(server.received("tls") > 10, "over TLS");
    assert_eq!(server.received("tcp"), plain, "over TCP");
    for zone in ZONES {
        let newest = served_serial(server.daemon.port(), zone);
        let expected = transferred(server.daemon.port(), zone, Some(Program::Named));
        for secondary in &secondaries {
            secondary.must_reach(zone, newest);
            assert_eq!(
                transferred(secondary.port, zone, None),
                expected,
                "{:?}",
                secondary.program
            );
        }
    }
}

/// RFC 9103 sections 7.1 and 7.2: transfers take TLS 1.3 and the protocol `dot`. Over HTTPS there
/// are none. Other queries are answered.
#[test]
fn rfc9103_7_1_other_handshakes_get_no_transfer() {
    let server = Server::start(&[(Program::Named, ports::free())]);
    let rcode = |arguments: &[&str], message: &[u8]| {
        let answer = over_openssl(server.dot, arguments, message);
        answer.get(3).map(|octet| octet & 0xf).expect("an answer")
    };
    let good = ["-tls1_3", "-alpn", "dot"];
    for qtype in [AXFR, IXFR] {
        let message = signed("short.example", qtype);
        assert_eq!(rcode(&good, &message), 0);
        for other in [&["-tls1_3"][..], &["-tls1_2", "-alpn", "dot"]] {
            assert_eq!(rcode(other, &message), 5, "{other:?}");
            assert_eq!(rcode(other, &signed("short.example", 6)), 0, "{other:?}: SOA");
        }
    }
    let said = asked("dig", server.doh, &["+https", "short.example", "SOA"]);
    assert!(said.contains("NOERROR"), "{said}");
    let said = asked("dig", server.doh, &["+https", "short.example", "AXFR"]);
    assert!(said.contains("Transfer failed"), "{said}");
}

/// The first answer to a message that openssl carries.
fn over_openssl(port: u16, arguments: &[&str], message: &[u8]) -> Vec<u8> {
    use std::io::{Read as _, Write as _};
    let mut openssl = tool("openssl");
    openssl.args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{port}")]).args(arguments);
    openssl.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = openssl.stderr(std::process::Stdio::null()).spawn().expect("openssl started");
    let (mut stdin, mut stdout) = (child.stdin.take(), child.stdout.take());
    let (stdin, stdout) = (stdin.as_mut().expect("a pipe"), stdout.as_mut().expect("a pipe"));
    stdin.write_all(&crate::support::client::framed(message)).expect("sent");
    let mut prefix = [0; 2];
    stdout.read_exact(&mut prefix).expect("an answer");
    let mut answer = vec![0; usize::from(u16::from_be_bytes(prefix))];
    stdout.read_exact(&mut answer).expect("all of it");
    child.kill().expect("ended");
    child.wait().expect("gone");
    answer
}
