//! Signed answers that are written record by record: chains of aliases, and referrals.

use super::nsecs::Proofs;
use super::{SignedZone, address_type};
use crate::answer::body::{self, Body};
use crate::answer::links::{CurrentName, write_links, write_set};
use crate::answer::request::MessageBuffer;
use crate::decision::{Chain, Decision, Link, Outcome, Trail};
use crate::snapshot::signatures::{Rrsigs, SignedNsec};
use crate::snapshot::static_data::{Answer, Cut};
use crate::snapshot::template::SectionCounts;
use crate::wire::lower::LowerName;
use crate::wire::name::{MAX_NAME, lowered};
use crate::wire::writer::{MessageWriter, Owner};
use crate::wire::{class, rtype};

impl<'s> SignedZone<'s> {
    /// A referral: with the DS records of the delegation, or with the NSEC record that denies them
    /// (RFC 4035 section 3.1.4).
    pub(super) fn referral<'b>(
        &self,
        cut: Cut,
        buffer: &mut [u8],
        (question_end, limit): (usize, usize),
        body: Body<'b>,
    ) -> Body<'b> {
        let too_long = Body { end: None, ..body };
        let Some(room) = buffer.get_mut(..limit) else { return too_long };
        let mut writer = MessageWriter::new(room, question_end);
        let mut counts = SectionCounts::default();
        let mut proofs = Proofs::default();
        let written = self.write_referral(cut, &mut writer, &mut counts, &mut proofs);
        match written {
            Some(()) => Body { end: writer.finish(), counts, ..body },
            None => too_long,
        }
    }

    /// Writes a referral, and the proofs of what leads to it.
    fn write_referral(
        &self,
        cut: Cut,
        writer: &mut MessageWriter<'_>,
        counts: &mut SectionCounts,
        proofs: &mut Proofs<'s>,
    ) -> Option<()> {
        let static_data = self.static_data();
        let ns = static_data.rrset(cut.ns)?;
        counts.authority += write_set(writer, Owner::Name(ns.owner()), &ns);
        let mut lower = [0; MAX_NAME];
        let owner = lowered(ns.owner(), &mut lower);
        let node = static_data.nodes.get(static_data.names.get(owner)? as usize)?;
        match static_data.answer(node, rtype::DS) {
            Some(Answer::Static { rrset, .. }) => {
                let ds = static_data.rrset(rrset)?;
                counts.authority += write_set(writer, Owner::Name(owner), &ds);
                let rrsigs = self.snapshot.signatures.rrset(self.zone, self.number, rrset);
                counts.authority += put_rrsigs(writer, Owner::Name(owner), rrsigs, None);
            }
            _ => proofs.add(Some(self.nsec(owner, None)?)),
        }
        put_proofs(proofs, self.zone.negative_ttl, writer, counts);
        for set in static_data.glue(&cut) {
            counts.additional += write_set(writer, Owner::Name(set.owner()), &set);
        }
        Some(())
    }

    /// A chain of aliases and the answer at its end. A CNAME record that a DNAME record stands for
    /// is not signed (RFC 6672 section 5.3.1).
    pub(super) fn chained(
        &self,
        decision: &Decision<'s>,
        trail: &Trail,
        message: MessageBuffer<'_>,
    ) -> Body<'s> {
        let body = body::head_of_chain(self.snapshot, &decision.outcome);
        let MessageBuffer { buffer, question_end, limit, alias_limit } = message;
        let too_long = Body { end: None, ..body };
        let current = CurrentName::of_question(buffer, question_end);
        let (Some(mut current), Some(room)) = (current, buffer.get_mut(..limit)) else {
            return too_long;
        };
        let mut writer = MessageWriter::new(room, question_end);
        let mut proofs = Proofs::default();
        let links = self.write_links(&trail.chain, &mut current, &mut writer, &mut proofs);
        let Some(mut counts) = links else { return too_long };
        if trail.chain.links().count() > 2 && writer.length() - question_end > alias_limit {
            return too_long;
        }
        let owner = current.owner();
        let written = if let Outcome::Referral(cut) = decision.outcome {
            self.write_referral(cut, &mut writer, &mut counts, &mut proofs)
        } else {
            let (snapshot, turn) = (self.snapshot, self.turn);
            let end = (&decision.outcome, &trail.name);
            body::write_end(snapshot, decision, turn, owner, &mut writer, &mut counts)
                .and_then(|()| self.sign_end(end, owner, &mut writer, (&mut counts, &mut proofs)))
        };
        match written {
            Some(()) => Body { end: writer.finish(), counts, ..body },
            None => too_long,
        }
    }

    /// Writes the links of a chain, each with its signatures.
    pub(super) fn write_links(
        &self,
        chain: &Chain,
        current: &mut CurrentName,
        writer: &mut MessageWriter<'_>,
        proofs: &mut Proofs<'s>,
    ) -> Option<SectionCounts> {
        let static_data = self.static_data();
        write_links(chain, static_data, current, writer, |link, current, writer| {
            let number = link.rrset();
            let Some(set) = static_data.rrset(number) else { return 0 };
            let owner = match link {
                Link::Cname(_) => current.owner(),
                Link::Dname(_) => Owner::Name(set.owner()),
            };
            let mut lower = [0; MAX_NAME];
            let name = lowered(current.wire(), &mut lower);
            if matches!(link, Link::Cname(_)) && !self.exists(name) {
                proofs.add(self.nsec(name, None));
            }
            let rrsigs = self.snapshot.signatures.rrset(self.zone, self.number, number);
            put_rrsigs(writer, owner, rrsigs, None)
        })
    }

    /// Signs the answer at the end of a chain, and adds the proofs of the whole chain.
    pub(super) fn sign_end(
        &self,
        (outcome, name): (&Outcome<'_>, &LowerName),
        owner: Owner<'_>,
        writer: &mut MessageWriter<'_>,
        (counts, proofs): (&mut SectionCounts, &mut Proofs<'s>),
    ) -> Option<()> {
        let signatures = &self.snapshot.signatures;
        let mut ttl = self.zone.negative_ttl;
        match outcome {
            Outcome::Static { rrset, .. } | Outcome::DownloadReport { rrset, .. } => {
                let rrsigs = signatures.rrset(self.zone, self.number, *rrset);
                counts.answer += put_rrsigs(writer, owner, rrsigs, None);
            }
            Outcome::Text { .. } => {
                let rrsigs = signatures.text(self.answer_number(name, rtype::TXT)?);
                counts.answer += put_rrsigs(writer, owner, rrsigs, None);
            }
            Outcome::Pool { path, answer, ipv6, .. } => {
                let windows = answer.windows(*ipv6);
                let number = self.answer_number(name, address_type(*ipv6))?;
                let chosen = windows.chosen(self.turn);
                for (head, signature) in signatures.window(number, *path, chosen) {
                    let mut rdata = [0; MAX_NAME + 128];
                    let length = head.len() + signature.len();
                    rdata.get_mut(..head.len())?.copy_from_slice(head);
                    rdata.get_mut(head.len()..length)?.copy_from_slice(signature);
                    let rdata = rdata.get(..length)?;
                    writer.record(owner, rtype::RRSIG, class::IN, windows.ttl(), rdata);
                    counts.answer += 1;
                }
            }
            Outcome::Nsec => {
                let nsec = self.own_nsec(name)?;
                counts.answer += put_rrsigs(writer, owner, Some(nsec.signatures), None);
            }
            Outcome::NoData
            | Outcome::NxDomain
            | Outcome::NoAddresses { .. }
            | Outcome::NoSuchType { .. } => {
                ttl = self.negative_ttl(outcome);
                let origin = Owner::Name(self.zone.origin.wire());
                counts.authority +=
                    put_rrsigs(writer, origin, signatures.soa(self.number), Some(ttl));
                self.denials(outcome, name, |nsec| {
                    proofs.put(nsec);
                    Some(())
                })?;
            }
            _ => {}
        }
        let is_positive = counts.authority == 0;
        if is_positive && !self.exists(name.wire()) && has_records(outcome) {
            proofs.add(self.nsec(name.wire(), None));
        }
        put_proofs(proofs, ttl, writer, counts);
        Some(())
    }
}

fn put_proofs(
    proofs: &Proofs<'_>,
    ttl: u32,
    writer: &mut MessageWriter<'_>,
    counts: &mut SectionCounts,
) {
    for nsec in proofs.all() {
        put_nsec(writer, nsec, ttl, counts);
    }
}

fn has_records(outcome: &Outcome<'_>) -> bool {
    matches!(
        outcome,
        Outcome::Static { .. }
            | Outcome::DownloadReport { .. }
            | Outcome::Text { .. }
            | Outcome::Pool { .. }
            | Outcome::Nsec
    )
}

/// Writes signatures. With a `ttl`, they have that instead of their own, in seconds. Returns how
/// many there are.
fn put_rrsigs(
    writer: &mut MessageWriter<'_>,
    owner: Owner<'_>,
    rrsigs: Option<Rrsigs<'_>>,
    ttl: Option<u32>,
) -> u16 {
    let Some(rrsigs) = rrsigs else { return 0 };
    for rdata in rrsigs.rdatas() {
        writer.record(owner, rtype::RRSIG, class::IN, ttl.unwrap_or(rrsigs.ttl()), rdata);
    }
    rrsigs.count()
}

fn put_nsec(
    writer: &mut MessageWriter<'_>,
    nsec: &SignedNsec<'_>,
    ttl: u32,
    counts: &mut SectionCounts,
) {
    let owner = Owner::Name(nsec.owner);
    writer.record(owner, rtype::NSEC, class::IN, ttl, nsec.rdata());
    counts.authority += 1 + put_rrsigs(writer, owner, Some(nsec.signatures), Some(ttl));
}
