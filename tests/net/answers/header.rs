//! The header, the question, and who is answered at all.

use super::{always, server, www};
use crate::support::client::ALL;
use crate::support::packet::{self, AA, AD, CD, Query, RA, RD};
use crate::support::reply::{Record, Reply};
use crate::support::{name, rr};

#[test]
fn rfc1035_4_1_1_positive_answer_is_authoritative_and_offers_no_recursion() {
    let server = server();
    let query = Query::new("www.clam.example", rr::A);
    let expected = Reply::to(&query).with_answer(www("www.clam.example"));
    assert!(expected.has(AA) && !expected.has(RA) && !expected.has(RD));
    always(server.client(), &query, &expected);
}

#[test]
fn rfc1035_4_1_1_rd_is_copied() {
    let server = server();
    for qtype in [rr::A, rr::MX] {
        let query = Query::new("www.clam.example", qtype).flags(RD);
        for transport in ALL {
            assert!(server.client().ask(transport, &query).has(RD), "{transport:?}");
        }
    }
    let query = Query::new("www.clam.example", rr::A).flags(RD);
    always(server.client(), &query, &Reply::to(&query).with_answer(www("www.clam.example")));
}

/// RFC 4035, 3.1.6: an authoritative response has CD and AD clear; RFC 1035, 4.1.1: Z is zero.
#[test]
fn rfc4035_3_1_6_other_header_bits_are_not_copied() {
    let server = server();
    let query =
        Query::new("www.clam.example", rr::A).flags(RD | AD | CD | RA | AA | packet::TC | 0x0040);
    always(server.client(), &query, &Reply::to(&query).with_answer(www("www.clam.example")));
}

/// RFC 1035, 4.1.1 lets any octets be an id.
#[test]
fn rfc1035_4_1_1_id_is_copied() {
    let server = server();
    for id in [0, 0xffff, 0x8000] {
        let mut query = Query::new("www.clam.example", rr::A);
        query.id = id;
        always(server.client(), &query, &Reply::to(&query).with_answer(www("www.clam.example")));
    }
}

/// RFC 4343, 4.1; resolvers that mix the case of their questions rely on it.
#[test]
fn rfc4343_4_1_case_of_the_question_is_echoed() {
    let server = server();
    let cases: [(&str, u16); 5] = [
        ("wWw.ClAm.ExAmPlE", rr::A),
        ("NOTHING.clam.EXAMPLE", rr::A),
        ("X.Sub.Clam.Example", rr::A),
        ("dB.dE.cLAM.eXAMPLE", rr::A),
        ("CURRENT.cvd.CLAM.example", rr::TXT),
    ];
    for (name, qtype) in cases {
        let query = Query::new(name, qtype);
        for transport in ALL {
            assert_eq!(
                server.client().ask(transport, &query).questions,
                [query.question()],
                "{name}"
            );
        }
    }
    let query = Query::new("wWw.ClAm.ExAmPlE", rr::A);
    always(server.client(), &query, &Reply::to(&query).with_answer(www("www.clam.example")));
}

/// RFC 8906, 3.1.3 and RFC 1034, 4.3.2: what is not ours is refused, with the question and without
/// AA.
#[test]
fn rfc8906_3_1_3_foreign_zones_are_refused() {
    let server = server();
    for name in
        [".", "example", "example.com", "xclam.example", "clam.example.com", "\\099lam.other"]
    {
        for edns in [false, true] {
            let query = Query::new(name, rr::A).flags(RD);
            let query = if edns { query.edns(4096) } else { query };
            always(server.client(), &query, &Reply::to(&query).without(AA).with_rcode(rr::REFUSED));
        }
    }
}

#[test]
fn formats_other_classes_are_refused() {
    let server = server();
    for class in [rr::CH, 4, 254, 255, 0] {
        let query = Query::new("www.clam.example", rr::A).class(class);
        always(server.client(), &query, &Reply::to(&query).without(AA).with_rcode(rr::REFUSED));
    }
}

#[test]
fn rfc1034_4_3_2_below_a_cut_is_referred_with_glue() {
    let server = server();
    let ns = Record::new("sub.clam.example", 120, rr::NS, name::wire("ns.sub.clam.example"));
    let glue = vec![
        Record::new("ns.sub.clam.example", 120, rr::A, rr::a("192.0.2.5")),
        Record::new("ns.sub.clam.example", 120, rr::AAAA, rr::aaaa("2001:db8::5")),
    ];
    for name in ["sub.clam.example", "ns.sub.clam.example", "x.y.sub.clam.example"] {
        for query in [Query::new(name, rr::A), Query::new(name, rr::NS).edns(1232)] {
            let expected = Reply::to(&query)
                .without(AA)
                .with_authority(vec![ns.clone()])
                .with_additional(glue.clone());
            always(server.client(), &query, &expected);
        }
    }
}

/// RFC 1035, 4.1.1 and RFC 8906, 3.1.4: opcodes that are not implemented. A zone that nobody may
/// notify of has no NOTIFY either.
#[test]
fn rfc8906_3_1_4_other_opcodes_are_not_implemented() {
    let server = server();
    for opcode in [1, 2, 3, 4, 5, 6, 15] {
        let query = Query::new("clam.example", rr::SOA).opcode(opcode);
        for transport in ALL {
            let reply = server.client().ask(transport, &query);
            assert_eq!(reply.id, query.id);
            assert_eq!(
                reply.flags,
                packet::QR | opcode << 11 | rr::NOTIMP,
                "opcode {opcode} over {transport:?}"
            );
            assert!(reply.questions.is_empty() || reply.questions == [query.question()]);
            assert!(
                reply.answer.is_empty()
                    && reply.authority.is_empty()
                    && reply.additional.is_empty()
            );
        }
    }
}
