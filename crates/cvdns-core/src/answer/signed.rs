//! Answers of signed zones to clients that understand DNSSEC (RFC 4035 section 3.1).
//!
//! The answer is the one that others get. Signatures and NSEC records are written behind it.

use super::body::{self, Body, CurrentName, SectionCounts};
use super::request::MessageBuffer;
use crate::decision::{Chain, Decision, Link, Outcome, Question, Trail};
use crate::snapshot::Snapshot;
use crate::snapshot::nsec_chain::ChainPlace;
use crate::snapshot::signatures::{Rrsigs, SignedNsec};
use crate::snapshot::static_data::{Answer, Cut, StaticData, Zone};
use crate::wire::lower::LowerName;
use crate::wire::name::{MAX_NAME, lowered};
use crate::wire::writer::{MessageWriter, Owner};
use crate::wire::{HEADER, class, rtype};

/// Most NSEC records of an answer: one for each name that a chain of aliases leads along, and two
/// for its end.
const MAX_NSEC: usize = 20;

/// Writes the answer that was decided behind the question, with its signatures. `turn` chooses the
/// window.
#[cold]
#[inline(never)]
pub(super) fn write<'s>(
    snapshot: &'s Snapshot,
    decision: &Decision<'s>,
    question: Question<'_>,
    trail: &Trail,
    message: MessageBuffer<'_>,
    turn: u64,
) -> Body<'s> {
    let static_data = &*snapshot.static_data;
    let numbered = decision.zone.and_then(|number| Some((number, static_data.zone(number)?)));
    let Some((number, zone)) = numbered.filter(|(_, zone)| zone.signing.is_some()) else {
        return body::write(snapshot, decision, &trail.chain, message, turn);
    };
    let signed = SignedZone { snapshot, number, zone, qtype: question.qtype, turn };
    let MessageBuffer { buffer, question_end, limit, alias_limit } = message;
    let message = MessageBuffer { buffer: &mut *buffer, question_end, limit, alias_limit };
    if !trail.chain.is_empty() {
        return signed.chained(decision, trail, message);
    }
    if let Outcome::Referral(cut) = decision.outcome {
        let body = body::write(snapshot, decision, &trail.chain, message, turn);
        return signed.referral(cut, buffer, (question_end, limit), body);
    }
    let body = body::write(snapshot, decision, &trail.chain, message, turn);
    let (Some(end), Some(room)) = (body.end, buffer.get_mut(..limit)) else { return body };
    let mut appender = Appender {
        buffer: room,
        at: end.max(question_end),
        origin: (question_end - 4).saturating_sub(zone.origin.wire().len()) as u16,
        origin_length: zone.origin.wire().len(),
        counts: body.counts,
        nsecs: Nsecs::default(),
    };
    match signed.direct(&decision.outcome, question.name, &mut appender) {
        Some(()) => Body { end: Some(appender.at), counts: appender.counts, ..body },
        None => Body { end: None, ..body },
    }
}

/// The zone that answers, and the question.
#[derive(Clone, Copy)]
struct SignedZone<'s> {
    snapshot: &'s Snapshot,
    number: u32,
    zone: &'s Zone,
    qtype: u16,
    turn: u64,
}

/// Appends records without owners to an answer at the question's own name.
struct Appender<'b> {
    /// The message, as far as it may grow.
    buffer: &'b mut [u8],
    at: usize,
    /// Offset of the zone's name, at the end of the question's.
    origin: u16,
    origin_length: usize,
    counts: SectionCounts,
    nsecs: Nsecs,
}

/// The NSEC records that an answer has: none is there twice.
#[derive(Default)]
struct Nsecs {
    places: [Option<ChainPlace>; MAX_NSEC],
}

impl Nsecs {
    /// Notes a record; false if it is there already, or there are too many.
    fn add(&mut self, place: ChainPlace) -> bool {
        for slot in &mut self.places {
            match slot {
                Some(known) if known.number() == place.number() => return false,
                Some(_) => {}
                None => {
                    *slot = Some(place);
                    return true;
                }
            }
        }
        false
    }
}

/// The first two octets of a compression pointer to an offset (RFC 1035 section 4.1.4).
fn pointer(offset: u16) -> [u8; 2] {
    (0xc000 | offset).to_be_bytes()
}

impl Appender<'_> {
    fn put(&mut self, octets: &[u8]) -> Option<()> {
        let end = self.at + octets.len();
        self.buffer.get_mut(self.at..end)?.copy_from_slice(octets);
        self.at = end;
        Some(())
    }

    /// Appends a record behind its owner. With a `ttl`, it has that instead of its own, in seconds.
    fn record(&mut self, record: &[u8], ttl: Option<u32>) -> Option<()> {
        let start = self.at;
        self.put(record)?;
        if let Some(ttl) = ttl {
            // Type and class precede the TTL.
            self.buffer.get_mut(start + 4..start + 8)?.copy_from_slice(&ttl.to_be_bytes());
        }
        Some(())
    }

    /// Appends signatures whose owner is at an offset.
    fn signatures(&mut self, owner: u16, rrsigs: Rrsigs<'_>, ttl: Option<u32>) -> Option<u16> {
        for record in rrsigs.records() {
            self.put(&pointer(owner))?;
            self.record(record, ttl)?;
        }
        Some(rrsigs.count())
    }

    /// Appends an NSEC record and its signatures to the authority section, unless it is there.
    fn nsec(
        &mut self,
        (place, nsec): (ChainPlace, SignedNsec<'_>),
        ttl: Option<u32>,
    ) -> Option<()> {
        if !self.nsecs.add(place) {
            return Some(());
        }
        let owner = match nsec.owner.len().checked_sub(self.origin_length)? {
            0 => self.origin,
            labels => {
                let at = self.at as u16;
                self.put(nsec.owner.get(..labels)?)?;
                at
            }
        };
        self.put(&pointer(self.origin))?;
        self.record(nsec.record, ttl)?;
        self.counts.authority += 1 + self.signatures(owner, nsec.signatures, ttl)?;
        Some(())
    }
}

impl<'s> SignedZone<'s> {
    fn static_data(&self) -> &'s StaticData {
        &self.snapshot.static_data
    }

    /// Adds the signatures of an answer at the question's own name, and what denies other names.
    /// `None` if there is no room.
    fn direct(
        &self,
        outcome: &Outcome<'_>,
        name: &LowerName,
        appender: &mut Appender<'_>,
    ) -> Option<()> {
        match outcome {
            Outcome::Static { rrset, .. } | Outcome::DownloadReport { rrset, .. } => {
                let rrsigs = self.snapshot.signatures.rrset(self.zone, self.number, *rrset);
                self.answered(name, rrsigs, appender)
            }
            Outcome::Text { .. } => {
                let answer = self.answer_number(name, rtype::TXT);
                let rrsigs = answer.and_then(|answer| self.snapshot.signatures.text(answer));
                self.answered(name, rrsigs, appender)
            }
            Outcome::Pool { path, answer, ipv6, .. } => {
                let windows = answer.windows(*ipv6);
                let number = self.answer_number(name, address_type(*ipv6))?;
                let window = windows.chosen(self.turn);
                let ttl = windows.ttl();
                for (head, signature) in self.snapshot.signatures.window(number, *path, window) {
                    appender.put(&pointer(HEADER as u16))?;
                    appender.put(&rrsig_fixed(ttl, head.len() + signature.len()))?;
                    appender.put(head)?;
                    appender.put(signature)?;
                    appender.counts.answer += 1;
                }
                self.deny_exact(name, appender)
            }
            Outcome::Nsec => {
                let (_, nsec) = self.nsec(name.wire(), None)?;
                let count = appender.signatures(HEADER as u16, nsec.signatures, None)?;
                appender.counts.answer += count;
                Some(())
            }
            Outcome::NoData
            | Outcome::NxDomain
            | Outcome::NoAddresses { .. }
            | Outcome::NoSuchType { .. } => self.negative(outcome, name, appender),
            _ => Some(()),
        }
    }

    fn answered(
        &self,
        name: &LowerName,
        rrsigs: Option<Rrsigs<'_>>,
        appender: &mut Appender<'_>,
    ) -> Option<()> {
        if let Some(rrsigs) = rrsigs {
            appender.counts.answer += appender.signatures(HEADER as u16, rrsigs, None)?;
        }
        self.deny_exact(name, appender)
    }

    /// For an answer that was synthesised from a wildcard: that there is no closer name (RFC 4035
    /// section 3.1.3.3).
    fn deny_exact(&self, name: &LowerName, appender: &mut Appender<'_>) -> Option<()> {
        if self.exists(name.wire()) {
            return Some(());
        }
        let nsec = self.nsec(name.wire(), None)?;
        appender.nsec(nsec, None)
    }

    /// The signature of the SOA record, and the NSEC records that deny the name, the wildcard that
    /// might have been answered instead of it, or the type (RFC 4035 sections 3.1.3.1, 3.1.3.2 and
    /// 3.1.3.4).
    fn negative(
        &self,
        outcome: &Outcome<'_>,
        name: &LowerName,
        appender: &mut Appender<'_>,
    ) -> Option<()> {
        let ttl = self.negative_ttl(outcome);
        if let Some(soa) = self.snapshot.signatures.soa(self.number) {
            let origin = appender.origin;
            appender.counts.authority += appender.signatures(origin, soa, Some(ttl))?;
        }
        self.denials(outcome, name, |nsec| appender.nsec(nsec, Some(ttl)))
    }

    /// The TTL of everything that denies, in seconds: that of the SOA record in the answer.
    fn negative_ttl(&self, outcome: &Outcome<'_>) -> u32 {
        let rules = &self.static_data().rules;
        let of_rule = match outcome {
            Outcome::NoAddresses { rule, .. } | Outcome::NoSuchType { rule } => {
                rules.get(*rule as usize).map(|rule| rule.ttl)
            }
            _ => None,
        };
        of_rule.map_or(self.zone.negative_ttl, |ttl| ttl.min(self.zone.negative_ttl))
    }

    /// Hands out the NSEC records that a negative answer needs. Stops if `each` returns `None`.
    fn denials(
        &self,
        outcome: &Outcome<'_>,
        name: &LowerName,
        mut each: impl FnMut((ChainPlace, SignedNsec<'s>)) -> Option<()>,
    ) -> Option<()> {
        let without = match outcome {
            Outcome::NoAddresses { .. } => Some(self.qtype),
            _ => None,
        };
        if self.exists(name.wire()) {
            return each(self.nsec(name.wire(), without)?);
        }
        each(self.nsec(name.wire(), None)?)?;
        let mut wildcard = [0; MAX_NAME];
        let wildcard = self.wildcard(name, &mut wildcard)?;
        each(self.nsec(wildcard, without)?)
    }

    /// The wildcard from which a name that does not exist would be synthesised: below its closest
    /// encloser (RFC 4592 section 3.3.1).
    fn wildcard<'w>(&self, name: &LowerName, room: &'w mut [u8; MAX_NAME]) -> Option<&'w [u8]> {
        let names = &self.static_data().names;
        let (_, before) = names.closest(name, names.probe(name))?;
        let above = name.wire().get(before..)?;
        room.get_mut(..2)?.copy_from_slice(b"\x01*");
        room.get_mut(2..2 + above.len())?.copy_from_slice(above);
        room.get(..2 + above.len())
    }

    fn nsec(&self, name: &[u8], without: Option<u16>) -> Option<(ChainPlace, SignedNsec<'s>)> {
        self.snapshot.signatures.nsec(self.static_data(), self.number, name, without)
    }

    /// Whether a name exists, in lower-case wire form.
    fn exists(&self, name: &[u8]) -> bool {
        self.static_data().names.get(name).is_some()
    }

    /// The number of the answer of this type at a name, or at the wildcard that it is synthesised
    /// from.
    fn answer_number(&self, name: &LowerName, rtype: u16) -> Option<u32> {
        let static_data = self.static_data();
        let found = crate::decision::find(static_data, name, static_data.names.probe(name));
        let crate::decision::NameMatch::Node(node) = found else { return None };
        let node = static_data.nodes.get(node as usize)?;
        let at = static_data.answers(node).iter().position(|entry| entry.rtype == rtype)?;
        Some(node.first + at as u32)
    }

    /// A referral: with the DS records of the delegation, or with the NSEC record that denies them
    /// (RFC 4035 section 3.1.4).
    fn referral<'b>(
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
        let written = self.write_referral(cut, &mut writer, &mut counts);
        match written {
            Some(()) => Body { end: writer.finish(), counts, ..body },
            None => too_long,
        }
    }

    fn write_referral(
        &self,
        cut: Cut,
        writer: &mut MessageWriter<'_>,
        counts: &mut SectionCounts,
    ) -> Option<()> {
        let static_data = self.static_data();
        let ns = static_data.rrset(cut.ns)?;
        counts.authority += body::write_set(writer, Owner::Name(ns.owner()), &ns);
        let mut lower = [0; MAX_NAME];
        let owner = lowered(ns.owner(), &mut lower);
        let node = static_data.nodes.get(static_data.names.get(owner)? as usize)?;
        match static_data.answer(node, rtype::DS) {
            Some(Answer::Static { rrset, .. }) => {
                let ds = static_data.rrset(rrset)?;
                counts.authority += body::write_set(writer, Owner::Name(owner), &ds);
                let rrsigs = self.snapshot.signatures.rrset(self.zone, self.number, rrset);
                counts.authority += put_rrsigs(writer, Owner::Name(owner), rrsigs, None);
            }
            _ => {
                let nsec = self.nsec(owner, None)?;
                put_nsec(writer, &nsec.1, self.zone.negative_ttl, counts)?;
            }
        }
        for set in static_data.glue(&cut) {
            counts.additional += body::write_set(writer, Owner::Name(set.owner()), &set);
        }
        Some(())
    }

    /// A chain of aliases and the answer at its end. A CNAME record that a DNAME record stands for
    /// is not signed (RFC 6672 section 5.3.1).
    fn chained(
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
            self.put_proofs(&proofs, self.zone.negative_ttl, &mut writer, &mut counts)
                .and_then(|()| self.write_referral(cut, &mut writer, &mut counts))
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
    fn write_links(
        &self,
        chain: &Chain,
        current: &mut CurrentName,
        writer: &mut MessageWriter<'_>,
        proofs: &mut Proofs<'s>,
    ) -> Option<SectionCounts> {
        let static_data = self.static_data();
        body::write_chain(chain, static_data, current, writer, |link, current, writer| {
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
    fn sign_end(
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
                let (_, nsec) = self.nsec(name.wire(), None)?;
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
                    proofs.add(Some(nsec));
                    Some(())
                })?;
            }
            _ => {}
        }
        let is_positive = counts.authority == 0;
        if is_positive && !self.exists(name.wire()) && has_records(outcome) {
            proofs.add(self.nsec(name.wire(), None));
        }
        self.put_proofs(proofs, ttl, writer, counts)
    }

    fn put_proofs(
        &self,
        proofs: &Proofs<'_>,
        ttl: u32,
        writer: &mut MessageWriter<'_>,
        counts: &mut SectionCounts,
    ) -> Option<()> {
        for nsec in proofs.all() {
            put_nsec(writer, nsec, ttl, counts)?;
        }
        Some(())
    }
}

/// NSEC records of an answer whose aliases are written first.
#[derive(Default)]
struct Proofs<'s> {
    seen: Nsecs,
    nsecs: [Option<SignedNsec<'s>>; MAX_NSEC],
    count: usize,
}

impl<'s> Proofs<'s> {
    fn add(&mut self, nsec: Option<(ChainPlace, SignedNsec<'s>)>) {
        if let Some((place, nsec)) = nsec
            && self.seen.add(place)
            && let Some(slot) = self.nsecs.get_mut(self.count)
        {
            *slot = Some(nsec);
            self.count += 1;
        }
    }

    fn all(&self) -> impl Iterator<Item = &SignedNsec<'s>> {
        self.nsecs.iter().flatten()
    }
}

fn has_records(outcome: &Outcome<'_>) -> bool {
    matches!(
        outcome,
        Outcome::Static { .. }
            | Outcome::DownloadReport { .. }
            | Outcome::Text { .. }
            | Outcome::Pool { .. }
    )
}

const fn address_type(ipv6: bool) -> u16 {
    if ipv6 { rtype::AAAA } else { rtype::A }
}

/// Type, class, TTL and RDLENGTH of an RRSIG record.
fn rrsig_fixed(ttl: u32, length: usize) -> [u8; 10] {
    let [type1, type0] = rtype::RRSIG.to_be_bytes();
    let [class1, class0] = class::IN.to_be_bytes();
    let [ttl3, ttl2, ttl1, ttl0] = ttl.to_be_bytes();
    let [length1, length0] = (length as u16).to_be_bytes();
    [type1, type0, class1, class0, ttl3, ttl2, ttl1, ttl0, length1, length0]
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
) -> Option<()> {
    let owner = Owner::Name(nsec.owner);
    writer.record(owner, rtype::NSEC, class::IN, ttl, nsec.record.get(10..)?);
    counts.authority += 1 + put_rrsigs(writer, owner, Some(nsec.signatures), Some(ttl));
    Some(())
}
