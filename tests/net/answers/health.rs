//! What the feed's states do to answers.

use super::pools::draws;
use super::{nodata, records};
use crate::support::client::ALL;
use crate::support::daemon::Daemon;
use crate::support::fixture::{
    self, MAX, Set, States, TTL, groups, mirrors, path, pool, states, yields,
};
use crate::support::packet::Query;
use crate::support::reply::Reply;
use crate::support::rr;

pub(super) fn server(states: &States) -> Daemon {
    Daemon::start(&super::files().with("feed.json", fixture::feed(1_000, states)))
}

#[track_caller]
fn all_countries_draw(states: &States) {
    let server = server(states);
    for country in ["DE", "FR", "JP", "US", "LI", "IS", "BR"] {
        let (v4, v6) = groups(&path(country), states, false);
        let name = format!("db.{}.clam.example", country.to_lowercase());
        for transport in ALL {
            let query = Query::new(&name, rr::A);
            draws(server.client(), transport, &query, &v4, MAX, TTL);
            let query = Query::new(&name, rr::AAAA);
            if v6.is_empty() {
                server.client().ask(transport, &query).must_be(&nodata(&query), country);
            } else {
                draws(server.client(), transport, &query, &v6, MAX, TTL);
            }
        }
    }
}

#[test]
fn formats_only_usable_mirrors_are_answered() {
    all_countries_draw(&states(&[
        ("de1.example", "down"),
        ("us3.example", "drained"),
        ("us40.example", "removed"),
    ]));
}

/// DE has two left that are up; of FR one is, so the old one joins it; JP's only one is old, and US
/// follows.
#[test]
fn formats_old_mirrors_are_answered_only_where_too_few_are_up() {
    all_countries_draw(&states(&[
        ("de3.example", "old"),
        ("fr2.example", "old"),
        ("jp1.example", "old"),
    ]));
}

/// Where a country's mirrors are all down the path goes on.
#[test]
fn formats_a_dead_country_is_answered_along_its_path() {
    all_countries_draw(&states(&[
        ("fr1.example", "down"),
        ("fr2.example", "drained"),
        ("jp1.example", "removed"),
    ]));
}

/// An address can be down by itself: its mirror goes on with the other family.
#[test]
fn formats_single_addresses_can_be_down() {
    let feed = fixture::feed(1_000, &States::new()).replace(
        "\"mirrors\": {",
        "\"mirrors\": { \"de1.example\": { \"state\": \"up\", \"addresses\": { \"2001:db8:1::11\": \"down\" } }",
    );
    let server = Daemon::start(&super::files().with("feed.json", feed));
    let (v4, _) = yields(&path("DE"), &States::new(), false);
    let v6: Set = [rr::aaaa("2001:db8:1::12")].into();
    for transport in ALL {
        draws(server.client(), transport, &Query::new("db.de.clam.example", rr::A), &v4, MAX, TTL);
        draws(
            server.client(),
            transport,
            &Query::new("db.de.clam.example", rr::AAAA),
            &v6,
            MAX,
            TTL,
        );
    }
}

/// RFC 8914, 4.4: the answer is one that would not be given were anything known to be up.
#[test]
fn rfc8914_4_4_when_all_are_down_the_answer_is_as_if_all_were_up() {
    let down: States = mirrors().into_iter().map(|mirror| (mirror.host, "down")).collect();
    let server = server(&down);
    for country in ["DE", "FR", "JP", "LI"] {
        let (pool, _) = groups(&path(country), &States::new(), false);
        let name = format!("db.{}.clam.example", country.to_lowercase());
        for transport in ALL {
            let query = Query::new(&name, rr::A);
            let reply = server.client().ask(transport, &query);
            let ttl = reply.answer.first().expect("an answer").ttl;
            assert!((1..=30).contains(&ttl), "{reply:?}");
            draws(server.client(), transport, &query, &pool, MAX, ttl);

            let query = Query::new(&name, rr::A).edns(1232);
            let reply = server.client().ask(transport, &query);
            let ede = reply.option(rr::EDE).unwrap_or_else(|| panic!("no EDE in {reply:?}"));
            assert_eq!(ede[..2], [0, 3], "Stale Answer");
            let answer = records(&name, ttl, rr::A, reply.rdata(rr::A));
            let expected = Reply::to(&query).with_answer(answer).with_option(rr::EDE, ede);
            reply.must_be(&expected, "all down");
            let rdata = reply.rdata(rr::A).into_iter().collect();
            let size: usize = pool.sizes(MAX).iter().sum();
            assert!(pool.all().is_superset(&rdata) && rdata.len() == size);
        }
    }
    // Names that have nothing to do with mirrors know nothing of it.
    let query = Query::new("text.clam.example", rr::TXT).edns(1232);
    let answer = records("text.clam.example", 120, rr::TXT, [rr::txt(&[b"static"])]);
    super::always(server.client(), &query, &Reply::to(&query).with_answer(answer));
    assert!(server.log().to_lowercase().contains("warn"), "a warning: {}", server.log());
}

/// Only one pool of a path has to be usable for the path to be.
#[test]
fn formats_one_mirror_left_in_the_world_is_answered_everywhere() {
    let down: States = mirrors()
        .into_iter()
        .filter(|mirror| mirror.host != "jp1.example")
        .map(|mirror| (mirror.host, "down"))
        .collect();
    let server = server(&down);
    let left: Set = pool("JP").iter().map(|mirror| rr::a(&mirror.v4)).collect();
    for country in ["de", "fr", "jp", "us", "li"] {
        for transport in ALL {
            let query = Query::new(&format!("db.{country}.clam.example"), rr::A).edns(1232);
            draws(server.client(), transport, &query, &left, MAX, TTL);
        }
    }
}
