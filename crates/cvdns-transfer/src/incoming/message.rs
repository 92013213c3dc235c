//! The messages of an answer: header, question and records.

use domain::base::iana::Class;
use domain::base::name::ToName;
use domain::base::{Message, ParsedRecord};

use super::error::TransferError;
use super::rdata::PlainRdata;
use super::record::ReceivedRecord;
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;

/// What was asked, with which each message is compared.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) id: u16,
    pub(super) zone: Name,
    pub(super) qtype: u16,
}

/// The highest TTL; one with the first bit set means 0 (RFC 2181 section 8).
const MAX_TTL: u32 = 0x7fff_ffff;

impl Question {
    /// Reads a message of the answer; the first one must repeat the question. Returns its records.
    pub(super) fn records(
        &self,
        octets: &[u8],
        is_first: bool,
    ) -> Result<Vec<ReceivedRecord>, TransferError> {
        let message = Message::from_slice(octets)
            .map_err(|_| TransferError::Malformed("a message is shorter than a header".into()))?;
        self.check_header(message, is_first)?;
        let malformed = |error: &dyn std::fmt::Display| TransferError::Malformed(error.to_string());
        let answer = message.answer().map_err(|error| malformed(&error))?;
        let mut records = Vec::with_capacity(message.header_counts().ancount().into());
        for record in answer {
            records.push(self.record(&record.map_err(|error| malformed(&error))?)?);
        }
        Ok(records)
    }

    fn check_header(&self, message: &Message<[u8]>, is_first: bool) -> Result<(), TransferError> {
        let header = message.header();
        if header.id() != self.id {
            return Err(TransferError::Unasked("its ID is another one"));
        }
        if !header.qr() || header.opcode().to_int() != 0 {
            return Err(TransferError::Unasked("it is no response to a query"));
        }
        // The RCODE counts even if the question is missing, as in some errors.
        let rcode = u16::from(header.rcode().to_int());
        if rcode != 0 {
            return Err(TransferError::Rcode(rcode));
        }
        if header.tc() {
            return Err(TransferError::Form("a message over TCP is truncated (TC)".to_owned()));
        }
        let counts = message.header_counts();
        // RFC 5936 section 2.2.1: one question in the first message, one or none in all others.
        match counts.qdcount() {
            0 if !is_first => {}
            1 => self.check_question(message)?,
            _ => return Err(TransferError::Unasked("it does not repeat the question")),
        }
        // Knot leaves AA clear in transfers, and RFC 5936 section 2.2.1 has it ignored there.
        if self.qtype == rtype::SOA && !header.aa() {
            return Err(TransferError::NotAuthoritative);
        }
        if counts.ancount() == 0 {
            return Err(TransferError::Form("a message of the answer has no record".to_owned()));
        }
        Ok(())
    }

    fn check_question(&self, message: &Message<[u8]>) -> Result<(), TransferError> {
        let other = TransferError::Unasked("it repeats another question");
        let Some(question) = message.first_question() else { return Err(other) };
        let is_same = question.qtype().to_int() == self.qtype
            && question.qclass() == Class::IN
            && plain_name(question.qname()).is_some_and(|name| name == self.zone);
        if is_same { Ok(()) } else { Err(other) }
    }

    fn record(&self, record: &ParsedRecord<'_, [u8]>) -> Result<ReceivedRecord, TransferError> {
        let malformed = |what: String| TransferError::Malformed(what);
        let owner = plain_name(&record.owner())
            .ok_or_else(|| malformed("an owner is no name".to_owned()))?;
        if !owner.is_within(&self.zone) {
            return Err(TransferError::outside(&owner, &self.zone));
        }
        let rtype = record.rtype().to_int();
        if record.class() != Class::IN {
            let what = format!("a record of {owner} is of another class than IN");
            return Err(TransferError::Foreign(what));
        }
        if matches!(rtype, 0 | rtype::OPT | 128..=255) {
            let what =
                format!("a record of {owner} has type {rtype}, which exists in messages only");
            return Err(TransferError::Foreign(what));
        }
        if rtype == rtype::SOA && owner != self.zone {
            let what = format!("a SOA record at {owner}, which is not the zone's apex");
            return Err(TransferError::Foreign(what));
        }
        let data = record.to_record::<PlainRdata>();
        let data = data.map_err(|error| malformed(format!("data of {owner}: {error}")))?;
        let rdata = data.map(|record| record.into_data().octets).unwrap_or_default();
        let ttl = Some(record.ttl().as_secs()).filter(|ttl| *ttl <= MAX_TTL).unwrap_or_default();
        let record = ReceivedRecord { owner, rtype, ttl, rdata: rdata.into() };
        // Two names and five numbers.
        if rtype == rtype::SOA && record.serial().is_none() {
            return Err(malformed("the data of a SOA record is too short".to_owned()));
        }
        Ok(record)
    }
}

/// A name without compression.
pub(super) fn plain_name(name: &impl ToName) -> Option<Name> {
    let mut wire = Vec::with_capacity(name.compose_len().into());
    let Ok(()) = name.compose(&mut wire);
    Name::from_wire(&wire).ok()
}
