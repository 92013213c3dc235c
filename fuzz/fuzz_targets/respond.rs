#![no_main]

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cvdns::load::{FeedSource, load};
use cvdns_core::answer::{Answering, Transport};
use cvdns_core::health::Feed;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::{Now, Snapshot, compile};
use cvdns_io::read_feed;
use hickory_proto::op::Message;
use hickory_proto::serialize::binary::DecodeError;
use libfuzzer_sys::fuzz_target;

/// The shipped example.
static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(|| {
    let mut problems = Problems::default();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cvdns.toml");
    let loaded = load(&config, &mut problems).expect("the example");
    let feed =
        Feed::parse(&read_feed(loaded.feed.as_ref().and_then(FeedSource::file).unwrap()).unwrap())
            .unwrap();
    let static_data =
        compile(&loaded.inputs, &feed.requirements(), &mut problems).expect("the example");
    let now = Now::new(Some(&feed), feed.generated, Duration::from_secs(3600));
    Snapshot::new(Arc::new(static_data), &now)
});

thread_local! {
    static STATE: RefCell<(Answering, Vec<u8>)> = RefCell::new((Answering::new(0, jiff::Timestamp::now), vec![0; 65_535]));
    /// The same for queries in a batch.
    static AHEAD: RefCell<(Answering, Vec<u8>)> = RefCell::new((Answering::new(0, jiff::Timestamp::now), vec![0; 65_535]));
}

// The first octet: bit 0 TCP, bit 1 an IPv6 client, bit 2 a small buffer. The rest is the packet.
fuzz_target!(|input: &[u8]| {
    let Some((how, packet)) = input.split_first() else { return };
    if packet.len() > 4096 {
        return;
    }
    let transport = if how & 1 == 1 { Transport::Tcp } else { Transport::Udp };
    let client = if how & 2 == 2 {
        IpAddr::V6(Ipv6Addr::LOCALHOST)
    } else {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    };
    STATE.with_borrow_mut(|(answering, buffer)| {
        let room = if how & 4 == 4 { 4096 } else { buffer.len() };
        let buffer = &mut buffer[..room];
        buffer[..packet.len()].copy_from_slice(packet);
        let answer =
            answering.respond(&SNAPSHOT, buffer, packet.len(), (client, 4711).into(), transport);
        AHEAD.with_borrow_mut(|(ahead, room)| {
            let room = &mut room[..buffer.len()];
            room[..packet.len()].copy_from_slice(packet);
            ahead.read_batch(&SNAPSHOT, [None, Some((packet, client))].into_iter());
            let again =
                ahead.respond_in_batch(1, &SNAPSHOT, room, (client, 4711).into(), transport);
            assert_eq!(again.map(|length| &room[..length]), answer.map(|length| &buffer[..length]));
        });
        let silent = packet.len() < 12 || packet[2] & 0x80 != 0;
        let Some(length) = answer else { return assert!(silent, "a query was not answered") };
        assert!(!silent, "something was answered that is no query");
        let answer = &buffer[..length];
        assert_eq!(answer[..2], packet[..2], "the id");
        assert_eq!(answer[2] & 0xf9, 0x80 | packet[2] & 0x79, "QR, opcode, RD");
        // At most as many octets as the example allows; a question of 255 octets fits even into the
        // 512 octets without EDNS.
        assert!(transport == Transport::Tcp || length <= 1232, "{length} octets");
        match Message::from_vec(answer) {
            // hickory-proto does not know address family 0 (RFC 7871 section 7.1.2), which
            // `dig +subnet=0` sends.
            Ok(_) | Err(DecodeError::UnknownAddressFamily(0)) => {}
            Err(error) => panic!("no message: {error}"),
        }
    });
});
