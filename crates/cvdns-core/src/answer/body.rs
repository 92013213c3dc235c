//! Writes the sections of an answer behind the question.
#![allow(
    clippy::inline_always,
    reason = "as in `decision`: the answer path is to be compiled into one function"
)]

use super::links::{CurrentName, write_links, write_set};
use super::request::MessageBuffer;
use crate::decision::{Chain, Decision, Outcome};
use crate::snapshot::dynamic_data::{self, WindowSet};
use crate::snapshot::extended_error::ExtendedError;
use crate::snapshot::fallback::FallbackLevel;
use crate::snapshot::static_data::{Cut, StaticData};
use crate::snapshot::template::Template;
use crate::snapshot::{SOA_NUMBERS, Snapshot, Unavailable, put_serial};
use crate::wire::name::{MAX_NAME, lowered};
use crate::wire::writer::{MessageWriter, Owner};
use crate::wire::{HEADER, class, rcode, rtype};

pub(super) use crate::snapshot::template::SectionCounts;

/// Where the sections of an answer end, and what its header and OPT record say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body<'s> {
    /// Offset in the message at which the sections end; 0 if there are none. `None` if they do not
    /// fit.
    pub end: Option<usize>,
    /// Number of records in each section.
    pub counts: SectionCounts,
    /// RCODE, including the bits that go into the OPT record (RFC 6891 section 6.1.3).
    pub rcode: u16,
    /// The AA bit.
    pub authoritative: bool,
    /// SCOPE PREFIX-LENGTH of the client subnet option (RFC 7871).
    pub scope: u8,
    /// Extended DNS error (RFC 8914).
    pub ede: Option<ExtendedError<'s>>,
}

impl Body<'_> {
    /// An answer that consists of an RCODE only.
    pub(super) const fn code(rcode: u16) -> Self {
        let counts = SectionCounts { answer: 0, authority: 0, additional: 0 };
        Self { end: Some(0), counts, rcode, authoritative: false, scope: 0, ede: None }
    }

    /// SERVFAIL, because a part of the snapshot refers to something that the snapshot lacks. Panics
    /// in builds with debug assertions.
    #[cold]
    #[inline(never)]
    fn broken() -> Self {
        debug_assert!(false, "the snapshot refers to records that it does not have");
        Self::code(rcode::SERVFAIL)
    }

    /// An authoritative answer without records.
    fn authoritative(rcode: u16) -> Self {
        Self { authoritative: true, ..Self::code(rcode) }
    }
}

/// The message that is written to, and the turn that chooses the window.
struct Target<'b> {
    message: MessageBuffer<'b>,
    turn: u64,
}

/// Writes the answer that was decided behind the question. `turn` chooses the window.
#[inline(always)]
pub(super) fn write<'s>(
    snapshot: &'s Snapshot,
    decision: &Decision<'s>,
    chain: &Chain,
    message: MessageBuffer<'_>,
    turn: u64,
) -> Body<'s> {
    let target = Target { message, turn };
    let body = head(snapshot, &decision.outcome);
    if chain.is_empty() {
        target.direct(snapshot, decision, body)
    } else {
        target.chained(snapshot, decision, chain, of_chain(body))
    }
}

/// AA refers to the first owner name, which is the question's (RFC 1035 section 4.1.1), wherever a
/// chain leads.
fn of_chain(body: Body<'_>) -> Body<'_> {
    Body { authoritative: true, ..body }
}

/// Header fields and extended error of an outcome at the end of a chain.
pub(super) fn head_of_chain<'s>(snapshot: &'s Snapshot, outcome: &Outcome<'s>) -> Body<'s> {
    of_chain(head(snapshot, outcome))
}

/// Header fields and extended error of an outcome.
#[inline(always)]
fn head<'s>(snapshot: &'s Snapshot, outcome: &Outcome<'s>) -> Body<'s> {
    match outcome {
        Outcome::NotOurs => Body::code(rcode::REFUSED),
        Outcome::NotReady => {
            Body { ede: Some(ExtendedError::NOT_READY), ..Body::authoritative(rcode::SERVFAIL) }
        }
        Outcome::Expired => {
            Body { ede: Some(ExtendedError::EXPIRED), ..Body::authoritative(rcode::SERVFAIL) }
        }
        Outcome::SignaturesAlone => {
            Body { ede: Some(ExtendedError::SIGNATURES_ALONE), ..Body::code(rcode::REFUSED) }
        }
        Outcome::Unavailable(why) => unavailable(*why),
        Outcome::Broken => Body::code(rcode::SERVFAIL),
        Outcome::TooLong => Body::authoritative(rcode::YXDOMAIN),
        Outcome::NxDomain => Body::authoritative(rcode::NXDOMAIN),
        Outcome::Referral(_) => Body::code(rcode::NOERROR),
        Outcome::Text { stale: true, .. } => {
            Body { ede: Some(ExtendedError::STALE), ..Body::authoritative(rcode::NOERROR) }
        }
        Outcome::Pool { rule, path, answer, ipv6, .. } => {
            let ede = match answer.windows(*ipv6).fallback {
                FallbackLevel::Near => None,
                FallbackLevel::Further => {
                    snapshot.dynamic_data.extended_error(*rule, *path, *ipv6).map(ExtendedError)
                }
                FallbackLevel::Lagging => Some(ExtendedError::LAGGING),
                FallbackLevel::Open => Some(ExtendedError::OPEN),
            };
            Body { ede, ..Body::authoritative(rcode::NOERROR) }
        }
        _ => Body::authoritative(rcode::NOERROR),
    }
}

/// SERVFAIL for a zone without data. A server has no authority over what it does not have.
#[cold]
fn unavailable(why: Unavailable) -> Body<'static> {
    let ede = match why {
        Unavailable::NotTransferred => ExtendedError::NOT_TRANSFERRED,
        Unavailable::Expired => ExtendedError::ZONE_EXPIRED,
    };
    Body { ede: Some(ede), ..Body::code(rcode::SERVFAIL) }
}

/// NODATA for a zone, for rare callers: not inlined.
#[cold]
#[inline(never)]
pub(super) fn no_data<'s>(
    snapshot: &'s Snapshot,
    zone: u32,
    message: MessageBuffer<'_>,
) -> Body<'s> {
    let decision = Decision::new(Some(zone), Outcome::NoData);
    write(snapshot, &decision, &Chain::default(), message, 0)
}

/// The answer to a CHAOS query about the server itself (RFC 4892); `None` for unknown names.
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
    Some(Body { end: writer.finish(), counts, ..Body::authoritative(rcode::NOERROR) })
}

impl Target<'_> {
    /// Writes an answer at the question's own name: copies octets prepared in the snapshot.
    #[inline(always)]
    fn direct<'s>(self, snapshot: &Snapshot, decision: &Decision<'_>, body: Body<'s>) -> Body<'s> {
        let static_data = &*snapshot.static_data;
        match decision.outcome {
            Outcome::Static { template, .. } | Outcome::DownloadReport { template, .. } => {
                let template = static_data.templates.get(template);
                let has_serial = template.is_some_and(|template| template.ends_with_soa);
                let serial = if has_serial { serial(snapshot, decision.zone) } else { None };
                self.template(template, serial, body)
            }
            Outcome::Text { template, .. } => self.template(Some(template), None, body),
            Outcome::Nsec => self.nsec(snapshot, decision.zone, body),
            Outcome::MinimalAny => {
                self.template(static_data.templates.get(static_data.minimal_any), None, body)
            }
            Outcome::Pool { answer, ipv6, .. } => self.window(answer.windows(ipv6), body),
            Outcome::Referral(cut) => {
                self.template(static_data.templates.get(cut.referral), None, body)
            }
            Outcome::NoData | Outcome::NxDomain => {
                let zone = decision.zone.and_then(|zone| static_data.zone(zone));
                let template = zone.and_then(|zone| static_data.templates.get(zone.negative));
                self.template(template, serial(snapshot, decision.zone), body)
            }
            Outcome::NoAddresses { rule, .. } | Outcome::NoSuchType { rule } => {
                let template = decision
                    .zone
                    .and_then(|zone| static_data.no_data(zone, rule))
                    .and_then(|template| static_data.templates.get(template));
                self.template(template, serial(snapshot, decision.zone), body)
            }
            Outcome::NotOurs
            | Outcome::SignaturesAlone
            | Outcome::NotReady
            | Outcome::Expired
            | Outcome::Unavailable(_)
            | Outcome::Broken
            | Outcome::TooLong
            | Outcome::ChainEnds => body,
        }
    }

    /// Writes a template. With a `serial`, its last record is a SOA record that gets it.
    #[inline(always)]
    fn template<'s>(
        self,
        template: Option<Template<'_>>,
        serial: Option<u32>,
        body: Body<'s>,
    ) -> Body<'s> {
        let Some(template) = template else { return Body::broken() };
        let MessageBuffer { buffer, question_end, limit, .. } = self.message;
        if question_end + template.octets.len() > limit {
            return Body { end: None, ..body };
        }
        let name_length = question_end - HEADER - 4;
        let end = template.write(buffer, question_end, name_length);
        if let (Some(serial), Some(end)) = (serial, end) {
            put_serial(buffer.get_mut(..end).unwrap_or_default(), serial);
        }
        Body { end, counts: template.counts, ..body }
    }

    /// Writes the NSEC record of the question's name, which is in a signed zone.
    #[cold]
    fn nsec<'s>(self, snapshot: &Snapshot, zone: Option<u32>, body: Body<'s>) -> Body<'s> {
        let MessageBuffer { buffer, question_end, limit, .. } = self.message;
        let Some(current) = CurrentName::of_question(buffer, question_end) else {
            return Body::broken();
        };
        let Some(room) = buffer.get_mut(..limit) else { return Body { end: None, ..body } };
        let mut writer = MessageWriter::new(room, question_end);
        match write_nsec(&mut writer, snapshot, zone, (Owner::Question, current.wire())) {
            Some(answer) => {
                let counts = SectionCounts { answer, ..SectionCounts::default() };
                Body { end: writer.finish(), counts, ..body }
            }
            None => Body::broken(),
        }
    }

    #[inline(always)]
    fn window<'s>(self, set: &WindowSet, body: Body<'s>) -> Body<'s> {
        let MessageBuffer { buffer, question_end, .. } = self.message;
        let window = set.window(self.turn);
        let end = question_end + window.len();
        let counts = SectionCounts { answer: set.size, ..SectionCounts::default() };
        match buffer.get_mut(question_end..end) {
            Some(slot) => {
                slot.copy_from_slice(window);
                Body { end: Some(end), counts, ..body }
            }
            None => Body { end: None, ..body },
        }
    }

    /// Writes the links of a chain and the answer at its end, record by record.
    fn chained<'s>(
        self,
        snapshot: &Snapshot,
        decision: &Decision<'_>,
        chain: &Chain,
        body: Body<'s>,
    ) -> Body<'s> {
        let MessageBuffer { buffer, question_end, limit, alias_limit } = self.message;
        let Some(mut current) = CurrentName::of_question(buffer, question_end) else {
            return Body::broken();
        };
        let Some(room) = buffer.get_mut(..limit) else { return Body { end: None, ..body } };
        let mut writer = MessageWriter::new(room, question_end);
        let static_data = &snapshot.static_data;
        let links = write_links(chain, static_data, &mut current, &mut writer, |_, _, _| 0);
        let Some(mut counts) = links else { return Body::broken() };
        // Two aliases are usual. Many long ones are what somebody needs who sends little to have
        // much sent to somebody else.
        if chain.links().count() > 2 && writer.length() - question_end > alias_limit {
            return Body { end: None, ..body };
        }
        let written =
            write_end(snapshot, decision, self.turn, current.owner(), &mut writer, &mut counts);
        match written {
            Some(()) => Body { end: writer.finish(), counts, ..body },
            None => Body::broken(),
        }
    }
}

/// Writes the records at the end of a chain. `None` if the snapshot lacks them.
pub(super) fn write_end(
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
            let set = static_data.rrset(rrset)?;
            counts.answer += if set.rtype() == rtype::SOA {
                write_soa(writer, owner, snapshot, (decision.zone?, set.ttl()))?
            } else {
                write_set(writer, owner, &set)
            };
        }
        Outcome::Pool { answer, ipv6, .. } => {
            counts.answer += write_window(writer, owner, answer.windows(ipv6).window(turn), ipv6)?;
        }
        Outcome::Nsec => {
            let Owner::Name(name) = owner else { return None };
            counts.answer += write_nsec(writer, snapshot, decision.zone, (owner, name))?;
        }
        // The template of a text is a single record without names in its RDATA.
        Outcome::Text { template: Template { octets, .. }, .. } => {
            counts.answer += write_prepared(writer, owner, octets)?;
        }
        Outcome::MinimalAny => {
            counts.answer += write_prepared(
                writer,
                owner,
                static_data.templates.get(static_data.minimal_any)?.octets,
            )?;
        }
        Outcome::NoData | Outcome::NxDomain => {
            let zone = static_data.zone(decision.zone?)?;
            counts.authority += write_soa(
                writer,
                Owner::Name(zone.origin.wire()),
                snapshot,
                (decision.zone?, zone.negative_ttl),
            )?;
        }
        Outcome::NoAddresses { rule, .. } | Outcome::NoSuchType { rule } => {
            let zone = static_data.zone(decision.zone?)?;
            let ttl = static_data.rules.get(rule as usize)?.ttl.min(zone.negative_ttl);
            counts.authority += write_soa(
                writer,
                Owner::Name(zone.origin.wire()),
                snapshot,
                (decision.zone?, ttl),
            )?;
        }
        Outcome::Referral(cut) => write_referral(writer, static_data, cut, counts)?,
        Outcome::ChainEnds
        | Outcome::TooLong
        | Outcome::SignaturesAlone
        | Outcome::NotReady
        | Outcome::Expired
        | Outcome::Unavailable(_)
        | Outcome::Broken
        | Outcome::NotOurs => {}
    }
    Some(())
}

/// Writes the records of a window with an owner other than the question's name.
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
    window.chunks_exact(size).map(|record| write_prepared(writer, owner, record)).sum()
}

/// Writes the NSEC record of a name, or that of the wildcard that it is synthesised from, which is
/// in a signed zone. `None` if there is none.
fn write_nsec(
    writer: &mut MessageWriter<'_>,
    snapshot: &Snapshot,
    zone: Option<u32>,
    (owner, name): (Owner<'_>, &[u8]),
) -> Option<u16> {
    let mut lower = [0; MAX_NAME];
    let (static_data, lower) = (&snapshot.static_data, lowered(name, &mut lower));
    let nsec = snapshot.signatures.own_nsec(static_data, zone?, lower)?;
    let ttl = static_data.zone(zone?)?.negative_ttl;
    writer.record(owner, rtype::NSEC, class::IN, ttl, nsec.rdata());
    Some(1)
}

/// Writes a prepared record, which has no names in its RDATA, with another owner.
fn write_prepared(writer: &mut MessageWriter<'_>, owner: Owner<'_>, record: &[u8]) -> Option<u16> {
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

/// Writes the SOA record of a zone, with the serial that secondaries know.
fn write_soa(
    writer: &mut MessageWriter<'_>,
    owner: Owner<'_>,
    snapshot: &Snapshot,
    (number, ttl): (u32, u32),
) -> Option<u16> {
    let zone = snapshot.static_data.zone(number)?;
    let rdata = snapshot.static_data.rrset(zone.soa)?.first()?;
    let mut own = [0; LONGEST_SOA];
    let own = own.get_mut(..rdata.len())?;
    own.copy_from_slice(rdata);
    if let Some(serial) = serial(snapshot, Some(number)) {
        put_serial(own, serial);
    }
    writer.record(owner, rtype::SOA, class::IN, ttl, own);
    Some(1)
}

/// Octets of the longest data of a SOA record: two names and five numbers.
const LONGEST_SOA: usize = 2 * MAX_NAME + SOA_NUMBERS;

/// The serial that a zone has instead of that of its master file.
#[inline(always)]
fn serial(snapshot: &Snapshot, zone: Option<u32>) -> Option<u32> {
    zone.and_then(|zone| snapshot.serials.get(zone))
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
