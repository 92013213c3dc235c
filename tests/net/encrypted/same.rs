//! The same octets as over TCP, whatever the transport.

use std::io::Write as _;

use data_encoding::BASE64URL_NOPAD;

use super::doh::{get, post};
use super::doq::{self, query};
use super::{Encrypted, ask_tls, tls};
use crate::support::client::{Transport, framed};
use crate::support::packet::{DO, Query};
use crate::support::reply::Reply;
use crate::support::rr;

/// Queries whose answers do not depend on a turn.
fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for (name, qtype) in [
        ("clam.example", rr::SOA),
        ("clam.example", rr::NS),
        ("current.cvd.clam.example", rr::TXT),
        ("nothing.clam.example", rr::A),
        ("db.de.clam.example", rr::TXT),
        ("elsewhere.example", rr::A),
        ("version.server", rr::TXT),
    ] {
        queries.push(query(name, qtype));
        queries.push(query(name, qtype).edns(1232));
        queries.push(query(name, qtype).edns(1232).subnet("192.0.2.0/24"));
        queries.push(query(name, qtype).edns(4096).opt(|opt| opt.flags = DO));
    }
    queries.push(query("clam.example", rr::A).opcode(5));
    queries.push(query("version.bind", rr::TXT).class(3));
    queries
}

/// Over TLS, QUIC and HTTPS (GET and POST) the octets are those over TCP.
#[test]
fn every_transport_answers_the_same_octets() {
    let server = Encrypted::start();
    let quic = doq::Client::new(b"doq");
    let connection = quic.connect(server.doq).expect("connected");
    let mut dot = tls(server.dot, &[b"dot"]).expect("connected");
    for query in queries() {
        let message = query.build();
        let expected =
            server.daemon.client().exchange(Transport::Tcp4, &message).expect("an answer");
        assert_eq!(ask_tls(&mut dot, &message).as_ref(), Some(&expected), "TLS: {query:?}");
        let octets = quic.exchange(&connection, &framed(&message)).expect("an answer");
        assert_eq!(octets, framed(&expected), "QUIC: {query:?}");
        let over_get = get(server.doh, &BASE64URL_NOPAD.encode(&message));
        assert_eq!((over_get.status, &over_get.body), (200, &expected), "GET: {query:?}");
        let over_post = post(server.doh, "application/dns-message", &message);
        assert_eq!((over_post.status, &over_post.body), (200, &expected), "POST: {query:?}");
    }
}

/// RFC 7830 section 6 and RFC 8467 section 4.1: who pads gets an answer of a multiple of 468
/// octets, over encrypted transports alone. Without the option it is the same answer.
#[test]
fn rfc8467_4_1_padded_queries_get_padded_answers() {
    let server = Encrypted::start();
    let plain = query("current.cvd.clam.example", rr::TXT).edns(1232);
    let padded = plain.clone().option(12, &[0; 50]).build();
    let expected = server.daemon.client().exchange(Transport::Tcp4, &padded).expect("an answer");
    assert!(expected.len() < 468 && Reply::parse(&expected).option(12).is_none(), "over TCP");
    let mut dot = tls(server.dot, &[b"dot"]).expect("connected");
    let quic = doq::Client::new(b"doq");
    let connection = quic.connect(server.doq).expect("connected");
    let answers = [
        ask_tls(&mut dot, &padded).expect("an answer"),
        quic.exchange(&connection, &framed(&padded)).expect("an answer").split_off(2),
        post(server.doh, "application/dns-message", &padded).body,
    ];
    for answer in answers {
        assert_eq!(answer.len(), 468);
        let option = Reply::parse(&answer).option(12).expect("padding").to_vec();
        assert_eq!(option, vec![0; 468 - expected.len() - 4]);
        // Up to the length of the OPT record, which has the option.
        assert_eq!(answer[..expected.len() - 2], expected[..expected.len() - 2]);
    }
    assert_eq!(ask_tls(&mut dot, &plain.build()).map(|answer| answer.len()), Some(expected.len()));
}

/// RFC 7766 section 6.2.1.1 over TLS: queries may follow one another at once, and be cut anywhere.
#[test]
fn queries_over_tls_may_be_pipelined_and_cut() {
    let server = Encrypted::start();
    let mut dot = tls(server.dot, &[]).expect("connected");
    let queries: Vec<Query> =
        (0..200).map(|id| Query { id, ..query("clam.example", rr::SOA) }).collect();
    let octets: Vec<u8> = queries.iter().flat_map(|query| framed(&query.build())).collect();
    for part in octets.chunks(97) {
        dot.write_all(part).expect("sent");
    }
    for query in queries {
        let answer = super::next_message(&mut dot).expect("an answer");
        assert_eq!(answer[..2], query.id.to_be_bytes());
    }
}
