//! Extended errors for answers that come from further along a path (RFC 8914 section 4.1).

use super::{Daemon, server};
use crate::support::client::{ALL, Transport};
use crate::support::fixture::{MIN, States, mirrors, path, pool, states};
use crate::support::packet::Query;
use crate::support::rr;

/// What is said of an answer along a country's path, by plain list logic; none: it is all of its
/// first pool.
fn words(country: &str, down: &States, qtype: u16) -> Option<String> {
    let path = path(country);
    let up = |name: &str| -> Vec<_> {
        pool(name).into_iter().filter(|mirror| !down.contains_key(&mirror.host)).collect()
    };
    let mut seen: Vec<String> = Vec::new();
    let mut addresses = 0;
    let mut last = None;
    for name in &path {
        for mirror in
            up(name).into_iter().filter(|mirror| !seen.contains(&mirror.host)).collect::<Vec<_>>()
        {
            let counts = qtype == rr::A || mirror.v6.is_some();
            if counts {
                last = Some(label(
                    path.iter().find(|pool| up(pool).iter().any(|m| m.host == mirror.host))?,
                ));
            }
            seen.push(mirror.host);
            addresses += 1;
        }
        if addresses >= MIN {
            break;
        }
    }
    let (last, first) = (last?, path[0]);
    if first != country {
        return Some(format!("no mirror in the country: path followed to {last}"));
    }
    let (usable, all) = (up(first).len(), pool(first).len());
    // Of the first pool, addresses of this family are in the answer too.
    let fills = up(first).iter().any(|mirror| qtype == rr::A || mirror.v6.is_some());
    let how = if fills { "filled up from" } else { "path followed to" };
    (last != label(first))
        .then(|| format!("{first} has {usable} of {all} mirrors usable: {how} {last}"))
}

fn label(pool: &str) -> String {
    if matches!(pool, "EU" | "AS" | "NA") { format!("continent:{pool}") } else { pool.to_owned() }
}

#[track_caller]
fn says(server: &Daemon, down: &States) -> usize {
    let mut said = 0;
    for country in ["DE", "FR", "JP", "US", "LI", "IS", "GB", "BR", "AR"] {
        for (qtype, transport) in [rr::A, rr::AAAA].into_iter().zip(ALL.into_iter().cycle()) {
            let name = format!("db.{}.clam.example", country.to_lowercase());
            let reply = server.client().ask(transport, &Query::new(&name, qtype).edns(1232));
            let expected = words(country, down, qtype).filter(|_| !reply.answer.is_empty());
            let ede = reply.option(rr::EDE).map(|ede| {
                assert_eq!(ede[..2], [0, 0], "Other");
                String::from_utf8(ede[2..].to_vec()).expect("UTF-8")
            });
            assert_eq!(ede, expected, "{country} {qtype}");
            said += usize::from(ede.is_some());
        }
    }
    said
}

#[test]
fn rfc8914_4_1_answers_from_further_along_say_so() {
    assert!(says(&server(), &States::new()) >= 10);
}

#[test]
fn rfc8914_4_1_with_mirrors_down_paths_are_followed_further() {
    let down =
        states(&[("de1.example", "down"), ("de2.example", "drained"), ("fr2.example", "down")]);
    let server = super::health::server(&down);
    assert!(says(&server, &down) >= 10);
    assert!(mirrors().len() > down.len());
}

/// RFC 8914 section 3: words never cost an address, nor truncate an answer.
#[test]
fn rfc8914_3_words_give_way_to_addresses() {
    let server = server();
    let short = Query::new("db.jp.clam.example", rr::A).edns(512);
    let reply = server.client().ask(Transport::Udp4, &short);
    let whole = reply.length;
    assert!(reply.option(rr::EDE).is_some());
    let big = Query::new("db.br.big.clam.example", rr::A).edns(1232);
    let with_words = server.client().ask(Transport::Udp4, &big);
    assert!(with_words.option(rr::EDE).is_some() && whole < 512);
    // 40 addresses of 16 octets leave no room for words within 700 octets.
    let tight = Query::new("db.br.big.clam.example", rr::A).edns(700);
    let reply = server.client().ask(Transport::Udp4, &tight);
    assert_eq!((reply.answer.len(), reply.option(rr::EDE)), (with_words.answer.len(), None));
    // Without EDNS there is nobody to tell.
    assert_eq!(
        server.client().ask(Transport::Udp4, &Query::new("db.jp.clam.example", rr::A)).opt,
        None
    );
}
