//! Portable UDP: what hickory-server makes of our answers, and of queries before we see them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{TestServer, assert_udp_echo, query, receive, udp_client};
use cvdns::serve::{Responder, TcpLimits, Transport, UdpMode};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsOption, NSIDPayload};
use hickory_proto::rr::rdata::{A, NULL, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

/// Answers every query with the same bytes.
#[derive(Clone)]
struct Canned(Vec<u8>);

impl Responder for Canned {
    fn refresh(&mut self) {}

    fn respond(&mut self, buffer: &mut [u8], _: usize, _: SocketAddr, _: Transport) -> Option<usize> {
        buffer[..self.0.len()].copy_from_slice(&self.0);
        Some(self.0.len())
    }
}

const ID: u16 = 0x1234;

fn name() -> Name {
    Name::from_ascii("dB.LocaL.clamav.net.").unwrap()
}

fn record(data: RData) -> Record {
    Record::from_rdata(name(), 60, data)
}

fn response(code: ResponseCode) -> Message {
    let mut message = Message::new(ID, MessageType::Response, OpCode::Query);
    message.metadata.authoritative = true;
    message.metadata.recursion_desired = true;
    message.metadata.response_code = code;
    message.add_query(Query::query(name(), RecordType::A));
    message
}

/// OPT with NSID, ECS, EDE and an option without data.
fn edns() -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    edns.flags_mut().dnssec_ok = true;
    let options = edns.options_mut();
    options.insert(EdnsOption::NSID(NSIDPayload::new(*b"ns1").unwrap()));
    options.insert(EdnsOption::Subnet("133.1.1.0/24".parse().unwrap()));
    options.insert(EdnsOption::Unknown(15, vec![0, 3]));
    options.insert(EdnsOption::Unknown(11, vec![]));
    edns
}

fn ask_with_size(size: Option<u16>) -> Vec<u8> {
    let mut message = Message::new(ID, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(name(), RecordType::A));
    if let Some(size) = size {
        message.set_edns(Edns::new().set_max_payload(size).clone());
    }
    message.to_vec().unwrap()
}

/// What arrives when the responder gives `answer` and the client offers `size`.
fn through_hickory(answer: &[u8], size: Option<u16>) -> Vec<u8> {
    let answer = Canned(answer.to_vec());
    let make = move || answer.clone();
    let server = TestServer::start_with(&["127.0.0.1:0"], 1, UdpMode::Portable, TcpLimits::default(), &make);
    let client = udp_client(server.address());
    client.send(&ask_with_size(size)).unwrap();
    receive(&client)
}

/// The bytes differ as hickory-server does not compress to the question's name; encoded by one encoder, they
/// must not.
fn assert_unchanged(message: &Message) {
    let bytes = message.to_vec().unwrap();
    let arrived = through_hickory(&bytes, Some(1232));
    let mut decoder = BinDecoder::new(&arrived);
    let decoded = Message::read(&mut decoder).unwrap();
    assert!(decoder.is_empty(), "garbage behind the message: {arrived:?}");
    assert_eq!(decoded.to_vec().unwrap(), bytes, "{message:?}");
}

#[test]
fn a_positive_answer_arrives_whole() {
    let mut message = response(ResponseCode::NoError);
    for last in 1..=8 {
        message.add_answer(record(RData::A(A::new(192, 0, 2, last))));
    }
    message.add_authority(record(RData::TXT(TXT::new(vec!["a b".into(), "\"".into()]))));
    message.add_additional(record(RData::A(A::new(192, 0, 2, 9))));
    message.set_edns(edns());
    assert_unchanged(&message);
}

#[test]
fn a_negative_answer_keeps_its_soa() {
    let mut message = response(ResponseCode::NXDomain);
    let soa = SOA::new(name(), name(), 1, 2, 3, 4, 5);
    message.add_authority(record(RData::SOA(soa)));
    assert_unchanged(&message);
}

/// RFC 3597.
#[test]
fn unknown_types_arrive() {
    let mut message = response(ResponseCode::NoError);
    let data = RData::Unknown { code: RecordType::Unknown(65_280), rdata: NULL::with(vec![1, 2, 3]) };
    message.add_answer(record(data));
    assert_unchanged(&message);
}

/// RFC 6891 section 6.1.3: BADVERS is 16, whose upper bits are in OPT.
#[test]
fn an_extended_response_code_arrives() {
    let mut message = response(ResponseCode::BADVERS);
    message.set_edns(edns());
    assert_unchanged(&message);
}

#[test]
fn an_answer_without_a_question_arrives() {
    assert_unchanged(&Message::new(ID, MessageType::Response, OpCode::Query));
}

#[test]
fn an_answer_that_does_not_fit_becomes_an_empty_one() {
    let mut message = response(ResponseCode::NoError);
    for last in 0..60 {
        message.add_answer(record(RData::A(A::new(192, 0, 2, last))));
    }
    for (edns, size) in [(Some(edns()), Some(700)), (Some(edns()), Some(512)), (None, None)] {
        message.edns.clone_from(&edns);
        let arrived = through_hickory(&message.to_vec().unwrap(), size);
        let mut wanted = response(ResponseCode::NoError);
        wanted.metadata.truncation = true;
        wanted.edns = edns;
        // Byte for byte: so there is no garbage behind it, and OPT is there.
        assert_eq!(arrived, wanted.to_vec().unwrap());
    }
}

/// A defect of ours must not be silence.
#[test]
fn what_hickory_cannot_decode_becomes_servfail() {
    let mut bytes = response(ResponseCode::NoError).to_vec().unwrap();
    bytes[7] = 1;
    let arrived = Message::from_vec(&through_hickory(&bytes, None)).unwrap();
    assert_eq!(arrived.metadata.response_code, ResponseCode::ServFail);
    assert_eq!((arrived.metadata.id, arrived.queries.len()), (ID, 1));
}

/// What hickory-server 0.26.3 decides before our handler. When this fails a defect may have been mended:
/// see the list in `src/serve/portable.rs`.
#[test]
fn hickory_decides_on_these_itself() {
    let server = TestServer::start(&["127.0.0.1:0"], 1, UdpMode::Portable, TcpLimits::default());
    let client = udp_client(server.address());

    // ECS with family 0, as `dig +subnet=0/0` sends it, ought to reach us (RFC 7871 section 7.1.2).
    let mut family_zero = query(1, "ecs");
    family_zero[11] = 1;
    family_zero.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 8, 0, 8, 0, 4, 0, 0, 0, 0]);
    // A response that does not decode ought to be dropped.
    let mut broken_response = query(2, "broken");
    broken_response[2] |= 0x80;
    broken_response[7] = 1;
    for bytes in [family_zero, broken_response] {
        client.send(&bytes).unwrap();
        let formerr = [bytes[0], bytes[1], 0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(receive(&client), formerr);
    }

    // These get no answer: QR=1 and too few bytes.
    let mut reflected = query(3, "response");
    reflected[2] |= 0x80;
    client.send(&reflected).unwrap();
    client.send(&[0; 11]).unwrap();
    assert_udp_echo(server.address());
    client.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert!(client.recv(&mut [0; 512]).is_err());
    assert_eq!(server.counters().udp.received, 1);
}

#[test]
fn unknown_opcodes_reach_the_responder() {
    let server = TestServer::start(&["127.0.0.1:0"], 1, UdpMode::Portable, TcpLimits::default());
    let client = udp_client(server.address());
    let mut bytes = query(1, "opcode");
    bytes[2] |= 9 << 3;
    client.send(&bytes).unwrap();
    bytes[2] |= 0x80;
    assert_eq!(receive(&client), bytes);
}
