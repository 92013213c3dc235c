//! Writes what was decided behind the question.
#![allow(
    clippy::inline_always,
    reason = "as in `decision`: the responder has all of it within its own function"
)]

use super::options::Ede;
use crate::decision::{Chain, Decision, Link, Outcome, substitute};
use crate::snapshot::Snapshot;
use crate::snapshot::dynamic_data::{self, WindowSet};
use crate::snapshot::fallback::FallbackLevel;
use crate::snapshot::static_data::{Cut, StaticData, Zone};
use crate::snapshot::template::Template;
use crate::wire::name::MAX_NAME;
use crate::wire::writer::{MessageWriter, Owner};
use crate::wire::{HEADER, class, rcode, rtype};
use crate::zone::records::{Rrset, target};

pub(super) use crate::snapshot::template::SectionCounts;

/// The sections of an answer and what its header and OPT record say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body<'s> {
    /// Where the sections end in the message; 0: there are none. None: they do not fit.
    pub end: Option<usize>,
    /// How many records there are.
    pub counts: SectionCounts,
    /// RCODE, extended bits included.
    pub rcode: u16,
    /// AA.
    pub authoritative: bool,
    /// ECS scope.
    pub scope: u8,
    /// Extended error.
    pub ede: Option<Ede<'s>>,
}

impl Body<'_> {
    /// Nothing but an RCODE.
    pub(super) const fn code(rcode: u16) -> Self {
        let counts = SectionCounts { answer: 0, authority: 0, additional: 0 };
        Self { end: Some(0), counts, rcode, authoritative: false, scope: 0, ede: None }
    }

    /// SERVFAIL, as the snapshot does not have what its own parts lead to. Stops a build with debug assertions.
    #[cold]
    #[inline(never)]
    fn broken() -> Self {
        debug_assert!(false, "the snapshot leads to records that it does not have");
        Self::code(rcode::SERVFAIL)
    }

    fn ours(rcode: u16) -> Self {
        Self { authoritative: true, ..Self::code(rcode) }
    }
}

/// Where sections are written.
struct Target<'b> {
    buffer: &'b mut [u8],
    question_end: usize,
    limit: usize,
    turn: u64,
}

/// Writes a decision behind the question that ends at `question_end`; `turn` chooses the window.
#[inline(always)]
pub(super) fn write<'s>(
    snapshot: &'s Snapshot,
    decision: &Decision<'s>,
    chain: &Chain,
    buffer: &mut [u8],
    question_end: usize,
    limit: usize,
    turn: u64,
) -> Body<'s> {
    let target = Target { buffer, question_end, limit, turn };
    let body = head(snapshot, &decision.outcome);
    if chain.is_empty() {
        target.direct(snapshot, decision, body)
    } else {
        // The answer to the question itself is ours, whatever the chain leads to (RFC 1034 section 4.3.2 step 3a).
        target.chained(snapshot, decision, chain, Body { authoritative: true, ..body })
    }
}

/// What the outcome means for header and OPT.
#[inline(always)]
fn head<'s>(snapshot: &'s Snapshot, outcome: &Outcome<'s>) -> Body<'s> {
    match outcome {
        Outcome::NotOurs => Body::code(rcode::REFUSED),
        Outcome::NotReady => Body { ede: Some(Ede::NOT_READY), ..Body::ours(rcode::SERVFAIL) },
        Outcome::Expired => Body { ede: Some(Ede::EXPIRED), ..Body::ours(rcode::SERVFAIL) },
        Outcome::Broken => Body::code(rcode::SERVFAIL),
        Outcome::TooLong => Body::ours(rcode::YXDOMAIN),
        Outcome::NxDomain => Body::ours(rcode::NXDOMAIN),
        Outcome::Referral(_) => Body::code(rcode::NOERROR),
        Outcome::Text { stale: true, .. } => {
            Body { ede: Some(Ede::STALE), ..Body::ours(rcode::NOERROR) }
        }
        Outcome::Pool { rule, path, answer, ipv6, .. } => {
            let ede = match answer.windows(*ipv6).fallback {
                FallbackLevel::Near => None,
                FallbackLevel::Further => {
                    snapshot.dynamic_data.extended_error(*rule, *path, *ipv6).map(Ede)
                }
                FallbackLevel::Lagging => Some(Ede::LAGGING),
                FallbackLevel::Open => Some(Ede::OPEN),
            };
            Body { ede, ..Body::ours(rcode::NOERROR) }
        }
        _ => Body::ours(rcode::NOERROR),
    }
}

/// NODATA, for those who ask now and then.
#[cold]
#[inline(never)]
pub(super) fn no_data<'s>(
    snapshot: &'s Snapshot,
    zone: u32,
    buffer: &mut [u8],
    question_end: usize,
    limit: usize,
) -> Body<'s> {
    let decision = Decision::new(Some(zone), Outcome::NoData);
    write(snapshot, &decision, &Chain::default(), buffer, question_end, limit, 0)
}

/// A server's answer about itself (RFC 4892); none for names that it does not have.
pub(super) fn chaos(
    lower: &[u8],
    snapshot: &Snapshot,
    buffer: &mut [u8],
    question_end: usize,
) -> Option<Body<'static>> {
    let text = snapshot.static_data.settings.chaos(lower)?;
    let mut rdata = [0; 256];
    let length = text.len().min(255);
    let (first, rest) = rdata.split_first_mut()?;
    *first = length as u8;
    rest.get_mut(..length)?.copy_from_slice(text.as_bytes().get(..length)?);
    let mut writer = MessageWriter::new(buffer, question_end);
    writer.record(Owner::Question, rtype::TXT, class::CH, 0, rdata.get(..=length)?);
    let counts = SectionCounts { answer: 1, ..SectionCounts::default() };
    Some(Body { end: writer.finish(), counts, ..Body::ours(rcode::NOERROR) })
}

impl Target<'_> {
    /// The answer at the question's own name: ready-made octets.
    #[inline(always)]
    fn direct<'s>(self, snapshot: &Snapshot, decision: &Decision<'_>, body: Body<'s>) -> Body<'s> {
        let static_data = &*snapshot.static_data;
        match decision.outcome {
            Outcome::Static { template, .. } | Outcome::DownloadReport { template, .. } => {
                self.template(static_data.templates.get(template), body)
            }
            Outcome::Text { template, .. } => self.template(Some(template), body),
            Outcome::MinimalAny => {
                self.template(static_data.templates.get(static_data.minimal_any), body)
            }
            Outcome::Pool { answer, ipv6, .. } => self.window(answer.windows(ipv6), body),
            Outcome::Referral(cut) => self.template(static_data.templates.get(cut.referral), body),
            Outcome::NoData | Outcome::NoAddresses { .. } | Outcome::NxDomain => {
                let zone = decision.zone.and_then(|zone| static_data.zone(zone));
                self.template(zone.and_then(|zone| static_data.templates.get(zone.negative)), body)
            }
            Outcome::NotOurs
            | Outcome::NotReady
            | Outcome::Expired
            | Outcome::Broken
            | Outcome::TooLong
            | Outcome::ChainEnds => body,
        }
    }

    #[inline(always)]
    fn template<'s>(self, template: Option<Template<'_>>, body: Body<'s>) -> Body<'s> {
        let Some(template) = template else { return Body::broken() };
        if self.question_end + template.octets.len() > self.limit {
            return Body { end: None, ..body };
        }
        let name_length = self.question_end - HEADER - 4;
        let end = template.write(self.buffer, self.question_end, name_length);
        Body { end, counts: template.counts, ..body }
    }

    #[inline(always)]
    fn window<'s>(self, set: &WindowSet, body: Body<'s>) -> Body<'s> {
        let window = set.window(self.turn);
        let end = self.question_end + window.len();
        let counts = SectionCounts { answer: set.size, ..SectionCounts::default() };
        match self.buffer.get_mut(self.question_end..end) {
            Some(slot) => {
                slot.copy_from_slice(window);
                Body { end: Some(end), counts, ..body }
            }
            None => Body { end: None, ..body },
        }
    }

    /// The answer at the end of a chain: written record by record.
    fn chained<'s>(
        self,
        snapshot: &Snapshot,
        decision: &Decision<'_>,
        chain: &Chain,
        body: Body<'s>,
    ) -> Body<'s> {
        let mut current = Current::of_question(self.buffer, self.question_end);
        let room = self.buffer.get_mut(..self.limit).unwrap_or_default();
        let mut writer = MessageWriter::new(room, self.question_end);
        let Some(mut counts) = write_chain(chain, &snapshot.static_data, &mut current, &mut writer)
        else {
            return Body::broken();
        };
        let written =
            write_end(snapshot, decision, self.turn, current.owner(), &mut writer, &mut counts);
        match written {
            Some(()) => Body { end: writer.finish(), counts, ..body },
            None => Body::broken(),
        }
    }
}

/// Writes what stands at the end of a chain. `None`: the snapshot does not have it.
fn write_end(
    snapshot: &Snapshot,
    decision: &Decision<'_>,
    turn: u64,
    owner: Owner<'_>,
    writer: &mut MessageWriter<'_>,
    counts: &mut SectionCounts,
) -> Option<()> {
    let static_data = &*snapshot.static_data;
    match decision.outcome {
        Outcome::Static { rrset, .. } | Outcome::DownloadReport { rrset, .. } => {
            counts.answer += write_set(writer, owner, &static_data.rrset(rrset)?);
        }
        Outcome::Pool { answer, ipv6, .. } => {
            counts.answer += write_window(writer, owner, answer.windows(ipv6).window(turn), ipv6)?;
        }
        // A text template is one record behind a pointer: type, class, TTL, length, RDATA.
        Outcome::Text { template: Template { octets, .. }, .. } => {
            counts.answer += write_ready(writer, owner, octets)?;
        }
        Outcome::MinimalAny => {
            counts.answer += write_ready(
                writer,
                owner,
                static_data.templates.get(static_data.minimal_any)?.octets,
            )?;
        }
        Outcome::NoData | Outcome::NoAddresses { .. } | Outcome::NxDomain => {
            counts.authority += write_soa(writer, static_data, static_data.zone(decision.zone?)?)?;
        }
        Outcome::Referral(cut) => write_referral(writer, static_data, cut, counts)?,
        Outcome::ChainEnds
        | Outcome::TooLong
        | Outcome::NotReady
        | Outcome::Expired
        | Outcome::Broken
        | Outcome::NotOurs => {}
    }
    Some(())
}

/// The name at which the chain stands, in the case in which it was written.
struct Current {
    octets: [u8; MAX_NAME],
    length: usize,
    question: bool,
}

impl Current {
    fn of_question(buffer: &[u8], question_end: usize) -> Self {
        let mut current = Self { octets: [0; MAX_NAME], length: 0, question: true };
        current.set(buffer.get(HEADER..question_end.saturating_sub(4)).unwrap_or_default());
        current
    }

    fn set(&mut self, wire: &[u8]) {
        if let Some(slot) = self.octets.get_mut(..wire.len()) {
            slot.copy_from_slice(wire);
            self.length = wire.len();
        }
    }

    fn wire(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    fn owner(&self) -> Owner<'_> {
        if self.question { Owner::Question } else { Owner::Name(self.wire()) }
    }
}

/// Writes the links of a chain. `None`: the snapshot does not have one of them.
fn write_chain(
    chain: &Chain,
    static_data: &StaticData,
    current: &mut Current,
    writer: &mut MessageWriter<'_>,
) -> Option<SectionCounts> {
    let mut counts = SectionCounts::default();
    for link in chain.links() {
        let set = static_data.rrset(link.rrset())?;
        let target = set.first().and_then(target)?;
        match link {
            Link::Cname(_) => {
                counts.answer += write_set(writer, current.owner(), &set);
                current.set(target);
            }
            Link::Dname(_) => {
                counts.answer += write_set(writer, Owner::Name(set.owner()), &set);
                let mut renamed = [0; MAX_NAME];
                let owner_length = set.owner().len();
                // A name that gets too long ends the chain with YXDOMAIN (RFC 6672 section 2.2).
                let Some(length) = substitute(current.wire(), owner_length, target, &mut renamed)
                else {
                    break;
                };
                let renamed = renamed.get(..length)?;
                // The made-up CNAME has the DNAME's TTL (RFC 6672 section 3.1).
                writer.record(current.owner(), rtype::CNAME, class::IN, set.ttl(), renamed);
                counts.answer += 1;
                current.set(renamed);
            }
        }
        current.question = false;
    }
    Some(counts)
}

fn write_set(writer: &mut MessageWriter<'_>, owner: Owner<'_>, set: &Rrset<'_>) -> u16 {
    for rdata in set.rdatas() {
        if writer.overflowed() {
            break;
        }
        writer.record(owner, set.rtype(), class::IN, set.ttl(), rdata);
    }
    set.count()
}

/// The records of a window, at another name than the question's.
fn write_window(
    writer: &mut MessageWriter<'_>,
    owner: Owner<'_>,
    window: &[u8],
    ipv6: bool,
) -> Option<u16> {
    let size = if ipv6 { dynamic_data::AAAA_SIZE } else { dynamic_data::A_SIZE };
    if window.len() > writer.room() {
        writer.give_up();
        return Some(0);
    }
    window.chunks_exact(size).map(|record| write_ready(writer, owner, record)).sum()
}

/// A ready-made record without names in it, at another name than the question's.
fn write_ready(writer: &mut MessageWriter<'_>, owner: Owner<'_>, record: &[u8]) -> Option<u16> {
    let [_, _, t1, t0, c1, c0, l3, l2, l1, l0, _, _, rdata @ ..] = record else { return None };
    let class = u16::from_be_bytes([*c1, *c0]);
    writer.record(
        owner,
        u16::from_be_bytes([*t1, *t0]),
        class,
        u32::from_be_bytes([*l3, *l2, *l1, *l0]),
        rdata,
    );
    Some(1)
}

fn write_soa(writer: &mut MessageWriter<'_>, static_data: &StaticData, zone: &Zone) -> Option<u16> {
    let rdata = static_data.rrset(zone.soa)?.first()?;
    writer.record(Owner::Name(zone.origin.wire()), rtype::SOA, class::IN, zone.negative_ttl, rdata);
    Some(1)
}

fn write_referral(
    writer: &mut MessageWriter<'_>,
    static_data: &StaticData,
    cut: Cut,
    counts: &mut SectionCounts,
) -> Option<()> {
    let ns = static_data.rrset(cut.ns)?;
    counts.authority += write_set(writer, Owner::Name(ns.owner()), &ns);
    for set in static_data.glue(&cut) {
        counts.additional += write_set(writer, Owner::Name(set.owner()), &set);
    }
    Some(())
}
