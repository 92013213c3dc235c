//! The octets on a stream of DNS over QUIC (RFC 9250 section 4.2).
//!
//! Octet 0: bit 0 the length is put right, bit 1 the ID, bit 2 the idle timeout is negotiated. The
//! rest is the stream.

use std::cell::RefCell;

use cvdns_core::answer::{Answering, Transport};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::inputs::Settings;
use cvdns_net::quic_query::query_in;

use super::message::{Message, options};
use super::octets::Octets;
use super::snapshots::{clock, small};

thread_local! {
    static SNAPSHOT: Snapshot = small(Settings::default());
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; 65_536]);
}

/// The code of the keepalive option (RFC 7828).
const KEEPALIVE: u16 = 11;

/// One query is taken, as it is, and its answer has neither an ID nor an idle timeout.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let how = octets.u8();
    let stream = corrected(octets.0.to_vec(), how);
    let taken = query_in(&stream).ok();
    let Some(message) = plain(&stream) else {
        assert_eq!(taken, None, "no single query");
        return;
    };
    // What is in a message that is none is nobody's business.
    if let Some(read) = Message::read(message) {
        let expected = (!has_keepalive(&read)).then_some(message);
        assert_eq!(taken, expected, "a query");
    }
    if let Some(query) = taken {
        assert_eq!(query, message);
        answered(query);
    }
}

fn corrected(mut stream: Vec<u8>, how: u8) -> Vec<u8> {
    if how & 4 == 4 && stream.len() >= 14 {
        // One record more: OPT, with the option.
        stream[12..14].copy_from_slice(&[0, 1]);
        stream.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 11, 0, 0]);
    }
    if how & 1 == 1 && stream.len() >= 2 {
        let length = u16::try_from(stream.len() - 2).unwrap_or(u16::MAX);
        stream[..2].copy_from_slice(&length.to_be_bytes());
    }
    if how & 2 == 2 && stream.len() >= 4 {
        stream[2..4].fill(0);
    }
    stream
}

/// The message of a stream that has one and nothing else, with ID 0.
fn plain(stream: &[u8]) -> Option<&[u8]> {
    let [high, low, message @ ..] = stream else { return None };
    let is_whole = message.len() == usize::from(*high) * 256 + usize::from(*low);
    (is_whole && message.len() >= 12 && message[0] == 0 && message[1] == 0).then_some(message)
}

fn has_keepalive(message: &Message<'_>) -> bool {
    let mut opts = message.records.iter().filter(|record| record.rtype == 41);
    opts.any(|opt| options(opt.rdata).0.iter().any(|(code, _)| *code == KEEPALIVE))
}

fn answered(query: &[u8]) {
    let client = ([192, 0, 2, 9], 4711).into();
    ROOM.with_borrow_mut(|buffer| {
        buffer[..query.len()].copy_from_slice(query);
        let mut answering = Answering::new(0, clock);
        let length = SNAPSHOT.with(|snapshot| {
            answering.respond(snapshot, buffer, query.len(), client, Transport::Quic)
        });
        let Some(length) = length else { return };
        let answer = Message::read(&buffer[..length]).expect("a message");
        assert_eq!(buffer[..2], [0, 0], "RFC 9250 section 4.2.1");
        assert!(!has_keepalive(&answer), "RFC 9250 section 5.5.2");
    });
}
