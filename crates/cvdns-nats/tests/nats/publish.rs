//! Publishing by compare-and-set.

use std::sync::mpsc::channel;
use std::time::Duration;

use cvdns_nats::{Document, ErrorKind, Key, Last, Published, Verdict, Writer, read};

use super::bad_server::BadServer;
use super::heard::Heard;
use super::raw::Raw;
use super::server::{Server, settings};
use super::{PATIENCE, document, key, ports, serial};

/// As a coordinator judges.
fn by_serial(own: u64) -> impl FnMut(Last<'_>) -> Verdict {
    move |last| match last {
        Last::Document(last) if serial(last) == own => Verdict::Same,
        Last::Document(last) if serial(last) > own => {
            Verdict::Refuse(format!("{} is newer", serial(last)))
        }
        _ => Verdict::Newer,
    }
}

#[test]
fn a_document_is_published_is_the_same_or_is_refused() {
    let server = Server::start();
    let mut writer = Writer::connect(&server.settings(), PATIENCE).unwrap();
    let mut put = |serial| writer.put(&key(), &document(serial, 0), by_serial(serial));
    assert_eq!(put(5), Ok(Published::Published { revision: 1 }));
    assert_eq!(put(5), Ok(Published::Same));
    assert_eq!(put(4), Ok(Published::Refused { why: "5 is newer".to_owned() }));
    assert_eq!(put(6), Ok(Published::Published { revision: 2 }));
    // What is no document is replaced.
    Raw::new(server.port).say("$KV.cvdns.feed", &[], b"{}");
    let mut seen = Vec::new();
    let put = writer.put(&key(), &document(7, 0), |last| {
        seen.push(format!("{last:?}"));
        Verdict::Newer
    });
    assert_eq!(
        (put, seen),
        (Ok(Published::Published { revision: 4 }), vec!["Refused(NotGzip)".to_owned()])
    );
}

#[test]
fn two_writers_at_once_only_raise_the_serial() {
    const LAST: u64 = 200;
    let server = Server::start();
    let mut heard = Heard::new(&server.settings());
    heard.absent();
    let run = || {
        let mut writer = Writer::connect(&server.settings(), PATIENCE).unwrap();
        let (mut own, mut published) = (0, 0);
        while own < LAST {
            // Each goes on from what it knows; only the judgement keeps the other's.
            own += 1;
            match writer.put(&key(), &document(own, 0), by_serial(own)) {
                Ok(Published::Published { .. }) => published += 1,
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
            }
        }
        published
    };
    let published: u64 = std::thread::scope(|scope| {
        let writers = [scope.spawn(run), scope.spawn(run)];
        writers.map(|writer| writer.join().unwrap()).iter().sum()
    });
    assert!(published <= LAST, "{published} of {LAST}: each serial is published once");
    heard.wait("the end", |_| None::<()>.or(Some(())));
    let final_serial = heard_last(&server);
    heard.following.refetch();
    heard.serial(final_serial);
    let serials = heard.serials();
    assert!(serials.is_sorted(), "{serials:?}");
}

fn heard_last(server: &Server) -> u64 {
    serial(&cvdns_nats::read(&server.settings(), &key(), PATIENCE).unwrap().unwrap())
}

#[test]
fn a_writer_that_always_loses_gives_up() {
    let server = Server::start();
    let raw = Raw::new(server.port);
    let mut writer = Writer::connect(&server.settings(), PATIENCE).unwrap();
    let mut judged = 0;
    let put = writer.put(&key(), &document(1, 0), |_| {
        judged += 1;
        raw.say("$KV.cvdns.feed", &[], &document(100 + judged, 0).encode().payload);
        Verdict::Newer
    });
    assert_eq!(put.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(judged, 5);
}

#[test]
fn what_cannot_be_published_says_why() {
    let server = Server::bare();
    let short = Duration::from_secs(2);
    let nowhere = Writer::connect(&settings(&[ports::free()]), short).unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::Unreachable, "{nowhere}");
    let ports = [ports::free(), ports::free()];
    let nowhere = read(&settings(&ports), &key(), short).unwrap_err().to_string();
    for port in ports {
        assert!(nowhere.contains(&format!("nats://127.0.0.1:{port}: ")), "{nowhere}");
    }
    let mut writer = Writer::connect(&server.settings(), short).unwrap();
    let no_bucket = writer.put(&key(), &document(1, 0), by_serial(1)).unwrap_err();
    assert_eq!(no_bucket.kind(), ErrorKind::NoBucket, "{no_bucket}");
    cvdns_nats::set_up(&server.settings(), &cvdns_nats::Plan::default(), PATIENCE).unwrap();
    let mut writer = Writer::connect(&server.settings(), PATIENCE).unwrap();
    let noise: Vec<u8> =
        (0..9u64 << 20).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    let large = Document { octets: noise, signature: None };
    let own_limit = writer.put(&key(), &large, |_| Verdict::Newer).unwrap_err();
    assert_eq!(own_limit.kind(), ErrorKind::TooLarge, "{own_limit}");
    let wide = Key { limit: 100 << 20, ..key() };
    if large.encode().payload.len() > 8 << 20 {
        let too_large = writer.put(&wide, &large, |_| Verdict::Newer).unwrap_err();
        assert_eq!(too_large.kind(), ErrorKind::TooLarge, "{too_large}");
        let advice = "the server takes 8388608 in all: raise `max_payload`";
        assert!(too_large.to_string().contains(advice), "{too_large}");
    }
}

#[test]
fn a_refusal_is_told_at_once() {
    let port = ports::free();
    let (told, is_told) = channel();
    // Whoever waits for a server gets one.
    let late = std::thread::spawn(move || {
        let waits = is_told.recv_timeout(Duration::from_secs(20)).is_err();
        waits.then(|| BadServer::greeting(port, Vec::new(), true))
    });
    let error = Writer::connect(&settings(&[port]), PATIENCE).map(drop).unwrap_err();
    told.send(()).unwrap();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(late.join().unwrap().is_none());
}

#[test]
fn a_writer_outlives_the_server() {
    let mut server = Server::start();
    let mut writer = Writer::connect(&server.settings(), PATIENCE).unwrap();
    for serial in 1..=3 {
        let put = writer.put(&key(), &document(serial, 0), by_serial(serial));
        assert_eq!(put, Ok(Published::Published { revision: serial }));
        server.restart();
    }
}
