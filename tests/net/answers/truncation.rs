//! Answers that are too long for a datagram.

use super::{over, records, server};
use crate::support::client::{TCP, UDP};
use crate::support::fixture::{States, path, yields};
use crate::support::packet::{Query, TC};
use crate::support::reply::Reply;
use crate::support::{place, rr};

fn long(owner: &str) -> Reply {
    let letters: &[u8] = if owner.starts_with("mid") { b"mno" } else { b"pqrstu" };
    let strings: Vec<Vec<u8>> = letters.iter().map(|letter| vec![*letter; 250]).collect();
    let strings: Vec<&[u8]> = strings.iter().map(Vec::as_slice).collect();
    let answer = records(owner, 120, rr::TXT, [rr::txt(&strings)]);
    Reply::to(&Query::new(owner, rr::TXT)).with_answer(answer)
}

fn full(query: &Query) -> Reply {
    let owner = crate::support::name::text(&query.name);
    Reply::to(query).with_answer(long(owner.trim_end_matches('.')).answer)
}

fn truncated(query: &Query) -> Reply {
    Reply::to(query).with(TC)
}

/// RFC 2181, 9: TC, and nothing that could be taken for the whole.
#[test]
fn rfc1035_4_2_1_over_512_octets_without_edns_is_truncated() {
    let server = server();
    for name in ["mid.clam.example", "large.clam.example"] {
        let query = Query::new(name, rr::TXT);
        over(&UDP, server.client(), &query, &truncated(&query));
        over(&TCP, server.client(), &query, &full(&query));
    }
    let query = Query::new("db.us.big.clam.example", rr::A);
    over(&UDP, server.client(), &query, &truncated(&query));
    let (pool, _) = yields(&path("US"), &States::new(), false);
    let expected =
        Reply::to(&query).with_answer(records("db.us.big.clam.example", 45, rr::A, pool));
    over(&TCP, server.client(), &query, &expected);
}

/// RFC 6891, 6.2.5 and 7: the client's size counts, and the OPT stays.
#[test]
fn rfc6891_7_over_the_clients_size_is_truncated_with_opt() {
    let server = server();
    for size in [512, 600, 750] {
        let query = Query::new("mid.clam.example", rr::TXT).edns(size);
        over(&UDP, server.client(), &query, &truncated(&query));
        over(&TCP, server.client(), &query, &full(&query));
    }
    let query = Query::new("mid.clam.example", rr::TXT).edns(1232);
    over(&UDP, server.client(), &query, &full(&query));
}

/// The server's own limit holds for clients that would take more.
#[test]
fn formats_over_the_servers_size_is_truncated() {
    let server = server();
    for size in [1233, 4096, 65_535] {
        let query = Query::new("large.clam.example", rr::TXT).edns(size);
        over(&UDP, server.client(), &query, &truncated(&query));
        over(&TCP, server.client(), &query, &full(&query));
    }
}

/// Beyond 1232 octets only for those whose cookie shows that their address is not forged.
#[test]
fn formats_the_servers_size_can_be_raised() {
    let files = super::files();
    let config = files.text("cvdns.toml").replace("[server]\n", "[server]\nedns-udp-size = 4096\n");
    let server = super::Daemon::start(&files.with("cvdns.toml", config));
    let with_size = |query: &Query| {
        let mut reply = full(query);
        reply.opt.as_mut().expect("an OPT").size = 4096;
        reply
    };
    let short_for = |query: &Query| {
        let mut reply = truncated(query);
        reply.opt.as_mut().expect("an OPT").size = 4096;
        reply
    };
    let query = Query::new("large.clam.example", rr::TXT).edns(4096);
    over(&UDP, server.client(), &query, &short_for(&query));
    for transport in UDP {
        let query = |cookie: &[u8]| {
            Query::new("large.clam.example", rr::TXT).edns(4096).option(rr::COOKIE, cookie)
        };
        let first = server.client().ask(transport, &query(&[3; 8]));
        assert!(first.has(TC));
        let cookie = first.option(rr::COOKIE).expect("a cookie").to_vec();
        let query = query(&cookie);
        let whole = if place::fragments() { with_size(&query) } else { short_for(&query) };
        let expected = whole.with_option(rr::COOKIE, &cookie);
        server.client().ask(transport, &query).must_be(&expected, "with a cookie");
    }
}

/// An answer of exactly the size fits; one octet less, and it does not.
#[test]
fn rfc6891_6_2_3_the_limit_is_exact() {
    let server = server();
    let query = Query::new("mid.clam.example", rr::TXT).edns(1232);
    let length = server.client().ask(UDP[0], &query).length;
    let length = u16::try_from(length).expect("fits a datagram");
    let query = Query::new("mid.clam.example", rr::TXT).edns(length);
    over(&UDP, server.client(), &query, &full(&query));
    let query = Query::new("mid.clam.example", rr::TXT).edns(length - 1);
    over(&UDP, server.client(), &query, &truncated(&query));
}

/// Sizes below 512 mean 512.
#[test]
fn rfc6891_6_2_3_small_sizes_are_512() {
    let server = server();
    for size in [0, 1, 100, 511] {
        let query = Query::new("db.de.clam.example", rr::A).edns(size);
        let (pool, _) = yields(&path("DE"), &States::new(), false);
        let expected =
            Reply::to(&query).with_answer(records("db.de.clam.example", 60, rr::A, pool));
        over(&UDP, server.client(), &query, &expected);
    }
}

/// Options that were asked for are kept in a truncated answer.
#[test]
fn rfc5001_2_nsid_stays_when_truncated() {
    let server = server();
    let query = Query::new("mid.clam.example", rr::TXT).edns(512).option(rr::NSID, &[]);
    over(&UDP, server.client(), &query, &truncated(&query).with_option(rr::NSID, b"ns1"));
}
