//! Messages that are wrong in themselves.

use super::{always, server, www};
use crate::support::client::{ALL, Client, TCP, UDP, read, receive};
use crate::support::numbers::Numbers;
use crate::support::packet::{self, Opt, QR, Query, header, next_id};
use crate::support::reply::Reply;
use crate::support::{name, rr};
use std::io::Write;

/// FORMERR with the message's id and opcode, and no record but perhaps an OPT.
#[track_caller]
fn formerr(client: Client, message: &[u8], what: &str) {
    for transport in ALL {
        let answer = client.exchange(transport, message);
        let answer = answer.unwrap_or_else(|| panic!("{what}: no answer over {transport:?}"));
        let reply = Reply::parse(&answer);
        assert_eq!(answer[..2], message[..2], "{what}: id over {transport:?}");
        assert_eq!(
            reply.flags & (QR | 0xf),
            QR | rr::FORMERR,
            "{what} over {transport:?}: {reply:?}"
        );
        assert_eq!(reply.flags & packet::AA, 0, "{what}: AA over {transport:?}");
        let records = reply.answer.len() + reply.authority.len() + reply.additional.len();
        assert_eq!(records, 0, "{what} over {transport:?}: {reply:?}");
    }
}

/// A message of one question with these counts, followed by `rest`.
fn message(counts: [u16; 4], question: &[u8], rest: &[u8]) -> Vec<u8> {
    [&header(next_id(), 0, counts), question, rest].concat()
}

#[test]
fn rfc9619_4_question_count_must_be_one() {
    let server = server();
    let question = Query::new("www.clam.example", rr::A).question();
    formerr(server.client(), &message([0, 0, 0, 0], &[], &[]), "no question");
    formerr(
        server.client(),
        &message([0, 0, 0, 1], &[], &Opt::default().build()),
        "no question but an OPT",
    );
    formerr(server.client(), &message([2, 0, 0, 0], &question, &question), "two questions");
    formerr(server.client(), &message([2, 0, 0, 0], &question, &[]), "a second question missing");
    formerr(server.client(), &message([0xffff, 0, 0, 0], &question, &[]), "65535 questions");
}

#[test]
fn rfc1035_4_1_2_question_must_be_whole() {
    let server = server();
    let question = Query::new("www.clam.example", rr::A).question();
    for length in 0..question.len() {
        let cut = message([1, 0, 0, 0], &question[..length], &[]);
        formerr(server.client(), &cut, &format!("a question cut off at {length}"));
    }
}

#[test]
fn rfc1035_2_3_4_names_must_be_well_formed() {
    let server = server();
    let tail = [0, 1, 0, 1];
    let label = |length: u8| [&[length][..], &vec![b'a'; usize::from(length)]].concat();
    let cases: [(&str, Vec<u8>); 7] = [
        ("a label of 64 octets", [label(64), vec![0]].concat()),
        ("a label type of 0x80", vec![0x80, b'a', 0]),
        ("an extended label type (RFC 6891, 5)", vec![0x41, 0, 0]),
        ("a pointer to itself", vec![0xc0, 12]),
        ("a pointer into the header", vec![3, b'w', b'w', b'w', 0xc0, 0]),
        ("a pointer beyond the end", vec![0xc0, 0xff]),
        ("a name of 256 octets", [label(63), label(63), label(63), label(62), vec![0]].concat()),
    ];
    for (what, name) in cases {
        formerr(server.client(), &message([1, 0, 0, 0], &name, &tail), what);
    }
}

#[test]
fn rfc1035_4_1_counts_and_length_must_fit() {
    let server = server();
    let question = Query::new("www.clam.example", rr::A).question();
    let client = server.client();
    formerr(client, &message([1, 0, 0, 0], &question, b"x"), "an octet behind the message");
    formerr(client, &message([1, 0, 0, 0], &question, &Opt::default().build()), "an uncounted OPT");
    formerr(client, &message([1, 0, 0, 1], &question, &[]), "a missing additional record");
    formerr(client, &message([1, 1, 0, 0], &question, &[]), "a missing answer");
    formerr(client, &message([1, 0, 1, 0], &question, &[]), "a missing authority record");
    let opt = Opt::default().build();
    formerr(
        client,
        &message([1, 0, 0, 1], &question, &[&opt[..], b"junk"].concat()),
        "junk behind the OPT",
    );
}

#[test]
fn rfc6891_6_1_1_opt_must_be_one_and_at_the_root() {
    let server = server();
    let client = server.client();
    let question = Query::new("www.clam.example", rr::A).question();
    let opt = Opt::default().build();
    formerr(
        client,
        &message([1, 0, 0, 2], &question, &[opt.clone(), opt.clone()].concat()),
        "two OPTs",
    );
    let owned = [&name::wire("a")[..], &opt[1..]].concat();
    formerr(client, &message([1, 0, 0, 1], &question, &owned), "an OPT below the root");
    for length in 1..opt.len() {
        let cut = message([1, 0, 0, 1], &question, &opt[..length]);
        formerr(client, &cut, &format!("an OPT cut off at {length}"));
    }
}

#[test]
fn rfc6891_6_1_2_options_must_fill_the_rdata() {
    let server = server();
    let question = Query::new("www.clam.example", rr::A).question();
    let with_rdata = |rdata: &[u8]| {
        let mut opt = Opt::default().build();
        opt.truncate(9);
        opt.extend(packet::length(rdata));
        opt.extend_from_slice(rdata);
        message([1, 0, 0, 1], &question, &opt)
    };
    for rdata in [
        &[0][..],
        &[0, 3, 0],
        &[0, 3, 0, 1],
        &[0, 3, 0, 0, 0],
        &[0, 10, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8],
    ] {
        formerr(server.client(), &with_rdata(rdata), &format!("options {rdata:?}"));
    }
}

/// Below 12 octets there is no header to answer with; a response is never answered, or two servers
/// could keep each other busy for ever. That nothing comes is seen by the next query's answer
/// coming first.
#[test]
fn formats_fragments_and_responses_are_dropped_over_udp() {
    let server = server();
    let good = Query::new("www.clam.example", rr::A);
    let expected = Reply::to(&good).with_answer(www("www.clam.example"));
    let mut dropped: Vec<Vec<u8>> = (0..12).map(|length| good.build()[..length].to_vec()).collect();
    dropped.push(Query::new("www.clam.example", rr::A).flags(QR).build());
    dropped.push(Query::new("www.clam.example", rr::A).flags(QR | 0x8).opcode(4).build());
    dropped.push(
        message([0, 0, 0, 0], &[], &[])
            .into_iter()
            .enumerate()
            .map(|(i, b)| if i == 2 { 0x80 } else { b })
            .collect(),
    );
    for transport in UDP {
        for message in &dropped {
            let socket = server.client().udp(transport.ip());
            socket.send(message).expect("sent");
            socket.send(&good.build()).expect("sent");
            let answer = receive(&socket).expect("an answer to the good query");
            Reply::parse(&answer)
                .must_be(&expected, &format!("after {message:02x?} over {transport:?}"));
        }
    }
}

/// Over TCP such a message may end the connection (RFC 7766, 6.2.3 leaves it open), but is not
/// answered either.
#[test]
fn formats_fragments_and_responses_are_not_answered_over_tcp() {
    let server = server();
    let good = Query::new("www.clam.example", rr::A);
    let bad = [
        good.build()[..11].to_vec(),
        Query::new("www.clam.example", rr::A).flags(QR).build(),
        Vec::new(),
    ];
    for transport in TCP {
        for message in &bad {
            let mut stream = server.client().tcp(transport.ip());
            let both = [
                &packet::length(message)[..],
                message,
                &packet::length(&good.build()),
                &good.build(),
            ]
            .concat();
            stream.write_all(&both).expect("sent");
            if let Some(answer) = read(&mut stream) {
                assert_eq!(Reply::parse(&answer).id, good.id, "after {message:02x?}");
            }
        }
        let expected = Reply::to(&good).with_answer(www("www.clam.example"));
        always(server.client(), &good, &expected);
    }
}

/// Random octets neither stop the server nor make it answer what is no query.
#[test]
fn formats_noise_is_survived() {
    let server = server();
    let socket = server.client().udp([127, 0, 0, 1].into());
    let mut numbers = Numbers(2026);
    let good = Query::new("www.clam.example", rr::A).edns(1232).option(rr::NSID, &[]).build();
    for round in 0..2000_usize {
        let mut message = good.clone();
        for _ in 0..=round % 4 {
            let at = numbers.below(message.len());
            message[at] = numbers.next().to_le_bytes()[0];
        }
        message.truncate(message.len() - round % 7);
        socket.send(&message).expect("sent");
        // One at a time: what comes is read before the next, so that no buffer overflows.
        socket.set_read_timeout(Some(std::time::Duration::from_millis(1))).expect("a timeout");
        if let Some(answer) = receive(&socket) {
            assert!(Reply::walk(&answer).is_ok(), "{answer:02x?} to {message:02x?}");
        }
    }
    let query = Query::new("www.clam.example", rr::A);
    always(server.client(), &query, &Reply::to(&query).with_answer(www("www.clam.example")));
}
