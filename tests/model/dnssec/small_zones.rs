//! Random small zones, in which every combination of wildcards, aliases and delegations meets:
//! each answer is secure, and says of each name what a plain list of the zones says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cvdns_core::problem::Problems;
use cvdns_core::snapshot::inputs::Inputs;

use super::checked::{Checker, Network};
use super::judge::Verdict;
use super::keys::ED25519_CSK;
use super::names::DnsName;
use super::python::Packets;
use super::verified::Trust;
use crate::asking::Numbers;
use crate::support::rr;

const TYPES: [&str; 7] = ["A", "TXT", "MX", "CNAME", "DNAME", "NS", "DS"];

/// Zones by their names: the types of each owner.
type Listed = BTreeMap<DnsName, BTreeMap<DnsName, BTreeSet<u16>>>;

/// Zones as text and as a list.
#[derive(Default)]
struct SmallZones {
    texts: Vec<(String, String)>,
    list: Listed,
}

fn any_name(numbers: &mut Numbers, labels: &[&str], most: usize, origin: &str) -> String {
    let mut name = String::new();
    for _ in 0..=numbers.below(most) {
        write!(name, "{}.", numbers.one_of(labels)).unwrap();
    }
    format!("{name}{origin}")
}

fn rdata(rtype: &str, numbers: &mut Numbers, origin: &str) -> String {
    let target = match numbers.below(8) {
        0 => "ns.example.net".to_owned(),
        1 => format!("c.{origin}"),
        _ => any_name(numbers, &["a", "b", "*"], 3, origin),
    };
    match rtype {
        "A" => format!("192.0.2.{}", numbers.below(9)),
        "TXT" => format!("\"{}\"", numbers.below(9)),
        "MX" => format!("10 {target}."),
        "DS" => format!("{} 13 2 {}", numbers.below(9), "00".repeat(32)),
        _ => format!("{target}."),
    }
}

impl SmallZones {
    fn any(numbers: &mut Numbers) -> Self {
        let mut zones = Self::default();
        zones.add("z", &[], numbers);
        if numbers.chance(30) {
            let child = any_name(numbers, &["a", "b"], 2, "z");
            // What is at and below the child's name is the child's, but for its delegation.
            zones.texts.clear();
            zones.list.clear();
            zones.add("z", &[&child], numbers);
            zones.add(&child, &[], numbers);
        }
        zones
    }

    fn add(&mut self, origin: &str, children: &[&str], numbers: &mut Numbers) {
        let mut text = format!(
            "$TTL 300\n{origin}. SOA ns.example.net. host.example.net. 1 3600 900 604800 120\n\
             {origin}. NS ns.example.net.\n"
        );
        let apex = DnsName::parse(origin);
        let mut owners = BTreeMap::from([(apex.clone(), BTreeSet::from([rr::SOA, rr::NS]))]);
        for _ in 0..2 + numbers.below(7) {
            let owner = any_name(numbers, &["a", "b", "*"], 3, origin);
            let is_of_child =
                |child: &&str| DnsName::parse(&owner).is_within(&DnsName::parse(child));
            if children.iter().any(is_of_child) {
                continue;
            }
            for _ in 0..=numbers.below(2) {
                let rtype = *numbers.one_of(&TYPES);
                writeln!(text, "{owner}. {rtype} {}", rdata(rtype, numbers, origin)).unwrap();
                let types = owners.entry(DnsName::parse(&owner)).or_default();
                types.insert(rr::number(rtype));
            }
        }
        for child in children {
            if numbers.chance(30) {
                continue;
            }
            writeln!(text, "{child}. NS ns.example.net.").unwrap();
            let types = owners.entry(DnsName::parse(child)).or_default();
            types.insert(rr::NS);
            if numbers.chance(50) {
                writeln!(text, "{child}. DS {}", rdata("DS", numbers, origin)).unwrap();
                types.insert(rr::DS);
            }
        }
        self.texts.push((origin.to_owned(), text));
        self.list.insert(apex, owners);
    }

    fn inputs(&self) -> Option<Inputs> {
        let mut problems = Problems::default();
        let mut inputs: Option<Inputs> = None;
        for (origin, text) in &self.texts {
            let zone = format!("format = 1\norigin = \"{origin}\"\nrecords = \"z\"\n");
            let own = Inputs::of_zone(&zone, text, "", &mut problems)?;
            match &mut inputs {
                Some(inputs) => inputs.zones.extend(own.zones),
                None => inputs = Some(own),
            }
        }
        inputs.filter(|_| !problems.has_errors())
    }

    /// What is to be said of a name, aliases left out: `None` where there is an alias.
    fn expected(&self, name: &DnsName, qtype: u16) -> Option<Verdict> {
        let zones = self.list.keys().filter(|zone| name.is_within(zone));
        let is_above = |zone: &&DnsName| qtype != rr::DS || *zone != name || zone.count() == 1;
        let zone = zones.filter(is_above).max_by_key(|zone| zone.count())?;
        let mut owners = self.list[zone].clone();
        // A zone that is served here is delegated, whether or not the zone above says so.
        for child in self.list.keys().filter(|child| child.is_below(zone)) {
            owners.entry(child.clone()).or_default().insert(rr::NS);
        }
        let has = |name: &DnsName, rtype: u16| {
            owners.get(name).is_some_and(|types| types.contains(&rtype))
        };
        for count in zone.count()..=name.count() {
            let at = name.last(count);
            if at != *zone && has(&at, rr::NS) {
                let is_ds = at == *name && qtype == rr::DS;
                return Some(match (is_ds, has(&at, rr::DS)) {
                    (true, true) => Verdict::Answer,
                    (true, false) => Verdict::NoData,
                    (false, true) => Verdict::Secure,
                    (false, false) => Verdict::Insecure,
                });
            }
            if at != *name && has(&at, rr::DNAME) {
                return None;
            }
        }
        let exists = |name: &DnsName| owners.keys().any(|owner| owner.is_within(name));
        let mut at = name.clone();
        if !exists(name) {
            let above = (0..name.count()).rev().map(|count| name.last(count));
            at = above.into_iter().find(|above| exists(above)).unwrap().wildcard();
            if !exists(&at) {
                return Some(Verdict::NxDomain);
            }
        }
        match (has(&at, qtype), has(&at, rr::CNAME)) {
            (true, _) => Some(Verdict::Answer),
            (false, true) => None,
            (false, false) => Some(Verdict::NoData),
        }
    }
}

/// Delegations and DNAME records at wildcards are not defined (RFC 4592 sections 4.2 and 4.4).
fn is_defined(zones: &SmallZones) -> bool {
    let owners = zones.list.values().flatten();
    owners.clone().all(|(owner, types)| {
        !owner.wire().windows(2).any(|octets| octets == b"\x01*")
            || !types.contains(&rr::NS) && !types.contains(&rr::DNAME) && !types.contains(&rr::DS)
    })
}

#[test]
fn rfc4035_5_4_answers_of_small_zones_are_secure_and_say_what_is_there() {
    let mut numbers = Numbers(4035);
    let (mut usable, mut asked, mut seen) = (0, 0, BTreeMap::new());
    // A zone of this name has many keys: dnspython takes those that fit.
    let (mut packets, mut trust) = (Packets::default(), Trust::default());
    let questions = [rr::A, rr::MX, rr::TXT, rr::DS, rr::NS, rr::CNAME, rr::DNAME];
    while usable < 250 {
        let zones = SmallZones::any(&mut numbers);
        let Some(mut inputs) = zones.inputs().filter(|_| is_defined(&zones)) else { continue };
        let child_signed = numbers.chance(60);
        let is_signed = |zone: &DnsName| zone.count() == 1 || child_signed;
        let time = "2026-11-22T17:05:00Z";
        let network = Network::new(&mut inputs, None, time, ED25519_CSK, is_signed);
        let Some(network) = network else { continue };
        usable += 1;
        let mut checker = Checker::new(&network);
        for _ in 0..40 {
            let name = any_name(&mut numbers, &["a", "b", "c", "*"], 4, "z");
            let qtype = *numbers.one_of(&questions);
            let asked_name = DnsName::parse(&name);
            if network.trust.unsigned.iter().any(|zone| asked_name.is_within(zone)) {
                continue;
            }
            let what = format!("{name} TYPE{qtype} of {:#?}", zones.texts);
            let judged = checker.ask(&name, qtype).unwrap_or_else(|why| panic!("{why}\n{what}"));
            if let Some(expected) = zones.expected(&asked_name, qtype) {
                assert_eq!((judged.verdict, judged.links), (expected, 0), "{what}");
            } else {
                let is_alias = judged.links > 0 || qtype == rr::CNAME;
                assert!(is_alias || judged.verdict == Verdict::TooLong, "{what}");
            }
            *seen.entry(format!("{:?} {}", judged.verdict, judged.links.min(3))).or_insert(0) += 1;
            asked += 1;
        }
        if usable % 3 == 0 {
            packets.append(&checker.packets);
            trust.now = network.trust.now;
            for (zone, keys) in network.trust.keys {
                trust.keys.entry(zone).or_default().extend(keys);
            }
        }
    }
    packets.must_be_secure(&trust);
    println!("{asked} answers: {seen:?}");
    assert!(asked > 5_000 && seen.len() > 12, "{asked}: {seen:?}");
}
