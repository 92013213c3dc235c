//! What is signed of a message (RFC 8945 section 4.3).

use cvdns_core::wire::HEADER;
use ring::hmac;
use subtle::ConstantTimeEq as _;

use super::record::{TsigRecord, time_octets};
use crate::Key;

/// A signature as far as its octets are known.
#[derive(Clone)]
pub(super) struct Digest(hmac::Context);

impl Digest {
    /// Begins a signature, behind the MAC of the message before in the exchange, if any (section
    /// 5.3.1).
    pub(super) fn new(key: &Key, prior: Option<&[u8]>) -> Self {
        let mut digest = Self(key.context());
        if let Some(mac) = prior {
            digest.0.update(&(mac.len() as u16).to_be_bytes());
            digest.0.update(mac);
        }
        digest
    }

    /// Adds a message without a signature.
    pub(super) fn message(&mut self, message: &[u8]) {
        self.0.update(message);
    }

    /// Adds a message that has its TSIG record at the offset `end`, as it was before it was signed:
    /// without the record, and with the ID that it had then.
    pub(super) fn signed_message(&mut self, message: &[u8], end: usize, id: u16) {
        let mut header = [0; HEADER];
        if let Some(octets) = message.first_chunk::<HEADER>() {
            header = *octets;
        }
        let [i1, i0] = id.to_be_bytes();
        let [_, _, f1, f0, q1, q0, a1, a0, n1, n0, c1, c0] = header;
        let [c1, c0] = u16::from_be_bytes([c1, c0]).wrapping_sub(1).to_be_bytes();
        self.0.update(&[i1, i0, f1, f0, q1, q0, a1, a0, n1, n0, c1, c0]);
        self.0.update(message.get(HEADER..end).unwrap_or_default());
    }

    /// The MAC with all variables (section 4.3.3), as of every message but those that follow the
    /// first answer.
    pub(super) fn finish(mut self, record: &TsigRecord) -> hmac::Tag {
        self.0.update(record.key.wire());
        self.0.update(&[0, 255, 0, 0, 0, 0]);
        self.0.update(record.algorithm.wire());
        self.timers(record);
        self.0.update(&record.error.to_be_bytes());
        self.0.update(&(record.other.len() as u16).to_be_bytes());
        self.0.update(&record.other);
        self.0.sign()
    }

    /// The MAC with the timers alone (section 5.3.1), as of answers after the first one.
    pub(super) fn finish_following(mut self, record: &TsigRecord) -> hmac::Tag {
        self.timers(record);
        self.0.sign()
    }

    fn timers(&mut self, record: &TsigRecord) {
        self.0.update(&time_octets(record.time));
        self.0.update(&record.fudge.to_be_bytes());
    }
}

/// Whether a MAC, which may be truncated, is the right one. The time does not depend on where they
/// differ.
pub(super) fn is_right(tag: &hmac::Tag, mac: &[u8]) -> bool {
    tag.as_ref().get(..mac.len()).is_some_and(|right| bool::from(right.ct_eq(mac)))
}
