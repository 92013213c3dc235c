//! Messages that are no documents, stored by somebody who may publish.

use cvdns_nats::{ErrorKind, Published, Verdict, Writer};
use data_encoding::BASE64;

use super::bad_header::bad_header;
use super::heard::Heard;
use super::raw::Raw;
use super::server::Server;
use super::{LIMIT, PATIENCE, document, key, serial};

/// Why a message is refused, its headers and its payload.
type Wrong<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a [u8]);

const SUBJECT: &str = "$KV.cvdns.feed";

#[test]
fn each_wrong_message_is_refused_for_its_reason_and_the_next_right_one_is_taken() {
    let server = Server::start();
    let raw = Raw::new(server.port);
    let good = document(1, 1000).encode();
    let signature = good.signature.as_deref().unwrap();
    let mut heard = Heard::new(&server.settings());
    heard.absent();
    let long = document(2, 2 << 20).encode().payload;
    let noise: Vec<u8> = [0x1f, 0x8b]
        .into_iter()
        .chain((0..2u32 << 20).map(|n| (n.wrapping_mul(0x9e37_79b9) >> 24) as u8))
        .collect();
    let too_much = BASE64.encode(&[0; 10_000]);
    let name = "Cvdns-Signature";
    let wrong: [Wrong; 9] = [
        ("not-gzip", vec![], b"{}"),
        ("cut-off", vec![], b""),
        ("cut-off", vec![(name, signature)], &good.payload[..good.payload.len() / 2]),
        ("trailing", vec![], &[&good.payload[..], b"x"].concat()),
        ("too-long", vec![], &long),
        ("too-long", vec![], &noise),
        ("signature-header", vec![(name, "untrusted comment: x")], &good.payload),
        ("signature-header", vec![(name, &too_much)], &good.payload),
        ("several-signatures", vec![(name, signature), (name, signature)], &good.payload),
    ];
    for (reason, headers, payload) in wrong {
        let answer = raw.say(SUBJECT, &headers, payload);
        assert!(answer.contains("\"seq\""), "{answer}");
        assert_eq!(heard.refused(), reason);
        // Who comes later is told the same.
        assert_eq!(Heard::new(&server.settings()).refused(), reason);
    }
    raw.say(SUBJECT, &[], &good.payload);
    let (unsigned, _) = heard.document();
    assert_eq!((serial(&unsigned), unsigned.signature), (1, None));
    // The name of a header is compared letter by letter.
    raw.say(SUBJECT, &[("cvdns-signature", signature)], &good.payload);
    assert_eq!(heard.document().0.signature, None);
    raw.say(SUBJECT, &[(name, signature)], &good.payload);
    assert_eq!(heard.document().0, document(1, 1000));
    assert!(long.len() < LIMIT, "it is its inflated length that is refused");
}

#[test]
fn what_did_not_come_from_the_store_is_not_taken() {
    let server = Server::start();
    let raw = Raw::new(server.port);
    let store = |serial| raw.say(SUBJECT, &[], &document(serial, 0).encode().payload);
    store(1);
    let mut heard = Heard::new(&server.settings());
    heard.serial(1);
    // Without a revision; of an old one; of one far ahead.
    raw.publish("live.cvdns.feed", &document(66, 0).encode().payload);
    heard.same();
    store(2);
    heard.serial(2);
    assert_eq!(heard.serials(), [1, 2]);
}

#[test]
fn a_header_that_ends_the_connection_keeps_nobody_from_what_follows_it() {
    let server = Server::start();
    let raw = Raw::new(server.port);
    let store = |serial| raw.say(SUBJECT, &[], &document(serial, 0).encode().payload);
    store(1);
    let mut heard = Heard::new(&server.settings());
    heard.serial(1);
    spoil(&server);
    heard.unavailable(ErrorKind::Disconnected);
    heard.unavailable(ErrorKind::Disconnected);
    store(3);
    heard.serial(3);
}

#[test]
fn what_ends_the_connection_of_each_reader_is_replaced_by_the_next_document() {
    let server = Server::start();
    let mut writer = Writer::connect(&server.settings(), PATIENCE).unwrap();
    let mut put = |serial, meanwhile: &dyn Fn()| {
        let mut seen = Vec::new();
        let published = writer.put(&key(), &document(serial, 0), |last| {
            if seen.is_empty() {
                meanwhile();
            }
            seen.push(format!("{last:?}"));
            Verdict::Newer
        });
        (published.unwrap(), seen)
    };
    let is_published = |revision| Published::Published { revision };
    put(1, &|| ());
    spoil(&server);
    let mut heard = Heard::new(&server.settings());
    heard.unavailable(ErrorKind::Disconnected);
    assert_eq!(put(2, &|| ()), (is_published(3), vec!["Unreadable".to_owned()]));
    heard.serial(2);
    // What another one publishes at that moment is judged, not replaced.
    spoil(&server);
    let raw = Raw::new(server.port);
    let other = document(3, 0);
    let publish = || drop(raw.say(SUBJECT, &[], &other.encode().payload));
    let (published, seen) = put(4, &publish);
    assert_eq!((published, seen.len()), (is_published(6), 2), "{seen:?}");
    assert!(seen[0] == "Unreadable" && seen[1].starts_with("Document"), "{seen:?}");
    heard.serial(4);
}

/// Stores a message whose header is not UTF-8, which the library cannot read.
fn spoil(server: &Server) {
    bad_header(server.port, SUBJECT);
}
