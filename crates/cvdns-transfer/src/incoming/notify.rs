//! NOTIFY, by which a primary says that a zone has changed (RFC 1996).

use domain::base::Message;

use cvdns_core::wire::name::{Name, wire_length};
use cvdns_core::wire::{HEADER, class, rcode, rtype, u16_at};

/// The opcode.
pub const OPCODE: u8 = 4;

/// A NOTIFY request without its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// The zone.
    pub zone: Name,
}

impl Notify {
    /// Reads a request, whose signature was taken off. What else it says of the zone is a hint that
    /// a check makes superfluous (RFC 1996 section 3.7), and not read.
    ///
    /// # Errors
    /// The RCODE to answer if it is no NOTIFY of a zone. `None`: it gets no answer.
    pub fn read(message: &[u8]) -> Result<Self, Option<u16>> {
        let header = message.get(..HEADER).ok_or(None)?;
        let flags = header.get(2).copied().ok_or(None)?;
        if flags & 0x80 != 0 {
            return Err(None);
        }
        if flags >> 3 & 0xf != OPCODE {
            return Err(Some(rcode::NOTIMP));
        }
        let formerr = Some(rcode::FORMERR);
        if u16_at(message, 4) != Some(1) {
            return Err(formerr);
        }
        let rest = message.get(HEADER..).ok_or(formerr)?;
        let length = wire_length(rest).ok_or(formerr)?;
        let zone = rest.get(..length).and_then(|wire| Name::from_wire(wire).ok()).ok_or(formerr)?;
        if u16_at(rest, length + 2) != Some(class::IN) {
            return Err(Some(rcode::NOTAUTH));
        }
        // RFC 1996 section 3.5: other types are not defined.
        match u16_at(rest, length) {
            Some(rtype::SOA) => Ok(Self { zone }),
            Some(_) => Err(Some(rcode::NOTIMP)),
            None => Err(formerr),
        }
    }
}

/// How many octets the server takes over UDP, as it says in answers to NOTIFY.
pub const UDP_SIZE: u16 = 1232;

/// The octets of an OPT record without options (RFC 6891 section 6.1.2).
const OPT: [u8; 11] = [0, 0, 41, (UDP_SIZE >> 8) as u8, UDP_SIZE as u8, 0, 0, 0, 0, 0, 0];

/// The answer to a NOTIFY request: its header and question (RFC 1996 section 4.7), with AA if the
/// RCODE is NOERROR, and an OPT record if the request has one. Returns `None` if the request has no
/// header.
pub fn answer(request: &[u8], rcode: u16) -> Option<Vec<u8>> {
    let mut answer = request.get(..HEADER)?.to_vec();
    let [_, _, flags, low, counts @ ..] = answer.as_mut_slice() else { return None };
    let authoritative = if rcode == rcode::NOERROR { 0x04 } else { 0 };
    *flags = 0x80 | (*flags & 0x78) | authoritative;
    *low = rcode as u8 & 0x0f;
    counts.fill(0);
    let question = (u16_at(request, 4) == Some(1)).then(|| question(request)).flatten();
    if let Some(question) = question {
        *answer.get_mut(5)? = 1;
        answer.extend(question);
    }
    if has_opt(request) {
        *answer.get_mut(HEADER - 1)? = 1;
        answer.extend(OPT);
    }
    Some(answer)
}

/// Whether a request has an OPT record.
fn has_opt(request: &[u8]) -> bool {
    Message::from_slice(request).is_ok_and(|message| message.opt().is_some())
}

fn question(request: &[u8]) -> Option<&[u8]> {
    let rest = request.get(HEADER..)?;
    rest.get(..wire_length(rest)?.checked_add(4)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"\x12\x34\x24\0\0\x01\0\0\0\0\0\0\x01z\x07example\0\0\x06\0\x01";

    #[test]
    fn a_notify_names_its_zone() {
        let zone = Name::parse("z.example.", &Name::root()).unwrap();
        assert_eq!(Notify::read(REQUEST), Ok(Notify { zone }));
        let answered = |rcode| answer(REQUEST, rcode).unwrap();
        let expected = [&b"\x12\x34\xa4\0\0\x01\0\0\0\0\0\0"[..], &REQUEST[12..]].concat();
        assert_eq!(answered(rcode::NOERROR), expected);
        assert_eq!(answered(rcode::REFUSED)[..4], *b"\x12\x34\xa0\x05");
        let mut request = [REQUEST, &OPT].concat();
        request[11] = 1;
        let with_opt = answer(&request, rcode::NOERROR).unwrap();
        assert_eq!((with_opt[11], &with_opt[expected.len()..]), (1, &OPT[..]));
    }

    #[test]
    fn what_is_no_notify_has_its_rcode() {
        let with = |at: usize, octet: u8| {
            let mut message = REQUEST.to_vec();
            message[at] = octet;
            Notify::read(&message).unwrap_err()
        };
        assert_eq!(with(2, 0xa4), None, "a response");
        assert_eq!(with(2, 0x04), Some(rcode::NOTIMP), "a query");
        assert_eq!(with(5, 2), Some(rcode::FORMERR), "two questions");
        assert_eq!(with(12, 0xc0), Some(rcode::FORMERR), "a compressed name");
        assert_eq!(with(24, 1), Some(rcode::NOTIMP), "another type");
        assert_eq!(with(26, 3), Some(rcode::NOTAUTH), "another class");
        for end in 0..REQUEST.len() {
            assert!(Notify::read(&REQUEST[..end]).is_err(), "{end}");
            let _ = answer(&REQUEST[..end], rcode::FORMERR);
        }
    }
}
