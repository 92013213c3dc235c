//! Which mirrors a name answers while all are up.

use super::{always, cname, nodata, records, server};
use crate::support::client::{ALL, Client, Transport};
use crate::support::fixture::{
    self, Groups, MAX, RESOLVER4, RESOLVER6, Set, States, TTL, groups, path, yields,
};
use crate::support::packet::Query;
use crate::support::reply::Reply;
use crate::support::rr;

/// Answers to `query` come from these groups, one behind the other, and have as many of each as
/// they must and `max` allows: compared whole, but for which.
#[track_caller]
pub(crate) fn draws(
    client: Client,
    transport: Transport,
    query: &Query,
    groups: impl Into<Groups>,
    max: usize,
    ttl: u32,
) -> Reply {
    let reply = client.ask(transport, query);
    let rdata = reply.rdata(query.qtype);
    let set: Set = rdata.iter().cloned().collect();
    assert_eq!(set.len(), rdata.len(), "no address twice: {reply:?}");
    let groups = groups.into();
    let mut rest = rdata.as_slice();
    for ((pool, _), size) in groups.0.iter().zip(groups.sizes(max)) {
        let (own, others) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        let fits = own.len() == size && own.iter().all(|rdata| pool.contains(rdata));
        assert!(fits, "{transport:?} {query:?}\n{reply:?}\nnot {size} of {pool:?} in {groups:?}");
        rest = others;
    }
    assert!(rest.is_empty(), "{transport:?} {query:?}\n{reply:?}\nmore than {groups:?}");
    let owner = crate::support::name::text(&query.name);
    let mut expected = Reply::to(query).with_answer(records(&owner, ttl, query.qtype, set));
    if let (Some(opt), Some(ecs)) = (&mut expected.opt, reply.option(rr::ECS)) {
        opt.options.push((rr::ECS, ecs.to_vec()));
    }
    // Words about how far a path was followed are `further`'s to check.
    let words = reply.option(rr::EDE).filter(|ede| ede.starts_with(&[0, 0]));
    if let (Some(opt), Some(words)) = (&mut expected.opt, words) {
        opt.options.push((rr::EDE, words.to_vec()));
    }
    reply.must_be(&expected, &format!("{transport:?}"));
    reply
}

#[track_caller]
fn country_draws(server: Client, name: &str, country: &str) {
    let (v4, v6) = groups(&path(country), &States::new(), false);
    for transport in ALL {
        let query = Query::new(&format!("{name}.clam.example"), rr::A);
        draws(server, transport, &query, &v4, MAX, TTL);
        let query = Query::new(&format!("{name}.clam.example"), rr::AAAA).edns(1232);
        if v6.is_empty() {
            server.ask(transport, &query).must_be(&nodata(&query), country);
        } else {
            draws(server, transport, &query, &v6, MAX, TTL);
        }
    }
}

/// DE has enough; FR has no IPv6, so AAAA is NODATA although DE is near; JP is first and one of US
/// fills up for `min`; of US a window is answered; LI, BR and AR have no mirrors and go along their
/// path; IS is served by a mirror in DE.
#[test]
fn formats_a_country_is_answered_along_its_path() {
    let server = server();
    for country in ["DE", "FR", "JP", "US", "LI", "IS", "GB", "BR", "AR"] {
        country_draws(server.client(), &format!("db.{}", country.to_lowercase()), country);
    }
}

#[test]
fn formats_cctld_aliases_are_their_country() {
    let server = server();
    country_draws(server.client(), "db.uk", "GB");
    country_draws(server.client(), "DB.Uk", "GB");
}

#[test]
fn formats_client_names_follow_the_resolver_without_ecs() {
    let server = server();
    for name in ["db.local", "database"] {
        for transport in ALL {
            let country = if transport.ip().is_ipv4() { RESOLVER4 } else { RESOLVER6 };
            let (v4, v6) = groups(&path(country), &States::new(), false);
            let query = Query::new(&format!("{name}.clam.example"), rr::A);
            draws(server.client(), transport, &query, &v4, MAX, TTL);
            let query = Query::new(&format!("{name}.clam.example"), rr::AAAA).edns(1232);
            draws(server.client(), transport, &query, &v6, MAX, TTL);
        }
    }
}

#[test]
fn formats_a_continent_is_all_its_countries() {
    let server = server();
    let (v4, _) = yields(&["EU"], &States::new(), false);
    assert_eq!(v4.len(), 5);
    for transport in ALL {
        draws(
            server.client(),
            transport,
            &Query::new("db.europe.clam.example", rr::A),
            &v4,
            MAX,
            TTL,
        );
    }
}

/// For names of AAAA alone the path is walked for IPv6: FR goes on to DE. A is NODATA at them.
#[test]
fn formats_names_of_aaaa_alone_walk_for_ipv6() {
    let server = server();
    for country in ["DE", "FR", "JP", "IS", "BR"] {
        let (_, v6) = groups(&path(country), &States::new(), true);
        let name = format!("db.{}.ipv6.clam.example", country.to_lowercase());
        for transport in ALL {
            draws(server.client(), transport, &Query::new(&name, rr::AAAA), &v6, MAX, TTL);
        }
        let query = Query::new(&name, rr::A);
        always(server.client(), &query, &nodata(&query));
    }
}

#[test]
fn formats_max_0_answers_all_and_ttl_can_be_set_per_name() {
    let server = server();
    let (v4, _) = yields(&path("US"), &States::new(), false);
    assert_eq!(v4.len(), 40);
    for transport in ALL {
        let query = Query::new("db.us.big.clam.example", rr::A).edns(1232);
        draws(server.client(), transport, &query, &v4, 0xffff, 45);
    }
}

/// Windows and their rotation bring every address of a pool forward, and each of them first.
#[test]
fn formats_every_address_is_reached() {
    let server = server();
    let (v4, _) = yields(&path("US"), &States::new(), false);
    let (mut seen, mut first) = (Set::new(), Set::new());
    let query = Query::new("db.us.clam.example", rr::A).edns(1232);
    for _ in 0..4000 {
        let reply = draws(server.client(), Transport::Udp4, &query, &v4, MAX, TTL);
        let rdata = reply.rdata(rr::A);
        first.insert(rdata[0].clone());
        seen.extend(rdata);
    }
    assert_eq!(seen, v4);
    assert_eq!(first, v4);
}

/// RFC 1034, 3.6.2: a static alias of a dynamic name brings the pool with it.
#[test]
fn rfc1034_3_6_2_cname_to_a_pool_name() {
    let server = server();
    let (fr, _) = yields(&path("FR"), &States::new(), false);
    let query = Query::new("mirror.clam.example", rr::A).edns(1232);
    let mut answer = vec![cname("mirror.clam.example", 120, "db.fr.clam.example")];
    answer.extend(records("db.fr.clam.example", TTL, rr::A, fr));
    always(server.client(), &query, &Reply::to(&query).with_answer(answer));
    let query = Query::new("mirror.clam.example", rr::CNAME);
    let answer = vec![cname("mirror.clam.example", 120, "db.fr.clam.example")];
    always(server.client(), &query, &Reply::to(&query).with_answer(answer));
}

/// RFC 4592, 3.3.1.
#[test]
fn rfc4592_3_3_1_wildcards_with_data_and_to_a_pool() {
    let server = server();
    let query = Query::new("a.B.wild.clam.example", rr::TXT).edns(1232);
    let answer = records("a.b.wild.clam.example", 120, rr::TXT, [rr::txt(&[b"wildcard"])]);
    always(server.client(), &query, &Reply::to(&query).with_answer(answer));

    let (de, _) = yields(&path("DE"), &States::new(), false);
    let query = Query::new("x.anyde.clam.example", rr::A);
    let mut answer = vec![cname("x.anyde.clam.example", 120, "db.de.clam.example")];
    answer.extend(records("db.de.clam.example", TTL, rr::A, de));
    always(server.client(), &query, &Reply::to(&query).with_answer(answer));
}

/// RFC 6672, 3.2: a DNAME rewrites into dynamic names too.
#[test]
fn rfc6672_3_2_dname_to_a_pool() {
    let server = server();
    let (fr, _) = yields(&path("FR"), &States::new(), false);
    let query = Query::new("db.fr.old.clam.example", rr::A).edns(1232);
    let target = crate::support::name::wire(fixture::ORIGIN);
    let mut answer = records("old.clam.example", 120, rr::DNAME, [target]);
    answer.push(cname("db.fr.old.clam.example", 120, "db.fr.clam.example"));
    answer.extend(records("db.fr.clam.example", TTL, rr::A, fr));
    always(server.client(), &query, &Reply::to(&query).with_answer(answer));
}

/// Download reports of old clients; what the answer holds is of no matter to them.
#[test]
fn formats_pings_are_answered() {
    let server = server();
    for name in
        ["daily.25580.105.1.0.6810DA54", "main.59.60.1.1.20010DB8000000000000000000000001", "x"]
    {
        for transport in ALL {
            let query = Query::new(&format!("{name}.ping.clam.example"), rr::A);
            let reply = server.client().ask(transport, &query);
            assert_eq!(
                reply.flags,
                Reply::to(&query).flags,
                "{name} over {transport:?}: {reply:?}"
            );
            assert!(
                !reply.answer.is_empty() && reply.answer.iter().all(|record| record.rtype == rr::A)
            );
        }
    }
}
