//! A query as it comes in, read in one pass without allocation.

use std::net::IpAddr;

use super::edns::{Edns, Malformed};
use super::lower::LowerName;
use super::{HEADER, rcode, rtype, u16_at};

/// What an answer depends on; the name stands in the [`LowerName`] that was read into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// Where the question ends in the message, in octets from its start.
    pub question_end: usize,
    /// The OPT record, when there is one.
    pub edns: Option<Edns>,
}

/// Why a message is not answered as a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// No answer at all: under 12 octets, or an answer itself (RFC 1035 section 7.3: two servers must not talk in a loop).
    Drop,
    /// An answer with this RCODE.
    Code {
        /// FORMERR or NOTIMP.
        rcode: u16,
        /// Where the question ends, when it could be read and is to be echoed.
        question_end: Option<usize>,
        /// Whether the query had an OPT record, so that the answer has one (RFC 6891 section 7).
        edns: bool,
    },
}

impl Query {
    /// Reads a message of the wire; its name goes into `name`.
    ///
    /// # Errors
    /// What to do instead of answering it.
    pub fn parse(message: &[u8], name: &mut LowerName, use_ecs: bool) -> Result<Self, Reject> {
        let Some(&[_, _, flags, _, ..]) = message.get(..HEADER) else { return Err(Reject::Drop) };
        if flags & 0x80 != 0 {
            return Err(Reject::Drop);
        }
        if flags & 0x78 != 0 {
            // The sections of other opcodes mean other things (RFC 2136): nothing of them is read.
            return Err(Reject::Code { rcode: rcode::NOTIMP, question_end: None, edns: false });
        }
        let formerr = Reject::Code { rcode: rcode::FORMERR, question_end: None, edns: false };
        if u16_at(message, 4) != Some(1) {
            return Err(formerr);
        }
        let name_end = name.read(message).ok_or(formerr)?;
        let qtype = u16_at(message, name_end).ok_or(formerr)?;
        let qclass = u16_at(message, name_end + 2).ok_or(formerr)?;
        let question_end = name_end + 4;
        let edns = parse_rest(message, question_end, use_ecs)?;
        Ok(Self { qtype, qclass, question_end, edns })
    }

    /// The client subnet's address, when the query has one to look up.
    pub fn subnet(&self) -> Option<IpAddr> {
        self.edns?.ecs?.address()
    }
}

/// Everything after the question: only an OPT record in the additional section matters, the rest must be well formed.
fn parse_rest(message: &[u8], question_end: usize, use_ecs: bool) -> Result<Option<Edns>, Reject> {
    let counts = |at| u32::from(u16_at(message, at).unwrap_or_default());
    let before_additional = counts(6) + counts(8);
    let records = before_additional + counts(10);
    let mut edns = None;
    let mut at = question_end;
    for index in 0..records {
        let reject =
            Reject::Code { rcode: rcode::FORMERR, question_end: Some(question_end), edns: edns.is_some() };
        let owner = at;
        at = skip_name(message, at).ok_or(reject)?;
        let rtype = u16_at(message, at).ok_or(reject)?;
        let class = u16_at(message, at + 2).ok_or(reject)?;
        let ttl = message.get(at + 4..at + 8).and_then(|b| b.try_into().ok()).ok_or(reject)?;
        let length = usize::from(u16_at(message, at + 8).ok_or(reject)?);
        let rdata = message.get(at + 10..at + 10 + length).ok_or(reject)?;
        at += 10 + length;
        if rtype == rtype::OPT {
            // One OPT, in the additional section, owned by the root (RFC 6891 section 6.1.1).
            let root_owned = message.get(owner) == Some(&0);
            if edns.is_some() || index < before_additional || !root_owned {
                return Err(reject);
            }
            let with_opt =
                Reject::Code { rcode: rcode::FORMERR, question_end: Some(question_end), edns: true };
            edns = Some(Edns::parse(class, ttl, rdata, use_ecs).map_err(|Malformed| with_opt)?);
        }
    }
    if at == message.len() {
        Ok(edns)
    } else {
        let edns = edns.is_some();
        Err(Reject::Code { rcode: rcode::FORMERR, question_end: Some(question_end), edns })
    }
}

/// Where the (maybe compressed) name at `at` ends.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = *message.get(at)?;
        match length {
            0 => return Some(at + 1),
            1..=63 => at += 1 + usize::from(length),
            // A pointer ends the name (RFC 1035 section 4.1.4); where it leads does not matter here.
            0xc0.. => return message.get(at + 1).map(|_| at + 2),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn question(name: &[u8]) -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        message.extend_from_slice(name);
        message.extend_from_slice(&[0, 1, 0, 1]);
        message
    }

    #[test]
    fn a_plain_question_is_read() {
        let mut name = LowerName::new();
        let query = Query::parse(&question(b"\x02Db\x02DE\x06clamAV\x03NET\0"), &mut name, true).unwrap();
        assert_eq!((query.qtype, query.qclass, query.edns), (1, 1, None));
        assert_eq!(name.wire(), b"\x02db\x02de\x06clamav\x03net\0");
    }

    #[test]
    fn what_is_no_query_is_rejected() {
        let mut name = LowerName::new();
        let formerr = |end| Reject::Code { rcode: rcode::FORMERR, question_end: end, edns: false };
        let mut parse = |message: &[u8]| Query::parse(message, &mut name, true);
        assert_eq!(parse(&[0; 11]), Err(Reject::Drop));
        let mut answer = question(b"\0");
        answer[2] |= 0x80;
        assert_eq!(parse(&answer), Err(Reject::Drop));
        assert_eq!(parse(&question(b"\xc0\x0c")), Err(formerr(None)));
        assert_eq!(parse(&question(b"\x40a\0")), Err(formerr(None)));
        let mut trailing = question(b"\x01a\0");
        trailing.push(0);
        assert_eq!(parse(&trailing), Err(formerr(Some(19))));
        let mut notify = question(b"\0");
        notify[2] = 0x20;
        assert!(matches!(parse(&notify), Err(Reject::Code { rcode: rcode::NOTIMP, .. })));
    }

    proptest! {
        #[test]
        fn no_message_panics(message in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = Query::parse(&message, &mut LowerName::new(), true);
        }

        #[test]
        fn no_mutated_query_panics(
            at in 0usize..64, octet in any::<u8>(), cut in 0usize..64,
        ) {
            let mut message = question(b"\x02db\x05local\x06clamav\x03net\0");
            message[11] = 1;
            message.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0, 198, 51, 100]);
            if let Some(slot) = message.get_mut(at) { *slot = octet; }
            message.truncate(message.len().saturating_sub(cut));
            let _ = Query::parse(&message, &mut LowerName::new(), true);
        }
    }
}
