//! Forty days, hour by hour: signatures are always valid, and renewed here and there, never all at
//! once.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use cvdns_core::answer::Transport;
use cvdns_core::snapshot::signatures::{SignatureStore, Signatures};
use cvdns_core::snapshot::{Now, Snapshot};

use super::checked::respond;
use super::judge::{Judge, Verdict};
use super::keys::{ED25519_CSK, P256_SPLIT, Scheme};
use super::kinds::{cases, network};
use super::rrsets::{RRSIG, Rrsig};
use crate::support::packet::{DO, Query};
use crate::support::reply::Reply;

const HOUR: i64 = 3600;

fn ask(snapshot: &Snapshot, name: &str, qtype: u16) -> Vec<u8> {
    let query = Query { id: 1, ..Query::new(name, qtype) }.edns(1232).opt(|opt| opt.flags |= DO);
    respond(snapshot, &query, 1, IpAddr::V4(Ipv4Addr::LOCALHOST), Transport::Tcp)
}

/// Steps through forty days. Returns how many signatures were made in each hour after the first.
fn forty_days(scheme: Scheme) -> Vec<u64> {
    let network = network(scheme);
    let mut judge = Judge::new(network.trust.clone());
    let start = i64::from(network.trust.now);
    let (mut snapshot, store) = (network.signed, SignatureStore::new());
    snapshot.sign(&Signatures::default(), &store, start);
    snapshot.signatures.fill(&store, || true);
    let questions: Vec<_> = cases().filter(|case| case.2 != "Elsewhere").collect();
    let (mut made, mut hours) = (store.made(), Vec::new());
    for hour in 0..40 * 24 {
        let now = start + hour * HOUR;
        judge.trust.now = u32::try_from(now).unwrap();
        let lifetime = snapshot.signatures.lifetime().unwrap();
        assert!(lifetime.expiration > lifetime.renewal);
        if lifetime.renewal < now {
            let before = snapshot.signatures.clone();
            snapshot.sign(&before, &store, now);
            snapshot.signatures.fill(&store, || true);
            let lifetime = snapshot.signatures.lifetime().unwrap();
            assert!(lifetime.renewal >= now && lifetime.expiration > now + 6 * 24 * HOUR);
        }
        hours.push(store.made() - made);
        made = store.made();
        for (name, qtype, verdict, _) in
            questions.iter().skip(usize::try_from(hour % 7).unwrap()).step_by(7)
        {
            let judged = judge.judge(&ask(&snapshot, name, *qtype));
            let judged = judged.unwrap_or_else(|why| panic!("{name} TYPE{qtype}: {why}"));
            assert!(judged.verdict != Verdict::Truncated);
            assert_eq!(format!("{:?}", judged.verdict), *verdict, "{name} TYPE{qtype}");
        }
    }
    hours
}

#[test]
fn in_forty_days_no_signature_expires_and_renewals_are_spread() {
    let hours = forty_days(ED25519_CSK);
    let all = hours.iter().sum::<u64>();
    let network = network(ED25519_CSK);
    network.signed.signatures.fill(&network.store, || true);
    let once = network.store.made();
    // Each signature is renewed each 7 days: 5 or 6 times.
    assert!((once * 5..=once * 6).contains(&all), "{all} of {once}");
    let most = hours.iter().max().unwrap();
    assert!(*most <= once / 10, "{most} of {once} in an hour");
}

/// Servers with the same keys sign alike: octet by octet where signatures are deterministic, for
/// the same time where they are not.
#[test]
fn two_servers_sign_alike() {
    for scheme in [ED25519_CSK, P256_SPLIT] {
        let network = network(scheme);
        let now = i64::from(network.trust.now);
        let other = |moment: i64| {
            let time = jiff::Timestamp::from_second(now).unwrap();
            let at = Now::new(None, time, Duration::from_secs(HOUR as u64));
            let mut snapshot = Snapshot::new(network.signed.static_data.clone(), &at);
            let store = SignatureStore::new();
            snapshot.sign(&Signatures::default(), &store, moment);
            snapshot
        };
        let (one, two) = (other(now), other(now));
        for (name, qtype, ..) in cases() {
            let [a, b] = [ask(&one, &name, qtype), ask(&two, &name, qtype)];
            if scheme == ED25519_CSK {
                assert_eq!(a, b, "{name} TYPE{qtype}");
            }
            let times = |packet: &[u8]| -> Vec<(u16, u32, u32)> {
                let reply = Reply::parse(packet);
                let records = reply.answer.iter().chain(&reply.authority);
                let signatures = records.filter(|record| record.rtype == RRSIG);
                signatures
                    .map(Rrsig::parse)
                    .map(|rrsig| (rrsig.covered, rrsig.inception, rrsig.expiration))
                    .collect()
            };
            assert_eq!(times(&a), times(&b), "{name} TYPE{qtype}");
        }
    }
}
