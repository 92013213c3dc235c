//! Answers of signed zones to clients that understand DNSSEC (RFC 4035 section 3.1).
//!
//! The answer is the one that others get. Signatures and NSEC records are written behind it.

mod appender;
mod chained;
mod nsecs;

use super::body::{self, Body};
use super::request::MessageBuffer;
use crate::decision::{Decision, NameMatch, Outcome, Question, Trail, find};
use crate::snapshot::Snapshot;
use crate::snapshot::nsec_chain::ChainPlace;
use crate::snapshot::signatures::{Rrsigs, SignedNsec, fixed};
use crate::snapshot::static_data::{StaticData, Zone};
use crate::wire::lower::LowerName;
use crate::wire::name::MAX_NAME;
use crate::wire::{HEADER, rtype};

use appender::{Appender, pointer};
use nsecs::Nsecs;

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
                    appender.put(&fixed(rtype::RRSIG, ttl, head.len() + signature.len()))?;
                    appender.put(head)?;
                    appender.put(signature)?;
                    appender.counts.answer += 1;
                }
                self.deny_exact(name, appender)
            }
            Outcome::Nsec => {
                let nsec = self.own_nsec(name)?;
                self.answered(name, Some(nsec.signatures), appender)
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
        let mut wildcard = [0; MAX_NAME];
        let wildcard = self.static_data().names.wildcard(name.wire(), &mut wildcard)?;
        let (covering, own) = (self.nsec(name.wire(), None)?, self.nsec(wildcard, without)?);
        // The wildcard's record may be the one that covers the name. It must lack the type then.
        if covering.0.number() != own.0.number() {
            each(covering)?;
        }
        each(own)
    }

    /// The NSEC record at a name, or at the wildcard that it is synthesised from.
    fn own_nsec(&self, name: &LowerName) -> Option<SignedNsec<'s>> {
        self.snapshot.signatures.own_nsec(self.static_data(), self.number, name.wire())
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
        let found = find(static_data, name, static_data.names.probe(name));
        let NameMatch::Node(node) = found else { return None };
        let node = static_data.nodes.get(node as usize)?;
        let at = static_data.answers(node).iter().position(|entry| entry.rtype == rtype)?;
        Some(node.first + at as u32)
    }
}

const fn address_type(ipv6: bool) -> u16 {
    if ipv6 { rtype::AAAA } else { rtype::A }
}
