//! A signed network beside the same network without signatures, and answers of both.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use cvdns_core::answer::{Answering, Transport};
use cvdns_core::health::Feed;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::inputs::Inputs;
use cvdns_core::snapshot::signatures::{SignatureStore, Signatures};
use cvdns_core::snapshot::{Now, Snapshot, StaticData, compile};
use jiff::Timestamp;

use super::judge::{Judge, Judged};
use super::keys::{Scheme, sign};
use super::names::DnsName;
use super::python::Packets;
use super::rrsets::{CDNSKEY, CDS, DNSKEY, NSEC, RRSIG, Rrsig};
use super::verified::Trust;
use crate::support::packet::{DO, Query};
use crate::support::reply::{Record, Reply};
use crate::support::rr;

/// A network without signatures and with them.
#[derive(Debug)]
pub(super) struct Network {
    pub plain: Snapshot,
    pub signed: Snapshot,
    pub store: SignatureStore,
    pub trust: Trust,
}

impl Network {
    /// The network of these inputs at a moment, some zones of which are signed. `None` if the
    /// inputs break a rule.
    pub(super) fn new(
        inputs: &mut Inputs,
        feed: Option<&Feed>,
        time: &str,
        scheme: Scheme,
        is_signed: impl Fn(&DnsName) -> bool,
    ) -> Option<Self> {
        let time: Timestamp = time.parse().unwrap();
        let plain = snapshot(&compiled(inputs, feed)?, feed, time);
        let mut trust = sign(inputs, scheme, is_signed);
        trust.now = u32::try_from(time.as_second()).unwrap();
        let mut signed = snapshot(&compiled(inputs, feed)?, feed, time);
        let store = SignatureStore::new();
        signed.sign(&Signatures::default(), &store, time.as_second());
        Some(Self { plain, signed, store, trust })
    }
}

pub(super) fn compiled(inputs: &Inputs, feed: Option<&Feed>) -> Option<Arc<StaticData>> {
    let mut problems = Problems::default();
    let required = feed.map(Feed::requirements).unwrap_or_default();
    let compiled = compile(inputs, &required, &mut problems);
    compiled.filter(|_| !problems.has_errors()).map(Arc::new)
}

pub(super) fn snapshot(
    static_data: &Arc<StaticData>,
    feed: Option<&Feed>,
    time: Timestamp,
) -> Snapshot {
    Snapshot::new(static_data.clone(), &Now::new(feed, time, Duration::from_secs(3600)))
}

/// The answer to a query; `turn` chooses the window.
pub(super) fn respond(
    snapshot: &Snapshot,
    query: &Query,
    turn: u64,
    client: IpAddr,
    transport: Transport,
) -> Vec<u8> {
    let query = query.build();
    let mut buffer = vec![0; 65_535];
    buffer[..query.len()].copy_from_slice(&query);
    let length = Answering::new(turn, jiff::Timestamp::now)
        .respond(snapshot, &mut buffer, query.len(), (client, 4711).into(), transport)
        .expect("an answer");
    buffer.truncate(length);
    buffer
}

/// Asks a network, and has every answer judged.
#[derive(Debug)]
pub(super) struct Checker<'n> {
    network: &'n Network,
    pub judge: Judge,
    pub packets: Packets,
    turn: u64,
}

impl<'n> Checker<'n> {
    pub(super) fn new(network: &'n Network) -> Self {
        let judge = Judge::new(network.trust.clone());
        Self { network, judge, packets: Packets::default(), turn: 0 }
    }

    /// Asks with DO over TCP, for what the answer says.
    pub(super) fn ask(&mut self, name: &str, qtype: u16) -> Result<Judged, String> {
        self.turn += 1;
        let query = Query::new(name, qtype).edns(1232);
        let with_do = query.clone().opt(|opt| opt.flags |= DO);
        let ask = |snapshot: &Snapshot, query: &Query| {
            let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
            respond(snapshot, query, self.turn, client, Transport::Tcp)
        };
        let packet = ask(&self.network.signed, &with_do);
        let judged = self.judge.judge(&packet).map_err(|why| format!("{name} TYPE{qtype}: {why}"));
        if !has_expanded_asterisk(&Reply::parse(&packet)) {
            self.packets.add(&packet);
        }
        let plain = ask(&self.network.signed, &query);
        if !is_of_dnssec(qtype) {
            let unsigned = ask(&self.network.plain, &query);
            if plain != unsigned {
                let (plain, unsigned) = (Reply::parse(&plain), Reply::parse(&unsigned));
                return Err(format!("{plain:?} without DO is not {unsigned:?} without keys"));
            }
            is_what_others_get(&Reply::parse(&packet), &Reply::parse(&plain))?;
        }
        judged
    }

    /// What dnspython says of all answers.
    #[track_caller]
    pub(super) fn finish(self) {
        self.packets.must_be_secure(&self.network.trust);
    }
}

/// Whether a name that begins with an asterisk label was synthesised from another wildcard (RFC
/// 4592 section 2.2.1), which dnspython takes for a mistake.
fn has_expanded_asterisk(reply: &Reply) -> bool {
    let signatures = reply.answer.iter().filter(|record| record.rtype == RRSIG);
    signatures
        .map(|record| (DnsName::of_wire(&record.owner).0, Rrsig::parse(record)))
        .any(|(owner, rrsig)| owner.is_wildcard() && rrsig.labels + 1 != owner.count())
}

/// Types that a signed zone answers otherwise than another one, to everybody.
fn is_of_dnssec(qtype: u16) -> bool {
    matches!(qtype, rr::ANY | RRSIG | NSEC | DNSKEY | CDS | CDNSKEY)
}

/// Without what DNSSEC adds, the answer is the one that others get.
fn is_what_others_get(signed: &Reply, plain: &Reply) -> Result<(), String> {
    let without = |section: &[Record], with_ds: bool| -> Vec<Record> {
        let added = |record: &&Record| {
            record.rtype == RRSIG || record.rtype == NSEC || record.rtype == rr::DS && with_ds
        };
        section.iter().filter(|record| !added(record)).cloned().collect()
    };
    let sections = |reply: &Reply| {
        let (answer, authority) = (&reply.answer, &reply.authority);
        let (answer, authority) = (without(answer, false), without(authority, true));
        (reply.rcode(), answer, authority, without(&reply.additional, false))
    };
    let is_same = sections(signed) == sections(plain);
    if is_same { Ok(()) } else { Err(format!("{signed:?} is not {plain:?} with signatures")) }
}
