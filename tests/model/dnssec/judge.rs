//! Judges whole responses: what each of them says must follow from records that are signed.

use std::collections::HashSet;

use super::names::DnsName;
use super::proofs::{self, Nsec};
use super::rrsets::{NSEC, Rrsig, Set, sets};
use super::verified::{Trust, Verifier};
use crate::support::packet::{AA, TC};
use crate::support::reply::Reply;
use crate::support::rr;

/// What a response says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Answer,
    NoData,
    NxDomain,
    /// To a zone with DS records.
    Secure,
    /// To a zone without.
    Insecure,
    /// Aliases that lead out of the zone, or in a circle, or on and on.
    Elsewhere,
    /// A DNAME record makes the name too long.
    TooLong,
    Truncated,
    /// No records: this response code.
    Code(u16),
}

/// What a response says, and how many aliases lead there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judged {
    pub verdict: Verdict,
    pub links: usize,
}

/// Judges responses with DO to questions in class IN.
#[derive(Debug)]
pub(super) struct Judge {
    pub trust: Trust,
    pub verifier: Verifier,
}

/// A signature begins to be valid this much earlier at least, in seconds.
const SKEW: u32 = 90 * 60;

/// Most aliases that are followed.
const MOST_LINKS: usize = 16;

impl Judge {
    pub(super) fn new(trust: Trust) -> Self {
        Self { trust, verifier: Verifier::default() }
    }

    /// What a response says; an error is why that does not follow from what is signed.
    pub(super) fn judge(&mut self, packet: &[u8]) -> Result<Judged, String> {
        let reply = Reply::walk(packet)?;
        self.verdict(&reply).map_err(|why| format!("{why}\nin {reply:?}"))
    }

    fn verdict(&mut self, reply: &Reply) -> Result<Judged, String> {
        let [question] = reply.questions.as_slice() else { return Err("no question".into()) };
        let (name, length) = DnsName::of_wire(question);
        let qtype = u16::from_be_bytes([question[length], question[length + 1]]);
        let is_empty = reply.answer.is_empty() && reply.authority.is_empty();
        let alone = |verdict| {
            let judged = Judged { verdict, links: 0 };
            if is_empty { Ok(judged) } else { Err("records".to_owned()) }
        };
        match reply.rcode() {
            _ if reply.has(TC) => return alone(Verdict::Truncated),
            rr::NOERROR | rr::NXDOMAIN | rr::YXDOMAIN => {}
            code => return alone(Verdict::Code(code)),
        }
        let [answer, authority] = [sets(&reply.answer)?, sets(&reply.authority)?];
        let nsecs = proofs::nsecs(&authority)?;
        let mut expanded = 0;
        for set in answer.iter().filter(|set| !is_made_up(set, &answer)) {
            expanded += usize::from(self.signed(set, &nsecs)?);
        }
        for set in authority.iter().filter(|set| set.rtype != rr::NS) {
            self.signed(set, &nsecs)?;
        }
        for set in sets(&reply.additional)?.iter().filter(|set| !set.signatures.is_empty()) {
            self.signed(set, &nsecs)?;
        }
        let followed = follow(&name, qtype, &answer)?;
        let links = followed.links;
        let verdict = if followed.is_answered {
            let is_right = reply.rcode() == rr::NOERROR && authority.len() == nsecs.len();
            let is_right = is_right && nsecs.len() <= expanded;
            if is_right { Ok(Verdict::Answer) } else { Err("more than an answer".to_owned()) }
        } else {
            self.end(reply, (&name, qtype), &followed, (&authority, &nsecs))
        };
        Ok(Judged { verdict: verdict?, links })
    }

    /// Verifies the signatures of a set. Returns whether it was synthesised from a wildcard, which
    /// must be proven then.
    fn signed(&mut self, set: &Set, nsecs: &[Nsec]) -> Result<bool, String> {
        let what = format!("{} TYPE{}", set.owner, set.rtype);
        let Some(first) = set.signatures.first() else { return Err(format!("{what}: unsigned")) };
        let zone = self.trust.zone_of(&set.owner);
        let above = self.trust.above(&set.owner).filter(|_| matches!(set.rtype, rr::DS | NSEC));
        if zone != Some(&first.signer) && above != Some(&first.signer) {
            return Err(format!("{what}: signed by {}", first.signer));
        }
        let algorithms: HashSet<u8> = set.signatures.iter().map(|rrsig| rrsig.algorithm).collect();
        if algorithms != self.trust.algorithms(&first.signer) {
            return Err(format!("{what}: signed by the algorithms {algorithms:?}"));
        }
        let own = set.owner.count() - usize::from(set.owner.is_wildcard());
        for rrsig in &set.signatures {
            self.fits(rrsig, set).map_err(|why| format!("{what}: {why}: {rrsig:?}"))?;
            if rrsig.signer != first.signer || rrsig.labels != first.labels || own < rrsig.labels {
                return Err(format!("{what}: another signer, or other labels: {rrsig:?}"));
            }
            self.verifier.verify(set, rrsig, &self.trust)?;
        }
        let is_expanded = first.labels < own;
        if is_expanded {
            proofs::nothing_closer(nsecs, &set.owner, first.labels)?;
        }
        Ok(is_expanded)
    }

    /// Whether times and TTLs are right (RFC 4034 section 3.1, RFC 4035 section 5.3.1).
    fn fits(&self, rrsig: &Rrsig, set: &Set) -> Result<(), &'static str> {
        let now = self.trust.now;
        if rrsig.ttl != set.ttl {
            return Err("the TTL is not that of the set");
        }
        if rrsig.original_ttl < set.ttl {
            return Err("the TTL is above the original one");
        }
        if rrsig.inception.saturating_add(SKEW) > now {
            return Err("the inception is too late");
        }
        if rrsig.expiration < now { Err("it is expired") } else { Ok(()) }
    }

    /// What is said of the name at the end of the aliases, which has no records in the answer.
    fn end(
        &self,
        reply: &Reply,
        (asked, qtype): (&DnsName, u16),
        followed: &Followed,
        (authority, nsecs): (&[Set], &[Nsec]),
    ) -> Result<Verdict, String> {
        let (rcode, name, links) = (reply.rcode(), &followed.name, followed.links);
        let of = |rtype: u16| authority.iter().find(|set| set.rtype == rtype);
        if let Some(ns) = of(rr::NS) {
            let is_right = rcode == rr::NOERROR && name.is_within(&ns.owner);
            if !is_right || (links == 0 && reply.has(AA)) || !ns.signatures.is_empty() {
                return Err("a wrong referral".to_owned());
            }
            if of(rr::DS).is_some_and(|ds| ds.owner == ns.owner) {
                return Ok(Verdict::Secure);
            }
            return proofs::insecure(nsecs, &ns.owner).map(|()| Verdict::Insecure);
        }
        let Some(soa) = of(rr::SOA) else {
            let has_proofs_alone = authority.len() == nsecs.len();
            return self
                .without_soa(rcode, asked, followed)
                .filter(|_| has_proofs_alone)
                .ok_or_else(|| format!("nothing is said of {name}"));
        };
        let is_of_zone = |set: &Set| set.signatures.iter().all(|rrsig| rrsig.signer == soa.owner);
        if !name.is_within(&soa.owner) || !authority.iter().all(is_of_zone) {
            return Err("denied by another zone".to_owned());
        }
        // RFC 9077: no denial holds longer than the SOA record says.
        let minimum = soa.rdatas[0].last_chunk::<4>().map(|octets| u32::from_be_bytes(*octets));
        if authority.iter().any(|set| set.ttl != soa.ttl || Some(set.ttl) > minimum) {
            return Err("the TTL of a denial".to_owned());
        }
        if rcode == rr::NXDOMAIN {
            return proofs::name_error(nsecs, name).map(|()| Verdict::NxDomain);
        }
        let is_alone = qtype == rr::DS && *name == soa.owner;
        proofs::no_data(nsecs, name, qtype, is_alone).map(|()| Verdict::NoData)
    }

    /// What an answer of aliases alone says.
    fn without_soa(&self, rcode: u16, asked: &DnsName, followed: &Followed) -> Option<Verdict> {
        let Followed { name, links, is_circle, is_too_long, .. } = followed;
        let is_outside = self.trust.zone_of(name) != self.trust.zone_of(asked);
        let ends = *links > 0 && (*is_circle || is_outside || *links >= MOST_LINKS);
        match rcode {
            rr::YXDOMAIN if *is_too_long => Some(Verdict::TooLong),
            rr::NOERROR if ends => Some(Verdict::Elsewhere),
            _ => None,
        }
    }
}

/// Where the aliases of an answer lead.
#[derive(Debug)]
struct Followed {
    name: DnsName,
    links: usize,
    /// The name has the answer.
    is_answered: bool,
    /// The name was there before.
    is_circle: bool,
    /// A DNAME record makes it too long.
    is_too_long: bool,
}

/// Whether a set is the CNAME record that a DNAME record of the answer stands for (RFC 6672
/// section 3.1).
fn is_made_up(set: &Set, answer: &[Set]) -> bool {
    set.rtype == rr::CNAME && dname_of(set, answer).is_some()
}

fn dname_of<'a>(set: &Set, answer: &'a [Set]) -> Option<&'a Set> {
    let target = DnsName::of_wire(&set.rdatas[0]).0;
    answer.iter().filter(|of| of.rtype == rr::DNAME).find(|of| {
        let to = DnsName::of_wire(&of.rdatas[0]).0;
        set.owner.is_below(&of.owner)
            && set.owner.renamed(&of.owner, &to) == target
            && set.signatures.is_empty()
            && set.ttl == of.ttl
    })
}

/// Follows the aliases of an answer. Nothing else may be in it.
fn follow(name: &DnsName, qtype: u16, answer: &[Set]) -> Result<Followed, String> {
    let (mut name, mut links, mut is_answered, mut is_circle) = (name.clone(), 0, false, false);
    let mut used: Vec<(&DnsName, u16)> = Vec::new();
    let mut passed = vec![name.clone()];
    while !is_circle && links <= MOST_LINKS {
        let at = |rtype: u16| answer.iter().find(|set| set.owner == name && set.rtype == rtype);
        let own = answer.iter().find(|set| set.owner == name && qtype == rr::ANY).or(at(qtype));
        let alias = at(rr::CNAME);
        if let Some(dname) = alias.and_then(|alias| dname_of(alias, answer)) {
            used.push((&dname.owner, dname.rtype));
        }
        if let Some(own) = own {
            used.push((&own.owner, own.rtype));
            is_answered = true;
            break;
        }
        let Some(alias) = alias else { break };
        used.push((&alias.owner, alias.rtype));
        (name, links) = (DnsName::of_wire(&alias.rdatas[0]).0, links + 1);
        is_circle = passed.contains(&name);
        passed.push(name.clone());
    }
    // A name that becomes too long has no CNAME record.
    let dnames = answer.iter().filter(|set| set.rtype == rr::DNAME && name.is_below(&set.owner));
    let too_long = dnames.filter(|set| {
        let to = DnsName::of_wire(&set.rdatas[0]).0;
        name.renamed(&set.owner, &to).wire().len() > 255
    });
    let too_long: Vec<&Set> = too_long.collect();
    used.extend(too_long.iter().map(|set| (&set.owner, set.rtype)));
    let is_too_long = !too_long.is_empty();
    match answer.iter().find(|set| !used.contains(&(&set.owner, set.rtype))) {
        None => Ok(Followed { name, links, is_answered, is_circle, is_too_long }),
        Some(set) => Err(format!("{} TYPE{} is part of no answer", set.owner, set.rtype)),
    }
}
