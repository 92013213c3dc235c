//! Signs the answers of a server.

use std::sync::Arc;

use cvdns_core::wire::u16_at;

use super::FUDGE;
use super::digest::Digest;
use super::record::TsigRecord;
use crate::Key;

/// Signs the answers to one request, in their order. Each of them is signed, as RFC 8945 section
/// 5.3.1 advises.
#[derive(Clone, Debug)]
pub struct Signer {
    key: Arc<Key>,
    /// The MAC of the request, then that of the last answer.
    prior: Vec<u8>,
    is_first: bool,
}

impl Signer {
    pub(super) fn new(key: Arc<Key>, request_mac: Vec<u8>) -> Self {
        Self { key, prior: request_mac, is_first: true }
    }

    /// The key.
    pub fn key(&self) -> &Arc<Key> {
        &self.key
    }

    /// How many octets longer a signed answer is.
    pub fn room(&self) -> usize {
        // Type, class, TTL and length of RDATA; times, lengths, ID, error and other length.
        let algorithm = self.key.algorithm();
        self.key.name().wire().len() + 10 + algorithm.wire().len() + 16 + algorithm.length()
    }

    /// Signs the next answer. `None` if there is no room for the signature in a message, which is
    /// then unchanged.
    pub fn sign(&mut self, message: &mut Vec<u8>, now: u64) -> Option<()> {
        self.sign_with(message, now, 0, Vec::new())
    }

    /// Signs an answer with an error.
    pub(super) fn sign_with(
        &mut self,
        message: &mut Vec<u8>,
        time: u64,
        error: u16,
        other: Vec<u8>,
    ) -> Option<()> {
        let mut record = unsigned(&self.key, message, time)?;
        (record.error, record.other) = (error, other);
        let mut digest = Digest::new(&self.key, Some(&self.prior));
        digest.message(message);
        let tag =
            if self.is_first { digest.finish(&record) } else { digest.finish_following(&record) };
        record.mac = tag.as_ref().to_vec();
        record.append(message)?;
        self.prior = record.mac;
        self.is_first = false;
        Some(())
    }
}

/// The record for a message that is signed now, without its MAC.
pub(super) fn unsigned(key: &Key, message: &[u8], time: u64) -> Option<TsigRecord> {
    Some(TsigRecord {
        key: key.name().clone(),
        algorithm: cvdns_core::wire::name::Name::from_wire(key.algorithm().wire()).ok()?,
        time,
        fudge: FUDGE,
        mac: Vec::new(),
        id: u16_at(message, 0)?,
        error: 0,
        other: Vec::new(),
    })
}
