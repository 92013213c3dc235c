//! EDNS Client Subnet (RFC 7871).

use super::pools::draws;
use super::{Daemon, always, cname, nodata, nxdomain, records, server, www};
use crate::support::client::{ALL, Client, Transport};
use crate::support::fixture::{
    GEO, MAX, RESOLVER4, RESOLVER6, States, TTL, groups, locate, path, yields,
};
use crate::support::numbers::Numbers;
use crate::support::packet::{AA, Query};
use crate::support::reply::Reply;
use crate::support::{name, rr};
use std::net::IpAddr;

/// The option's family, source, scope and address as they must come back (RFC 7871, 7.2.1): as
/// sent, but for scope.
fn scoped(query: &Query, scope: u8) -> Vec<u8> {
    let sent = query.edns.as_ref().and_then(|opt| opt.option(rr::ECS)).expect("ECS in the query");
    let mut option = sent.to_vec();
    option[3] = scope;
    option
}

#[track_caller]
fn located(client: Client, transport: Transport, net: &str) {
    let address = net.split_once('/').expect("address/length").0.parse().expect("an address");
    let (country, scope) = locate(address);
    let (v4, v6) = groups(&path(country), &States::new(), false);
    for (qtype, pool) in [(rr::A, v4), (rr::AAAA, v6)] {
        let query = Query::new("db.local.clam.example", qtype).subnet(net);
        let option = scoped(&query, scope);
        if pool.is_empty() {
            let expected = nodata(&query).with_option(rr::ECS, &option);
            client
                .ask(transport, &query)
                .must_be(&expected, &format!("{net}: NODATA of one network"));
        } else {
            let reply = draws(client, transport, &query, &pool, MAX, TTL);
            assert_eq!(reply.option(rr::ECS), Some(&option[..]), "{net} in {country}");
        }
    }
}

/// RFC 7871, 7.2.1: the answer is for the network, whose extent the scope tells.
#[test]
fn rfc7871_7_2_1_answers_follow_the_network_and_tell_its_extent() {
    let server = server();
    for (net, _) in GEO {
        for transport in ALL {
            located(server.client(), transport, net);
        }
    }
    // Longer and shorter than the database's networks, and beside all of them.
    let others = [
        "198.51.100.17/32",
        "198.51.100.0/24",
        "198.51.100.128/25",
        "198.51.0.0/16",
        "203.0.113.64/26",
        "192.0.2.0/24",
        "203.0.112.0/24",
        "8.8.8.8/32",
        "2001:db8:8123:4567::/56",
        "2001:db8:f000::/36",
        "2001:db8:f923::1/128",
        "2001:db8::/48",
        "2a00::/12",
    ];
    for net in others {
        located(server.client(), Transport::Udp4, net);
        located(server.client(), Transport::Tcp6, net);
    }
}

/// Inside a scope every network gets the same pool: neighbours of random addresses are asked too.
#[test]
fn rfc7871_7_3_1_a_scope_holds_for_all_inside_it() {
    let server = server();
    let mut numbers = Numbers(7871);
    for round in 0..300 {
        let [a, b, c, ..] = numbers.next().to_le_bytes();
        let address: IpAddr = match round % 3 {
            0 => format!("198.51.100.{a}"),
            1 => format!("203.0.{}.{b}", 112 + a % 3),
            _ => format!("2001:db8:{:x}:{c:x}::{b:x}", u16::from_be_bytes([a | 0x80, b])),
        }
        .parse()
        .expect("an address");
        let length = if address.is_ipv4() { 32 } else { 128 };
        located(server.client(), Transport::Udp6, &format!("{address}/{length}"));
    }
}

/// RFC 7871, 7.1.2: /0 asks that nothing of the client be used; family 0 is dig's way to say the
/// same. The resolver's address serves, and the scope is 0.
#[test]
fn rfc7871_7_1_2_source_0_uses_the_resolvers_address() {
    let server = server();
    for option in [rr::ecs(0, 0, 0, &[]), rr::ecs(1, 0, 0, &[]), rr::ecs(2, 0, 0, &[])] {
        for transport in ALL {
            let country = if transport.ip().is_ipv4() { RESOLVER4 } else { RESOLVER6 };
            let (pool, _) = groups(&path(country), &States::new(), false);
            let query = Query::new("db.local.clam.example", rr::A).option(rr::ECS, &option);
            let reply = draws(server.client(), transport, &query, &pool, MAX, TTL);
            assert_eq!(reply.option(rr::ECS), Some(&option[..]), "{transport:?}");
        }
    }
}

/// RFC 7871, 7.2.1: no option is sent to who sent none.
#[test]
fn rfc7871_7_2_1_no_ecs_without_ecs() {
    let server = server();
    for transport in ALL {
        let query = Query::new("db.local.clam.example", rr::A).edns(1232);
        let reply = server.client().ask(transport, &query);
        assert_eq!(reply.option(rr::ECS), None);
    }
}

/// RFC 7871, 7.2.1: what does not depend on the client has scope 0, negative answers and referrals
/// too.
#[test]
fn rfc7871_7_2_1_names_for_all_have_scope_0() {
    let server = server();
    for net in ["198.51.100.0/25", "2001:db8:8000::/34", "192.0.2.1/32"] {
        let ask =
            |name: &str, qtype| Query::new(&format!("{name}.clam.example"), qtype).subnet(net);

        let query = ask("www", rr::A);
        let expected = Reply::to(&query).with_answer(www("www.clam.example"));
        always(server.client(), &query, &expected.with_option(rr::ECS, &scoped(&query, 0)));

        let query = ask("nothing", rr::A);
        always(server.client(), &query, &nxdomain(&query).with_option(rr::ECS, &scoped(&query, 0)));

        let query = ask("www", rr::MX);
        always(server.client(), &query, &nodata(&query).with_option(rr::ECS, &scoped(&query, 0)));

        let query = ask("db.de", rr::A);
        let (de, _) = yields(&path("DE"), &States::new(), false);
        let expected = Reply::to(&query).with_answer(records("db.de.clam.example", TTL, rr::A, de));
        always(server.client(), &query, &expected.with_option(rr::ECS, &scoped(&query, 0)));

        let query = ask("db.fr", rr::AAAA);
        always(server.client(), &query, &nodata(&query).with_option(rr::ECS, &scoped(&query, 0)));

        let query = ask("x.sub", rr::A);
        for transport in ALL {
            let reply = server.client().ask(transport, &query);
            assert_eq!(reply.authority[0].rdata, name::wire("ns.sub.clam.example"));
            assert_eq!(reply.option(rr::ECS), Some(&scoped(&query, 0)[..]), "{transport:?}");
        }
        let query = ask("current.cvd", rr::TXT);
        for transport in ALL {
            let reply = server.client().ask(transport, &query);
            assert_eq!(reply.option(rr::ECS), Some(&scoped(&query, 0)[..]), "{transport:?}");
        }
    }
}

/// A static alias of a client name depends on the client as its target does.
#[test]
fn rfc7871_7_2_1_an_alias_has_its_targets_scope() {
    let server = server();
    let (fr, _) = yields(&path("FR"), &States::new(), false);
    let query = Query::new("near.clam.example", rr::A).subnet("198.51.100.128/26");
    let mut answer = vec![cname("near.clam.example", 120, "db.local.clam.example")];
    answer.extend(records("db.local.clam.example", TTL, rr::A, fr));
    let expected = Reply::to(&query).with_answer(answer).with_option(rr::ECS, &scoped(&query, 26));
    always(server.client(), &query, &expected);
}

/// RFC 7871, 7.1.3: the scope holds for more than the source, which is told as it is.
#[test]
fn rfc7871_7_2_1_scope_may_be_longer_than_source() {
    let server = server();
    let query = Query::new("db.local.clam.example", rr::AAAA).subnet("198.51.100.0/24");
    let (country, scope) = locate([198, 51, 100, 0].into());
    assert_eq!((country, scope), ("DE", 25));
    for transport in ALL {
        let reply = server.client().ask(transport, &query);
        assert_eq!(reply.option(rr::ECS), Some(&rr::ecs(1, 24, 25, &[198, 51, 100])[..]));
    }
}

/// RFC 7871, 6 and 7.1.2.
#[test]
fn rfc7871_6_malformed_options_are_formerr() {
    let server = server();
    let cases: [(&str, Vec<u8>); 18] = [
        ("an unknown family", rr::ecs(3, 8, 0, &[10])),
        ("family 0 with a source", rr::ecs(0, 8, 0, &[10])),
        ("family 0 with an address", rr::ecs(0, 0, 0, &[10])),
        ("a source over 32", rr::ecs(1, 33, 0, &[198, 51, 100, 1, 0])),
        ("a source over 32 with 4 octets", rr::ecs(1, 33, 0, &[198, 51, 100, 1])),
        ("a source over 128", rr::ecs(2, 129, 0, &[0x20; 17])),
        ("IPv4 bits beyond the source", rr::ecs(1, 23, 0, &[198, 51, 101])),
        ("IPv4 bits beyond the source", rr::ecs(1, 1, 0, &[0xc0])),
        ("IPv6 bits beyond the source", rr::ecs(2, 33, 0, &[0x20, 1, 0xd, 0xb8, 0x40])),
        ("too few octets", rr::ecs(1, 24, 0, &[198, 51])),
        ("no octets", rr::ecs(1, 24, 0, &[])),
        ("too many octets", rr::ecs(1, 24, 0, &[198, 51, 100, 0])),
        ("an octet with source 0", rr::ecs(1, 0, 0, &[0])),
        ("more octets than an address has", rr::ecs(1, 32, 0, &[198, 51, 100, 1, 0])),
        ("a scope in a query", rr::ecs(1, 24, 24, &[198, 51, 100])),
        ("a scope with source 0", rr::ecs(1, 0, 1, &[])),
        ("three octets in all", vec![0, 1, 24]),
        ("nothing at all", Vec::new()),
    ];
    for (what, option) in cases {
        for name in ["db.local", "www", "db.de"] {
            let query = Query::new(&format!("{name}.clam.example"), rr::A).option(rr::ECS, &option);
            for transport in ALL {
                let reply = server.client().ask(transport, &query);
                assert_eq!(
                    reply.rcode(),
                    rr::FORMERR,
                    "{what} at {name} over {transport:?}: {reply:?}"
                );
                assert_eq!((reply.id, reply.has(AA)), (query.id, false), "{what}");
                assert!(reply.answer.is_empty() && reply.authority.is_empty(), "{what}: {reply:?}");
                assert!(
                    reply.opt.is_some() && reply.option(rr::ECS).is_none(),
                    "{what}: {reply:?}"
                );
                // RFC 8914 section 4.1: there is no code of its own for this.
                let ede = reply.option(rr::EDE).expect("an extended error");
                assert_eq!(ede, b"\0\0malformed client subnet (RFC 7871 section 6)", "{what}");
            }
        }
    }
}

/// `ecs = false`: as if the option were not there.
#[test]
fn formats_ecs_can_be_switched_off() {
    let files = super::files();
    let config = files.text("cvdns.toml").replace("[server]\n", "[server]\necs = false\n");
    let server = Daemon::start(&files.with("cvdns.toml", config));
    for transport in ALL {
        let country = if transport.ip().is_ipv4() { RESOLVER4 } else { RESOLVER6 };
        let (pool, _) = groups(&path(country), &States::new(), false);
        let query = Query::new("db.local.clam.example", rr::A).subnet("198.51.100.128/26");
        let reply = draws(server.client(), transport, &query, &pool, MAX, TTL);
        assert_eq!(reply.option(rr::ECS), None);
    }
}
