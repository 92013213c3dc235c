//! EDNS and its options, ECS apart.

use super::{always, nodata, nxdomain, server, www};
use crate::support::client::ALL;
use crate::support::packet::{AA, DO, Query};
use crate::support::reply::Reply;
use crate::support::rr;

#[test]
fn rfc6891_6_1_1_opt_is_answered_by_opt_and_only_then() {
    let server = server();
    let plain = Query::new("www.clam.example", rr::A);
    always(server.client(), &plain, &Reply::to(&plain).with_answer(www("www.clam.example")));
    for size in [512, 1232, 4096, 65_535] {
        let query = Query::new("www.clam.example", rr::A).edns(size);
        let expected = Reply::to(&query).with_answer(www("www.clam.example"));
        assert_eq!(
            expected.opt.as_ref().map(|opt| opt.size),
            Some(1232),
            "the server's size, not the client's"
        );
        always(server.client(), &query, &expected);
    }
    let query = Query::new("nothing.clam.example", rr::A).edns(1232);
    always(server.client(), &query, &nxdomain(&query));
    let query = Query::new("www.clam.example", rr::MX).edns(1232);
    always(server.client(), &query, &nodata(&query));
}

/// RFC 3225, 3: DO is copied; RFC 6891, 6.1.4: the other flags are zero.
#[test]
fn rfc3225_3_do_is_copied() {
    let server = server();
    for flags in [DO, DO | 0x7fff, 0x7fff] {
        let query = Query::new("www.clam.example", rr::A).opt(|opt| opt.flags = flags);
        let expected = Reply::to(&query).with_answer(www("www.clam.example"));
        assert_eq!(expected.opt.as_ref().map(|opt| opt.flags), Some(flags & DO));
        always(server.client(), &query, &expected);
    }
}

#[test]
fn rfc6891_6_1_3_higher_versions_are_badvers() {
    let server = server();
    for version in [1, 2, 255] {
        for name in ["www.clam.example", "db.local.clam.example", "current.cvd.clam.example"] {
            let query = Query::new(name, rr::A).opt(|opt| opt.version = version);
            let expected = Reply::to(&query).without(AA).with_rcode(rr::BADVERS);
            let opt = expected.opt.as_ref().expect("an OPT");
            assert_eq!((opt.rcode_high, opt.version), (1, 0));
            always(server.client(), &query, &expected);
        }
    }
    // What another version's options mean is not known.
    let query =
        Query::new("www.clam.example", rr::A).opt(|opt| opt.version = 1).option(rr::ECS, &[9, 9]);
    always(server.client(), &query, &Reply::to(&query).without(AA).with_rcode(rr::BADVERS));
}

#[test]
fn rfc6891_6_1_2_unknown_options_are_ignored() {
    let server = server();
    let query = Query::new("www.clam.example", rr::A)
        .option(65_001, b"experiment")
        .option(9999, &[])
        .option(10, &[1, 2, 3, 4, 5, 6, 7, 8]);
    let expected = Reply::to(&query).with_answer(www("www.clam.example"));
    for transport in ALL {
        let mut reply = server.client().ask(transport, &query);
        // A server may answer a cookie (RFC 7873), but nothing else of these.
        if let Some(opt) = &mut reply.opt {
            opt.options.retain(|(code, _)| *code != 10);
        }
        reply.must_be(&expected, &format!("{transport:?}"));
    }
}

/// RFC 5001, 2.3: the identifier is sent when asked for, and only then.
#[test]
fn rfc5001_2_nsid_is_sent_when_asked_for() {
    let server = server();
    let query = Query::new("www.clam.example", rr::A).option(rr::NSID, &[]);
    let expected =
        Reply::to(&query).with_answer(www("www.clam.example")).with_option(rr::NSID, b"ns1");
    always(server.client(), &query, &expected);
    let query = Query::new("nothing.clam.example", rr::A).option(rr::NSID, &[]);
    always(server.client(), &query, &nxdomain(&query).with_option(rr::NSID, b"ns1"));
    let query = Query::new("www.clam.example", rr::A).edns(1232);
    always(server.client(), &query, &Reply::to(&query).with_answer(www("www.clam.example")));
}

/// Who finds a server that answers BADVERS wants to know which one it is.
#[test]
fn rfc5001_2_nsid_is_sent_with_badvers_too() {
    let server = server();
    for options in [vec![(rr::NSID, &[][..])], vec![(9999, &[1, 2][..]), (rr::NSID, &[][..])]] {
        let query = Query::new("www.clam.example", rr::A).opt(|opt| opt.version = 1);
        let query = options.iter().fold(query, |query, (code, data)| query.option(*code, data));
        let expected =
            Reply::to(&query).without(AA).with_rcode(rr::BADVERS).with_option(rr::NSID, b"ns1");
        always(server.client(), &query, &expected);
    }
}

/// RFC 6891, 6.1.1: an OPT is answered by an OPT, also where nothing else of the message is read.
#[test]
fn rfc6891_6_1_1_opt_is_answered_whatever_the_opcode() {
    let server = server();
    for opcode in [1, 2, 4, 5, 6, 15] {
        let query = Query::new("www.clam.example", rr::A).opcode(opcode).edns(1232);
        for transport in ALL {
            let reply = server.client().ask(transport, &query);
            assert_eq!(
                (reply.rcode(), reply.opt.is_some()),
                (4, true),
                "{transport:?} {opcode}: {reply:?}"
            );
        }
    }
}

#[test]
fn rfc5001_2_no_nsid_without_one_configured() {
    let files = super::files();
    let config = files.text("cvdns.toml").replace("nsid = \"ns1\"\n", "");
    let server = super::Daemon::start(&files.with("cvdns.toml", config));
    let query = Query::new("www.clam.example", rr::A).option(rr::NSID, &[]);
    always(server.client(), &query, &Reply::to(&query).with_answer(www("www.clam.example")));
}
