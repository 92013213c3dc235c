//! What an RRSIG record of an answer says of itself.

use jiff::Timestamp;

use crate::rrsig::Rrsig;
use crate::signed_key_set::near;

/// Which key made a signature over what, and when that is valid (RFC 4034 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureInfo {
    /// The type that is covered.
    pub covered: u16,
    /// The number of the algorithm.
    pub algorithm: u8,
    /// The key tag.
    pub tag: u16,
    /// From when it is valid.
    pub inception: Timestamp,
    /// Until when.
    pub expiration: Timestamp,
}

impl SignatureInfo {
    /// Reads the data of an RRSIG record. `now` tells apart moments that are 2^32 seconds from each
    /// other.
    pub fn parse(rdata: &[u8], now: Timestamp) -> Option<Self> {
        let rrsig = Rrsig::parse(rdata)?;
        Some(Self {
            covered: rrsig.covered,
            algorithm: rrsig.algorithm,
            tag: rrsig.tag,
            inception: near(rrsig.inception, now),
            expiration: near(rrsig.expiration, now),
        })
    }
}
