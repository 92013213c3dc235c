//! Bad signatures, and clients that take more than their share.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::path::Path;

use socket2::{Domain, Socket, Type};

use super::files;
use super::secondaries::{AXFR, Program, SECRET, served_serial, signed, transferred};
use crate::support::client::{ALL, framed, read};
use crate::support::daemon::{Daemon, Files};
use crate::support::packet::Query;
use crate::support::reply::Reply;
use crate::support::tools::output;
use crate::support::{PATIENCE, fixture, half_hour, ports, rr};

/// What the server answers to each case of `tsig.py`: RCODE, error, and the answer's signature.
const CASES: [(&str, &str); 19] = [
    ("good", "NOERROR NOERROR right"),
    ("clock behind", "NOERROR NOERROR right"),
    ("clock ahead", "NOERROR NOERROR right"),
    ("ten minutes behind", "NOTAUTH BADTIME right"),
    ("ten minutes ahead", "NOTAUTH BADTIME right"),
    ("secret", "NOTAUTH BADSIG none"),
    ("name", "NOTAUTH BADKEY none"),
    ("algorithm", "NOTAUTH BADKEY none"),
    ("sha1", "NOTAUTH BADKEY none"),
    ("half", "NOTAUTH BADTRUNC right"),
    ("three quarters", "NOTAUTH BADTRUNC right"),
    ("half and late", "NOTAUTH BADTIME right"),
    ("half and wrong", "NOTAUTH BADSIG none"),
    ("less than half", "FORMERR - none"),
    ("nothing", "FORMERR - none"),
    ("longer", "FORMERR - none"),
    ("twice", "FORMERR - none"),
    ("elsewhere", "FORMERR - none"),
    ("cut", "FORMERR - none"),
];

/// RFC 8945 section 5.2, judged by dnspython: every error, over UDP and TCP, of queries and
/// transfers.
#[test]
fn rfc8945_5_2_each_bad_signature_gets_its_error() {
    let files = files("client-names = \"unknown\"", &[(Program::Named, ports::free())]);
    let daemon = Daemon::start(&files);
    let (begun, before) = (half_hour(), served_serial(daemon.port(), fixture::ORIGIN));
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = std::process::Command::new(project.join("target/python/bin/python"));
    python.arg(project.join("tests/interop/transfer/tsig.py")).arg(daemon.port().to_string());
    let said = output(python.args([fixture::ORIGIN, Program::Named.key(), SECRET]));
    let expected: Vec<String> = ["udp SOA", "tcp SOA", "tcp AXFR"]
        .iter()
        .flat_map(|how| CASES.map(|(case, answer)| format!("{how} {case}: {answer}")))
        .collect();
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said, expected);
    let after = served_serial(daemon.port(), fixture::ORIGIN);
    assert!(after == before || half_hour() != begun, "{before}, then {after}");
}

/// A connection from this address, with a small buffer for what comes.
pub(super) fn connected(from: IpAddr, port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    socket.bind(&SocketAddr::new(from, 0).into()).expect("an address of loopback");
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    socket.connect(&server.into()).expect("connected");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.into()
}

/// A server with a zone that no buffer holds.
fn large() -> Daemon {
    Daemon::start(&large_files())
}

/// The files of that server.
pub(super) fn large_files() -> Files {
    let mut zone =
        "$TTL 60\n@ SOA ns h 7 3600 900 1209600 60\n@ NS ns\nns A 192.0.2.1\n".to_owned();
    for number in 0..120_000 {
        let _ = writeln!(zone, "n{number} TXT \"{}\"", "x".repeat(80));
    }
    let files = files("client-names = \"unknown\"", &[(Program::Named, ports::free())]);
    let config = files.text("cvdns.toml");
    let port = config.split("address = \"").nth(1).and_then(|rest| rest.split('"').next());
    let config = config.replace(port.expect("an address"), "127.0.0.0/8");
    let config = config.replacen("[geoip]", "[[zone]]\nfile = \"large.toml\"\n[geoip]", 1);
    let toml = "format = 1\norigin = \"large.example\"\nrecords = \"large.zone\"\n";
    let files = files.with("large.toml", toml).with("large.zone", zone);
    files.with("cvdns.toml", config)
}

/// 500 transfers at the same time, none of which is read: 16 of a client and 32 in all begin, the
/// others get SERVFAIL at once, and everybody else is answered as ever.
#[test]
fn many_transfers_at_once_are_bounded() {
    let daemon = large();
    let request = framed(&signed("large.example", AXFR));
    let mut connections: Vec<TcpStream> = (0..500u16)
        .map(|number| {
            let client = [127, 0, 1, u8::try_from(number % 5).expect("small")];
            let mut connection = connected(client.into(), daemon.port());
            connection.write_all(&request).expect("sent");
            connection
        })
        .collect();
    let first = |connection: &mut TcpStream| {
        let message = read(connection).expect("an answer");
        u16::from(message[3] & 15)
    };
    let rcodes: Vec<u16> = connections.iter_mut().map(first).collect();
    let begun = rcodes.iter().filter(|rcode| **rcode == rr::NOERROR).count();
    assert_eq!(begun, 32);
    assert_eq!(rcodes.iter().filter(|rcode| **rcode == rr::SERVFAIL).count(), 468);
    // Meanwhile others are answered over every transport.
    for transport in ALL {
        let reply = daemon.client().ask(transport, &Query::new("www.short.example", rr::A));
        assert_eq!(reply.rcode(), rr::NOERROR);
    }
    drop(connections);
    // The slots are free again, and a client that reads gets everything.
    let lines = || transferred(daemon.port(), "large.example", Some(Program::Named)).len();
    daemon.until("free slots", || lines() == 120_003);
}

/// A client that has closed its side gets everything that it asked for, in its order.
#[test]
fn half_closed_connections_get_everything() {
    let daemon = large();
    let mut connection = connected([127, 0, 0, 1].into(), daemon.port());
    connection.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let soa = Query::new("large.example", rr::SOA).build();
    let messages = [&soa, &signed("large.example", AXFR), &soa, &signed("large.example", AXFR)];
    let sent: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
    connection.write_all(&sent).expect("sent");
    connection.shutdown(Shutdown::Write).expect("closed");
    let (mut octets, mut records, mut soas) = (Vec::new(), 0, Vec::new());
    connection.read_to_end(&mut octets).expect("all of it");
    let mut rest = octets.as_slice();
    let mut number = 0;
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let (message, after) = tail.split_at(u16::from_be_bytes(*length).into());
        let reply = Reply::walk(message).expect("well formed");
        assert_eq!(reply.rcode(), rr::NOERROR);
        for record in &reply.answer {
            records += 1;
            if record.rtype == rr::SOA {
                soas.push(records);
            }
        }
        number += 1;
        rest = after;
    }
    // A SOA record, 120,003 records with the SOA record at both ends, and both again.
    let whole = 120_004;
    assert_eq!(soas, [1, 2, whole + 1, whole + 2, whole + 3, 2 * whole + 2], "{number} messages");
    assert_eq!(records, 2 * whole + 2);
}

/// A client that goes away in the middle of a transfer takes nothing with it.
#[test]
fn clients_that_go_away_leave_nothing_behind() {
    let daemon = large();
    let request = framed(&signed("large.example", AXFR));
    for number in 0..100usize {
        let mut connection = connected([127, 0, 0, 1].into(), daemon.port());
        connection.write_all(&request).expect("sent");
        let mut some = vec![0; number * 701];
        connection.read_exact(&mut some).expect("octets");
    }
    let small = || transferred(daemon.port(), "short.example", Some(Program::Named)).len();
    daemon.until("free slots", || small() > 2);
}
