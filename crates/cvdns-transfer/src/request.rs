//! What a secondary asks for.

use cvdns_core::wire::name::{Name, wire_length};
use cvdns_core::wire::{HEADER, class, rtype, u16_at};
use domain::base::Message;
use domain::base::name::ToName as _;
use domain::rdata::Soa;

/// A request for a transfer (RFC 5936 section 2.1, RFC 1995 section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// ID of the message.
    pub id: u16,
    /// The question with its spelling, as it is repeated in answers.
    pub question: Vec<u8>,
    /// The zone.
    pub zone: Name,
    /// What is asked for.
    pub kind: Kind,
    /// The RD bit, which answers repeat.
    pub recursion_desired: bool,
    /// Whether the message has an OPT record.
    pub has_edns: bool,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The whole zone.
    Axfr,
    /// What has changed since this serial.
    Ixfr(u32),
}

/// Why a message is no request for a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadRequest;

impl Request {
    /// Reads a message, whose signature was taken off.
    ///
    /// # Errors
    /// When it is no query for AXFR or IXFR with one question in class IN, or an IXFR query whose
    /// authority section does not consist of the zone's SOA record.
    pub fn read(octets: &[u8]) -> Result<Self, BadRequest> {
        Self::parse(octets).ok_or(BadRequest)
    }

    fn parse(octets: &[u8]) -> Option<Self> {
        let message = Message::from_octets(octets).ok()?;
        let header = message.header();
        if header.qr() || header.opcode().to_int() != 0 || u16_at(octets, 4) != Some(1) {
            return None;
        }
        let rest = octets.get(HEADER..)?;
        let length = wire_length(rest)?;
        let question = rest.get(..length.checked_add(4)?)?;
        let zone = Name::from_wire(rest.get(..length)?).ok()?;
        let qtype = u16_at(question, length)?;
        if u16_at(question, length.checked_add(2)?) != Some(class::IN) {
            return None;
        }
        let has_edns = message.opt().is_some();
        let kind = match qtype {
            rtype::AXFR => Kind::Axfr,
            rtype::IXFR => Kind::Ixfr(serial(&message, &zone)?),
            _ => return None,
        };
        let (id, recursion_desired) = (header.id(), header.rd());
        Some(Self { id, question: question.to_vec(), zone, kind, recursion_desired, has_edns })
    }
}

/// The serial of the SOA record in the authority section, which is its only record.
fn serial(message: &Message<&[u8]>, zone: &Name) -> Option<u32> {
    let mut records = message.authority().ok()?;
    let record = records.next()?.ok()?;
    let owner = record.owner().to_vec();
    if records.next().is_some() || !owner.as_slice().eq_ignore_ascii_case(zone.wire()) {
        return None;
    }
    let soa = record.into_record::<Soa<_>>().ok()??;
    Some(soa.data().serial().into_int())
}
