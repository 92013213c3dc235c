//! What a server made of hickory answers otherwise than cvdns. Each test fails when the difference
//! is gone: then the README's list is to become shorter, and `differential.rs` longer.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cvdns_core::abuse::CookieSecrets;
use cvdns_core::answer::{Moment, Transport};
use cvdns_core::snapshot::{Snapshot, StaticData};
use cvdns_core::wire::rcode;
use support::both::{Both, Handled};
use support::judge::Parsed;
use support::query::{DO, Query, RD, opt};
use support::{served, snapshots};

const CLIENT: &str = "127.0.0.1:9";
const APEX: &[u8] = b"\x06clamav\x03net\0";

fn client() -> SocketAddr {
    CLIENT.parse().unwrap()
}

fn handled(handler: Handled) -> Parsed {
    match handler {
        Handled::Answered(answer) => *answer,
        other => panic!("{other:?}"),
    }
}

/// Both answers, by the responder first.
fn ask(both: &mut Both, query: &Query) -> (Parsed, Parsed) {
    let answers = both.ask(&query.octets(), client());
    (answers.responder.unwrap(), handled(answers.handler))
}

fn with_settings(change: impl FnOnce(&mut StaticData)) -> Snapshot {
    let mut snapshot = snapshots::shipped();
    change(Arc::get_mut(&mut snapshot.static_data).unwrap());
    snapshot
}

/// hickory reads queries before the handler does. To what it cannot read it answers FORMERR without
/// question and OPT record, whatever the handler would say.
#[test]
fn what_hickory_cannot_read_is_its_own_formerr() {
    let subnet = |data: &'static [u8]| Some(opt(0, 0, &[(8, data)]));
    let twice = || Query::new(APEX, 1).with(Some(opt(0, 0, &[]))).with(Some(opt(0, 0, &[])));
    let mut owned = opt(0, 0, &[]);
    owned.splice(0..1, *b"\x01a\0");
    let head_cut_off = b"\0\0\x29\x04\xd0\0\0\0\0\0\x03\0\x03\0".to_vec();
    let empty = b"\0\0\x01\0\x01\0\0\0\0\0\0".to_vec();
    let cases = [
        // The client does not want its address to be used.
        ("FAMILY 0", Query::new(APEX, 1).with(subnet(&[0, 0, 0, 0])), rcode::NOERROR),
        ("FAMILY 3", Query::new(APEX, 1).with(subnet(&[0, 3, 8, 0, 1])), rcode::FORMERR),
        ("a prefix of 33", Query::new(APEX, 1).with(subnet(&[0, 1, 33, 0])), rcode::FORMERR),
        ("two OPT records", twice(), rcode::FORMERR),
        ("OPT of a.", Query::new(APEX, 1).with(Some(owned)), rcode::FORMERR),
        ("an option cut off", Query::new(APEX, 1).with(Some(head_cut_off)), rcode::FORMERR),
        ("empty RDATA", Query::new(APEX, 1).with(Some(empty)), rcode::NOERROR),
    ];
    let mut both = Both::new(snapshots::shipped());
    for (what, query, expected) in cases {
        let octets = query.octets();
        let responder = both.ask_responder(Transport::Tcp, &octets, client()).unwrap();
        assert_eq!(responder.rcode(), expected, "{what}");
        assert!(!responder.question.is_empty(), "{what}");
        assert_eq!(both.ask(&octets, client()).handler, Handled::Unread, "{what}");
        let served = served::ask(snapshots::shipped(), &octets);
        assert_eq!(served.rcode(), rcode::FORMERR, "{what}");
        assert!(served.question.is_empty() && served.opt.is_none(), "{what}: {served:?}");
    }
}

/// The way through a real server: sockets, and hickory's own encoder.
#[test]
fn a_served_answer_is_the_handlers() {
    for qtype in [1, 2, 6, 15, 16, 28, 257] {
        let query = Query::new(APEX, qtype).with(Some(opt(0, DO, &[(3, &[])]))).octets();
        let mut both = Both::new(snapshots::shipped());
        let handler = handled(both.ask(&query, client()).handler);
        assert_eq!(served::ask(snapshots::shipped(), &query), handler);
    }
}

#[test]
fn a_signed_zone_is_servfail_to_validators() {
    let mut both = Both::new(snapshots::signed());
    for name in [APEX, b"\x03nix\x06clamav\x03net\0", b"\x01x\x05lists\x06clamav\x03net\0"] {
        let (responder, handler) = ask(&mut both, &Query::new(name, 1).with(Some(opt(0, DO, &[]))));
        assert!(responder.sections.concat().iter().any(|record| record.contains("rrsig")));
        assert_eq!((handler.rcode(), handler.sections.concat().len()), (rcode::SERVFAIL, 0));
        assert_eq!(handler.option(15).unwrap()[..2], [0, 21]);
    }
}

#[test]
fn diagnostic_names_are_refused() {
    let mut both = Both::new(snapshots::shipped());
    let query = Query::new(b"\x08_explain\x08database\x06clamav\x03net\0", 16);
    let (responder, handler) = ask(&mut both, &query.with(Some(opt(0, 0, &[]))));
    assert_eq!((responder.rcode(), responder.sections[0].len()), (rcode::NOERROR, 1));
    assert_eq!((handler.rcode(), handler.sections.concat().len()), (rcode::REFUSED, 0));
}

#[test]
fn there_are_neither_cookies_nor_idle_timeouts_nor_padding() {
    let mut both = Both::new(snapshots::shipped());
    both.configure(|responder| {
        responder.begin(Moment::default(), &Arc::new(CookieSecrets::random([7; 16])));
        responder.set_idle_timeout(Duration::from_secs(2));
    });
    let options: &[(u16, &[u8])] = &[(10, &[1; 8]), (11, &[]), (12, &[0; 9])];
    let query = Query::new(APEX, 1).with(Some(opt(0, 0, options)));
    let (responder, handler) = ask(&mut both, &query);
    assert!(responder.option(10).is_some() && responder.option(11).is_some());
    assert_eq!(handler.opt.unwrap().options, []);
    let padded = both.ask_responder(Transport::Tls, &query.octets(), client()).unwrap();
    assert!(padded.option(12).is_some());
}

/// cvdns measures a chain of aliases, and hands the client of a short one its answer.
#[test]
fn over_udp_three_aliases_are_too_many() {
    let mut both = Both::new(snapshots::rare());
    let name = b"\x03c15\x04rare\x04test\0";
    let mut ask = |transport| both.ask_over(transport, &Query::new(name, 1).octets(), client());
    let answers = ask(Transport::Udp);
    let (responder, handler) = (answers.responder.unwrap(), handled(answers.handler));
    assert_eq!((responder.sections[0].len(), responder.header[2] & 0x02), (3, 0));
    assert_eq!((handler.sections[0].len(), handler.header[2] & 0x02), (0, 0x02));
    assert_eq!(handled(ask(Transport::Tcp).handler).sections[0].len(), 3);
}

/// The responder leaves these to whoever has keys and primaries.
#[test]
fn transfers_and_notifications_are_refused() {
    let snapshot = with_settings(|data| {
        data.settings.has_keys = true;
        data.has_primaries = true;
    });
    let mut both = Both::new(snapshot);
    let notify = Query { flags: [0x21, 0], ..Query::new(APEX, 6) };
    let signed = Query::new(APEX, 1).with(Some(support::query::tsig()));
    let cases = [
        (Query::new(APEX, 252), rcode::REFUSED),
        (Query { flags: RD, ..Query::new(APEX, 251) }, rcode::REFUSED),
        (notify, rcode::NOTIMP),
        (signed, rcode::NOTAUTH),
    ];
    for (query, expected) in cases {
        let answers = both.ask(&query.octets(), client());
        assert_eq!(answers.responder, None, "{query:?}");
        assert_eq!(handled(answers.handler).rcode(), expected, "{query:?}");
    }
}

#[test]
fn download_reports_are_answered_and_not_counted() {
    let mut both = Both::new(snapshots::shipped());
    let octets = Query::new(b"\x01x\x04ping\x06clamav\x03net\0", 1).octets();
    let counted = |both: &Both| both.snapshot().static_data.download_reports.reports().malformed;
    let handler = handled(both.ask(&octets, client()).handler);
    assert_eq!(handler.sections[0].len(), 1);
    assert_eq!(counted(&both), 1, "by the responder alone");
}
