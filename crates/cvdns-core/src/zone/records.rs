//! The static records of a zone, sorted into `RRsets` and checked against the rules that hold between them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::packed::{Packed, TooMuch};
use crate::problem::{Location, Problems};
use crate::wire::name::{Name, wire_length};
use crate::wire::{HEADER, MAX_MESSAGE, rtype};

pub use super::packed::{OwnerSets, Rdatas, Rrset};

/// All records of a zone's master file.
#[derive(Debug, Clone)]
pub struct Records {
    /// The zone's name.
    pub origin: Name,
    /// Its `RRsets`.
    pub(super) packed: Packed,
}

/// One record as the master file has it.
#[derive(Debug, Clone)]
pub struct ResourceRecord {
    /// The owner.
    pub owner: Name,
    /// Type.
    pub rtype: u16,
    /// Time to live in seconds.
    pub ttl: u32,
    /// RDATA, uncompressed.
    pub rdata: Box<[u8]>,
    /// Where it stands.
    pub location: Location,
}

/// How many aliases in a row are followed: answers follow no more.
const MAX_CHAIN: usize = 16;

/// SRV (RFC 2782).
const SRV: u16 = 33;

/// RRSIG, NSEC, DNSKEY, NSEC3 and NSEC3PARAM (RFC 4034, RFC 5155).
const SIGNING: [u16; 5] = [46, 47, 48, 50, 51];

impl Records {
    /// Sorts records into `RRsets` and notes everything that cannot be served.
    pub fn build(
        origin: &Name,
        records: Vec<ResourceRecord>,
        whole: &Location,
        problems: &mut Problems,
    ) -> Self {
        let mut zone = Self { origin: origin.clone(), packed: Packed::with_room(records.len()) };
        if zone.sort(&records, problems).is_err() {
            let what = format!("the records of {origin} take more than 4 GiB");
            problems.error(whole.clone(), what, "make it several zones");
        }
        drop(records);
        zone.packed.finish();
        zone.check_apex(whole, problems);
        for owner in zone.owners() {
            check_owner(owner, origin, problems);
        }
        zone.check_glue(problems);
        zone.check_aliases(problems);
        zone.warn_signed(problems);
        zone
    }

    /// A single record that stands in no master file.
    pub fn of_one(record: &ResourceRecord) -> Self {
        let mut zone = Self { origin: record.owner.clone(), packed: Packed::default() };
        if let Ok(owner) = zone.packed.owner(record.owner.wire())
            && zone.packed.begin(owner, record.rtype, record.ttl, &record.location).is_ok()
        {
            zone.packed.push(&record.rdata, record.ttl);
        }
        zone.packed.finish();
        zone
    }

    /// Puts records of one owner and type together.
    fn sort(&mut self, records: &[ResourceRecord], problems: &mut Problems) -> Result<(), TooMuch> {
        let mut order: Vec<(u32, u16, u32)> = Vec::with_capacity(records.len());
        for (number, record) in (0..).zip(records) {
            if is_servable(record, &self.origin, problems) {
                order.push((self.packed.owner(record.owner.wire())?, record.rtype, number));
            }
        }
        // Within a set the file's order stays.
        order.sort_unstable();
        for group in order.chunk_by(|(owner, rtype, _), (next, of, _)| (owner, rtype) == (next, of))
        {
            let Some((owner, ..)) = group.first() else { continue };
            let set = group.iter().filter_map(|(_, _, number)| records.get(*number as usize));
            self.add(*owner, set, problems)?;
        }
        Ok(())
    }

    /// Adds the records of one owner and type.
    fn add<'r>(
        &mut self,
        owner: u32,
        mut records: impl Iterator<Item = &'r ResourceRecord>,
        problems: &mut Problems,
    ) -> Result<(), TooMuch> {
        let Some(first) = records.next() else { return Ok(()) };
        self.packed.begin(owner, first.rtype, first.ttl, &first.location)?;
        let mut ttl = first.ttl;
        let mut whole = HEADER + first.owner.wire().len() + 4;
        // Most sets have one record: nothing is kept beside those.
        let mut seen: HashSet<Cow<'r, [u8]>> = HashSet::new();
        let mut last = first;
        for record in std::iter::once(first).chain(records) {
            if record.ttl != ttl {
                problems.warning(
                    record.location.clone(),
                    format!("TTL {} differs from the {ttl} of the records beside it", record.ttl),
                    "the lower one is served (RFC 2181 section 5.2)",
                );
                ttl = ttl.min(record.ttl);
            }
            if !std::ptr::eq(record, last) && seen.is_empty() {
                seen.insert(folded(last.rtype, &last.rdata));
            }
            if !std::ptr::eq(record, last) && !seen.insert(folded(record.rtype, &record.rdata)) {
                problems.warning(
                    record.location.clone(),
                    "the record stands here twice",
                    "remove one; it is served once",
                );
                continue;
            }
            last = record;
            whole += size(record);
            if whole > MAX_MESSAGE {
                problems.error(
                    first.location.clone(),
                    format!("the records of {} fit into no message together", first.owner),
                    "with its header and question one has 65,535 octets: remove some",
                );
                return Ok(());
            }
            self.packed.push(&record.rdata, record.ttl);
        }
        Ok(())
    }

    /// The highest delegation at or above `name`, below the apex (RFC 1034 section 4.2.1).
    pub fn cut_above(&self, name: &Name) -> Option<Rrset<'_>> {
        let mut found = None;
        let mut at = Some(name.clone());
        while let Some(here) =
            at.filter(|here| *here != self.origin && here.is_within(&self.origin))
        {
            found = self.get(&here, rtype::NS).or(found);
            at = here.parent();
        }
        found
    }

    /// SOA MINIMUM and TTL, whichever is less: how long a negative answer is kept (RFC 2308 section 5).
    pub fn negative_ttl(&self) -> u32 {
        let Some(soa) = self.get(&self.origin, rtype::SOA) else { return 0 };
        let minimum = soa.first().and_then(|rdata| rdata.last_chunk::<4>());
        minimum.map_or(0, |bytes| u32::from_be_bytes(*bytes)).min(soa.ttl())
    }

    fn check_apex(&self, whole: &Location, problems: &mut Problems) {
        match self.get(&self.origin, rtype::SOA) {
            None => problems.error(
                whole.clone(),
                format!("the zone {} has no SOA record", self.origin),
                "add one at `@`: negative answers need it (RFC 2308)",
            ),
            Some(soa) if soa.count() > 1 => problems.error(
                soa.location(),
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
        for set in self.sets() {
            if set.rtype() == rtype::SOA && !set.owner().eq_ignore_ascii_case(self.origin.wire()) {
                problems.error(
                    set.location(),
                    format!("a SOA record at {}, which is not the zone's apex", set.owner_name()),
                    "remove it, or make it a zone of its own",
                );
            }
        }
    }

    /// In-zone name servers need addresses here: below a cut as glue (RFC 9471), else as data.
    fn check_glue(&self, problems: &mut Problems) {
        for set in self.sets().filter(|set| set.rtype() == rtype::NS) {
            let owner = set.owner_name();
            for target in set.rdatas().filter_map(|rdata| Name::from_wire(rdata).ok()) {
                let known = |rtype| self.get(&target, rtype).is_some();
                if target.is_within(&self.origin)
                    && !known(rtype::A)
                    && !known(rtype::AAAA)
                    && (target.is_within(&owner) || self.cut_above(&target).is_none())
                {
                    problems.warning(
                        set.location(),
                        format!("the name server {target} has no address in this zone"),
                        "add its A and AAAA records (glue), or nobody can reach it",
                    );
                }
            }
        }
    }

    /// Names that must not be aliases, and aliases that lead nowhere.
    fn check_aliases(&self, problems: &mut Problems) {
        for set in self.sets() {
            if set.rtype() == rtype::CNAME && self.leads_back(&set) {
                problems.warning(
                    set.location(),
                    format!("the CNAME at {} leads back to itself", set.owner_name()),
                    "nobody gets an answer from it: write what it is an alias of",
                );
            }
            // RFC 2181 section 10.3; RFC 2782 for SRV.
            let (kind, at) = match set.rtype() {
                rtype::NS => ("name server", 0),
                rtype::MX => ("mail server", 2),
                SRV => ("server", 6),
                _ => continue,
            };
            for target in set.rdatas().filter_map(|rdata| rdata.get(at..)) {
                if let Some(alias) = self.get_wire(target, rtype::CNAME) {
                    let Ok(target) = Name::from_wire(target) else { continue };
                    problems.warning(
                        set.location(),
                        format!("the {kind} {target} of {} is an alias", set.owner_name()),
                        format!(
                            "name what the CNAME at {} points at (RFC 2181 section 10.3)",
                            alias.location()
                        ),
                    );
                }
            }
        }
    }

    /// Whether following a CNAME within the zone comes back to where it began.
    fn leads_back(&self, alias: &Rrset<'_>) -> bool {
        let mut at = *alias;
        for _ in 0..MAX_CHAIN {
            let next = at.first().and_then(|target| self.get_wire(target, rtype::CNAME));
            let Some(next) = next else { return false };
            if next.number() == alias.number() {
                return true;
            }
            at = next;
        }
        false
    }

    /// Signatures would be served as data only, never beside what they sign: a validating resolver takes that for
    /// an attack.
    fn warn_signed(&self, problems: &mut Problems) {
        let signature = self.sets().find(|set| SIGNING.contains(&set.rtype()));
        if let Some(set) = signature {
            problems.warning(
                set.location(),
                format!("the zone {} holds records of DNSSEC", self.origin),
                "answers are not signed: leave RRSIG, NSEC, NSEC3 and DNSKEY out, and DS out of the parent",
            );
        }
    }
}

/// Whether a record can be served from this zone at all; if not, it is noted.
fn is_servable(record: &ResourceRecord, origin: &Name, problems: &mut Problems) -> bool {
    if !record.owner.is_within(origin) {
        problems.error(
            record.location.clone(),
            format!("{} is not within the zone {origin}", record.owner),
            "move the record to its own zone, or check the final dot of its name",
        );
        return false;
    }
    if matches!(record.rtype, rtype::OPT | 128..=255) {
        problems.error(
            record.location.clone(),
            format!("type {} exists in messages only", record.rtype),
            "remove the record",
        );
        return false;
    }
    true
}

/// The least that a record takes in an answer: a pointer, type, class, TTL and length stand before
/// its RDATA, and names in that may shrink to an octet where answers compress them.
fn size(record: &ResourceRecord) -> usize {
    let shortest = match record.rtype {
        rtype::NS | rtype::CNAME | rtype::PTR => 1,
        rtype::MX => 3,
        rtype::SOA => 22,
        _ => record.rdata.len(),
    };
    shortest + 12
}

/// RDATA as it is compared: names in lower case, for the types of RFC 4034 section 6.2.
fn folded(rtype: u16, rdata: &[u8]) -> Cow<'_, [u8]> {
    let names = names_in(rtype, rdata);
    if !rdata.get(names.clone()).is_some_and(|names| names.iter().any(u8::is_ascii_uppercase)) {
        return Cow::Borrowed(rdata);
    }
    let mut folded = rdata.to_vec();
    if let Some(names) = folded.get_mut(names) {
        // Length octets are at most 63, below 'A'.
        names.make_ascii_lowercase();
    }
    Cow::Owned(folded)
}

/// Which octets of RDATA are names without regard to case (RFC 4034 section 6.2, RFC 6840 section 5.1).
fn names_in(rtype: u16, rdata: &[u8]) -> Range<usize> {
    let name_at = |at: usize| {
        let length = rdata.get(at..).and_then(wire_length).unwrap_or(0);
        at..at + length
    };
    match rtype {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME: a name; MINFO, RP: two.
        2..=5 | 7..=9 | 12 | 39 | 14 | 17 => 0..rdata.len(),
        // SOA: two names, five numbers.
        6 => 0..rdata.len().saturating_sub(20),
        // MX, AFSDB, RT, KX: a number, a name; PX: a number, two names.
        15 | 18 | 21 | 36 | 26 => 2..rdata.len(),
        // SRV: three numbers, a name.
        33 => 6..rdata.len(),
        // NAPTR: two numbers, three strings, a name.
        35 => name_at(
            (0..3).fold(4, |at, _| at + 1 + usize::from(rdata.get(at).copied().unwrap_or(0))),
        ),
        // SIG, RRSIG: 18 octets, a name, the signature.
        24 | 46 => name_at(18),
        // NXT: a name, a bitmap.
        30 => name_at(0),
        // A6: a length, as much of an address as it leaves, a name.
        38 => name_at(
            1 + (128 - usize::from(rdata.first().copied().unwrap_or(0).min(128))).div_ceil(8),
        ),
        _ => 0..0,
    }
}

/// What may not stand together at one owner.
fn check_owner(owner: OwnerSets<'_>, origin: &Name, problems: &mut Problems) {
    let sets = owner.sets();
    if let Some(cname) = owner.get(rtype::CNAME) {
        // RRSIG and NSEC may stand beside it (RFC 4034 section 2.5), and KEY-like types do no harm to name here.
        if let Some(other) = sets.clone().find(|set| !matches!(set.rtype(), rtype::CNAME | 46 | 47))
        {
            problems.error(
                other.location(),
                format!("{} has a CNAME and other data", other.owner_name()),
                "keep either the CNAME or the rest (RFC 1034 section 3.6.2)",
            );
        }
        single(&cname, "CNAME", "RFC 2181 section 10.1", problems);
    }
    if let Some(dname) = owner.get(rtype::DNAME) {
        single(&dname, "DNAME", "RFC 6672 section 2.4", problems);
        if owner.get(rtype::NS).is_some() && dname.owner_name() != *origin {
            problems.warning(
                dname.location(),
                format!("{} has a DNAME and is delegated", dname.owner_name()),
                "nobody sees the DNAME: keep it or the NS records (RFC 6672 section 2.3)",
            );
        }
    }
    if owner.name().starts_with(b"\x01*") {
        for set in sets.filter(|set| matches!(set.rtype(), rtype::NS | rtype::DNAME)) {
            problems.error(
                set.location(),
                "a wildcard owns an NS or DNAME record",
                "name the delegations one by one (RFC 4592 sections 4.2 and 4.4)",
            );
        }
    }
}

fn single(set: &Rrset<'_>, name: &str, source: &str, problems: &mut Problems) {
    if set.count() > 1 {
        problems.error(
            set.location(),
            format!("{} has several {name} records", set.owner_name()),
            format!("keep one ({source})"),
        );
    }
}

/// The name that the RDATA of a CNAME, DNAME or NS record is.
pub fn target(rdata: &[u8]) -> Option<&[u8]> {
    (wire_length(rdata)? == rdata.len()).then_some(rdata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::include::NoFiles;
    use crate::zone::master;

    /// The zone `dup`, with what it needs, and what is wrong with it.
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
        assert_eq!(
            problems.iter().filter(|p| p.contains("stands here twice")).count(),
            4,
            "{problems:?}"
        );
        let counts =
            [("s", 2), ("m", 15), ("v", 33), ("p", 35), ("t", 16)].map(|(o, t)| count(&zone, o, t));
        assert_eq!(counts, [1, 1, 1, 2, 2]);
    }

    #[test]
    fn too_many_records_at_one_owner_are_one_error_soon() {
        let many: Vec<String> =
            (0..40_000u32).map(|i| format!("x A 10.0.{}.{}\n", i / 256, i % 256)).collect();
        let (zone, problems) = zone(&many.concat());
        assert_eq!(problems.len(), 1, "{:?}", problems.first());
        assert!(problems[0].contains("fit into no message"), "{}", problems[0]);
        assert!(count(&zone, "x", rtype::A) < 5000);
    }

    #[test]
    fn one_record_can_be_too_many() {
        let strings = vec![format!("\"{}\"", "x".repeat(250)); 261].join(" ");
        let (zone, problems) = self::zone(&format!("x TXT {strings}\n"));
        assert!(problems.len() == 1 && problems[0].contains("fit into no message"), "{problems:?}");
        assert_eq!(count(&zone, "x", rtype::TXT), 0);
    }

    #[test]
    fn slips_of_the_pen_are_said() {
        for (text, said) in [
            ("q CNAME q\n", "the CNAME at q.dup leads back"),
            ("a CNAME b\nb CNAME a\n", "the CNAME at b.dup leads back"),
            ("m MX 5 w\nw CNAME n\n", "the mail server w.dup of m.dup is an alias"),
            ("s NS w\nw CNAME n\n", "the name server w.dup of s.dup is an alias"),
            ("n NSEC @ A\n", "holds records of DNSSEC"),
            ("s NS n\ns DNAME net.\n", "s.dup has a DNAME and is delegated"),
        ] {
            let (_, problems) = zone(text);
            assert!(problems.iter().any(|p| p.contains(said)), "{text}: {problems:?}");
        }
        assert_eq!(zone("w CNAME n\nv CNAME w\nm MX 5 n\n@ DNAME net.\n").1, Vec::<String>::new());
    }
}
