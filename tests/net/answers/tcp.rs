//! DNS over TCP (RFC 7766).

use super::{nxdomain, server, www};
use crate::support::client::{ALL, Client, TCP, Transport, framed, is_closed, read, send};
use crate::support::packet::Query;
use crate::support::reply::Reply;
use crate::support::{rr, tools};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

fn queries(count: usize) -> Vec<Query> {
    let name = |i: usize| {
        if i.is_multiple_of(2) {
            "www.clam.example".to_owned()
        } else {
            format!("n{i}.clam.example")
        }
    };
    (0..count).map(|i| Query::new(&name(i), rr::A)).collect()
}

fn expected(query: &Query) -> Reply {
    if query.name.starts_with(b"\x03www") {
        Reply::to(query).with_answer(www("www.clam.example"))
    } else {
        nxdomain(query)
    }
}

/// Answers may come in any order (RFC 7766, 6.2.1.1).
#[track_caller]
fn all_answered(stream: &mut TcpStream, queries: &[Query]) {
    let mut waiting: BTreeMap<u16, &Query> =
        queries.iter().map(|query| (query.id, query)).collect();
    while !waiting.is_empty() {
        let answer = read(stream).unwrap_or_else(|| panic!("{} answers missing", waiting.len()));
        let reply = Reply::parse(&answer);
        let query = waiting.remove(&reply.id).expect("an answer to a query that waits");
        reply.must_be(&expected(query), "over TCP");
    }
}

#[test]
fn rfc7766_6_2_1_1_queries_can_share_a_segment() {
    let server = server();
    for transport in TCP {
        for count in [2, 100] {
            let mut stream = server.client().tcp(transport.ip());
            let queries = queries(count);
            let bytes: Vec<u8> = queries.iter().flat_map(|query| framed(&query.build())).collect();
            stream.write_all(&bytes).expect("sent");
            all_answered(&mut stream, &queries);
        }
    }
}

#[test]
fn rfc7766_6_2_1_a_connection_serves_one_query_after_another() {
    let server = server();
    for transport in TCP {
        let mut stream = server.client().tcp(transport.ip());
        for query in queries(50) {
            send(&mut stream, &query.build());
            all_answered(&mut stream, &[query]);
        }
    }
}

/// RFC 7766, 8: the length field and the message may come in any pieces.
#[test]
fn rfc7766_8_messages_can_come_octet_by_octet() {
    let server = server();
    for transport in TCP {
        let mut stream = server.client().tcp(transport.ip());
        let queries = queries(2);
        for octet in queries.iter().flat_map(|query| framed(&query.build())) {
            stream.write_all(&[octet]).expect("sent");
            std::thread::sleep(Duration::from_millis(2));
        }
        all_answered(&mut stream, &queries);
    }
}

/// RFC 7766, 6.2.3: idle connections are closed. `tcp-idle` is 2 s in the fixture; the reader's
/// patience bounds only how late.
#[test]
fn rfc7766_6_2_3_idle_connections_are_closed() {
    let server = server();
    for transport in TCP {
        let mut silent = server.client().tcp(transport.ip());
        let mut half = server.client().tcp(transport.ip());
        half.write_all(&[0]).expect("sent");
        let mut used = server.client().tcp(transport.ip());
        let query = queries(1);
        send(&mut used, &query[0].build());
        all_answered(&mut used, &query);
        for stream in [&mut silent, &mut half, &mut used] {
            assert!(is_closed(stream), "still open over {transport:?}");
        }
    }
}

/// A client that goes away in the middle of a message harms no one.
#[test]
fn rfc7766_6_2_4_abandoned_connections_harm_no_one() {
    let server = server();
    for _ in 0..50 {
        for transport in TCP {
            let mut stream = server.client().tcp(transport.ip());
            let bytes = framed(&queries(1)[0].build());
            stream.write_all(&bytes[..bytes.len() / 2]).expect("sent");
        }
    }
    answers(server.client(), Transport::Tcp4);
    answers(server.client(), Transport::Udp6);
}

fn answers(client: Client, transport: Transport) {
    let query = Query::new("www.clam.example", rr::A);
    client.ask(transport, &query).must_be(&expected(&query), "afterwards");
}

/// RFC 7828: over TCP, a query with an empty option is told the idle timeout in units of 100 ms
/// (`tcp-idle` is 2 s in the fixture); over UDP the option is ignored (section 3.3.1). A query with
/// a value breaks section 3.2.1.
#[test]
fn rfc7828_the_idle_timeout_is_told() {
    const KEEPALIVE: u16 = 11;
    let server = server();
    let query = || Query::new("www.clam.example", rr::A).edns(1232);
    let usual = |query: &Query| Reply::to(query).with_answer(www("www.clam.example"));
    for transport in ALL {
        let told = |reply: Reply| {
            if transport.is_udp() { reply } else { reply.with_option(KEEPALIVE, &[0, 20]) }
        };
        let asks = query().option(KEEPALIVE, &[]);
        server.client().ask(transport, &asks).must_be(&told(usual(&asks)), "asked for it");
        let twice = query().option(KEEPALIVE, &[]).option(KEEPALIVE, &[]);
        server.client().ask(transport, &twice).must_be(&told(usual(&twice)), "asked twice");
        let none = query();
        server.client().ask(transport, &none).must_be(&usual(&none), "not asked for");
        for value in [&[0, 100][..], &[0], &[0; 5]] {
            for query in [
                query().option(KEEPALIVE, value),
                query().option(KEEPALIVE, value).option(KEEPALIVE, &[]),
            ] {
                let reply = server.client().ask(transport, &query);
                if transport.is_udp() {
                    reply.must_be(&usual(&query), "with a value, by UDP");
                } else {
                    assert_eq!((reply.rcode(), reply.answer.len()), (1, 0), "{reply:?}");
                    assert_eq!(reply.option(KEEPALIVE), None);
                }
            }
        }
    }
}

/// What two clients show of it.
#[test]
fn rfc7828_dig_and_kdig_show_the_idle_timeout() {
    let server = server();
    let (at, port) = (format!("@{}", Transport::Tcp4.ip()), server.client().port.to_string());
    for (tool, option, shown) in [
        ("dig", "+keepalive", "TCP KEEPALIVE: 2.0 secs"),
        ("kdig", "+ednsopt=11", "Option (11): 0014"),
    ] {
        let mut command = tools::tool(tool);
        let question = ["www.clam.example", "A"];
        let told = tools::output(command.args([&at, "-p", &port, "+tcp", option]).args(question));
        assert!(told.contains("NOERROR") && told.contains(shown), "{told}");
    }
}
