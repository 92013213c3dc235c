//! A stream of octets on a connection, cut anywhere, against a plain reading of the whole stream
//! (RFC 1035 section 4.2.2).
//!
//! Octet 0: bit 0 the last message is filled up. Then the seed of the cuts and the most octets of a
//! read; the rest is the stream.

use std::cell::RefCell;

use cvdns_core::answer::{Answering, Transport};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::inputs::Settings;
use cvdns_net::buffers::{Buffers, Output};
use cvdns_net::input::{Input, Malformed};

use super::octets::Octets;
use super::snapshots::{clock, small};

thread_local! {
    static SNAPSHOT: Snapshot = small(Settings::default());
    static FRESH: Answering = Answering::new(0, clock);
    static BUFFERS: Buffers = Buffers::new(1);
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; 65_536]);
}

/// Octets of a buffer for short queries: an idle connection holds no more.
const SMALL: usize = 512;

/// The same messages and the same answers come out, however the stream is cut.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let (how, seed) = (octets.u8(), octets.u64());
    let most = 1 + usize::from(octets.u16());
    let mut stream = octets.0.to_vec();
    if how & 1 == 1 {
        fill(&mut stream);
    }
    let (messages, is_malformed) = plain(&stream);
    let (read, ended) = through(&stream, seed, most);
    assert_eq!(ended.is_err(), is_malformed);
    assert!(read == messages, "{} messages, not {}", read.len(), messages.len());

    let expected: Vec<u8> = FRESH.with(|fresh| {
        let mut answering = fresh.clone();
        messages.iter().flat_map(|message| framed(&mut answering, message)).collect()
    });
    assert!(written(&messages) == expected, "the answers on the connection");
}

/// Fills up the last message, so that short inputs have long messages too.
fn fill(stream: &mut Vec<u8>) {
    let mut at = 0;
    while let Some([high, low]) = stream.get(at..at + 2) {
        at += 2 + usize::from(u16::from_be_bytes([*high, *low]));
    }
    if at > stream.len() {
        stream.resize(at, 0);
    }
}

/// The messages of a whole stream, and whether one is shorter than a header.
fn plain(mut stream: &[u8]) -> (Vec<&[u8]>, bool) {
    let mut messages = Vec::new();
    while let [high, low, rest @ ..] = stream {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length < 12 {
            return (messages, true);
        }
        let Some((message, rest)) = rest.split_at_checked(length) else { break };
        messages.push(message);
        stream = rest;
    }
    (messages, false)
}

/// The messages that a connection takes from the stream, read by read.
fn through(stream: &[u8], mut seed: u64, most: usize) -> (Vec<Vec<u8>>, Result<(), Malformed>) {
    let (mut input, mut rest, mut messages) = (Input::default(), stream, Vec::new());
    while !rest.is_empty() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let space = input.space().expect("memory");
        assert!(!space.is_empty(), "no room to read into");
        let count = (1 + (seed >> 33) as usize % most).min(space.len()).min(rest.len());
        let (now, later) = rest.split_at(count);
        space[..count].copy_from_slice(now);
        input.filled(count);
        rest = later;
        loop {
            match input.next_message() {
                Ok(Some(range)) => messages.push(input.message(range).to_vec()),
                Ok(None) => break,
                Err(malformed) => return (messages, Err(malformed)),
            }
        }
        input.compact();
        if input.is_empty() {
            let room = input.space().expect("memory").len();
            assert!(room <= SMALL, "an idle connection holds {room} octets");
        }
    }
    (messages, Ok(()))
}

/// The answer to a message with its length in front; nothing if there is none.
fn framed(answering: &mut Answering, message: &[u8]) -> Vec<u8> {
    ROOM.with_borrow_mut(|buffer| {
        buffer[..message.len()].copy_from_slice(message);
        answer(answering, buffer, message.len()).map_or(Vec::new(), |length| {
            let prefix = u16::try_from(length).expect("at most 65,535 octets");
            [&prefix.to_be_bytes(), &buffer[..length]].concat()
        })
    })
}

/// The answers as a connection collects them.
fn written(messages: &[&[u8]]) -> Vec<u8> {
    let mut answering = FRESH.with(Answering::clone);
    let mut sent = Vec::new();
    let mut output = BUFFERS.with(|buffers| buffers.take().expect("memory"));
    for message in messages {
        if output.is_full() {
            output = BUFFERS.with(|buffers| {
                sent.extend_from_slice(output.octets());
                buffers.put(output);
                buffers.take().expect("memory")
            });
        }
        let before = output.octets().len();
        let added = add(&mut output, message, &mut answering);
        assert_eq!(added, output.octets().len() > before);
    }
    sent.extend_from_slice(output.octets());
    BUFFERS.with(|buffers| buffers.put(output));
    sent
}

fn add(output: &mut Output, message: &[u8], answering: &mut Answering) -> bool {
    output.add(message, |buffer, length| answer(answering, buffer, length))
}

fn answer(answering: &mut Answering, buffer: &mut [u8], length: usize) -> Option<usize> {
    let client = ([192, 0, 2, 9], 4711).into();
    SNAPSHOT.with(|snapshot| answering.respond(snapshot, buffer, length, client, Transport::Tcp))
}
