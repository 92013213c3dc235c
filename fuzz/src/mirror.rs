//! What mirrors answer to the coordinator: status, header fields, ranges, body.
//!
//! Octet 0: bit 0 the timestamp, else a database; bit 1 a correct answer is made of the rest as the
//! body; bit 2 the body is padded to a header. Octet 1: how many octets arrive at once. The rest is
//! the answer, or how it is sent and its body.

use std::time::Duration;

use cvdns_core::release::cvd::{HEADER_SIZE, Header};
use cvdns_monitor::check::{Client, Request, database, timestamp};
use cvdns_monitor::timestamp as time;

use super::octets::Octets;
use super::snapshots::clock;
use super::web::{Web, correct};

/// Answers are understood or refused, and correct ones are understood.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let [how, most] = octets.array();
    if how & 2 == 0 {
        return any(how, most, octets.0);
    }
    let mut sending = Octets(octets.slice(1));
    if how & 1 == 1 {
        file(most, &mut sending, octets.0);
    } else {
        header(how, most, &mut sending, octets.0);
    }
}

/// The client over one answer.
fn client(answer: Vec<u8>, most: u8) -> Client {
    // Short reads are rare, as each costs a step.
    let most = if most < 0x80 { 1 + usize::from(most) * 8 } else { usize::MAX };
    Client::over(Web::new([answer], most), Duration::from_secs(60), Duration::from_secs(60))
}

fn request() -> Request<'static> {
    let address = ([192, 0, 2, 1], 80).into();
    Request { address, host: "db.test.example.net", path: "/", range: None, limit: 0 }
}

/// Any octets.
fn any(how: u8, most: u8, answer: &[u8]) {
    let client = client(answer.to_vec(), most);
    let failure = if how & 1 == 1 {
        match timestamp(&client, request(), clock()) {
            Ok((time, answer)) => {
                assert!(time.as_second() <= clock().as_second() + 300);
                assert!(answer.status == 200 || answer.status == 206);
                assert!(answer.body.len() as u64 <= time::MAX_SIZE && !answer.more);
                return;
            }
            Err(failure) => failure,
        }
    } else {
        match database(&client, request(), clock()) {
            Ok(database) => return assert!(database.header.version > 0),
            Err(failure) => failure,
        }
    };
    let line = failure.to_string();
    assert!(!line.is_empty() && !line.contains(['\n', '\r', '\u{1b}']), "{line:?}");
}

/// A timestamp in a correct answer is what its body alone says.
fn file(most: u8, sending: &mut Octets<'_>, body: &[u8]) {
    let body = &body[..body.len().min(2048)];
    let client = client(correct("200 OK", "", body, sending), most);
    let alone = cvdns_monitor::check::Answer { body: body.to_vec(), ..Default::default() };
    let found = timestamp(&client, request(), clock()).map(|(time, _)| time);
    assert_eq!(found, time::of(&alone, clock()));
}

/// A header in a correct answer is what its body alone says, sent as a range or as a whole file.
fn header(how: u8, most: u8, sending: &mut Octets<'_>, body: &[u8]) {
    let mut body = body[..body.len().min(2048)].to_vec();
    if how & 4 == 4 {
        body.resize(body.len().max(HEADER_SIZE), b' ');
    }
    let ranged = body.len() >= HEADER_SIZE && how & 8 == 8;
    let (status, fields) = if ranged {
        let range = format!("Content-Range: bytes 0-{}/{}\r\n", HEADER_SIZE - 1, body.len());
        body.truncate(HEADER_SIZE);
        ("206 Partial Content", range)
    } else {
        ("200 OK", String::new())
    };
    let client = client(correct(status, &fields, &body, sending), most);
    let found = database(&client, request(), clock());
    match Header::parse(&body, clock()) {
        Ok(header) => {
            let found = found.expect("the header is read");
            assert_eq!((found.header, found.ranged), (header, ranged));
        }
        Err(_) => assert!(found.is_err(), "no header, but accepted"),
    }
}
