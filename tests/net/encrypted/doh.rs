//! DNS over HTTPS (RFC 8484), octet by octet over HTTP/1.1. Programs ask by HTTP/2 in
//! tests/interop/encrypted.

use std::io::{Read as _, Write as _};

use data_encoding::BASE64URL_NOPAD;

use super::doq::query;
use super::{Encrypted, tls};
use crate::support::reply::Reply;
use crate::support::rr;

/// A response.
pub(super) struct Response {
    pub(super) status: u16,
    /// Lines of the head, in lower case.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

/// Sends a request on a connection of its own.
pub(super) fn request(port: u16, octets: &[u8]) -> Response {
    let mut stream = tls(port, &[b"http/1.1"]).expect("connected");
    stream.write_all(octets).expect("sent");
    let mut all = Vec::new();
    // The server may close without a word of TLS.
    let _ = stream.read_to_end(&mut all);
    parsed(all)
}

/// A whole response.
pub(super) fn parsed(mut all: Vec<u8>) -> Response {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of the head");
    let head = String::from_utf8_lossy(&all[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    Response { status, head, body: all.split_off(end + 4) }
}

pub(super) fn get(port: u16, dns: &str) -> Response {
    let head = format!("GET /dns-query?dns={dns} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    request(port, head.as_bytes())
}

pub(super) fn post(port: u16, media_type: &str, body: &[u8]) -> Response {
    let head = format!(
        "POST /dns-query HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {media_type}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    request(port, &[head.as_bytes(), body].concat())
}

/// Section 5.1: caches keep an answer as long as its records, or as long as the SOA record says
/// that there are none.
#[test]
fn rfc8484_5_1_caches_are_told_how_long() {
    let server = Encrypted::start();
    for (name, qtype) in
        [("db.de.clam.example", rr::A), ("nothing.clam.example", rr::A), ("clam.example", rr::SOA)]
    {
        let response = post(server.doh, "application/dns-message", &query(name, qtype).build());
        let reply = Reply::parse(&response.body);
        let ttl = match reply.answer.iter().map(|record| record.ttl).min() {
            Some(ttl) => ttl,
            None => reply.authority.iter().find(|of| of.rtype == rr::SOA).expect("a SOA").ttl,
        };
        assert!(response.head.contains(&format!("cache-control: max-age={ttl}\r\n")), "{name}");
        assert!(response.head.contains("content-type: application/dns-message"), "{name}");
    }
    let refused = query("elsewhere.example", rr::A).build();
    let response = post(server.doh, "application/dns-message", &refused);
    assert!(response.head.contains("cache-control: max-age=0"), "{}", response.head);
}

/// What is no query is refused by the right code (RFC 9110 section 15).
#[test]
fn requests_that_are_no_query_are_refused() {
    let server = Encrypted::start();
    let (port, good) = (server.doh, query("db.de.clam.example", rr::A).build());
    let line = |line: &str| {
        request(port, format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
    };
    let text = BASE64URL_NOPAD.encode(&good);
    assert_eq!(get(port, &text).status, 200);
    assert_eq!(post(port, "application/dns-message", &good).status, 200);
    assert_eq!(post(port, "Application/DNS-Message; x=y", &good).status, 200);
    assert_eq!(line(&format!("GET /dns-query?x=y&dns={text}")).status, 200);
    assert_eq!(line("GET /").status, 404);
    assert_eq!(line(&format!("GET /dns-query/?dns={text}")).status, 404);
    for bad in
        ["GET /dns-query", "GET /dns-query?dns=", "GET /dns-query?dns=!", "GET /dns-query?dns=AAAA"]
    {
        assert_eq!(line(bad).status, 400, "{bad}");
    }
    let method = line(&format!("PUT /dns-query?dns={text}"));
    assert_eq!(method.status, 405);
    assert!(method.head.contains("allow: get, post"), "{}", method.head);
    for media_type in ["text/plain", "application/dns-json", ""] {
        assert_eq!(post(port, media_type, &good).status, 415, "{media_type}");
    }
    assert_eq!(post(port, "application/dns-message", b"no query").status, 400);
    assert_eq!(post(port, "application/dns-message", &[]).status, 400);
    assert_eq!(post(port, "application/dns-message", &vec![0; 65_536]).status, 413);
    // An answer is no query, and gets none.
    let answer = query("db.de.clam.example", rr::A).flags(0x8000).build();
    assert_eq!(post(port, "application/dns-message", &answer).status, 400);
    // 65,535 octets are a message.
    let longest = [&good[..], &vec![0; 65_535 - good.len()]].concat();
    let response = post(port, "application/dns-message", &longest);
    assert_eq!((response.status, Reply::parse(&response.body).rcode()), (200, rr::FORMERR));
}

/// A head that does not end, and one that is too long.
#[test]
fn heads_are_limited() {
    let server = Encrypted::start();
    let long = format!("GET /dns-query?dns={} HTTP/1.1\r\nhost: x\r\n\r\n", "A".repeat(40_000));
    let response = request(server.doh, long.as_bytes());
    assert!([400, 414, 431].contains(&response.status), "{}", response.status);
}
