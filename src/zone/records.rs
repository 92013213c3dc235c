//! The static records of a zone, sorted into `RRsets` and checked against the rules that hold between them.

use std::collections::BTreeMap;

use crate::problem::{Problems, Spot};
use crate::wire::name::{Name, wire_length};
use crate::wire::rtype;

/// All records of a zone's master file.
#[derive(Debug, Clone)]
pub struct Records {
    /// The zone's name.
    pub origin: Name,
    /// `RRsets` by owner in lower case, in wire form.
    pub owners: BTreeMap<Box<[u8]>, Vec<Rrset>>,
}

/// Records of one owner and type (RFC 9499 section 5); RFC 2181 section 5.2: one TTL for all.
#[derive(Debug, Clone)]
pub struct Rrset {
    /// The owner as it was written.
    pub owner: Name,
    /// Type.
    pub rtype: u16,
    /// Time to live in seconds.
    pub ttl: u32,
    /// RDATA of each record, uncompressed and without its length, in the file's order.
    pub rdatas: Vec<Box<[u8]>>,
    /// Where the first of them stands.
    pub spot: Spot,
}

/// One record as the master file has it.
#[derive(Debug, Clone)]
pub struct Record {
    /// The owner.
    pub owner: Name,
    /// Type.
    pub rtype: u16,
    /// Time to live in seconds.
    pub ttl: u32,
    /// RDATA, uncompressed.
    pub rdata: Box<[u8]>,
    /// Where it stands.
    pub spot: Spot,
}

impl Records {
    /// Sorts records into `RRsets` and notes everything that cannot be served.
    pub fn build(origin: &Name, records: Vec<Record>, whole: &Spot, problems: &mut Problems) -> Self {
        let mut zone = Self { origin: origin.clone(), owners: BTreeMap::new() };
        for record in records {
            zone.add(record, problems);
        }
        zone.check_apex(whole, problems);
        for sets in zone.owners.values() {
            check_owner(sets, problems);
        }
        zone.check_glue(problems);
        zone
    }

    /// The `RRset` of this owner and type.
    pub fn get(&self, owner: &Name, rtype: u16) -> Option<&Rrset> {
        self.owners.get(owner.to_lower().wire())?.iter().find(|set| set.rtype == rtype)
    }

    /// The highest delegation at or above `name`, below the apex (RFC 1034 section 4.2.1).
    pub fn cut_above(&self, name: &Name) -> Option<&Rrset> {
        let mut found = None;
        let mut at = Some(name.clone());
        while let Some(here) = at.filter(|here| *here != self.origin && here.is_within(&self.origin)) {
            found = self.get(&here, rtype::NS).or(found);
            at = here.parent();
        }
        found
    }

    /// SOA MINIMUM and TTL, whichever is less: how long a negative answer is kept (RFC 2308 section 5).
    pub fn negative_ttl(&self) -> u32 {
        let Some(soa) = self.get(&self.origin, rtype::SOA) else { return 0 };
        let minimum = soa.rdatas.first().and_then(|rdata| rdata.last_chunk::<4>());
        minimum.map_or(0, |bytes| u32::from_be_bytes(*bytes)).min(soa.ttl)
    }

    fn add(&mut self, record: Record, problems: &mut Problems) {
        if !record.owner.is_within(&self.origin) {
            problems.error(
                record.spot,
                format!("{} is not within the zone {}", record.owner, self.origin),
                "move the record to its own zone, or check the final dot of its name",
            );
            return;
        }
        if matches!(record.rtype, rtype::OPT | 128..=255) {
            problems.error(
                record.spot,
                format!("type {} exists in messages only", record.rtype),
                "remove the record",
            );
            return;
        }
        let sets = self.owners.entry(record.owner.to_lower().wire().into()).or_default();
        let Some(set) = sets.iter_mut().find(|set| set.rtype == record.rtype) else {
            let Record { owner, rtype, ttl, rdata, spot } = record;
            sets.push(Rrset { owner, rtype, ttl, rdatas: vec![rdata], spot });
            return;
        };
        if set.ttl != record.ttl {
            problems.warning(
                record.spot.clone(),
                format!("TTL {} differs from the {} of the records beside it", record.ttl, set.ttl),
                "the lower one is served (RFC 2181 section 5.2)",
            );
            set.ttl = set.ttl.min(record.ttl);
        }
        if set.rdatas.contains(&record.rdata) {
            problems.warning(record.spot, "the record stands here twice", "remove one; it is served once");
        } else {
            set.rdatas.push(record.rdata);
        }
    }

    fn check_apex(&self, whole: &Spot, problems: &mut Problems) {
        match self.get(&self.origin, rtype::SOA) {
            None => problems.error(
                whole.clone(),
                format!("the zone {} has no SOA record", self.origin),
                "add one at `@`: negative answers need it (RFC 2308)",
            ),
            Some(soa) if soa.rdatas.len() > 1 => problems.error(
                soa.spot.clone(),
                "the zone has several SOA records",
                "keep one (RFC 1035 section 5.2)",
            ),
            Some(_) => {}
        }
        if self.get(&self.origin, rtype::NS).is_none() {
            problems.error(
                whole.clone(),
                format!("the zone {} has no NS record", self.origin),
                "add its name servers at `@`",
            );
        }
        for set in self.owners.values().flatten() {
            if set.rtype == rtype::SOA && set.owner != self.origin {
                problems.error(
                    set.spot.clone(),
                    format!("a SOA record at {}, which is not the zone's apex", set.owner),
                    "remove it, or make it a zone of its own",
                );
            }
        }
    }

    /// In-zone name servers need addresses here: below a cut as glue (RFC 9471), else as data.
    fn check_glue(&self, problems: &mut Problems) {
        for set in self.owners.values().flatten().filter(|set| set.rtype == rtype::NS) {
            for target in set.rdatas.iter().filter_map(|rdata| Name::from_wire(rdata).ok()) {
                let known = |rtype| self.get(&target, rtype).is_some();
                if target.is_within(&self.origin)
                    && !known(rtype::A)
                    && !known(rtype::AAAA)
                    && (target.is_within(&set.owner) || self.cut_above(&target).is_none())
                {
                    problems.warning(
                        set.spot.clone(),
                        format!("the name server {target} has no address in this zone"),
                        "add its A and AAAA records (glue), or nobody can reach it",
                    );
                }
            }
        }
    }
}

/// What may not stand together at one owner.
fn check_owner(sets: &[Rrset], problems: &mut Problems) {
    let find = |rtype| sets.iter().find(|set| set.rtype == rtype);
    if let Some(cname) = find(rtype::CNAME) {
        // RRSIG and NSEC may stand beside it (RFC 4034 section 2.5), and KEY-like types do no harm to name here.
        if let Some(other) = sets.iter().find(|set| !matches!(set.rtype, rtype::CNAME | 46 | 47)) {
            problems.error(
                other.spot.clone(),
                format!("{} has a CNAME and other data", other.owner),
                "keep either the CNAME or the rest (RFC 1034 section 3.6.2)",
            );
        }
        single(cname, "CNAME", "RFC 2181 section 10.1", problems);
    }
    if let Some(dname) = find(rtype::DNAME) {
        single(dname, "DNAME", "RFC 6672 section 2.4", problems);
    }
    for set in sets.iter().filter(|set| set.owner.is_wildcard()) {
        if matches!(set.rtype, rtype::NS | rtype::DNAME) {
            problems.error(
                set.spot.clone(),
                "a wildcard owns an NS or DNAME record",
                "name the delegations one by one (RFC 4592 sections 4.2 and 4.4)",
            );
        }
    }
    for set in sets {
        // A pointer, type, class, TTL and length stand before each RDATA; header, longest question and OPT beside them.
        let size: usize = set.rdatas.iter().map(|rdata| rdata.len() + 12).sum();
        if size > 65_535 - 1024 {
            problems.error(
                set.spot.clone(),
                format!("the records of {} take {size} octets together", set.owner),
                "no answer can hold more than 65,535: remove some",
            );
        }
    }
}

fn single(set: &Rrset, name: &str, source: &str, problems: &mut Problems) {
    if set.rdatas.len() > 1 {
        problems.error(
            set.spot.clone(),
            format!("{} has several {name} records", set.owner),
            format!("keep one ({source})"),
        );
    }
}

/// The name that the RDATA of a CNAME, DNAME or NS record is.
pub fn target(rdata: &[u8]) -> Option<&[u8]> {
    (wire_length(rdata)? == rdata.len()).then_some(rdata)
}
