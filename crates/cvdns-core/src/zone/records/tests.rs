use std::collections::BTreeMap;

use super::*;
use crate::zone::include::NoFiles;
use crate::zone::master;
use proptest::prelude::*;

/// The zone `dup` with a SOA, an NS and an A record and those of `text`, and its problems.
fn zone(text: &str) -> (Records, Vec<String>) {
    let origin = Name::parse("dup.", &Name::root()).unwrap();
    let mut problems = Problems::default();
    let text = format!("$TTL 60\n@ SOA n h 1 2 3 4 5\n@ NS n\nn A 192.0.2.1\n{text}");
    let records = master::parse("z", &text, &origin, &mut NoFiles, &mut problems);
    let zone = Records::build(&origin, records, &Location::file("z"), &mut problems);
    (zone, problems.iter().map(ToString::to_string).collect())
}

fn count(zone: &Records, owner: &str, rtype: u16) -> usize {
    let owner = Name::parse(owner, &zone.origin).unwrap();
    zone.get(&owner, rtype).map_or(0, |set| set.count().into())
}

/// RFC 4034 section 6.2.
#[test]
fn names_in_data_are_compared_without_regard_to_case() {
    let (zone, problems) = zone(
        "s NS NS1.net.\ns NS ns1.net.\nm MX 5 A.net.\nm MX 5 a.net.\nv SRV 1 2 3 A.net.\nv SRV 1 2 3 a.net.\n\
         p NAPTR 1 2 \"U\" \"x\" \"\" A.net.\np NAPTR 1 2 \"U\" \"x\" \"\" a.net.\n\
         p NAPTR 1 2 \"u\" \"x\" \"\" a.net.\nt TXT A\nt TXT a\n",
    );
    assert_eq!(problems.iter().filter(|p| p.contains("is a duplicate")).count(), 4, "{problems:?}");
    let counts =
        [("s", 2), ("m", 15), ("v", 33), ("p", 35), ("t", 16)].map(|(o, t)| count(&zone, o, t));
    assert_eq!(counts, [1, 1, 1, 2, 2]);
}

#[test]
fn too_many_records_of_one_set_are_one_error() {
    let many: Vec<String> =
        (0..40_000u32).map(|i| format!("x A 10.0.{}.{}\n", i / 256, i % 256)).collect();
    let (zone, problems) = zone(&many.concat());
    assert_eq!(problems.len(), 1, "{:?}", problems.first());
    assert!(problems[0].contains("do not fit into one message"), "{}", problems[0]);
    assert!(count(&zone, "x", rtype::A) < 5000);
}

#[test]
fn a_single_record_can_be_too_long() {
    let strings = vec![format!("\"{}\"", "x".repeat(250)); 261].join(" ");
    let (zone, problems) = self::zone(&format!("x TXT {strings}\n"));
    assert!(
        problems.len() == 1 && problems[0].contains("do not fit into one message"),
        "{problems:?}"
    );
    assert_eq!(count(&zone, "x", rtype::TXT), 0);
}

#[test]
fn likely_mistakes_are_reported() {
    for (text, message) in [
        ("q CNAME q\n", "the CNAME at q.dup leads back"),
        ("a CNAME b\nb CNAME a\n", "the CNAME at b.dup leads back"),
        ("m MX 5 w\nw CNAME n\n", "the mail server w.dup of m.dup is an alias"),
        ("s NS w\nw CNAME n\n", "the name server w.dup of s.dup is an alias"),
        ("n NSEC @ A\n", "has records of DNSSEC"),
        ("s NS n\ns DNAME net.\n", "s.dup has a DNAME and is delegated"),
    ] {
        let (_, problems) = zone(text);
        assert!(problems.iter().any(|p| p.contains(message)), "{text}: {problems:?}");
    }
    assert_eq!(zone("w CNAME n\nv CNAME w\nm MX 5 n\n@ DNAME net.\n").1, Vec::<String>::new());
}

fn name(labels: &str) -> Name {
    Name::parse(labels, &Name::root()).unwrap()
}

fn record(owner: u32, rtype: u16, rdata: &[u8]) -> ResourceRecord {
    // The case of the owner differs from record to record.
    let owner =
        if rdata.len().is_multiple_of(2) { format!("N{owner}.Z.") } else { format!("n{owner}.z.") };
    ResourceRecord {
        owner: name(&owner),
        rtype,
        ttl: 60,
        rdata: rdata.into(),
        location: Location::file("z"),
    }
}

proptest! {
    /// Lookups agree with a plain map.
    #[test]
    fn sets_are_found_with_their_data(
        list in prop::collection::vec((0..40u32, 65_280..65_284u16, prop::collection::vec(0..3u8, 0..4)), 0..200)
    ) {
        let mut map: BTreeMap<(u32, u16), Vec<Vec<u8>>> = BTreeMap::new();
        for (owner, rtype, rdata) in &list {
            let set = map.entry((*owner, *rtype)).or_default();
            if !set.contains(rdata) {
                set.push(rdata.clone());
            }
        }
        let records = list.iter().map(|(owner, rtype, rdata)| record(*owner, *rtype, rdata)).collect();
        let zone = Records::build(&name("z."), records, &Location::file("z"), &mut Problems::default());
        prop_assert_eq!(zone.sets().count(), map.len());
        for owner in 0..41 {
            for rtype in 65_280..65_284 {
                let set = zone.get(&name(&format!("n{owner}.z.")), rtype);
                let held = set.map(|set| set.rdatas().map(<[u8]>::to_vec).collect::<Vec<_>>());
                prop_assert_eq!(held.as_ref(), map.get(&(owner, rtype)));
                prop_assert_eq!(set.map(|set| set.number()), set.and_then(|set| zone.set(set.number())).map(|set| set.number()));
            }
        }
        for owner in zone.owners() {
            prop_assert!(owner.sets().all(|set| set.owner() == owner.name()));
            prop_assert_eq!(zone.owner(&owner.name().to_ascii_lowercase()).map(|found| found.number), Some(owner.number));
        }
    }
}

#[test]
fn locations_are_kept_for_each_file() {
    let texts = ["a 60 A 192.0.2.1\n", "\n\nb 60 A 192.0.2.1\n"];
    let spots = [("one", texts[0], 0..1), ("two", texts[1], 2..3)]
        .map(|(file, text, span)| Location::at(&file.into(), &text.into(), span));
    let records = (0..).zip(&spots).map(|(number, location)| ResourceRecord {
        location: location.clone(),
        ..record(number, 1, &[1; 4])
    });
    let zone = Records::build(
        &name("z."),
        records.collect(),
        &Location::file("z"),
        &mut Problems::default(),
    );
    let locations: Vec<String> = zone.sets().map(|set| set.location().to_string()).collect();
    assert_eq!(locations, ["one:1:1", "two:3:1"]);
}
