//! What NSEC records prove (RFC 4034 section 4, RFC 4035 section 5.4, RFC 6840 section 4).

use std::collections::BTreeSet;

use super::names::DnsName;
use super::rrsets::{NSEC, Set};
use crate::support::rr;

/// An NSEC record.
#[derive(Debug, Clone)]
pub(super) struct Nsec {
    pub owner: DnsName,
    pub next: DnsName,
    pub types: BTreeSet<u16>,
}

impl Nsec {
    pub(super) fn parse(owner: &DnsName, rdata: &[u8]) -> Self {
        let (next, mut at) = DnsName::of_wire(rdata);
        let mut types = BTreeSet::new();
        while at < rdata.len() {
            let (window, length) = (u16::from(rdata[at]), usize::from(rdata[at + 1]));
            for (octet, bits) in (0_u16..).zip(&rdata[at + 2..at + 2 + length]) {
                let set = (0..8_u16).filter(|bit| bits & (0x80 >> bit) != 0);
                types.extend(set.map(|bit| window << 8 | (octet * 8 + bit)));
            }
            at += 2 + length;
        }
        Self { owner: owner.clone(), next, types }
    }

    fn has(&self, rtype: u16) -> bool {
        self.types.contains(&rtype)
    }

    /// Whether it is of a delegation, seen from the zone above.
    fn is_of_cut(&self) -> bool {
        self.has(rr::NS) && !self.has(rr::SOA)
    }

    /// Whether the name lies between the owner and the next name; the next name of the last record
    /// is the apex.
    pub(super) fn covers(&self, name: &DnsName) -> bool {
        if self.owner < self.next {
            self.owner < *name && *name < self.next
        } else {
            self.owner < *name
        }
    }

    /// Whether it proves that neither the name nor anything below it exists. What is below a
    /// delegation or a DNAME record is not for its NSEC record to say (RFC 6840 section 4.1).
    fn denies(&self, name: &DnsName) -> bool {
        let is_beyond = name.is_below(&self.owner) && (self.is_of_cut() || self.has(rr::DNAME));
        self.covers(name) && !self.next.is_within(name) && !is_beyond
    }

    /// The closest encloser of a name that it covers: the longest name above that exists.
    fn encloser(&self, name: &DnsName) -> DnsName {
        let (a, b) = (name.common(&self.owner), name.common(&self.next));
        if a.count() > b.count() { a } else { b }
    }

    /// Whether it proves that its owner has no records of this type, and no alias.
    fn lacks(&self, rtype: u16) -> bool {
        let is_right_side = if rtype == rr::DS { !self.has(rr::SOA) } else { !self.is_of_cut() };
        !self.has(rtype) && !self.has(rr::CNAME) && is_right_side
    }
}

/// The NSEC records among sets that are verified.
pub(super) fn nsecs(sets: &[Set]) -> Result<Vec<Nsec>, String> {
    let mut nsecs = Vec::new();
    for set in sets.iter().filter(|set| set.rtype == NSEC) {
        let [rdata] = set.rdatas.as_slice() else {
            return Err(format!("several NSEC records of {}", set.owner));
        };
        nsecs.push(Nsec::parse(&set.owner, rdata));
    }
    Ok(nsecs)
}

/// A name that was synthesised from the wildcard below its last `labels` labels: nothing closer to
/// it exists (RFC 4035 section 5.3.4).
pub(super) fn nothing_closer(nsecs: &[Nsec], name: &DnsName, labels: usize) -> Result<(), String> {
    let closer = name.last(labels + 1);
    let denied = nsecs.iter().any(|nsec| {
        let is_outside = !nsec.owner.is_within(&closer) && !nsec.next.is_within(&closer);
        nsec.covers(name) && is_outside && nsec.denies(&closer)
    });
    if denied { Ok(()) } else { Err(format!("{closer} is not denied by {nsecs:?}")) }
}

/// The name does not exist, nor a wildcard that would be answered instead.
pub(super) fn name_error(nsecs: &[Nsec], name: &DnsName) -> Result<(), String> {
    let denying = nsecs.iter().find(|nsec| nsec.denies(name));
    let denying = denying.ok_or_else(|| format!("{name} is not denied by {nsecs:?}"))?;
    let wildcard = denying.encloser(name).wildcard();
    let is_denied = nsecs.iter().any(|nsec| nsec.denies(&wildcard));
    if is_denied { Ok(()) } else { Err(format!("{wildcard} is not denied by {nsecs:?}")) }
}

/// The name exists, or is synthesised from a wildcard, and has no records of the type. `is_alone`:
/// the zone above is not served with it, so that it answers for DS too (RFC 4035 section 3.1.4.1).
pub(super) fn no_data(
    nsecs: &[Nsec],
    name: &DnsName,
    rtype: u16,
    is_alone: bool,
) -> Result<(), String> {
    let lacks = |nsec: &Nsec| nsec.lacks(rtype) || is_alone && !nsec.has(rtype);
    if let Some(own) = nsecs.iter().find(|nsec| nsec.owner == *name) {
        let has = format!("{name} has TYPE{rtype} or an alias by {own:?}");
        return if lacks(own) { Ok(()) } else { Err(has) };
    }
    let is_covering = |nsec: &&Nsec| nsec.covers(name);
    let covering = nsecs.iter().find(is_covering);
    let covering = covering.ok_or_else(|| format!("{name} is not covered by {nsecs:?}"))?;
    // An empty non-terminal.
    if covering.next.is_below(name) {
        return Ok(());
    }
    if !covering.denies(name) {
        return Err(format!("{name} is not denied by {covering:?}"));
    }
    let encloser = covering.encloser(name);
    let wildcard = encloser.wildcard();
    nothing_closer(nsecs, name, encloser.count())?;
    // The wildcard may be an empty non-terminal too.
    if nsecs.iter().any(|nsec| nsec.covers(&wildcard) && nsec.next.is_below(&wildcard)) {
        return Ok(());
    }
    let own = nsecs.iter().find(|nsec| nsec.owner == wildcard);
    let own = own.ok_or_else(|| format!("nothing of {wildcard} in {nsecs:?}"))?;
    if lacks(own) { Ok(()) } else { Err(format!("{wildcard} has TYPE{rtype} by {own:?}")) }
}

/// The name is delegated to a zone without signatures (RFC 4035 section 5.2).
pub(super) fn insecure(nsecs: &[Nsec], cut: &DnsName) -> Result<(), String> {
    let own = nsecs.iter().find(|nsec| nsec.owner == *cut);
    let own = own.ok_or_else(|| format!("nothing of {cut} in {nsecs:?}"))?;
    if own.is_of_cut() && !own.has(rr::DS) { Ok(()) } else { Err(format!("{own:?}")) }
}
