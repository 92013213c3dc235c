//! The server about itself: TXT in class CHAOS.

use super::{always, server};
use crate::support::client::ALL;
use crate::support::packet::{AA, Query};
use crate::support::reply::Reply;
use crate::support::rr;

fn ask(name: &str) -> Vec<String> {
    let server = server();
    let query = Query::new(name, rr::TXT).class(rr::CH);
    let mut texts = Vec::new();
    for transport in ALL {
        let reply = server.client().ask(transport, &query);
        assert_eq!((reply.rcode(), reply.answer.len()), (rr::NOERROR, 1), "{reply:?}");
        let record = &reply.answer[0];
        assert_eq!((record.rtype, record.class, record.ttl), (rr::TXT, rr::CH, 0), "{reply:?}");
        assert_eq!(usize::from(record.rdata[0]), record.rdata.len() - 1, "one string");
        texts.push(String::from_utf8(record.rdata[1..].to_vec()).expect("text"));
    }
    texts
}

/// RFC 4892, 2.1 for the convention.
#[test]
fn formats_version_is_told() {
    for name in ["version.bind", "version.server", "VERSION.BIND"] {
        for text in ask(name) {
            assert!(text.to_lowercase().contains("cvdns"), "{name}: {text}");
        }
    }
}

/// RFC 4892, 2: the identity is the one that NSID tells.
#[test]
fn rfc4892_2_identity_is_told() {
    for name in ["id.server", "hostname.bind"] {
        for text in ask(name) {
            assert_eq!(text, "ns1", "{name}");
        }
    }
}

#[test]
fn formats_nothing_else_is_in_chaos() {
    let server = server();
    for name in ["authors.bind", "bind", "www.clam.example", "x.version.bind"] {
        let query = Query::new(name, rr::TXT).class(rr::CH);
        always(server.client(), &query, &Reply::to(&query).without(AA).with_rcode(rr::REFUSED));
    }
}
