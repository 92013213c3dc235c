//! DNS over TLS (RFC 7858).

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use super::doq::query;
use super::{Encrypted, ask_tls, next_message, tls};
use crate::support::client::framed;
use crate::support::{PATIENCE, rr};

/// RFC 7301 section 3.2: who asks for other protocols alone is refused; who asks for none is not.
#[test]
fn rfc7301_3_2_other_protocols_are_refused() {
    let server = Encrypted::start();
    let soa = query("clam.example", rr::SOA).build();
    for protocols in [&[][..], &[&b"dot"[..]], &[b"h2", b"dot"]] {
        let mut stream = tls(server.dot, protocols).expect("connected");
        assert!(ask_tls(&mut stream, &soa).is_some(), "{protocols:?}");
    }
    for port in [server.dot, server.doh] {
        let error = tls(port, &[b"xmpp"]).expect_err("refused").to_string();
        assert!(error.contains("NoApplicationProtocol"), "{error}");
    }
}

/// A message that is shorter than a header ends the connection, as over TCP (RFC 7766 section 8).
#[test]
fn what_is_no_message_ends_the_connection() {
    let server = Encrypted::start();
    let mut stream = tls(server.dot, &[b"dot"]).expect("connected");
    stream.write_all(&framed(&[0; 11])).expect("sent");
    assert_eq!(next_message(&mut stream), None);
}

/// A handshake that is not ended, or is none, ends after the time for a first query.
#[test]
fn handshakes_that_never_end_are_ended() {
    let server = Encrypted::start();
    for octets in [&b""[..], &b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 0, 200, 1]] {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.dot)).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(octets).expect("sent");
        // An alert may come before the end.
        let end = stream.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
        assert!(matches!(end, Ok(_) | Err(ErrorKind::ConnectionReset)), "{octets:?}: {end:?}");
    }
}

/// The idle timeout of the connection is told to who asks (RFC 7828), as over TCP.
#[test]
fn rfc7828_the_idle_timeout_is_told() {
    let server = Encrypted::start();
    let mut stream = tls(server.dot, &[b"dot"]).expect("connected");
    let asked = query("clam.example", rr::SOA).edns(1232).option(11, &[]).build();
    let answer = ask_tls(&mut stream, &asked).expect("an answer");
    let reply = crate::support::reply::Reply::parse(&answer);
    assert_eq!(reply.option(11).map(<[u8]>::len), Some(2));
}
