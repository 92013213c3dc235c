//! Small zones of few labels, in which every combination of records meets: no answer is malformed,
//! and each record in it is one of the zone's. Decoded by this test, by hickory-proto and by
//! dnspython.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cvdns_core::answer::{Answering, Transport};
use cvdns_core::config::Explain;
use cvdns_core::fleet::Fleet;
use cvdns_core::geo::country_map::CountryMap;
use cvdns_core::health::FeedRequirements;
use cvdns_core::problem::{Location, Problems};
use cvdns_core::release::Share;
use cvdns_core::snapshot::inputs::{ExpandedZone, Inputs, Settings, ZoneInput};
use cvdns_core::snapshot::{Now, Snapshot, compile};
use cvdns_core::wire::name::Name;
use cvdns_core::zone::include::NoFiles;
use cvdns_core::zone::{Records, ZoneFile, master};

use super::hostile_octets;
use crate::asking::Numbers;
use crate::support::packet::Query;
use crate::support::reply::Reply;
use crate::support::{name, rr};

const ORIGINS: [&str; 4] = ["z.test", "a.a.test", "e.f.ip6.arpa", "a"];

const TYPES: [&str; 10] = ["A", "AAAA", "NS", "CNAME", "DNAME", "MX", "TXT", "PTR", "SRV", "SOA"];

const NUMBERS: [u16; 10] =
    [rr::A, 28, rr::NS, rr::CNAME, rr::DNAME, rr::MX, rr::TXT, rr::PTR, rr::SRV, rr::SOA];

/// A zone, as text and as what answers may hold.
struct SmallZone {
    text: String,
    /// Owners, in full.
    owners: BTreeSet<String>,
    /// Type and RDATA in lower case.
    records: BTreeSet<(u16, Vec<u8>)>,
}

fn any_name(numbers: &mut Numbers, origin: &str) -> String {
    let labels = ["a", "b", "e", "f", "10", "smtp"];
    let few = 1 + numbers.below(labels.len());
    let count = 1 + numbers.below(4);
    let relative: Vec<&str> = (0..count).map(|_| labels[numbers.below(few)]).collect();
    format!("{}.{origin}", relative.join("."))
}

fn rdata(rtype: usize, numbers: &mut Numbers, origin: &str) -> (String, Vec<u8>) {
    let target = match numbers.below(8) {
        0 => "ns1.example.net".to_owned(),
        1 => "cdn.cdn.example.net".to_owned(),
        2 => origin.to_owned(),
        _ => any_name(numbers, origin),
    };
    let wire = name::lower(&name::wire(&target));
    let named =
        |before: &str, octets: &[u8]| (format!("{before}{target}."), [octets, &wire].concat());
    let last = numbers.below(200) as u8;
    match TYPES[rtype] {
        "A" => (format!("192.0.2.{last}"), vec![192, 0, 2, last]),
        "AAAA" => {
            let address: std::net::Ipv6Addr = format!("2001:db8::{last}").parse().unwrap();
            (address.to_string(), address.octets().to_vec())
        }
        "MX" => named("10 ", &[0, 10]),
        "SRV" => named("0 0 80 ", &[0, 0, 0, 0, 0, 80]),
        "TXT" => (format!("\"t{}\"", last % 10), vec![2, b't', b'0' + last % 10]),
        "SOA" => (
            format!("{target}. root.{target}. 1 3600 900 1209600 300"),
            [
                &wire[..],
                &name::lower(&name::wire(&format!("root.{target}"))),
                &[0, 0, 0, 1, 0, 0, 0x0e, 0x10, 0, 0, 3, 0x84, 0, 0x12, 0x75, 0, 0, 0, 1, 0x2c],
            ]
            .concat(),
        ),
        _ => named("", &[]),
    }
}

impl SmallZone {
    fn any(numbers: &mut Numbers, origin: &str) -> Self {
        let mut zone = Self {
            text: "$TTL 300\n".to_owned(),
            owners: BTreeSet::new(),
            records: BTreeSet::new(),
        };
        zone.add(origin, 9, numbers, origin);
        zone.add(origin, 2, numbers, origin);
        for _ in 0..2 + numbers.below(7) {
            let mut owner = any_name(numbers, origin);
            if numbers.below(6) == 0 {
                owner = format!("*.{}", owner.split_once('.').unwrap().1);
            }
            for _ in 0..=numbers.below(3) {
                zone.add(&owner, numbers.below(9), numbers, origin);
            }
        }
        zone
    }

    fn add(&mut self, owner: &str, rtype: usize, numbers: &mut Numbers, origin: &str) {
        let (text, octets) = rdata(rtype, numbers, origin);
        writeln!(self.text, "{owner}. {} {text}", TYPES[rtype]).unwrap();
        self.owners.insert(owner.to_owned());
        self.records.insert((NUMBERS[rtype], octets));
    }

    /// Compiled; none when the zone breaks a rule, as random ones do.
    fn snapshot(&self, origin: &str) -> Option<Snapshot> {
        let mut problems = Problems::default();
        let file = format!("format = 1\norigin = \"{origin}\"\nrecords = \"z\"\n");
        let file = ZoneFile::parse("zone.toml", &file, &mut problems)?;
        let origin = Name::parse(origin, &Name::root()).unwrap();
        let parsed = master::parse("z", &self.text, &origin, &mut NoFiles, &mut problems);
        let records = Records::build(&origin, parsed, &Location::file("z"), &mut problems);
        let zones = vec![ExpandedZone::new(None, Arc::new(records))];
        let zones = vec![ZoneInput {
            file,
            zones,
            fleet: Arc::new(Fleet::default()),
            fleet_complete: true,
        }];
        let inputs = Inputs {
            zones,
            countries: CountryMap::empty().into(),
            settings: settings(),
            record_ttl: 1800,
        };
        let static_data = compile(&inputs, &FeedRequirements::default(), &mut problems)?;
        if problems.has_errors() {
            return None;
        }
        let now =
            Now::new(None, "2026-11-22T17:00:00Z".parse().unwrap(), Duration::from_secs(3600));
        Some(Snapshot::new(Arc::new(static_data), &now))
    }

    /// A few names for each owner: itself, one below it, one below that with the label run again.
    fn names(&self, numbers: &mut Numbers) -> Vec<String> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for owner in &self.owners {
            let plain = owner.trim_start_matches("*.");
            let first = plain.split('.').next().unwrap();
            let below = ["x", first, "a"][numbers.below(3)];
            names.extend([
                owner.clone(),
                format!("{below}.{plain}"),
                format!("{first}.{first}.{plain}"),
            ]);
        }
        names.into_iter().collect()
    }
}

fn settings() -> Settings {
    Settings {
        udp_size: 1232,
        ecs: true,
        explain: Explain::Public,
        nsid: None,
        version: String::new(),
        identity: String::new(),
        expire: true,
        quorum: Share::MOST,
        lag: 1,
        stuck_after: std::time::Duration::from_secs(6 * 3600),
        ..Settings::default()
    }
}

/// Every record of an answer is the zone's, or a CNAME that a DNAME makes (RFC 6672 section 3.1).
fn must_be_of(zone: &SmallZone, reply: &Reply, what: &str) {
    let has_dname = reply.answer.iter().any(|record| record.rtype == rr::DNAME);
    for record in reply.answer.iter().chain(&reply.authority).chain(&reply.additional) {
        let is_made_up = record.rtype == rr::CNAME && has_dname;
        let known = zone.records.contains(&(record.rtype, record.rdata.clone()));
        assert!(known || is_made_up, "{what}: {record:?} is none of\n{}", zone.text);
    }
}

/// The answers of `count` zones, each checked, and handed on.
fn ask_zones(count: usize, first_seed: u64, mut then: impl FnMut(&[u8])) {
    let mut numbers = Numbers(first_seed);
    let mut answering = Answering::new(1, jiff::Timestamp::now);
    let mut buffer = vec![0; 65_535];
    let mut usable = 0;
    while usable < count {
        let origin = ORIGINS[numbers.below(ORIGINS.len())];
        let zone = SmallZone::any(&mut numbers, origin);
        let Some(snapshot) = zone.snapshot(origin) else { continue };
        usable += 1;
        for owner in zone.names(&mut numbers) {
            let wire = name::wire(&owner);
            if wire.len() > 255 {
                continue;
            }
            for qtype in [rr::A, NUMBERS[numbers.below(10)], NUMBERS[numbers.below(10)], 255] {
                let query = Query::new(&owner, qtype).build();
                hostile_octets::fill(&mut buffer[..1024], &mut numbers, &[&wire]);
                buffer[..query.len()].copy_from_slice(&query);
                let client = (IpAddr::from([192, 0, 2, 1]), 4711).into();
                let length =
                    answering.respond(&snapshot, &mut buffer, query.len(), client, Transport::Tcp);
                let answer = &buffer[..length.expect("an answer")];
                let reply = Reply::walk(answer).unwrap_or_else(|error| {
                    panic!("{owner} TYPE{qtype}: {error} in {answer:02x?} of\n{}", zone.text)
                });
                if qtype != 255 {
                    must_be_of(&zone, &reply, &format!("{owner} TYPE{qtype}"));
                }
                then(answer);
            }
        }
    }
}

/// Reads messages, each behind its length in two octets, and says of how many it can make sense.
const PYTHON: &str = "
import sys, struct, dns.message, dns.flags
data, at, count = sys.stdin.buffer.read(), 0, 0
while at < len(data):
    length, = struct.unpack_from('>H', data, at)
    message = data[at + 2:at + 2 + length]
    try:
        dns.message.from_wire(message, one_rr_per_rrset=True)
    except Exception as error:
        sys.exit(f'{error!r} in {message.hex()}')
    at, count = at + 2 + length, count + 1
print(count)
";

/// Of how many messages dnspython reads one. It is prime, as types of queries take turns.
const PART: usize = 5;

/// How many messages dnspython reads; all, or the test fails.
fn dnspython(messages: &[u8]) -> usize {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    let wanted = "tests/run installs it (target/python/bin/pip install dnspython==2.9.2)";
    let mut child = Command::new(&python)
        .args(["-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|_| panic!("no {}: {wanted}", python.display()));
    child.stdin.take().unwrap().write_all(messages).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "dnspython ({wanted})");
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

#[test]
fn rfc1035_4_1_4_a_thousand_small_zones_are_read_by_three_decoders() {
    let (mut messages, mut count) = (Vec::new(), 0);
    ask_zones(1_000, 13, |answer| {
        Reply::parse(answer);
        // dnspython takes a millisecond for each.
        if count % PART == 0 {
            messages.extend(u16::try_from(answer.len()).unwrap().to_be_bytes());
            messages.extend(answer);
        }
        count += 1;
    });
    assert!(count > 40_000, "{count}");
    assert_eq!(dnspython(&messages), count.div_ceil(PART));
}

/// Twelve thousand more, by this test's decoder alone.
#[test]
fn rfc1035_4_1_4_no_answer_of_small_zones_is_malformed() {
    let mut count = 0;
    ask_zones(11_673, 14, |_| count += 1);
    assert!(count > 400_000, "{count}");
}

/// RFC 1035, 4.1.4: pointers have 14 bits. Behind a name of 255 octets, which a wildcard answers,
/// everything lies further back than where it was made ready.
#[test]
fn names_beyond_the_reach_of_pointers_are_written_out() {
    let origin = "z.test";
    let mut zone = SmallZone {
        text: "$TTL 300\n".to_owned(),
        owners: BTreeSet::new(),
        records: BTreeSet::new(),
    };
    let mut numbers = Numbers(15);
    zone.add(origin, 9, &mut numbers, origin);
    zone.add(origin, 2, &mut numbers, origin);
    for number in 0..1_600 {
        let target = format!("t{number}.host.host.{origin}");
        writeln!(zone.text, "*.many.{origin}. MX 10 {target}.").unwrap();
        zone.records.insert((rr::MX, [&[0, 10][..], &name::wire(&target)].concat()));
    }
    let snapshot = zone.snapshot(origin).expect("a zone");
    let label = "x".repeat(63);
    let rest = 255 - (3 * 64 + name::wire(&format!("many.{origin}")).len() + 1);
    let longest = format!("{}.{label}.{label}.{label}.many.{origin}", "y".repeat(rest));
    assert_eq!(name::wire(&longest).len(), 255);
    for owner in [format!("a.many.{origin}"), longest] {
        let query = Query::new(&owner, rr::MX).build();
        let mut buffer = vec![0; 65_535];
        hostile_octets::fill(&mut buffer, &mut numbers, &[]);
        buffer[..query.len()].copy_from_slice(&query);
        let client = (IpAddr::from([192, 0, 2, 1]), 4711).into();
        let length = Answering::new(1, jiff::Timestamp::now)
            .respond(&snapshot, &mut buffer, query.len(), client, Transport::Tcp)
            .unwrap();
        assert!(length > 0x8000, "{length}");
        let reply = Reply::parse(&buffer[..length]);
        assert_eq!(reply.answer.len(), 1_600);
        must_be_of(&zone, &reply, &owner);
    }
}

/// Names whose labels repeat behind a neighbour's template, of which the writer once made pointers
/// to themselves.
#[test]
fn a_run_of_labels_behind_a_neighbours_is_written_out() {
    let soa = "$TTL 300\n@ SOA ns1.example.net. root.example.net. 1 3600 900 1209600 300\n@ NS ns1.example.net.\n";
    for (origin, records, owner, qtype, target) in [
        (
            "mail.test",
            "a MX 10 mail\nb MX 10 smtp.smtp\n",
            "b.mail.test",
            rr::MX,
            "smtp.smtp.mail.test",
        ),
        (
            "2.0.192.in-addr.arpa",
            "10 NS n\n11.11 NS 11.11\n12.12 NS 12.12\n",
            "x.12.12.2.0.192.in-addr.arpa",
            rr::A,
            "12.12.2.0.192.in-addr.arpa",
        ),
        ("8.ip6.arpa", "e NS e.e\nf.f NS f.f\n", "1.f.f.8.ip6.arpa", rr::A, "f.f.8.ip6.arpa"),
    ] {
        let text = format!("{soa}{records}").replace("@ ", &format!("{origin}. "));
        let zone = SmallZone { text, owners: BTreeSet::new(), records: BTreeSet::new() };
        let snapshot = zone.snapshot(origin).expect("a zone");
        let query = Query::new(owner, qtype).build();
        let mut buffer = vec![0; 65_535];
        buffer[..query.len()].copy_from_slice(&query);
        let client = (IpAddr::from([192, 0, 2, 1]), 4711).into();
        let length = Answering::new(1, jiff::Timestamp::now)
            .respond(&snapshot, &mut buffer, query.len(), client, Transport::Tcp)
            .unwrap();
        let reply = Reply::parse(&buffer[..length]);
        let record = reply.answer.iter().chain(&reply.authority).next().unwrap();
        assert!(record.rdata.ends_with(&name::wire(target)), "{record:?}");
    }
}
