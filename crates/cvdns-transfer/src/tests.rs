//! Whole transfers: what a secondary that takes them literally has afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;

use cvdns_core::wire::name::Name;
use domain::base::name::ToName as _;
use domain::base::rdata::UnknownRecordData;
use domain::base::{Message, Rtype};
use proptest::prelude::*;

use crate::history::{Content, History, SignsSoa};
use crate::outgoing::{Form, Outgoing, form};
use crate::records::{RecordCollector, RecordSet, ZoneRecord};
use crate::request::{Kind, Request};
use crate::version::Soa;
use crate::{kept, serial};

/// Owner, type, TTL and data.
type Record = (Vec<u8>, u16, u32, Vec<u8>);

fn zone() -> Name {
    Name::parse("clamav.net.", &Name::root()).unwrap()
}

fn soa(serial: u32) -> Soa {
    let mut rdata = b"\x02ns\0\x01h\0".to_vec();
    for number in [serial, 1, 2, 3, 4] {
        rdata.extend(number.to_be_bytes());
    }
    Soa::new(60, &rdata).unwrap()
}

fn content(records: &[Record], sum: u32) -> Content {
    let mut collector = RecordCollector::default();
    for (owner, rtype, ttl, rdata) in records {
        collector.add(ZoneRecord { owner, rtype: *rtype, ttl: *ttl, rdata }).unwrap();
    }
    let records = collector.finish();
    Content { zone: zone(), soa: soa(0), records, soa_signer: None, sum, follows_sum: false }
}

fn request(kind: Kind) -> Request {
    let mut question = zone().wire().to_vec();
    question.extend(if kind == Kind::Axfr { [0, 252, 0, 1] } else { [0, 251, 0, 1] });
    Request { id: 7, question, zone: zone(), kind, recursion_desired: false, has_edns: true }
}

/// All records of a transfer, in their order, and the octets of its messages.
fn sent(history: &History, kind: Kind) -> (Vec<Record>, usize) {
    let request = request(kind);
    let form = form(history, &request, false);
    let mut outgoing = Outgoing::new(history, request, form, None, 1232);
    let (mut records, mut octets) = (Vec::new(), 0);
    while let Some(message) = outgoing.next_message(0) {
        let message = message.unwrap();
        octets += message.len();
        assert!(message.len() <= 16 << 10);
        let message = Message::from_octets(message).unwrap();
        assert!(message.header().qr() && message.header().aa() && message.header().id() == 7);
        assert_eq!(message.header_counts().qdcount(), 1);
        for record in message.answer().unwrap() {
            let record = record.unwrap();
            let (rtype, ttl) = (record.rtype(), record.ttl().as_secs());
            let owner = record.owner().to_vec().as_slice().to_vec();
            let rdata = if rtype == Rtype::SOA {
                let data = record.into_record::<domain::rdata::Soa<_>>().unwrap().unwrap();
                data.data().serial().into_int().to_be_bytes().to_vec()
            } else {
                let data = record.into_record::<UnknownRecordData<_>>().unwrap().unwrap();
                data.data().data().to_vec()
            };
            records.push((owner, rtype.to_int(), ttl, rdata));
        }
    }
    assert!(outgoing.is_complete());
    (records, octets)
}

/// What a secondary has after a transfer (RFC 1995 section 4, read literally).
fn received(before: &BTreeSet<Record>, serial: u32, records: &[Record]) -> BTreeSet<Record> {
    let is_soa = |record: &Record| record.1 == 6;
    let last = records.last().unwrap();
    assert!(is_soa(&records[0]) && (records.len() == 1 || last == &records[0]));
    if records.len() == 1 {
        return before.clone();
    }
    let inside = &records[1..records.len() - 1];
    if !inside.first().is_some_and(is_soa) {
        assert!(!inside.iter().any(is_soa));
        return inside.iter().cloned().collect();
    }
    let (mut zone, mut deletes) = (before.clone(), false);
    let mut current = serial.to_be_bytes().to_vec();
    for record in inside {
        if is_soa(record) {
            deletes = !deletes;
            if deletes {
                assert_eq!(record.3, current, "a difference begins where the last one ended");
            }
            current.clone_from(&record.3);
        } else if deletes {
            assert!(zone.remove(record), "deleted, but was not there");
        } else {
            assert!(zone.insert(record.clone()), "added, but was there");
        }
    }
    assert_eq!(current, last.3);
    zone
}

fn record() -> impl Strategy<Value = Record> {
    let label = prop_oneof![Just("db.de"), Just("DB.local"), Just("x"), Just("a.b.c")];
    let rdata = proptest::collection::vec(0u8..4, 4);
    (label, prop_oneof![Just(1u16), Just(65_280)], 0u32..2, rdata).prop_map(
        |(label, rtype, ttl, rdata)| {
            let owner = Name::parse(label, &zone()).unwrap();
            (owner.wire().to_vec(), rtype, ttl, rdata)
        },
    )
}

proptest! {
    /// From every serial that is remembered, from those that are not, and from those of the future,
    /// a secondary arrives at the newest version.
    #[test]
    fn every_secondary_arrives_at_the_newest_version(
        versions in proptest::collection::vec(
            (proptest::collection::vec(record(), 0..40), 0u32..3), 1..8,
        ),
        first: u32,
    ) {
        let mut sum = first;
        let mut history: Option<History> = None;
        let mut known: Vec<(u32, BTreeSet<Record>)> = Vec::new();
        for (records, rise) in versions {
            sum = sum.wrapping_add(rise);
            let content = content(&records, sum);
            history = match history {
                None => Some(History::new(&content)),
                Some(before) => match before.followed_by(&content) {
                    Some(next) => {
                        let (old, new) = (before.newest().serial(), next.newest().serial());
                        prop_assert!(serial::is_greater(new, old));
                        prop_assert!(new == sum || new == old.wrapping_add(1));
                        Some(next)
                    }
                    None => Some(before),
                },
            };
            let newest = history.as_ref().unwrap().newest().serial();
            if known.last().is_none_or(|(serial, _)| *serial != newest) {
                known.push((newest, records.into_iter().collect()));
            }
        }
        let history = history.unwrap();
        prop_assert_eq!(kept::from_octets(&kept::to_octets(&history)), Ok(history.clone()));
        let (newest, expected) = known.last().unwrap();
        let (whole, _) = sent(&history, Kind::Axfr);
        prop_assert_eq!(&received(&BTreeSet::new(), 0, &whole), expected);
        for (serial, before) in &known {
            let (records, _) = sent(&history, Kind::Ixfr(*serial));
            prop_assert_eq!(&received(before, *serial, &records), expected);
            prop_assert_eq!(records.len() == 1, serial == newest);
            prop_assert!(records.len() <= whole.len() + 2 * known.len());
        }
        for serial in [newest.wrapping_add(1), newest.wrapping_add(1 << 31), first.wrapping_sub(1)] {
            let (records, _) = sent(&history, Kind::Ixfr(serial));
            prop_assert_eq!(&received(&BTreeSet::new(), serial, &records), expected);
        }
        let over_udp = form(&history, &request(Kind::Ixfr(first)), true);
        prop_assert_eq!(over_udp, Form::SoaAlone);
    }

    /// A damaged file is refused, wherever the damage is.
    #[test]
    fn a_damaged_file_is_refused(records in proptest::collection::vec(record(), 0..9), at: usize, by in 1u8..) {
        let history = History::new(&content(&records, 1));
        let history = history.followed_by(&content(&[], 2)).unwrap_or(history);
        let mut octets = kept::to_octets(&history);
        let at = at % octets.len();
        octets[at] ^= by;
        prop_assert!(kept::from_octets(&octets).is_err());
        octets.truncate(at);
        prop_assert!(kept::from_octets(&octets).is_err());
    }
}

/// Differences that are together longer than the zone are forgotten, the oldest first.
#[test]
fn differences_never_take_more_than_the_zone() {
    let records = |from: u8| -> Vec<Record> {
        (0..100u8)
            .map(|number| (zone().wire().to_vec(), 1, 60, vec![192, 0, from, number]))
            .collect()
    };
    let mut history = History::new(&content(&records(0), 1));
    for number in 1..20u8 {
        let mut changed = records(0);
        changed[usize::from(number)] = (zone().wire().to_vec(), 1, 60, vec![10, 0, 0, number]);
        history = history.followed_by(&content(&changed, u32::from(number) + 1)).unwrap();
        let octets: usize = history.differences().iter().map(|of| of.octets(&zone())).sum();
        assert!(octets <= history.newest().octets());
    }
    let kept = history.differences().len();
    assert!((5..19).contains(&kept), "{kept}");
    assert!(history.since(19).is_some() && history.since(1).is_none());
    // All records change: the difference is longer than the zone.
    let history = history.followed_by(&content(&records(1), 30)).unwrap();
    assert_eq!(history.differences().len(), 0);
    // Only a raised serial counts where the master file is the only source.
    let raised = |follows_sum| Content { follows_sum, ..content(&records(1), 31) };
    assert!(history.followed_by(&raised(false)).is_none());
    assert_eq!(history.followed_by(&raised(true)).unwrap().newest().serial(), 31);
}

/// A zone of 10,000 addresses goes out in messages of 16 KiB, each with whole records.
#[test]
fn a_large_zone_goes_out_in_many_messages() {
    let records: Vec<Record> = (0..10_000u32)
        .map(|number| (zone().wire().to_vec(), 1, 60, number.to_be_bytes().to_vec()))
        .collect();
    let history = History::new(&content(&records, 1));
    let (records, octets) = sent(&history, Kind::Axfr);
    assert_eq!(records.len(), 10_002);
    assert!((160_000..170_000).contains(&octets), "{octets}");
}

/// A record that no message holds ends the transfer; one that a long message holds does not.
#[test]
fn a_long_record_has_a_message_of_its_own() {
    for (length, fits) in [(20_000, true), (65_530, false)] {
        let long = (zone().wire().to_vec(), 65_280, 60, vec![0; length]);
        let history = History::new(&content(&[long], 1));
        let mut outgoing = Outgoing::new(&history, request(Kind::Axfr), Form::Whole, None, 1232);
        let messages: Vec<_> = std::iter::from_fn(|| outgoing.next_message(0)).take(5).collect();
        assert_eq!(messages.iter().all(Result::is_ok), fits);
    }
}

/// Signs with a record that has the serial in it, or another one after this many calls.
#[derive(Debug)]
struct Signer(std::sync::atomic::AtomicU32);

impl SignsSoa for Signer {
    fn signatures(&self, soa: &Soa) -> RecordSet {
        let renewed = self.0.load(std::sync::atomic::Ordering::Relaxed);
        let rdata = [soa.serial().to_be_bytes(), renewed.to_be_bytes()].concat();
        let mut records = RecordCollector::default();
        records
            .add(ZoneRecord { owner: zone().wire(), rtype: 46, ttl: 60, rdata: &rdata })
            .unwrap();
        records.finish()
    }
}

/// A version has the signature of its own SOA record, and a new signature alone makes a version.
#[test]
fn the_signature_of_the_soa_record_goes_with_the_serial() {
    let signer = Arc::new(Signer(0.into()));
    let others: Vec<Record> = (0..20).map(|n| (zone().wire().to_vec(), 16, n, vec![])).collect();
    let signed = |sum| Content { soa_signer: Some(signer.clone()), ..content(&others, sum) };
    let signature = |history: &History| {
        let signatures = history.newest().records.iter().filter(|record| record.rtype == 46);
        let [one] = signatures.collect::<Vec<_>>().try_into().unwrap();
        one.rdata.to_vec()
    };
    let history = History::new(&signed(7));
    assert_eq!(signature(&history), [0, 0, 0, 7, 0, 0, 0, 0]);
    assert!(history.followed_by(&signed(9)).is_none(), "nothing is new");
    signer.0.store(1, std::sync::atomic::Ordering::Relaxed);
    let history = history.followed_by(&signed(9)).unwrap();
    assert_eq!(signature(&history), [0, 0, 0, 9, 0, 0, 0, 1]);
    let difference = &history.differences()[0];
    assert_eq!((difference.deleted.len(), difference.added.len()), (1, 1));
    let unsigned = history.followed_by(&content(&others, 9)).unwrap();
    assert_eq!((unsigned.newest().serial(), unsigned.newest().records.len()), (10, 20));
}
