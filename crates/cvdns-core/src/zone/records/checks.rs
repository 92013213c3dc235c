//! Rules that the records of a zone have to obey together.

use super::rrsets::ZoneRrsets;
use crate::problem::{Location, Problems};
use crate::wire::name::Name;
use crate::wire::rtype;
use crate::zone::packed::{OwnerSets, Rrset};

/// Highest number of CNAME records that are followed in a row, as for answers.
const MAX_CHAIN: usize = 16;

/// SRV (RFC 2782).
const SRV: u16 = 33;

/// RRSIG, NSEC, DNSKEY, NSEC3 and NSEC3PARAM (RFC 4034, RFC 5155).
const SIGNING: [u16; 5] = [46, 47, 48, 50, 51];

/// Reports all violations. `file` is the master file, for records that are missing.
pub(super) fn check(zone: ZoneRrsets<'_>, file: &Location, problems: &mut Problems) {
    check_apex(zone, file, problems);
    for owner in zone.owners() {
        check_owner(owner, zone.origin, problems);
    }
    check_glue(zone, problems);
    check_aliases(zone, problems);
    warn_signed(zone, problems);
}

fn check_apex(zone: ZoneRrsets<'_>, file: &Location, problems: &mut Problems) {
    match zone.get(zone.origin, rtype::SOA) {
        None => problems.error(
            file.clone(),
            format!("the zone {} has no SOA record", zone.origin),
            "add one at `@`: negative answers need it (RFC 2308)",
        ),
        Some(soa) if soa.count() > 1 => problems.error(
            soa.location(),
            "the zone has several SOA records",
            "keep one (RFC 1035 section 5.2)",
        ),
        Some(_) => {}
    }
    if zone.get(zone.origin, rtype::NS).is_none() {
        problems.error(
            file.clone(),
            format!("the zone {} has no NS record", zone.origin),
            "add its name servers at `@`",
        );
    }
    for set in zone.sets() {
        if set.rtype() == rtype::SOA && !set.owner().eq_ignore_ascii_case(zone.origin.wire()) {
            problems.error(
                set.location(),
                format!("a SOA record at {}, which is not the zone's apex", set.owner_name()),
                "remove it, or make it a zone of its own",
            );
        }
    }
}

/// Checks which types an owner has beside each other.
fn check_owner(owner: OwnerSets<'_>, origin: &Name, problems: &mut Problems) {
    let sets = owner.sets();
    if let Some(cname) = owner.get(rtype::CNAME) {
        // RRSIG and NSEC are allowed beside a CNAME (RFC 4034 section 2.5).
        if let Some(other) = sets.clone().find(|set| !matches!(set.rtype(), rtype::CNAME | 46 | 47))
        {
            problems.error(
                other.location(),
                format!("{} has a CNAME and other data", other.owner_name()),
                "keep either the CNAME or the rest (RFC 1034 section 3.6.2)",
            );
        }
        check_single(&cname, "CNAME", "RFC 2181 section 10.1", problems);
    }
    if let Some(dname) = owner.get(rtype::DNAME) {
        check_single(&dname, "DNAME", "RFC 6672 section 2.4", problems);
        if owner.get(rtype::NS).is_some() && dname.owner_name() != *origin {
            problems.warning(
                dname.location(),
                format!("{} has a DNAME and is delegated", dname.owner_name()),
                "the delegation hides the DNAME: keep one of them (RFC 6672 section 2.3)",
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

fn check_single(set: &Rrset<'_>, rtype: &str, source: &str, problems: &mut Problems) {
    if set.count() > 1 {
        problems.error(
            set.location(),
            format!("{} has several {rtype} records", set.owner_name()),
            format!("keep one ({source})"),
        );
    }
}

/// Warns of name servers in the zone without addresses: below a zone cut these are glue (RFC 9471),
/// elsewhere data of the zone.
fn check_glue(zone: ZoneRrsets<'_>, problems: &mut Problems) {
    for set in zone.sets().filter(|set| set.rtype() == rtype::NS) {
        let owner = set.owner_name();
        for target in set.rdatas().filter_map(|rdata| Name::from_wire(rdata).ok()) {
            let has = |rtype| zone.get(&target, rtype).is_some();
            if target.is_within(zone.origin)
                && !has(rtype::A)
                && !has(rtype::AAAA)
                && (target.is_within(&owner) || zone.cut_above(&target).is_none())
            {
                problems.warning(
                    set.location(),
                    format!("the name server {target} has no address in this zone"),
                    "add its A and AAAA records (glue): without them nobody can reach it",
                );
            }
        }
    }
}

/// Warns of CNAME loops, and of CNAME records where a host name is required.
fn check_aliases(zone: ZoneRrsets<'_>, problems: &mut Problems) {
    for set in zone.sets() {
        if set.rtype() == rtype::CNAME && leads_back(zone, &set) {
            problems.warning(
                set.location(),
                format!("the CNAME at {} leads back to itself", set.owner_name()),
                "nobody can resolve it: correct its target",
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
            if let Some(alias) = zone.get_wire(target, rtype::CNAME) {
                let Ok(target) = Name::from_wire(target) else { continue };
                problems.warning(
                    set.location(),
                    format!("the {kind} {target} of {} is an alias", set.owner_name()),
                    format!(
                        "name the target of the CNAME at {} instead (RFC 2181 section 10.3)",
                        alias.location()
                    ),
                );
            }
        }
    }
}

/// Whether following a CNAME within the zone leads back to the same CNAME.
fn leads_back(zone: ZoneRrsets<'_>, alias: &Rrset<'_>) -> bool {
    let mut at = *alias;
    for _ in 0..MAX_CHAIN {
        let next = at.first().and_then(|target| zone.get_wire(target, rtype::CNAME));
        let Some(next) = next else { return false };
        if next.number() == alias.number() {
            return true;
        }
        at = next;
    }
    false
}

/// Warns of a signed zone. Signatures would be served as mere data, never with the records that
/// they sign, which a validating resolver takes for an attack.
fn warn_signed(zone: ZoneRrsets<'_>, problems: &mut Problems) {
    let signature = zone.sets().find(|set| SIGNING.contains(&set.rtype()));
    if let Some(set) = signature {
        problems.warning(
            set.location(),
            format!("the zone {} has records of DNSSEC", zone.origin),
            "they sign nothing here: leave RRSIG, NSEC, NSEC3 and DNSKEY out; [dnssec] has a zone signed",
        );
    }
}
