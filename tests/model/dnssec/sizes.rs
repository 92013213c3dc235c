//! How long signed answers are.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use cvdns_core::abuse::CookieSecrets;
use cvdns_core::answer::{Answering, Moment, Transport};
use cvdns_core::snapshot::Snapshot;

use super::checked::Network;
use super::keys::{P256_CSK, P256_SPLIT, Scheme, TWO_ALGORITHMS};
use super::rrsets::{CDNSKEY, CDS, DNSKEY, NSEC};
use super::windows::{TIME, example};
use crate::support::name;
use crate::support::packet::{DO, Query, TC};
use crate::support::reply::Reply;
use crate::support::rr;

/// What passes every network without fragmentation (DNS flag day 2020).
const MOST: usize = 1232;

/// A client that sends whatever makes answers longer: a subnet, a cookie, and NSID.
fn ask(snapshot: &Snapshot, name: &str, qtype: u16) -> Reply {
    let query = Query::new(name, qtype)
        .edns(4096)
        .opt(|opt| opt.flags |= DO)
        .subnet("2001:db8:1:2::/64")
        .option(rr::COOKIE, &[1; 8])
        .option(rr::NSID, &[]);
    let query = query.build();
    let mut buffer = vec![0; 65_535];
    buffer[..query.len()].copy_from_slice(&query);
    let mut answering = Answering::new(1, jiff::Timestamp::now);
    let moment = Moment { unix_time: 1_800_000_000, ..Moment::default() };
    answering.begin(moment, &Arc::new(CookieSecrets::random([5; 16])));
    let client: IpAddr = "2001:db8:1:2::77".parse().unwrap();
    let from = (client, 4711).into();
    let length = answering.respond(snapshot, &mut buffer, query.len(), from, Transport::Udp);
    let reply = Reply::parse(&buffer[..length.unwrap()]);
    for option in [rr::ECS, rr::COOKIE, rr::NSID] {
        assert!(reply.option(option).is_some(), "{name} TYPE{qtype}: {reply:?}");
    }
    reply
}

/// The longest answer of each kind, and whether all but `.big` fit.
fn longest(scheme: Scheme) -> BTreeMap<String, (usize, String)> {
    let (mut loaded, feed) = example();
    loaded.inputs.settings.nsid = Some(b"ns1.frankfurt.example.net".as_slice().into());
    let network = Network::new(&mut loaded.inputs, Some(&feed), TIME, scheme, |_| true).unwrap();
    let mut longest: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let types = [rr::A, rr::AAAA, rr::TXT, rr::MX, rr::NS, rr::DS, rr::SOA, rr::CAA, rr::ANY];
    for (_, owner) in network.signed.static_data.names.iter() {
        let text = name::text(owner);
        for name in [text.clone(), format!("xxxxxxxx.{text}")] {
            let is_big = name.contains(".big.");
            for qtype in types.into_iter().chain([NSEC, DNSKEY, CDS, CDNSKEY]) {
                if is_big || name.starts_with("_explain") {
                    continue;
                }
                let reply = ask(&network.signed, &name, qtype);
                let what = format!("{name} TYPE{qtype}");
                assert!(!reply.has(TC) && reply.length <= MOST, "{what}: {reply:?}");
                let kind = match (reply.rcode(), reply.answer.first()) {
                    (rr::NXDOMAIN, _) => "NXDOMAIN".to_owned(),
                    (code, _) if code != rr::NOERROR => format!("code {code}"),
                    (_, None) if reply.authority.iter().any(|of| of.rtype == rr::SOA) => {
                        "NODATA".to_owned()
                    }
                    (_, None) => "referral".to_owned(),
                    (_, Some(_)) => format!("TYPE{qtype}"),
                };
                let entry = longest.entry(kind).or_default();
                *entry = entry.clone().max((reply.length, what));
            }
        }
    }
    longest
}

#[test]
fn signed_answers_of_the_example_pass_every_network() {
    for (keys, scheme) in [("one key", P256_CSK), ("a KSK and a ZSK", P256_SPLIT)] {
        println!("{keys}, with subnet, cookie and NSID; longest answers in octets:");
        for (kind, (length, what)) in longest(scheme) {
            println!("{length:5} {kind:9} {what}");
        }
    }
}

/// The most that a rollover of the algorithm adds.
#[test]
fn answers_that_are_signed_twice_pass_too() {
    for (kind, (length, what)) in longest(TWO_ALGORITHMS) {
        println!("{length:5} {kind:9} {what}");
    }
}
