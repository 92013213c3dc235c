//! Queries that are signed (RFC 8945): no key is known, and that is said.

use super::{always, server};
use crate::support::client::{ALL, Transport};
use crate::support::packet::{self, Opt, Query};
use crate::support::reply::{Record, Reply};
use crate::support::{name, rr, tools};
use std::process::Stdio;

const TSIG: u16 = 250;
const ANY: u16 = 255;
const NOTAUTH: u16 = 9;
const BADKEY: [u8; 2] = [0, 17];

/// A signature's RDATA: the algorithm, Time Signed, Fudge, a MAC, the message's id, no error and no
/// other data.
fn rdata(id: u16, mac: &[u8]) -> Vec<u8> {
    let mac_length = packet::length(mac);
    [
        &name::wire("hmac-sha256")[..],
        &[0, 0, 0x67, 0x89, 0xab, 0xcd, 1, 44],
        &mac_length,
        mac,
        &id.to_be_bytes(),
        &[0, 0, 0, 0],
    ]
    .concat()
}

fn record(owner: &[u8], class: u16, ttl: u32, rdata: &[u8]) -> Vec<u8> {
    let (class, ttl) = (class.to_be_bytes(), ttl.to_be_bytes());
    [owner, &TSIG.to_be_bytes(), &class, &ttl, &packet::length(rdata), rdata].concat()
}

/// The query with `records` more in its additional section.
fn with(query: &Query, records: &[&[u8]]) -> Vec<u8> {
    let mut message = query.build();
    message[11] += u8::try_from(records.len()).expect("few");
    message.extend(records.concat());
    message
}

#[test]
fn rfc8945_5_2_1_an_unknown_key_is_badkey() {
    let server = server();
    for query in
        [Query::new("www.clam.example", rr::A), Query::new("db.de.clam.example", rr::A).edns(1232)]
    {
        let signed = with(
            &query,
            &[&record(&name::wire("Transfer.Key"), ANY, 0, &rdata(query.id, &[7; 32]))],
        );
        let answered =
            [&rdata(query.id, &[])[..rdata(query.id, &[]).len() - 4], &BADKEY, &[0, 0]].concat();
        let owner = name::wire("Transfer.Key");
        let tsig = Record { owner, rtype: TSIG, class: ANY, ttl: 0, rdata: answered };
        let expected =
            Reply::to(&query).without(packet::AA).with_rcode(NOTAUTH).with_additional(vec![tsig]);
        for transport in ALL {
            let answer = server.client().exchange(transport, &signed).expect("an answer");
            Reply::walk(&answer).expect("a message").must_be(&expected, &format!("{transport:?}"));
        }
    }
}

/// RFC 8945, 5.1 and 5.2: it is the last record, there is one, of class ANY and TTL 0, and its
/// fields fit.
#[test]
fn rfc8945_5_2_a_malformed_signature_is_formerr() {
    let server = server();
    let query = Query::new("www.clam.example", rr::A);
    let key = name::wire("key");
    let good = record(&key, ANY, 0, &rdata(query.id, &[7; 32]));
    let opt = Opt::default().build();
    let cut = |length: usize| {
        let rdata = rdata(query.id, &[7; 32]);
        record(&key, ANY, 0, &rdata[..length])
    };
    let whole = rdata(query.id, &[7; 32]).len();
    let mut bad = vec![
        with(&query, &[&good, &opt]),
        with(&query, &[&good, &good]),
        with(&query, &[&record(&key, rr::IN, 0, &rdata(query.id, &[]))]),
        with(&query, &[&record(&key, ANY, 60, &rdata(query.id, &[]))]),
        with(&query, &[&record(&[0xc0, 12], ANY, 0, &rdata(query.id, &[]))]),
        with(&query, &[&record(&key, ANY, 0, &[&rdata(query.id, &[])[..], &[0]].concat())]),
        with(&query, &[&good, b"x"]),
    ];
    bad.last_mut().expect("the last")[11] = 1;
    bad.extend((0..whole).map(|length| with(&query, &[&cut(length)])));
    for message in bad {
        for transport in [Transport::Udp4, Transport::Tcp6] {
            let answer = server.client().exchange(transport, &message).expect("an answer");
            let reply = Reply::walk(&answer).expect("a message");
            assert_eq!(reply.rcode(), rr::FORMERR, "{message:02x?}");
            assert!(reply.additional.is_empty(), "{reply:?}");
        }
    }
    // After all of that it answers.
    always(server.client(), &query, &Reply::to(&query).with_answer(super::www("www.clam.example")));
}

/// A real client understands what it is told.
#[test]
fn dig_is_told_that_its_key_is_not_known() {
    let server = server();
    let mut dig = tools::tool("dig");
    dig.args([
        &format!("@{}", Transport::Udp4.ip()),
        "-p",
        &server.port().to_string(),
        "-y",
        "hmac-sha256:k:c2VjcmV0",
        "+tries=1",
    ]);
    let output = dig.args(["www.clam.example", "A"]).stdin(Stdio::null()).output().expect("dig");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("status: NOTAUTH") && text.contains("BADKEY"), "{text}");
}
