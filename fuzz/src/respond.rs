//! Packets against the shipped example.
//!
//! The first octet: bit 0 TCP, bit 1 an IPv6 client, bit 2 a small buffer. The rest is the packet.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use cvdns_core::answer::{Answering, Transport};
use hickory_proto::op::Message;
use hickory_proto::serialize::binary::DecodeError;

use super::message;
use super::snapshots::{EXAMPLE, clock};

thread_local! {
    static FRESH: Answering = Answering::new(0, clock);
    static ROOM: RefCell<[Vec<u8>; 2]> = RefCell::new([vec![0; 65_535], vec![0; 65_535]]);
}

/// Loads the example, which takes seconds.
pub fn prepare() {
    LazyLock::force(&EXAMPLE);
}

/// A query is answered by one valid message, alone and in a batch alike.
pub fn run(input: &[u8]) {
    let Some((how, packet)) = input.split_first() else { return };
    if packet.len() > 4000 {
        return;
    }
    let transport = if how & 1 == 1 { Transport::Tcp } else { Transport::Udp };
    let client = if how & 2 == 2 {
        IpAddr::V6(Ipv6Addr::LOCALHOST)
    } else {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    };
    ROOM.with_borrow_mut(|[buffer, again]| {
        let room = if how & 4 == 4 { 4096 } else { buffer.len() };
        let (buffer, again) = (&mut buffer[..room], &mut again[..room]);
        buffer[..packet.len()].copy_from_slice(packet);
        again[..packet.len()].copy_from_slice(packet);
        let peer = (client, 4711).into();
        let mut answering = FRESH.with(Answering::clone);
        let answer = answering.respond(&EXAMPLE, buffer, packet.len(), peer, transport);
        let mut ahead = FRESH.with(Answering::clone);
        ahead.read_batch(&EXAMPLE, [None, Some((packet, client))].into_iter());
        let length = ahead.respond_in_batch(1, &EXAMPLE, again, peer, transport);
        assert_eq!(length.map(|length| &again[..length]), answer.map(|length| &buffer[..length]));
        check(packet, answer.map(|length| &buffer[..length]), transport);
    });
}

fn check(packet: &[u8], answer: Option<&[u8]>, transport: Transport) {
    let silent = packet.len() < 12 || packet[2] & 0x80 != 0;
    let Some(answer) = answer else { return assert!(silent, "a query was not answered") };
    assert!(!silent, "something was answered that is no query");
    assert_eq!(answer[..2], packet[..2], "the id");
    assert_eq!(answer[2] & 0xf9, 0x80 | packet[2] & 0x79, "QR, opcode, RD");
    let read = message::Message::read(answer).expect("a message");
    assert!(packet[12..].starts_with(read.question), "the question is echoed");
    // At most as many octets as the example allows; a question of 255 octets fits even into the
    // 512 octets without EDNS.
    let most = match (transport, read.opt()) {
        (Transport::Udp, Some(_)) => 1232,
        (Transport::Udp, None) => 512,
        _ => 65_535,
    };
    assert!(answer.len() <= most, "{} octets", answer.len());
    match Message::from_vec(answer) {
        // hickory-proto does not know address family 0 (RFC 7871 section 7.1.2), which
        // `dig +subnet=0` sends.
        Ok(_) | Err(DecodeError::UnknownAddressFamily(0)) => {}
        Err(error) => panic!("no message: {error}"),
    }
}
