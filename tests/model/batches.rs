//! Queries read ahead in batches, as UDP workers do, get the same octets as queries answered one by
//! one.

use crate::asking;

use std::net::IpAddr;

use asking::{A, AAAA, Numbers, TXT, loaded, project, query, snapshot, static_data};
use cvdns_core::answer::{Answering, Transport};
use cvdns_core::health::Feed;
use cvdns_core::snapshot::Snapshot;

/// A kind of query for each kind of answer, most with a random subnet; a few have an octet changed
/// or their end cut off.
fn any_query(numbers: &mut Numbers) -> Vec<u8> {
    const NAMES: [(&str, u16); 12] = [
        ("db.local.clamav.net.", A),
        ("db.local.clamav.net.", AAAA),
        ("DataBase.clamav.net.", A),
        ("db.de.clamav.net.", A),
        ("db.us.big.clamav.net.", A),
        ("current.cvd.clamav.net.", TXT),
        ("current.cvd.clamav.net.", 255),
        ("www.clamav.net.", A),
        ("clamav.net.", 6),
        ("de.clamav.net.", A),
        ("x.y.nothing.clamav.net.", A),
        ("elsewhere.test.", A),
    ];
    let (name, qtype) = NAMES[numbers.below(NAMES.len())];
    let subnet = match numbers.below(3) {
        0 => None,
        1 => Some((IpAddr::V4((numbers.next() as u32 & 0xffff_ff00).into()), 24)),
        _ => {
            Some((IpAddr::V6((0x2 << 124 | numbers.wide() >> 8 << 84 & u128::MAX >> 4).into()), 48))
        }
    };
    let mut query = query(name, qtype, subnet);
    match numbers.below(8) {
        0 => {
            let at = numbers.below(query.len());
            query[at] = numbers.next() as u8;
        }
        1 => query.truncate(numbers.below(query.len())),
        _ => {}
    }
    query
}

fn answering() -> Answering {
    Answering::new(3, jiff::Timestamp::now)
}

fn one_by_one(
    answering: &mut Answering,
    snapshot: &Snapshot,
    queries: &[Option<(Vec<u8>, IpAddr)>],
) -> Vec<Option<Vec<u8>>> {
    let mut buffer = vec![0; 4096];
    let mut respond = |(query, client): &(Vec<u8>, IpAddr)| {
        buffer[..query.len()].copy_from_slice(query);
        let length = answering.respond(
            snapshot,
            &mut buffer,
            query.len(),
            (*client, 4711).into(),
            Transport::Udp,
        )?;
        Some(buffer[..length].to_vec())
    };
    queries.iter().map(|query| query.as_ref().and_then(&mut respond)).collect()
}

fn in_a_batch(
    answering: &mut Answering,
    snapshot: &Snapshot,
    queries: &[Option<(Vec<u8>, IpAddr)>],
) -> Vec<Option<Vec<u8>>> {
    answering.read_batch(
        snapshot,
        queries.iter().map(|q| q.as_ref().map(|(query, from)| (&**query, *from))),
    );
    let mut respond = |number: usize| {
        let (query, client) = queries[number].as_ref()?;
        let mut buffer = vec![0; 4096];
        buffer[..query.len()].copy_from_slice(query);
        let length = answering.respond_in_batch(
            number,
            snapshot,
            &mut buffer,
            (*client, 4711).into(),
            Transport::Udp,
        )?;
        Some(buffer[..length].to_vec())
    };
    (0..queries.len()).map(&mut respond).collect()
}

#[test]
fn batches_get_what_single_queries_get() {
    let loaded = loaded(&project().join("cvdns.toml"));
    let feed = Feed::parse(&std::fs::read(project().join("feed.json")).unwrap()).unwrap();
    let static_data = static_data(&loaded, Some(&feed));
    let snapshot = snapshot(&static_data, Some(&feed), "2026-11-22T18:00:00Z");
    let (mut alone, mut together) = (answering(), answering());
    let mut numbers = Numbers(64);
    let mut answered = 0;
    for _ in 0..500 {
        let count = numbers.below(65);
        let queries: Vec<Option<(Vec<u8>, IpAddr)>> = (0..count)
            .map(|_| {
                let client = IpAddr::V4((numbers.next() as u32).into());
                (numbers.below(20) > 0).then(|| (any_query(&mut numbers), client))
            })
            .collect();
        let expected = one_by_one(&mut alone, &snapshot, &queries);
        assert_eq!(in_a_batch(&mut together, &snapshot, &queries), expected);
        answered += expected.iter().flatten().count();
    }
    assert!(answered > 10_000, "{answered}");
    let nobody = together.respond_in_batch(
        64,
        &snapshot,
        &mut [0; 4096],
        ([127, 0, 0, 1], 1).into(),
        Transport::Udp,
    );
    assert_eq!(nobody, None, "a number that was not shown");
}
