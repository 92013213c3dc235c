//! QTYPE ANY.

use super::{always, nodata, nxdomain, server};
use crate::support::client::ALL;
use crate::support::packet::Query;
use crate::support::reply::Reply;
use crate::support::rr;

/// RFC 8482, 4.2: one HINFO that says so.
#[test]
fn rfc8482_4_2_any_is_answered_minimally() {
    let server = server();
    for name in ["www", "db.de", "db.local", "any.wild"] {
        let owner = format!("{name}.clam.example");
        let query = Query::new(&owner, rr::ANY).edns(1232);
        for transport in ALL {
            let reply = server.client().ask(transport, &query);
            assert_eq!(reply.answer.len(), 1, "{reply:?}");
            // The RFC leaves the TTL to the server.
            let hinfo = super::records(
                &owner,
                reply.answer[0].ttl,
                rr::HINFO,
                [rr::txt(&[b"RFC8482", b""])],
            );
            reply.must_be(
                &Reply::to(&query).with_answer(hinfo),
                &format!("{name} over {transport:?}"),
            );
        }
    }
}

#[test]
fn rfc8482_4_any_at_names_without_data_is_negative() {
    let server = server();
    let query = Query::new("nothing.clam.example", rr::ANY);
    always(server.client(), &query, &nxdomain(&query));
    let query = Query::new("cvd.clam.example", rr::ANY);
    always(server.client(), &query, &nodata(&query));
}

/// Some clients ask ANY and parse the first record: it must be the TXT.
#[test]
fn clients_any_at_txt_names_is_the_txt() {
    let server = server();
    for name in ["current.cvd.clam.example", "main.cvd.clam.example", "test.cvd.clam.example"] {
        for transport in ALL {
            let query = Query::new(name, rr::TXT);
            let txt = server.client().ask(transport, &query).answer;
            assert_eq!(txt.len(), 1);
            let query = Query::new(name, rr::ANY);
            let reply = server.client().ask(transport, &query);
            reply.must_be(
                &Reply::to(&query).with_answer(txt),
                &format!("{name} over {transport:?}"),
            );
        }
    }
}
