//! Following documents through a real server, whatever happens to it.

use std::time::Duration;

use cvdns_nats::{ErrorKind, Last, Plan, Verdict, Writer, read, set_up};

use super::heard::{Heard, all_hear};
use super::raw::Raw;
use super::server::{Server, settings};
use super::{PATIENCE, document, key, ports, serial};

fn put(writer: &mut Writer, serial: u64) {
    let put = writer.put(&key(), &document(serial, 1000), |_| Verdict::Newer);
    put.unwrap_or_else(|error| panic!("{serial}: {error}"));
}

fn writer(server: &Server) -> Writer {
    Writer::connect(&server.settings(), PATIENCE).unwrap()
}

#[test]
fn a_document_reaches_who_follows_already_and_who_follows_later() {
    let server = Server::start();
    let mut early = Heard::new(&server.settings());
    early.connected();
    early.absent();
    assert_eq!(read(&server.settings(), &key(), PATIENCE), Ok(None));
    put(&mut writer(&server), 1);
    assert_eq!(early.document(), (document(1, 1000), 1));
    let mut late = Heard::new(&server.settings());
    assert_eq!(late.document(), (document(1, 1000), 1));
    assert_eq!(read(&server.settings(), &key(), PATIENCE), Ok(Some(document(1, 1000))));
}

#[test]
fn a_source_that_works_is_confirmed_and_tells_again_what_is_asked_for() {
    let server = Server::start();
    put(&mut writer(&server), 7);
    let mut heard = Heard::each(&server.settings(), Duration::from_millis(50));
    heard.serial(7);
    heard.same();
    heard.same();
    heard.following.refetch();
    heard.serial(7);
    heard.same();
    assert_eq!(heard.serials(), [7, 7]);
}

#[test]
fn a_deleted_document_is_absent_and_a_new_one_is_heard() {
    let server = Server::start();
    let raw = Raw::new(server.port);
    put(&mut writer(&server), 1);
    let mut heard = Heard::new(&server.settings());
    heard.serial(1);
    raw.say("$KV.cvdns.feed", &[("KV-Operation", "DEL")], b"");
    heard.absent();
    assert_eq!(read(&server.settings(), &key(), PATIENCE), Ok(None));
    let judged = writer(&server).put(&key(), &document(2, 0), |last| {
        assert_eq!(last, Last::Absent);
        Verdict::Newer
    });
    judged.unwrap();
    heard.serial(2);
}

#[test]
fn after_a_kill_all_are_current_and_nothing_is_missed() {
    let mut server = Server::start();
    let mut followers: Vec<Heard> = (0..20).map(|_| Heard::new(&server.settings())).collect();
    let mut serial = 0;
    for _ in 0..3 {
        serial += 1;
        put(&mut writer(&server), serial);
        all_hear(&mut followers, serial);
        server.kill();
        for heard in &mut followers {
            heard.unavailable(ErrorKind::Unreachable);
        }
        server.restart();
        // Some are connected again by now, and some are not.
        serial += 1;
        put(&mut writer(&server), serial);
        all_hear(&mut followers, serial);
    }
    for heard in &followers {
        assert_eq!(heard.serials(), [1, 2, 3, 4, 5, 6]);
    }
}

#[test]
fn a_store_that_was_lost_begins_anew_and_nobody_gets_stuck() {
    let mut server = Server::start();
    let mut out = writer(&server);
    for serial in 1..=5 {
        put(&mut out, serial);
    }
    let mut heard = Heard::new(&server.settings());
    assert_eq!(heard.serial(5), 5);
    server.kill();
    server.lose_store();
    server.restart();
    heard.unavailable(ErrorKind::NoBucket);
    set_up(&server.settings(), &Plan::default(), PATIENCE).unwrap();
    put(&mut out, 6);
    assert_eq!(heard.serial(6), 1);
}

#[test]
fn a_new_store_that_gives_the_known_number_to_another_document_is_noticed() {
    let mut server = Server::start();
    put(&mut writer(&server), 1);
    let mut heard = Heard::new(&server.settings());
    assert_eq!(heard.serial(1), 1);
    server.kill();
    server.lose_store();
    server.restart();
    set_up(&server.settings(), &Plan::default(), PATIENCE).unwrap();
    put(&mut writer(&server), 2);
    assert_eq!(heard.serial(2), 1);
}

#[test]
fn a_bucket_that_is_made_anew_behind_a_connection_is_noticed() {
    let server = Server::start();
    let raw = Raw::new(server.port);
    let mut out = writer(&server);
    for serial in 1..=5 {
        put(&mut out, serial);
    }
    let mut heard = Heard::new(&server.settings());
    heard.serial(5);
    let deleted = raw.say("$JS.API.STREAM.DELETE.KV_cvdns", &[], b"");
    assert!(deleted.contains("\"success\":true"), "{deleted}");
    set_up(&server.settings(), &Plan::default(), PATIENCE).unwrap();
    put(&mut out, 6);
    assert_eq!(heard.serial(6), 1);
}

#[test]
fn what_a_losing_writer_publishes_is_not_heard() {
    let server = Server::start();
    let raw = Raw::new(server.port);
    let mut out = writer(&server);
    put(&mut out, 1);
    let mut heard = Heard::new(&server.settings());
    heard.serial(1);
    let loser = document(99, 0).encode();
    let expected = [("Nats-Expected-Last-Subject-Sequence", "7")];
    let answer = raw.say("$KV.cvdns.feed", &expected, &loser.payload);
    assert!(answer.contains("wrong last sequence"), "{answer}");
    put(&mut out, 2);
    heard.serial(2);
    assert_eq!(heard.serials(), [1, 2]);
}

#[test]
fn a_server_that_hangs_is_left_for_another() {
    let (hanging, mut other) = (Server::start(), Server::start());
    put(&mut writer(&hanging), 1);
    put(&mut writer(&other), 2);
    other.kill();
    let mut heard = Heard::new(&settings(&[hanging.port, other.port]));
    heard.serial(1);
    hanging.freeze();
    other.restart();
    heard.serial(2);
    hanging.thaw();
}

#[test]
fn of_many_documents_at_once_the_newest_is_told() {
    let server = Server::start();
    let mut out = writer(&server);
    put(&mut out, 1);
    let mut heard = Heard::new(&server.settings());
    heard.serial(1);
    let raw = Raw::new(server.port);
    let padding: String =
        (0..100_000u32).map(|n| char::from(b'a' + (n.wrapping_mul(n) % 26) as u8)).collect();
    for serial in 2..=300u64 {
        let mut one = document(serial, 0);
        one.octets.extend(padding.as_bytes());
        raw.publish("$KV.cvdns.feed", &one.encode().payload);
    }
    heard.serial(300);
    let serials = heard.serials();
    assert!(serials.is_sorted(), "{serials:?}");
}

#[test]
fn a_follower_that_is_dropped_leaves_its_connection() {
    let server = Server::start();
    let raw = Raw::new(server.port);
    let mut heard = Heard::new(&server.settings());
    heard.absent();
    let Heard { updates, following, .. } = heard;
    drop(following);
    // The sink is dropped with the thread.
    let ended = std::iter::from_fn(|| updates.recv_timeout(PATIENCE).ok()).count();
    assert_eq!(ended, 0);
    assert_eq!(updates.recv(), Err(std::sync::mpsc::RecvError));
    drop(raw);
}

#[test]
fn a_document_is_read_once_or_says_why_not() {
    let mut server = Server::bare();
    let short = Duration::from_secs(2);
    let of = |kind: ErrorKind, settings| {
        let error = read(&settings, &key(), short).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    };
    of(ErrorKind::NoBucket, server.settings());
    of(ErrorKind::Unreachable, settings(&[ports::free()]));
    of(ErrorKind::Settings, settings(&[]));
    set_up(&server.settings(), &Plan::default(), PATIENCE).unwrap();
    put(&mut writer(&server), 3);
    let found = read(&server.settings(), &key(), PATIENCE).unwrap().unwrap();
    assert_eq!(serial(&found), 3);
    server.freeze();
    of(ErrorKind::Timeout, server.settings());
    server.kill();
}
