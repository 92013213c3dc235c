//! NOTIFY (RFC 1996) from primaries and from others.

use super::primary::{Primary, Zone, serves};
use super::{ORIGIN, files, metrics, notify, until_served, zone_file};
use crate::support::client::{ALL, Transport};
use crate::support::daemon::Daemon;
use crate::support::packet::{AA, Opt, QR, Query};
use crate::support::reply::Reply;
use crate::support::{fixture, ports, rr};
use std::net::UdpSocket;
use std::time::Instant;

const OPCODE: u16 = 4 << 11;
const NOTAUTH: u16 = 9;

fn request(zone: &str) -> Query {
    Query::new(zone, rr::SOA).flags(OPCODE | AA)
}

#[test]
fn notify_is_answered_as_its_sender_and_its_zone_are_known() {
    let (port, admin) = (ports::free(), ports::free());
    let primary = Primary::start(port, serves(Zone::new(ORIGIN, 7)));
    let daemon = Daemon::start(&files(&zone_file(&[port]), admin));
    until_served(&daemon, 7);
    // The primaries are on 127.0.0.1: NOTIFY over IPv6 comes from somebody else.
    for transport in ALL {
        let is_primary = matches!(transport, Transport::Udp4 | Transport::Tcp4);
        for (zone, accepted, refused) in [
            (ORIGIN, rr::NOERROR, rr::REFUSED),
            ("Z.Example", rr::NOERROR, rr::REFUSED),
            ("other.example", NOTAUTH, NOTAUTH),
            ("www.z.example", NOTAUTH, NOTAUTH),
        ] {
            let query = request(zone);
            let octets = daemon.client().exchange(transport, &query.build()).expect("an answer");
            let rcode = if is_primary { accepted } else { refused };
            let authority = if rcode == rr::NOERROR { AA } else { 0 };
            let expected = [
                &query.id.to_be_bytes()[..],
                &(QR | OPCODE | authority | rcode).to_be_bytes(),
                &[0, 1, 0, 0, 0, 0, 0, 0],
                &query.question(),
            ]
            .concat();
            assert_eq!(octets, expected, "{transport:?} {zone}");
        }
    }
    // The answer has an OPT record if the request has one (RFC 6891 section 6.1.1).
    let octets = daemon.client().exchange(Transport::Udp4, &request(ORIGIN).edns(4096).build());
    let reply = Reply::walk(&octets.expect("an answer")).expect("a reply");
    assert_eq!(reply.opt, Some(Opt::default()));
    // What is malformed, of another type or of another class.
    for (what, octets, rcode) in [
        ("no question", request(ORIGIN).build()[..12].to_vec(), rr::FORMERR),
        ("another type", Query::new(ORIGIN, rr::A).flags(OPCODE).build(), rr::NOTIMP),
        ("another class", request(ORIGIN).class(rr::CH).build(), NOTAUTH),
        ("UPDATE", Query::new(ORIGIN, rr::SOA).flags(5 << 11).build(), rr::NOTIMP),
    ] {
        let reply = daemon.client().exchange(Transport::Udp4, &octets).expect("an answer");
        assert_eq!(u16::from(reply[3] & 0xf), rcode, "{what}");
    }
    // A response gets none.
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(("127.0.0.1", daemon.port())).expect("a route");
    socket.send(&request(ORIGIN).flags(QR).build()).expect("sent");
    socket.send(&Query::new(ORIGIN, rr::SOA).build()).expect("sent");
    let mut room = [0; 512];
    let length = socket.recv(&mut room).expect("an answer");
    assert_eq!(room[2] & 0x78, 0, "the answer to the query after it: {:?}", &room[..length]);
    assert!(metrics(admin).contains("cvdns_notifies_total{outcome=\"refused\"}"));
    drop(primary);
}

/// However many come, checks have a second between them.
#[test]
fn many_notifies_are_one_check() {
    let (port, admin) = (ports::free(), ports::free());
    let primary = Primary::start(port, serves(Zone::new(ORIGIN, 7)));
    let daemon = Daemon::start(&files(&zone_file(&[port]), admin));
    until_served(&daemon, 7);
    for serial in 8..11 {
        primary.does(serves(Zone::new(ORIGIN, serial)));
        primary.asked();
        let begun = Instant::now();
        for _ in 0..300 {
            assert_eq!(notify(&daemon, ORIGIN).0, rr::NOERROR);
        }
        until_served(&daemon, serial);
        let checks = primary.asked().iter().filter(|qtype| **qtype == rr::SOA).count();
        // One at once, one that was due, and one for the second that has begun.
        let most = begun.elapsed().as_secs() as usize + 3;
        assert!(checks <= most, "{checks} checks, at most {most} expected");
    }
    drop(daemon);
}

/// Without zones of primaries, NOTIFY is an opcode like others that are not implemented.
#[test]
fn notify_is_not_implemented_where_no_zone_has_a_primary() {
    let daemon = Daemon::start(&fixture::files());
    for transport in ALL {
        let reply = daemon.client().exchange(transport, &request(fixture::ORIGIN).build());
        let reply = reply.expect("an answer");
        assert_eq!(u16::from(reply[3] & 0xf), rr::NOTIMP);
        assert_eq!(reply.len(), 12, "no section is read");
    }
}
