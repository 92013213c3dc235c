//! Our signatures against those of `domain`, both ways, and the errors of RFC 8945 section 5.

use std::sync::Arc;

use cvdns_core::wire::name::Name;
use cvdns_core::wire::{rcode, u16_at};
use domain::base::iana::Rcode;
use domain::base::message_builder::MessageBuilder;
use domain::base::name::Name as DomainName;
use domain::base::{Message, Rtype};
use domain::rdata::tsig::Time48;
use domain::tsig;
use proptest::prelude::*;

use super::record::TsigRecord;
use super::*;
use crate::{Algorithm, Key, Keyring};

const NOW: u64 = 1_795_000_000;

fn name(text: &str) -> Name {
    Name::parse(text, &Name::root()).unwrap()
}

fn theirs(key: &str, algorithm: Algorithm, secret: &[u8], shortest: Option<usize>) -> tsig::Key {
    let algorithm = match algorithm {
        Algorithm::Sha256 => tsig::Algorithm::Sha256,
        Algorithm::Sha384 => tsig::Algorithm::Sha384,
        Algorithm::Sha512 => tsig::Algorithm::Sha512,
    };
    let name = key.to_ascii_lowercase().parse().unwrap();
    tsig::Key::new(algorithm, secret, name, shortest, shortest).unwrap()
}

fn ours(key: &str, algorithm: Algorithm, secret: &[u8]) -> (Arc<Key>, Keyring) {
    let key = Key::new(&name(key), algorithm, secret);
    (Arc::new(key.clone()), [key].into_iter().collect())
}

fn time(seconds: u64) -> Time48 {
    Time48::from_u64(seconds)
}

/// A query for the SOA of a zone.
fn query(id: u16, zone: &str) -> Vec<u8> {
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(id);
    let mut question = builder.question();
    question.push((zone.parse::<DomainName<Vec<u8>>>().unwrap(), Rtype::SOA)).unwrap();
    question.finish()
}

/// An answer to it.
fn answer(query: &[u8]) -> Vec<u8> {
    let message = Message::from_octets(query).unwrap();
    MessageBuilder::new_vec().start_answer(&message, Rcode::REFUSED).unwrap().finish()
}

/// The same message in a builder of `domain`, to be signed by it.
macro_rules! builder {
    ($message:expr) => {{
        let message = Message::from_octets($message.clone()).unwrap();
        let mut builder = MessageBuilder::new_vec();
        *builder.header_mut() = message.header();
        let mut question = builder.question();
        for entry in message.question() {
            question.push(entry.unwrap()).unwrap();
        }
        question.additional()
    }};
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop_oneof![Just(Algorithm::Sha256), Just(Algorithm::Sha384), Just(Algorithm::Sha512)]
}

fn secret() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 16..200)
}

proptest! {
    /// `domain` asks, we answer three times.
    #[test]
    fn a_client_of_domain_accepts_our_answers(
        algorithm in algorithm(), secret in secret(), id: u16, key in "[a-zA-Z]{1,20}\\.[a-z]{1,9}",
    ) {
        let (_, keys) = ours(&key, algorithm, &secret);
        let plain = query(id, "clamav.net");
        let mut asked = builder!(plain);
        let key = theirs(&key, algorithm, &secret, None);
        let mut client = tsig::ClientSequence::request(key, &mut asked, time(NOW)).unwrap();
        let mut request = asked.finish();
        let Received::Signed(mut signer) = receive(&keys, &mut request, NOW + 300) else {
            panic!("not accepted")
        };
        prop_assert_eq!(&request, &plain);
        for _ in 0..3 {
            let mut signed = answer(&request);
            let room = signer.room();
            signer.sign(&mut signed, NOW + 10).unwrap();
            prop_assert_eq!(signed.len(), answer(&request).len() + room);
            let mut message = Message::from_octets(signed).unwrap();
            client.answer(&mut message, time(NOW)).unwrap();
        }
        client.done().unwrap();
    }

    /// We ask, `domain` answers three times.
    #[test]
    fn we_accept_the_answers_of_a_server_of_domain(
        algorithm in algorithm(), secret in secret(), id: u16, key in "[a-zA-Z]{1,20}",
    ) {
        let (own, _) = ours(&key, algorithm, &secret);
        let plain = query(id, "clamav.net");
        let mut request = plain.clone();
        let mut exchange = Exchange::begin(own, &mut request, NOW).unwrap();
        prop_assert!(!exchange.is_complete());
        let mut message = Message::from_octets(request).unwrap();
        let key = theirs(&key, algorithm, &secret, None);
        let server = tsig::ServerSequence::request(&key.as_ref(), &mut message, time(NOW)).unwrap();
        let mut server = server.expect("a signature");
        for _ in 0..3 {
            let expected = answer(&plain);
            let mut signed = builder!(expected);
            server.answer(&mut signed, time(NOW)).unwrap();
            let mut octets = signed.finish();
            exchange.check(&mut octets, NOW + 299).unwrap();
            prop_assert_eq!(octets, expected);
            prop_assert!(exchange.is_complete());
        }
    }

    /// Whatever octet is changed, the request is not taken for what it was.
    #[test]
    fn no_octet_of_a_request_can_be_changed(at in 0usize..400, by in 1u8..) {
        let (own, keys) = ours("transfer", Algorithm::Sha256, &[7; 32]);
        let plain = query(1, "clamav.net");
        let mut request = plain.clone();
        Exchange::begin(own, &mut request, NOW).unwrap();
        let at = at % request.len();
        request[at] ^= by;
        let changed = request.clone();
        match receive(&keys, &mut request, NOW) {
            // The ID may be changed on the way (section 4.3.1), and letters may change case.
            Received::Signed(_) => prop_assert_eq!(request.to_ascii_lowercase(), plain),
            // The number of records, or the type of the signature; or the length of the first label
            // of its owner, so that other octets are the type.
            Received::Unsigned => prop_assert!([10, 11, 28, 38, 39].contains(&at), "{changed:?}"),
            Received::Refused(_) => {}
        }
    }

    /// Any octets are refused or taken for unsigned, without a panic.
    #[test]
    fn any_octets_are_read(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
        let (own, keys) = ours("transfer", Algorithm::Sha256, &[7; 32]);
        let mut request = octets.clone();
        if let Received::Refused(refusal) = receive(&keys, &mut request, NOW) {
            let _ = refusal.answer(&octets, 1232);
        }
        let mut plain = query(1, "a");
        let mut exchange = Exchange::begin(own, &mut plain, NOW).unwrap();
        let mut answer = octets;
        prop_assert!(exchange.check(&mut answer, NOW).is_err());
    }
}

/// Our own client signs a request with these changes to the record, behind the back of `Exchange`.
fn forged(change: impl FnOnce(&mut TsigRecord)) -> Vec<u8> {
    let (own, _) = ours("transfer", Algorithm::Sha256, &[7; 32]);
    let mut request = query(77, "clamav.net");
    Exchange::begin(own, &mut request, NOW).unwrap();
    let (mut record, start) = TsigRecord::find(&request).unwrap().unwrap();
    change(&mut record);
    super::record::remove(&mut request, start, 77);
    record.append(&mut request).unwrap();
    request
}

fn refused(request: &[u8], now: u64) -> (TsigError, Vec<u8>) {
    let (_, keys) = ours("transfer", Algorithm::Sha256, &[7; 32]);
    match receive(&keys, &mut request.to_vec(), now) {
        Received::Refused(refusal) => (refusal.error, refusal.answer(request, 1232).unwrap()),
        other => panic!("{other:?}"),
    }
}

/// RFC 8945 section 5.2: RCODE, error, whether the answer is signed, and Other Data.
#[test]
fn each_error_is_answered_as_the_rfc_says() {
    let cases: [(Vec<u8>, u64, TsigError, Option<bool>); 8] = [
        (forged(|r| r.mac[3] ^= 1), NOW, TsigError::BadSig, Some(false)),
        (forged(|r| r.key = name("other")), NOW, TsigError::BadKey, Some(false)),
        (forged(|r| r.algorithm = name("hmac-sha512")), NOW, TsigError::BadKey, Some(false)),
        (forged(|_| {}), NOW + 600, TsigError::BadTime, Some(true)),
        (forged(|_| {}), NOW - 600, TsigError::BadTime, Some(true)),
        (forged(|r| r.mac.truncate(16)), NOW, TsigError::BadTrunc, Some(true)),
        (forged(|r| r.mac.truncate(15)), NOW, TsigError::Malformed, None),
        (forged(|r| r.mac.push(0)), NOW, TsigError::Malformed, None),
    ];
    for (request, now, error, signed) in cases {
        let (found, answer) = refused(&request, now);
        assert_eq!(found, error);
        assert_eq!(u16_at(&answer, 0), Some(77), "{error}");
        assert_eq!(u16::from(answer[3]) & 15, error.rcode(), "{error}");
        assert_eq!(answer[2] & 0x80, 0x80, "{error}");
        assert_eq!(answer[12..28], request[12..28], "{error}: the question");
        let record = TsigRecord::find(&answer).unwrap().map(|(record, _)| record);
        assert_eq!(record.as_ref().map(|record| !record.mac.is_empty()), signed, "{error}");
        let Some(record) = record else { continue };
        assert_eq!((Some(record.error), record.id), (error.code(), 77));
        let is_time = error == TsigError::BadTime;
        assert_eq!(record.other.len(), if is_time { 6 } else { 0 });
        assert_eq!(record.time, if error == TsigError::BadTrunc { now } else { NOW });
    }
    // A truncated MAC that is wrong is wrong first.
    let wrong = forged(|r| {
        r.mac.truncate(16);
        r.mac[0] ^= 1;
    });
    assert_eq!(refused(&wrong, NOW).0, TsigError::BadSig);
    assert_eq!(TsigError::Malformed.rcode(), rcode::FORMERR);
}

/// `domain` 0.12 signs eight octets of Other Data here instead of six; `tests/interop` has another
/// judge.
#[test]
fn a_client_learns_the_time_of_the_server() {
    let (own, keys) = ours("transfer", Algorithm::Sha384, &[7; 32]);
    let mut request = query(5, "clamav.net");
    let mut exchange = Exchange::begin(own, &mut request, NOW).unwrap();
    let Received::Refused(refusal) = receive(&keys, &mut request.clone(), NOW + 600) else {
        panic!("accepted")
    };
    let mut told = refusal.answer(&request, 1232).unwrap();
    assert_eq!(exchange.check(&mut told, NOW), Err(AnswerError::Clock(NOW + 600)));
}

/// A record that is not the last one, or there twice, and octets behind the message (section 5.2).
#[test]
fn a_record_elsewhere_is_malformed() {
    let request = forged(|_| {});
    let (record, _) = TsigRecord::find(&request).unwrap().unwrap();
    let mut twice = request.clone();
    record.append(&mut twice).unwrap();
    let mut answer_section = request.clone();
    (answer_section[7], answer_section[11]) = (1, 0);
    let mut behind = request.clone();
    behind.push(0);
    for message in [twice, answer_section, behind, request[..request.len() - 1].to_vec()] {
        let (error, answer) = refused(&message, NOW);
        assert_eq!(error, TsigError::Malformed);
        assert_eq!((answer[3] & 15, answer.len()), (1, 28));
    }
}

/// RFC 8945 section 5.3.1: answers between may be unsigned, 99 in a row at most; the last may not.
#[test]
fn unsigned_answers_count_once_a_signed_one_follows() {
    let (own, keys) = ours("transfer", Algorithm::Sha256, &[7; 32]);
    let start = || {
        let mut request = query(5, "clamav.net");
        let exchange = Exchange::begin(own.clone(), &mut request, NOW).unwrap();
        let Received::Signed(signer) = receive(&keys, &mut request, NOW) else { panic!() };
        (exchange, signer, answer(&request))
    };
    let (mut exchange, ..) = start();
    let unsigned = start().2;
    assert_eq!(exchange.check(&mut unsigned.clone(), NOW), Err(AnswerError::Unsigned));
    let (mut exchange, mut signer, plain) = start();
    let mut first = plain.clone();
    signer.sign(&mut first, NOW).unwrap();
    exchange.check(&mut first, NOW).unwrap();
    for _ in 0..99 {
        exchange.check(&mut plain.clone(), NOW).unwrap();
        assert!(!exchange.is_complete());
    }
    assert_eq!(exchange.check(&mut plain.clone(), NOW), Err(AnswerError::Unsigned));
    // What was unsigned is part of the next signature.
    let (mut exchange, mut signer, plain) = start();
    let mut messages = [plain.clone(), plain];
    for message in &mut messages {
        signer.sign(message, NOW).unwrap();
    }
    let [mut first, mut second] = messages;
    exchange.check(&mut first, NOW).unwrap();
    exchange.check(&mut unsigned.clone(), NOW).unwrap();
    let wrong = AnswerError::Wrong(TsigError::BadSig);
    assert_eq!(exchange.check(&mut second, NOW), Err(wrong));
}
