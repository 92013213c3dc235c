//! What a primary sends to a secondary, and NOTIFY.

use std::collections::BTreeSet;

use cvdns_core::wire::name::Name;
use cvdns_transfer::incoming::{
    Asked, Difference, Limits, Progress, ReceivedRecord, Receiver, Transfer, ZoneContent, notify,
};

use super::octets::Octets;

const ID: u16 = 0x1234;

/// The serial of the version that is known.
const KNOWN: u32 = 7;

const LIMITS: Limits = Limits { octets: 1 << 16, memory: 1 << 18 };

/// Two octets say what was asked and how long the first message is, and so on: a length of two
/// octets precedes each message, as over TCP. The records that come of it are those of the zone,
/// each once; differences lead where a set leads by plain steps.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let asked = match octets.u8() % 4 {
        0 => Asked::Soa,
        1 => Asked::Axfr,
        2 => Asked::Ixfr(KNOWN),
        _ => return notified(octets.0),
    };
    let zone = Name::parse("z.example", &Name::root()).expect("a name");
    let mut receiver = Receiver::new(ID, &zone, asked, LIMITS);
    loop {
        if octets.is_empty() {
            assert!(receiver.finish().is_none(), "an answer is complete and was not said to be");
            return;
        }
        let length = octets.u16();
        match receiver.take(octets.slice(length.into())) {
            Ok(Progress::More) => {}
            Ok(Progress::Complete) => break,
            Err(error) => return assert!(!error.to_string().is_empty()),
        }
    }
    match receiver.finish().expect("a complete answer") {
        Transfer::Soa(soa) => assert!(asked == Asked::Soa && soa.owner == zone),
        Transfer::UpToDate(soa) => {
            let ahead = soa.serial().expect("a serial").wrapping_sub(KNOWN);
            assert!(ahead == 0 || ahead >= 0x8000_0000, "{ahead}");
        }
        Transfer::Whole(records) => whole(records, &zone),
        Transfer::Differences(differences) => applied(differences, &zone),
    }
}

fn whole(records: Vec<ReceivedRecord>, zone: &Name) {
    assert!(records.iter().all(|record| record.owner.is_within(zone)));
    let set: BTreeSet<ReceivedRecord> = records.iter().cloned().collect();
    let content = ZoneContent::of_transfer(records).expect("a SOA record");
    let kept: Vec<&ReceivedRecord> = content.records().collect();
    assert_eq!(kept.len(), set.len(), "each record once");
    assert!(kept.iter().all(|record| set.contains(record)));
    assert!(kept[1..].is_sorted(), "in order");
}

fn applied(differences: Vec<Difference>, zone: &Name) {
    let first = &differences.first().expect("a difference").from;
    assert_eq!(first.serial(), Some(KNOWN));
    // The known version has what the differences delete first, and a record that none of them has.
    let mut other = first.clone();
    (other.owner, other.rtype, other.rdata) = (zone.clone(), 65_280, Box::new([1]));
    let mut known: BTreeSet<ReceivedRecord> = [other].into();
    known.extend(differences.first().expect("a difference").deleted.iter().cloned());
    let mut set = known.clone();
    let mut fits = true;
    for difference in &differences {
        for record in &difference.deleted {
            fits &= set.remove(record);
        }
        for record in &difference.added {
            fits &= set.insert(record.clone());
        }
    }
    let records = [first.clone()].into_iter().chain(known).collect();
    let content = ZoneContent::of_transfer(records).expect("a SOA record");
    let last = differences.last().expect("a difference").to.serial();
    match content.apply(differences) {
        Ok(content) => {
            assert!(fits, "differences that do not fit are taken");
            assert_eq!(Some(content.serial()), last);
            assert!(content.records().skip(1).eq(set.iter()), "another content");
        }
        Err(error) => assert!(!fits, "differences that fit are refused: {error}"),
    }
}

fn notified(message: &[u8]) {
    let read = notify::Notify::read(message);
    for rcode in [0, 5] {
        match notify::answer(message, rcode) {
            Some(answer) => {
                assert!(answer.len() <= message.len() + 11, "an answer is no longer than that");
                assert!(answer[..2] == message[..2] && answer[2] & 0x80 == 0x80);
                assert_eq!(u16::from(answer[3]), rcode);
            }
            None => assert!(message.len() < 12 && read.is_err()),
        }
    }
}
