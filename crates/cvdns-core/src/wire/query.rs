//! Parser of incoming queries: one pass, no allocation.

use std::net::IpAddr;

use super::edns::{Edns, Honoured, OptError};
use super::lower::LowerName;
use super::name::skip_name;
use super::tsig::Tsig;
use super::{HEADER, rcode, rtype, u16_at};

/// The opcode of NOTIFY (RFC 1996) at its place in the third octet of a message.
const NOTIFY: u8 = 4 << 3;

/// A query without its QNAME, which [`Query::read`] puts into a separate [`LowerName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Query {
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// End of the question section, as an offset in the message.
    pub question_end: usize,
    /// The OPT record, if the query has one.
    pub edns: Option<Edns>,
}

/// How to treat a message that is not a valid query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// Send nothing: the message has under 12 octets, or is a response itself. Answering responses
    /// could make two servers talk in a loop (RFC 1035 section 7.3).
    Drop,
    /// Send an answer with this RCODE.
    Code {
        /// FORMERR or NOTIMP.
        rcode: u16,
        /// End of the question, which the answer repeats; `None` if it could not be read.
        question_end: Option<usize>,
        /// Whether the query had an OPT record: the answer then has one too (RFC 6891 section 7).
        edns: bool,
        /// Whether the error is in the client subnet option (RFC 7871).
        subnet: bool,
    },
    /// Hand the message on: it is a NOTIFY request (RFC 1996). If nobody takes it, send NOTIMP.
    Notify {
        /// Whether it had an OPT record.
        edns: bool,
    },
    /// Send NOTAUTH: the query is signed, and this server knows no keys (RFC 8945 section 5.2.1).
    UnknownKey {
        /// End of the question.
        question_end: u16,
        /// Whether the query had an OPT record.
        edns: bool,
        /// The signature.
        tsig: Tsig,
    },
}

impl Query {
    /// Reads a message; the QNAME goes into `name`. Both are filled in place, because moving them
    /// would cost as much as reading them. Options that are not `honoured` are ignored.
    ///
    /// # Errors
    /// How to treat a message that is not a valid query. The contents of `self` and `name` are then
    /// unspecified.
    pub fn read(
        &mut self,
        message: &[u8],
        name: &mut LowerName,
        honoured: Honoured,
    ) -> Result<(), Reject> {
        let Some(&[_, _, flags, _, ..]) = message.get(..HEADER) else { return Err(Reject::Drop) };
        if flags & 0x80 != 0 {
            return Err(Reject::Drop);
        }
        if flags & 0x78 != 0 {
            return Err(other_opcode(message, flags));
        }
        let formerr = without_question(rcode::FORMERR, false);
        if u16_at(message, 4) != Some(1) {
            return Err(without_question(rcode::FORMERR, has_opt(message)));
        }
        let name_end = name.read(message).ok_or(formerr)?;
        self.qtype = u16_at(message, name_end).ok_or(formerr)?;
        self.qclass = u16_at(message, name_end + 2).ok_or(formerr)?;
        self.question_end = name_end + 4;
        self.edns = None;
        self.read_rest(message, honoured)
    }

    /// Reads what follows the question. Only OPT and TSIG records in the additional section have a
    /// meaning; all other records only have to be well-formed.
    fn read_rest(&mut self, message: &[u8], honoured: Honoured) -> Result<(), Reject> {
        let question_end = self.question_end;
        let refuse = |edns, subnet| Reject::Code {
            rcode: rcode::FORMERR,
            question_end: Some(question_end),
            edns,
            subnet,
        };
        let reject = |edns| refuse(edns, false);
        let counts = |at| u32::from(u16_at(message, at).unwrap_or_default());
        let before_additional = counts(6) + counts(8);
        let records = before_additional + counts(10);
        let mut at = question_end;
        for index in 0..records {
            let seen = self.edns.is_some();
            let (owner, fields) = (at, skip_name(message, at).ok_or(reject(seen))?);
            let fixed =
                message.get(fields..).and_then(|rest| rest.first_chunk()).ok_or(reject(seen))?;
            let [t1, t0, c1, c0, ttl3, ttl2, ttl1, ttl0, l1, l0] = *fixed;
            let rdata = fields + fixed.len();
            at = rdata + usize::from(u16::from_be_bytes([l1, l0]));
            let rdata = message.get(rdata..at).ok_or(reject(seen))?;
            if u16::from_be_bytes([t1, t0]) == rtype::OPT {
                // One OPT, in the additional section, owned by the root (RFC 6891 section 6.1.1).
                let root_owned = message.get(owner) == Some(&0);
                if seen || index < before_additional || !root_owned {
                    return Err(reject(seen));
                }
                let edns = self
                    .edns
                    .insert(Edns::new(u16::from_be_bytes([c1, c0]), [ttl3, ttl2, ttl1, ttl0]));
                let read = edns.read_options(rdata, honoured);
                read.map_err(|error| refuse(true, error == OptError::ClientSubnet))?;
            } else if u16::from_be_bytes([t1, t0]) == rtype::TSIG {
                if self.edns.is_some_and(|edns| edns.version != 0) {
                    // BADVERS comes first: another version may change what a TSIG record means.
                    return Ok(());
                }
                // One TSIG, the last record of the message (RFC 8945 section 5.1).
                let is_last =
                    index >= before_additional && index + 1 == records && at == message.len();
                let class_and_ttl = [c1, c0, ttl3, ttl2, ttl1, ttl0];
                let tsig = Tsig::read(message, owner, class_and_ttl, at - rdata.len());
                let tsig = tsig.filter(|_| is_last).ok_or(reject(seen))?;
                return Err(Reject::UnknownKey {
                    question_end: question_end as u16,
                    edns: seen,
                    tsig,
                });
            }
        }
        if at == message.len() { Ok(()) } else { Err(reject(self.edns.is_some())) }
    }

    /// The client subnet's address; `None` if the query has no subnet, or one of /0.
    pub fn subnet(&self) -> Option<IpAddr> {
        self.edns?.ecs?.address()
    }
}

fn without_question(rcode: u16, edns: bool) -> Reject {
    Reject::Code { rcode, question_end: None, edns, subnet: false }
}

/// How to treat a message of another opcode than QUERY. Other opcodes give the sections another
/// meaning (RFC 2136), so none is read.
#[cold]
fn other_opcode(message: &[u8], flags: u8) -> Reject {
    let edns = has_opt(message);
    if flags & 0x78 == NOTIFY {
        Reject::Notify { edns }
    } else {
        without_question(rcode::NOTIMP, edns)
    }
}

/// Whether a message that is not parsed any further has an OPT record. The answer then has one too
/// (RFC 6891 section 6.1.1).
#[cold]
fn has_opt(message: &[u8]) -> bool {
    let count = |at| usize::from(u16_at(message, at).unwrap_or_default());
    let mut at = HEADER;
    // Each iteration consumes at least five octets, so the loop ends with the message.
    for _ in 0..count(4) {
        match skip_name(message, at) {
            Some(end) => at = end + 4,
            None => return false,
        }
    }
    for _ in 0..count(6) + count(8) + count(10) {
        let Some(fields) = skip_name(message, at) else { return false };
        let Some(length) = u16_at(message, fields + 8) else { return false };
        if u16_at(message, fields) == Some(rtype::OPT) {
            return message.get(at) == Some(&0);
        }
        at = fields + 10 + usize::from(length);
    }
    false
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

    fn parse(message: &[u8], name: &mut LowerName) -> Result<Query, Reject> {
        let mut query = Query::default();
        query.read(message, name, Honoured { ecs: true, cookies: true }).map(|()| query)
    }

    #[test]
    fn a_plain_question_is_read() {
        let mut name = LowerName::new();
        let query = parse(&question(b"\x02Db\x02DE\x06clamAV\x03NET\0"), &mut name).unwrap();
        assert_eq!((query.qtype, query.qclass, query.edns), (1, 1, None));
        assert_eq!(name.wire(), b"\x02db\x02de\x06clamav\x03net\0");
    }

    #[test]
    fn what_is_no_query_is_rejected() {
        let mut name = LowerName::new();
        let formerr = |end| Reject::Code {
            rcode: rcode::FORMERR,
            question_end: end,
            edns: false,
            subnet: false,
        };
        let mut parse = |message: &[u8]| self::parse(message, &mut name);
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
        assert_eq!(parse(&notify), Err(Reject::Notify { edns: false }));
        let mut update = question(b"\0");
        update[2] = 0x28;
        assert!(matches!(parse(&update), Err(Reject::Code { rcode: rcode::NOTIMP, .. })));
    }

    proptest! {
        #[test]
        fn no_message_panics(message in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse(&message, &mut LowerName::new());
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
            let _ = parse(&message, &mut LowerName::new());
        }
    }
}
