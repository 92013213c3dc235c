//! What becomes of a message whose signature is right.

use std::net::IpAddr;

use cvdns_core::answer::{TransferRefusal, Transport};
use cvdns_core::snapshot::Unavailable;
use cvdns_core::snapshot::extended_error::ExtendedError;
use cvdns_core::wire::name::{Name, wire_length};
use cvdns_core::wire::{HEADER, class, rcode, rtype, u16_at};
use cvdns_transfer::outgoing::{Form, form};
use cvdns_transfer::request::{Kind, Request};

use super::refusals::RefusalReason;
use super::secondary::SecondaryId;
use super::served::{Found, Served, ServedZone};

/// What becomes of a signed message.
#[derive(Debug)]
pub(super) enum Decision {
    /// It asks for something ordinary.
    Ordinary,
    /// The zone is transferred in this form.
    Transfer { zone: ServedZone, request: Request, form: Form, secondary: SecondaryId },
    /// Nothing is transferred.
    Refuse { zone: Option<Name>, reason: RefusalReason, refusal: TransferRefusal },
}

/// How a message came, as far as transfers depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// As a datagram, which holds one message.
    Datagram,
    /// On a connection.
    Connection,
    /// On a connection over which no zone may be transferred.
    Forbidden,
}

/// Text for who asks over UDP for a whole zone (RFC 5936 section 4.2).
const OVER_UDP: ExtendedError<'static> = ExtendedError(b"\0\0a zone is transferred over TCP");

/// Text for who asks over HTTPS, or over TLS without what RFC 9103 sections 7.1 and 7.2 want.
const NOT_SO: ExtendedError<'static> =
    ExtendedError(b"\0\0transfers take TCP, QUIC, or TLS 1.3 with the ALPN token dot (RFC 9103)");

/// Text for zones with names that depend on the client. 18 is Prohibited.
const DEPENDS: ExtendedError<'static> = ExtendedError(
    b"\0\x12not transferred: answers depend on the client (client-names in [transfer])",
);

/// Text while another process still keeps versions. 14 is Not Ready.
const WAITING: ExtendedError<'static> =
    ExtendedError(b"\0\x0ethis server is just taking over: ask again later");

/// Text for strangers. 18 is Prohibited.
const STRANGER: ExtendedError<'static> =
    ExtendedError(b"\0\x12transfers are for the secondaries of this server, with their keys");

/// What a client is answered that has not both the address and the key of a secondary.
pub(super) const NOT_ALLOWED: TransferRefusal =
    TransferRefusal { rcode: rcode::REFUSED, ede: Some(STRANGER) };

/// Decides about a message from this address that was signed by this key. The signature was taken
/// off.
pub(super) fn decide(
    served: &Served,
    message: &[u8],
    (address, key): (IpAddr, &Name),
    carrier: Carrier,
) -> Decision {
    if !asks_for_transfer(message) {
        return of_catalog(served, message, address, key).unwrap_or(Decision::Ordinary);
    }
    let refuse = |zone, reason, rcode, ede| {
        let refusal = TransferRefusal { rcode, ede };
        Decision::Refuse { zone, reason, refusal }
    };
    let Ok(request) = Request::read(message) else {
        return refuse(question_name(message), RefusalReason::Malformed, rcode::FORMERR, None);
    };
    let (secondary, found) = served.find(&request.zone, address, key);
    let zone = Some(request.zone.clone());
    match (found, secondary) {
        (Found::Zone(_), _) if carrier == Carrier::Datagram && request.kind == Kind::Axfr => {
            refuse(zone, RefusalReason::Malformed, rcode::REFUSED, Some(OVER_UDP))
        }
        (Found::Zone(_), _) if carrier == Carrier::Forbidden => {
            refuse(zone, RefusalReason::Malformed, rcode::REFUSED, Some(NOT_SO))
        }
        (Found::Zone(zone), Some(secondary)) => {
            let form = form(&zone.history, &request, carrier == Carrier::Datagram);
            Decision::Transfer { zone, request, form, secondary }
        }
        (Found::Zone(_), None) | (Found::Stranger, _) => {
            refuse(zone, RefusalReason::Stranger, NOT_ALLOWED.rcode, NOT_ALLOWED.ede)
        }
        (Found::NotTaken, _) => refuse(zone, RefusalReason::Zone, rcode::REFUSED, None),
        (Found::DependsOnClients, _) => {
            refuse(zone, RefusalReason::DependsOnClients, rcode::REFUSED, Some(DEPENDS))
        }
        // As a secondary answers whose own copy is expired: it is asked again later, and what was
        // transferred before stays until it expires itself.
        (Found::Unavailable(why), _) => {
            let ede = match why {
                Unavailable::Expired => ExtendedError::ZONE_EXPIRED,
                Unavailable::NotTransferred => ExtendedError::NOT_TRANSFERRED,
            };
            refuse(zone, RefusalReason::Unavailable, rcode::SERVFAIL, Some(ede))
        }
        (Found::Waiting, _) => {
            refuse(zone, RefusalReason::Unavailable, rcode::SERVFAIL, Some(WAITING))
        }
        // RFC 5936 section 2.2.1.
        (Found::NotHere, _) => refuse(zone, RefusalReason::Zone, rcode::NOTAUTH, None),
    }
}

impl Carrier {
    /// What a transport means, and whether its connection may have transfers.
    pub fn of(transport: Transport, may_transfer: bool) -> Self {
        match transport {
            Transport::Udp => Self::Datagram,
            _ if may_transfer => Self::Connection,
            _ => Self::Forbidden,
        }
    }
}

/// Whether a message asks for AXFR or IXFR.
pub(super) fn asks_for_transfer(message: &[u8]) -> bool {
    let is_query = message.get(2).is_some_and(|flags| flags & 0xf8 == 0);
    is_query && question_type(message).is_some_and(|(qtype, _)| is_transfer(qtype))
}

fn is_transfer(qtype: u16) -> bool {
    matches!(qtype, rtype::AXFR | rtype::IXFR)
}

/// The name in the question.
pub(super) fn question_name(message: &[u8]) -> Option<Name> {
    let rest = message.get(HEADER..)?;
    Name::from_wire(rest.get(..wire_length(rest)?)?).ok()
}

/// Type and class of the question.
fn question_type(message: &[u8]) -> Option<(u16, u16)> {
    let rest = message.get(HEADER..)?;
    let length = wire_length(rest)?;
    Some((u16_at(rest, length)?, u16_at(rest, length.checked_add(2)?)?))
}

/// The type in the question, for counters.
pub(super) fn qtype(message: &[u8]) -> u16 {
    question_type(message).map_or(0, |(qtype, _)| qtype)
}

/// The answer to a secondary that asks for the SOA of the catalog, which is no zone for others.
fn of_catalog(served: &Served, message: &[u8], address: IpAddr, key: &Name) -> Option<Decision> {
    let catalog = served.catalog.as_ref()?;
    let zone = question_name(message).filter(|name| name == catalog)?;
    if question_type(message)? != (rtype::SOA, class::IN) || u16_at(message, 4) != Some(1) {
        return None;
    }
    let (Some(secondary), Found::Zone(found)) = served.find(&zone, address, key) else {
        return None;
    };
    let end = HEADER.checked_add(zone.wire().len())?.checked_add(4)?;
    let request = Request {
        id: u16_at(message, 0)?,
        question: message.get(HEADER..end)?.to_vec(),
        zone,
        kind: Kind::Axfr,
        recursion_desired: message.get(2)? & 1 == 1,
        has_edns: u16_at(message, 10) != Some(0),
    };
    Some(Decision::Transfer { zone: found, request, form: Form::SoaAlone, secondary })
}
