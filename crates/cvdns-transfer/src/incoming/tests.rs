//! Answers that an encoder of the tests writes, taken message by message, against sets of records.

use std::collections::BTreeSet;

use cvdns_core::wire::name::Name;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const ID: u16 = 0x1234;

const LIMITS: Limits = Limits { octets: 1 << 20, memory: 1 << 20 };

/// A record as the tests see it: owner and data as text, of type TXT.
type Entry = (&'static str, &'static str);

/// A version: its serial and its records.
type Version = (u32, BTreeSet<Entry>);

const OWNERS: [&str; 5] =
    ["z.example.", "a.z.example.", "b.a.z.example.", "*.z.example.", "c.z.example."];
const TEXTS: [&str; 3] = ["one", "two", ""];

fn zone() -> Name {
    Name::parse("Z.example.", &Name::root()).unwrap()
}

fn entries() -> impl Strategy<Value = BTreeSet<Entry>> {
    let entry = (prop::sample::select(&OWNERS[..]), prop::sample::select(&TEXTS[..]));
    prop::collection::btree_set(entry, 0..12)
}

/// Versions with growing serials, which may go round.
fn versions() -> impl Strategy<Value = Vec<Version>> {
    let first = prop_oneof![Just(0), Just(u32::MAX - 2), any::<u32>()];
    let steps = prop::collection::vec((1u32..1000, entries()), 2..6);
    (first, steps).prop_map(|(first, steps)| {
        let mut serial = first;
        steps
            .into_iter()
            .map(|(step, entries)| {
                serial = serial.wrapping_add(step);
                (serial, entries)
            })
            .collect()
    })
}

fn wire(name: &str) -> Vec<u8> {
    Name::parse(name, &Name::root()).unwrap().wire().to_vec()
}

/// A record in wire form; a SOA record has compressed names.
fn record(owner: &str, rtype: u16, rdata: &[u8]) -> Vec<u8> {
    let mut out = wire(owner);
    out.extend(rtype.to_be_bytes());
    out.extend([0, 1, 0, 0, 0, 60]);
    out.extend((rdata.len() as u16).to_be_bytes());
    out.extend(rdata);
    out
}

fn soa(serial: u32) -> Vec<u8> {
    let numbers = [serial, 3600, 600, 86_400, 60].map(u32::to_be_bytes).concat();
    // The question's name stands at 12, in every message with a question; here it is written out.
    let names = [wire("ns.z.example."), wire("admin.Z.example.")].concat();
    record("Z.EXAMPLE.", 6, &[names, numbers].concat())
}

fn text((owner, text): Entry) -> Vec<u8> {
    record(owner, 16, &[&[text.len() as u8], text.as_bytes()].concat())
}

fn whole((serial, entries): &Version) -> Vec<Vec<u8>> {
    let records = entries.iter().map(|entry| text(*entry));
    [soa(*serial)].into_iter().chain(records).chain([soa(*serial)]).collect()
}

fn differences(versions: &[Version]) -> Vec<Vec<u8>> {
    let newest = soa(versions.last().unwrap().0);
    let mut out = vec![newest.clone()];
    for pair in versions.windows(2) {
        let [(from, before), (to, after)] = pair else { unreachable!() };
        out.push(soa(*from));
        out.extend(before.difference(after).map(|entry| text(*entry)));
        out.push(soa(*to));
        out.extend(after.difference(before).map(|entry| text(*entry)));
    }
    out.push(newest);
    out
}

/// Messages with these records, divided before the records with these numbers.
fn messages(asked: Asked, records: &[Vec<u8>], cuts: &[Index]) -> Vec<Vec<u8>> {
    let mut at: BTreeSet<usize> = cuts.iter().map(|cut| cut.index(records.len())).collect();
    at.extend([0, records.len()]);
    let at: Vec<usize> = at.into_iter().collect();
    let message = |(number, range): (usize, &[usize])| {
        let part = &records[range[0]..range[1]];
        let question = if number == 0 { wire("z.EXAMPLE.") } else { Vec::new() };
        let mut out = ID.to_be_bytes().to_vec();
        out.extend([0x84, 0, 0, u8::from(number == 0)]);
        out.extend((part.len() as u16).to_be_bytes());
        out.extend([0; 4]);
        if number == 0 {
            out.extend(question);
            out.extend(asked.qtype().to_be_bytes());
            out.extend([0, 1]);
        }
        out.extend(part.concat());
        out
    };
    at.windows(2).enumerate().map(message).collect()
}

/// Takes messages until the answer is complete; that must be with the last one.
fn taken(asked: Asked, messages: &[Vec<u8>]) -> Result<Transfer, TransferError> {
    let mut receiver = Receiver::new(ID, &zone(), asked, LIMITS);
    for (number, message) in messages.iter().enumerate() {
        let is_last = number + 1 == messages.len();
        let expected = if is_last { Progress::Complete } else { Progress::More };
        assert_eq!(receiver.take(message)?, expected, "message {number}");
    }
    Ok(receiver.finish().unwrap())
}

fn shown(content: &ZoneContent) -> (u32, BTreeSet<(String, String)>) {
    let texts = content.records().filter(|record| record.rtype == 16).map(|record| {
        let text = String::from_utf8(record.rdata[1..].to_vec()).unwrap();
        (format!("{}.", record.owner.to_lower()), text)
    });
    let all: Vec<_> = texts.collect();
    let set: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(set.len(), all.len(), "each record once");
    (content.serial(), set)
}

fn expected((serial, entries): &Version) -> (u32, BTreeSet<(String, String)>) {
    (
        *serial,
        entries.iter().map(|(owner, text)| ((*owner).to_owned(), (*text).to_owned())).collect(),
    )
}

fn content(version: &Version) -> ZoneContent {
    let messages = messages(Asked::Axfr, &whole(version), &[]);
    let Transfer::Whole(records) = taken(Asked::Axfr, &messages).unwrap() else { unreachable!() };
    ZoneContent::of_transfer(records).unwrap()
}

proptest! {
    #[test]
    fn a_whole_zone_comes_whole_however_it_is_divided(
        versions in versions(), cuts: [Index; 5], asks_for_differences: bool,
    ) {
        let version = &versions[1];
        let asked = if asks_for_differences { Asked::Ixfr(versions[0].0) } else { Asked::Axfr };
        let records = whole(version);
        // A lone SOA record of a newer serial may be the first of several messages.
        let messages = messages(asked, &records, &cuts);
        if let Transfer::Whole(records) = taken(asked, &messages).unwrap() {
            let content = ZoneContent::of_transfer(records).unwrap();
            prop_assert_eq!(shown(&content), expected(version));
        } else {
            prop_assert!(false, "another transfer");
        }
    }

    #[test]
    fn differences_lead_to_the_newest_version(versions in versions(), cuts: [Index; 5]) {
        let asked = Asked::Ixfr(versions[0].0);
        let messages = messages(asked, &differences(&versions), &cuts);
        let Transfer::Differences(differences) = taken(asked, &messages).unwrap() else {
            return Err(TestCaseError::fail("another transfer"));
        };
        let newest = content(&versions[0]).apply(differences).unwrap();
        prop_assert_eq!(shown(&newest), expected(versions.last().unwrap()));
        // The same as if the whole zone had come.
        prop_assert_eq!(newest, content(versions.last().unwrap()));
    }

    #[test]
    fn differences_of_other_content_are_refused_or_harmless(
        versions in versions(), others in entries(),
    ) {
        let asked = Asked::Ixfr(versions[0].0);
        let messages = messages(asked, &differences(&versions), &[]);
        let Transfer::Differences(differences) = taken(asked, &messages).unwrap() else {
            return Err(TestCaseError::fail("another transfer"));
        };
        let has_all = |list: &[ReceivedRecord], set: &BTreeSet<(String, String)>| list.iter().all(|record| {
            let text = String::from_utf8(record.rdata[1..].to_vec()).unwrap();
            set.contains(&(format!("{}.", record.owner.to_lower()), text))
        });
        // The oracle: one difference after the other, on a set.
        let mut set = expected(&(0, others.clone())).1;
        let mut fits = true;
        for Difference { deleted, added, .. } in &differences {
            fits &= has_all(deleted, &set);
            let of = |record: &ReceivedRecord| (
                format!("{}.", record.owner.to_lower()),
                String::from_utf8(record.rdata[1..].to_vec()).unwrap(),
            );
            for record in deleted {
                set.remove(&of(record));
            }
            fits &= added.iter().all(|record| !set.contains(&of(record)));
            set.extend(added.iter().map(of));
        }
        let applied = content(&(versions[0].0, others)).apply(differences);
        prop_assert_eq!(applied.is_ok(), fits);
        if let Ok(applied) = applied {
            prop_assert_eq!(shown(&applied), (versions.last().unwrap().0, set));
        }
    }

    #[test]
    fn changed_octets_are_refused_or_read_and_never_panic(
        versions in versions(), cuts: [Index; 3], at: Index, octet: u8, cut: Index, cuts_off: bool,
    ) {
        let asked = Asked::Ixfr(versions[0].0);
        let mut messages = messages(asked, &differences(&versions), &cuts);
        let number = at.index(messages.len());
        let length = messages[number].len();
        let place = cut.index(length);
        messages[number][place] = octet;
        if cuts_off {
            messages[number].truncate(place);
        }
        let mut receiver = Receiver::new(ID, &zone(), asked, LIMITS);
        for message in &messages {
            match receiver.take(message) {
                Ok(Progress::More) => {}
                Ok(Progress::Complete) | Err(_) => break,
            }
        }
        if let Some(Transfer::Differences(differences)) = receiver.finish() {
            let _ = content(&versions[0]).apply(differences);
        }
    }

    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        for asked in [Asked::Soa, Asked::Axfr, Asked::Ixfr(7)] {
            let head = [&ID.to_be_bytes()[..], &[0x84, 0, 0, 1], &octets].concat();
            for message in [&octets, &head] {
                let _ = Receiver::new(ID, &zone(), asked, LIMITS).take(message);
            }
        }
        let _ = notify::Notify::read(&octets);
        let _ = notify::answer(&octets, 5);
    }
}

#[test]
fn names_in_data_are_uncompressed() {
    let asked = Asked::Axfr;
    let mut message = messages(asked, &[soa(7)], &[]).remove(0);
    // MX 10 with a pointer to the question's name, SRV with a label before that pointer, and a type
    // whose octets stay as they are.
    message.extend(record("z.example.", 15, &[0, 10, 0xc0, 12]));
    message.extend(record("z.example.", 33, &[0, 1, 0, 2, 0, 3, 1, b'x', 0xc0, 12]));
    message.extend(record("z.example.", 65_280, &[0xc0, 12]));
    message.extend(soa(7));
    message[7] = 5;
    let Transfer::Whole(records) = taken(asked, &[message]).unwrap() else { panic!() };
    let rdata: Vec<Vec<u8>> = records[1..].iter().map(|record| record.rdata.to_vec()).collect();
    let name = wire("z.EXAMPLE.");
    assert_eq!(rdata[0], [&[0, 10][..], &name].concat());
    assert_eq!(rdata[1], [&[0, 1, 0, 2, 0, 3, 1, b'x'][..], &name].concat());
    assert_eq!(rdata[2], [0xc0, 12]);
}

#[test]
fn an_answer_is_as_long_as_its_limits_allow() {
    let version = (7, [("a.z.example.", "one"), ("b.a.z.example.", "two")].into());
    let message = messages(Asked::Axfr, &whole(&version), &[]).remove(0);
    let with = |octets, memory| {
        Receiver::new(ID, &zone(), Asked::Axfr, Limits { octets, memory }).take(&message)
    };
    let length = message.len() as u64;
    assert_eq!(with(length, 1 << 20), Ok(Progress::Complete));
    assert_eq!(with(length - 1, 1 << 20), Err(TransferError::TooLarge));
    assert_eq!(with(length, 300), Err(TransferError::TooLarge));
}

#[test]
fn what_is_not_newer_is_told_by_one_record() {
    for (serial, known, is_up_to_date) in [(7, 7, true), (6, 7, true), (8, 7, false)] {
        let asked = Asked::Ixfr(known);
        let message = messages(asked, &[soa(serial)], &[]).remove(0);
        let mut receiver = Receiver::new(ID, &zone(), asked, LIMITS);
        let progress = receiver.take(&message).unwrap();
        assert_eq!(progress == Progress::Complete, is_up_to_date, "{serial} {known}");
        assert_eq!(
            matches!(receiver.finish(), Some(Transfer::UpToDate(_))),
            is_up_to_date,
            "{serial} {known}"
        );
    }
}

/// The octets of RFC 1995's form: the question, and the SOA record of the client in the authority
/// section.
#[test]
fn requests_are_whole_messages() {
    let zone = Name::parse("z.", &Name::root()).unwrap();
    let question = |qtype: u8| [&[1, b'z', 0, 0, qtype, 0, 1][..]].concat();
    let head = |authority| vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, authority, 0, 0];
    assert_eq!(request(ID, &zone, Asked::Soa), [head(0), question(6)].concat());
    assert_eq!(request(ID, &zone, Asked::Axfr), [head(0), question(252)].concat());
    let soa = [
        &[0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0][..],
        &0x0102_0304u32.to_be_bytes(),
        &[0; 16],
    ]
    .concat();
    let ixfr = request(ID, &zone, Asked::Ixfr(0x0102_0304));
    assert_eq!(ixfr, [head(1), question(251), soa].concat());
}
