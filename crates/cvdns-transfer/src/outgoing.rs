//! What is sent to a secondary, message by message.

use std::sync::Arc;

use cvdns_core::wire::name::Name;
use cvdns_core::wire::writer::{MessageWriter, Owner};
use cvdns_core::wire::{HEADER, MAX_MESSAGE, class};

use crate::history::History;
use crate::records::{RecordSet, ZoneRecord};
use crate::request::{Kind, Request};
use crate::serial;
use crate::tsig::Signer;
use crate::version::{Difference, Version};

/// Most octets of a message, apart from its signature. Beyond 16 KiB, no compression pointer leads
/// to a name (RFC 1035 section 4.1.4), so that longer messages would be no shorter in sum.
const MESSAGE: usize = 16 << 10;

/// Octets of the OPT record in the first message, which announces the size over UDP of every other
/// answer of this server.
const OPT: usize = 11;

/// How a request for a transfer is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// By the SOA record alone: the secondary has everything, or is to ask over TCP.
    SoaAlone,
    /// By the differences since the secondary's serial (IXFR).
    Differences,
    /// By the whole zone (AXFR).
    Whole,
}

/// A transfer that is under way. It holds on to one version of the zone, whatever happens to it
/// meanwhile, and makes each message when it is asked for it.
#[derive(Debug)]
pub struct Outgoing {
    request: Request,
    form: Form,
    version: Arc<Version>,
    parts: Vec<Part>,
    /// The part and the record in it that come next.
    at: (usize, usize),
    signer: Option<Signer>,
    /// Octets over UDP that the OPT record announces.
    udp_size: u16,
    is_first: bool,
}

/// A run of records.
#[derive(Debug, Clone)]
enum Part {
    /// The SOA record of the newest version.
    Soa,
    /// All its other records.
    Records,
    /// A SOA record of a difference: the earlier one if `false`.
    SoaOf(Arc<Difference>, bool),
    Deleted(Arc<Difference>),
    Added(Arc<Difference>),
}

/// A record does not fit into any message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// How a request is answered from this history. Over UDP, that is by the SOA record, after which
/// the secondary asks over TCP (RFC 1995 section 2).
pub fn form(history: &History, request: &Request, is_udp: bool) -> Form {
    let Kind::Ixfr(since) = request.kind else { return Form::Whole };
    let newest = history.newest();
    let is_current = since == newest.serial();
    if is_current || is_udp {
        return Form::SoaAlone;
    }
    // A serial of the future is answered like one that is not known: by all there is. BIND and Knot
    // do so too, and it heals secondaries that got a serial which we have forgotten.
    let differences = history.since(since).filter(|_| serial::is_greater(newest.serial(), since));
    let octets = differences.map(|differences| {
        differences.iter().map(|difference| difference.octets(&newest.zone)).sum::<usize>()
    });
    match octets {
        Some(octets) if octets < newest.octets() => Form::Differences,
        _ => Form::Whole,
    }
}

impl Outgoing {
    /// Begins a transfer. `signer` signs each message; `udp_size` is what the server announces to
    /// clients with EDNS.
    pub fn new(
        history: &History,
        request: Request,
        form: Form,
        signer: Option<Signer>,
        udp_size: u16,
    ) -> Self {
        let parts = match (form, request.kind) {
            (Form::SoaAlone, _) => vec![Part::Soa],
            (Form::Differences, Kind::Ixfr(since)) => differences(history.since(since)),
            (Form::Differences | Form::Whole, _) if history.newest().records.is_empty() => {
                vec![Part::Soa, Part::Soa]
            }
            (Form::Differences | Form::Whole, _) => vec![Part::Soa, Part::Records, Part::Soa],
        };
        let version = history.newest().clone();
        let (at, is_first) = ((0, 0), true);
        Self { request, form, version, parts, at, signer, udp_size, is_first }
    }

    /// The zone.
    pub fn zone(&self) -> &Name {
        &self.version.zone
    }

    /// The serial that the secondary has after the transfer.
    pub fn serial(&self) -> u32 {
        self.version.serial()
    }

    /// How the request is answered.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Whether every message was made.
    pub fn is_complete(&self) -> bool {
        self.at.0 >= self.parts.len()
    }

    /// Makes the next message. `None` after the last one.
    ///
    /// # Errors
    /// When a record is too long for a message together with the signature. The transfer cannot
    /// go on then.
    pub fn next_message(&mut self, now: u64) -> Option<Result<Vec<u8>, TooLong>> {
        if self.is_complete() {
            return None;
        }
        let room = MAX_MESSAGE.saturating_sub(self.signer.as_ref().map_or(0, Signer::room));
        let message = self.message(MESSAGE.min(room)).or_else(|| self.message(room));
        let signed = message.and_then(|mut message| {
            if let Some(signer) = &mut self.signer {
                signer.sign(&mut message, now)?;
            }
            Some(message)
        });
        Some(signed.ok_or(TooLong))
    }

    /// Makes a message of so many octets at most. `None` if not even one record fits.
    fn message(&mut self, most: usize) -> Option<Vec<u8>> {
        let opt = if self.is_first && self.request.has_edns { OPT } else { 0 };
        let mut message = vec![0; most.saturating_sub(opt)];
        let question = self.request.question.as_slice();
        let question_end = HEADER.checked_add(question.len())?;
        message.get_mut(HEADER..question_end)?.copy_from_slice(question);
        let mut writer = MessageWriter::new(&mut message, question_end);
        let (mut at, mut count, mut end) = (self.at, 0u16, question_end);
        while let Some(record) = self.record(at) {
            let ZoneRecord { owner, rtype, ttl, rdata } = record;
            writer.record(Owner::Name(owner), rtype, class::IN, ttl, rdata);
            if writer.overflowed() {
                break;
            }
            (end, count) = (writer.length(), count.checked_add(1)?);
            at = self.after(at);
        }
        if count == 0 {
            return None;
        }
        message.truncate(end);
        if opt > 0 {
            let [size1, size0] = self.udp_size.to_be_bytes();
            message.extend([0, 0, 41, size1, size0, 0, 0, 0, 0, 0, 0]);
        }
        let header = message.first_chunk_mut::<HEADER>()?;
        *header = self.header(count, opt > 0);
        (self.at, self.is_first) = (at, false);
        Some(message)
    }

    fn header(&self, count: u16, has_opt: bool) -> [u8; HEADER] {
        let [id1, id0] = self.request.id.to_be_bytes();
        let [count1, count0] = count.to_be_bytes();
        // QR and AA (RFC 5936 section 2.2.1).
        let flags = 0x84 | u8::from(self.request.recursion_desired);
        [id1, id0, flags, 0, 0, 1, count1, count0, 0, 0, 0, u8::from(has_opt)]
    }

    /// The record at a place; `None` at the end.
    fn record(&self, (part, number): (usize, usize)) -> Option<ZoneRecord<'_>> {
        let zone = &self.version.zone;
        match self.parts.get(part)? {
            Part::Soa => Some(self.version.soa_record()),
            Part::SoaOf(difference, is_later) => {
                let [earlier, later] = difference.soa_records(zone);
                Some(if *is_later { later } else { earlier })
            }
            part => self.set(part)?.get(number),
        }
    }

    /// The records of a part, if it is a set.
    fn set<'o>(&'o self, part: &'o Part) -> Option<&'o RecordSet> {
        match part {
            Part::Soa | Part::SoaOf(..) => None,
            Part::Records => Some(&self.version.records),
            Part::Deleted(difference) => Some(&difference.deleted),
            Part::Added(difference) => Some(&difference.added),
        }
    }

    /// The place behind another one. Sets without records were left out.
    fn after(&self, (part, number): (usize, usize)) -> (usize, usize) {
        let length = self.parts.get(part).and_then(|part| self.set(part)).map_or(1, RecordSet::len);
        let next = number.saturating_add(1);
        if next < length { (part, next) } else { (part.saturating_add(1), 0) }
    }
}

/// The order of RFC 1995 section 4: the newest SOA; for each difference the earlier SOA, what is
/// deleted, the later SOA, what is added; the newest SOA.
fn differences(differences: Option<&[Arc<Difference>]>) -> Vec<Part> {
    let mut parts = vec![Part::Soa];
    for difference in differences.unwrap_or_default() {
        parts.push(Part::SoaOf(difference.clone(), false));
        if !difference.deleted.is_empty() {
            parts.push(Part::Deleted(difference.clone()));
        }
        parts.push(Part::SoaOf(difference.clone(), true));
        if !difference.added.is_empty() {
            parts.push(Part::Added(difference.clone()));
        }
    }
    parts.push(Part::Soa);
    parts
}
