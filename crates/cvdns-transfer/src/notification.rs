//! Notifications of changes (NOTIFY, RFC 1996), as the primary sends them.

use std::sync::Arc;

use cvdns_core::wire::{HEADER, class, rcode, rtype, u16_at};

use crate::Key;
use crate::tsig::{AnswerError, Exchange};
use crate::version::Version;

/// A notification that waits for its answer.
#[derive(Debug, Clone)]
pub struct Notification {
    id: u16,
    /// The question, which the answer repeats.
    question: Vec<u8>,
    exchange: Exchange,
    /// The message.
    octets: Vec<u8>,
}

/// Why a secondary was not notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyError {
    /// The message is the answer to something else, or none at all: the right one may follow.
    NotAnswer,
    /// Its signature is not accepted.
    Signature(AnswerError),
    /// The secondary answers with this RCODE.
    Code(u8),
}

/// OPCODE 4, at its place in the header.
const NOTIFY: u8 = 4 << 3;
/// The bits of OPCODE.
const OPCODE: u8 = 0x78;

impl Notification {
    /// Notifies of the newest version of a zone: its SOA record is in the answer section as a hint
    /// (RFC 1996 section 3.7). `None` if the message is too long for a datagram.
    pub fn new(id: u16, version: &Version, key: Arc<Key>, now: u64) -> Option<Self> {
        let mut question = version.zone.wire().to_vec();
        question.extend(rtype::SOA.to_be_bytes());
        question.extend(class::IN.to_be_bytes());
        let [id1, id0] = id.to_be_bytes();
        let mut octets = vec![id1, id0, NOTIFY | 0x04, 0, 0, 1, 0, 1, 0, 0, 0, 0];
        octets.extend(&question);
        let soa = version.soa_record();
        // The owner is the name in the question.
        octets.extend([0xc0, HEADER as u8]);
        octets.extend(soa.rtype.to_be_bytes());
        octets.extend(class::IN.to_be_bytes());
        octets.extend(soa.ttl.to_be_bytes());
        octets.extend(u16::try_from(soa.rdata.len()).ok()?.to_be_bytes());
        octets.extend(soa.rdata);
        let exchange = Exchange::begin(key, &mut octets, now)?;
        Some(Self { id, question, exchange, octets })
    }

    /// The message.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Judges a datagram that came from the address of the secondary.
    ///
    /// # Errors
    /// When it is not the answer, or not the right one.
    pub fn judge(&self, datagram: &[u8], now: u64) -> Result<(), NotifyError> {
        let mut answer = datagram.to_vec();
        let is_answer = u16_at(&answer, 0) == Some(self.id)
            && answer.get(2).is_some_and(|flags| flags & (0x80 | OPCODE) == 0x80 | NOTIFY);
        if !is_answer {
            return Err(NotifyError::NotAnswer);
        }
        let code = answer.get(3).map_or(0, |low| low & 0x0f);
        let signature = self.exchange.clone().check(&mut answer, now);
        match signature {
            // NSD does not sign the answer if it refuses; nobody is helped by an error for that.
            Err(AnswerError::Unsigned) if u16::from(code) != rcode::NOERROR => {
                return Err(NotifyError::Code(code));
            }
            other => other.map_err(NotifyError::Signature)?,
        }
        let question = answer.get(HEADER..).unwrap_or_default();
        let repeats = u16_at(&answer, 4) == Some(0)
            || question
                .get(..self.question.len())
                .is_some_and(|of| of.eq_ignore_ascii_case(&self.question));
        match code {
            _ if !repeats => Err(NotifyError::NotAnswer),
            0 => Ok(()),
            code => Err(NotifyError::Code(code)),
        }
    }
}
