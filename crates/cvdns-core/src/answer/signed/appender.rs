//! Appends records to an answer at the question's own name.

use super::nsecs::Nsecs;
use crate::snapshot::nsec_chain::ChainPlace;
use crate::snapshot::signatures::{Rrsigs, SignedNsec};
use crate::snapshot::template::SectionCounts;

/// Appends records without owners to an answer at the question's own name.
pub(super) struct Appender<'b> {
    /// The message, as far as it may grow.
    pub buffer: &'b mut [u8],
    pub at: usize,
    /// Offset of the zone's name, at the end of the question's.
    pub origin: u16,
    pub origin_length: usize,
    pub counts: SectionCounts,
    pub nsecs: Nsecs,
}

/// The farthest offset that a compression pointer has room for, which is 14 bits.
const FARTHEST: u16 = 0x3fff;

/// The first two octets of a compression pointer to an offset (RFC 1035 section 4.1.4).
pub(super) fn pointer(offset: u16) -> [u8; 2] {
    (0xc000 | offset).to_be_bytes()
}

impl Appender<'_> {
    pub(super) fn put(&mut self, octets: &[u8]) -> Option<()> {
        let end = self.at + octets.len();
        self.buffer.get_mut(self.at..end)?.copy_from_slice(octets);
        self.at = end;
        Some(())
    }

    /// Appends a record behind its owner. With a `ttl`, it has that instead of its own, in seconds.
    pub(super) fn record(&mut self, record: &[u8], ttl: Option<u32>) -> Option<()> {
        let start = self.at;
        self.put(record)?;
        if let Some(ttl) = ttl {
            // Type and class precede the TTL.
            self.buffer.get_mut(start + 4..start + 8)?.copy_from_slice(&ttl.to_be_bytes());
        }
        Some(())
    }

    /// Appends signatures whose owner is at an offset.
    pub(super) fn signatures(
        &mut self,
        owner: u16,
        rrsigs: Rrsigs<'_>,
        ttl: Option<u32>,
    ) -> Option<u16> {
        for record in rrsigs.records() {
            self.put(&pointer(owner))?;
            self.record(record, ttl)?;
        }
        Some(rrsigs.count())
    }

    /// Appends an NSEC record and its signatures to the authority section, unless it is there.
    pub(super) fn nsec(
        &mut self,
        (place, nsec): (ChainPlace, SignedNsec<'_>),
        ttl: Option<u32>,
    ) -> Option<()> {
        if !self.nsecs.add(place) {
            return Some(());
        }
        let labels = nsec.owner.get(..nsec.owner.len().checked_sub(self.origin_length)?)?;
        let at = self.at;
        self.below_origin(labels)?;
        self.record(nsec.record, ttl)?;
        let owner = if labels.is_empty() { self.origin.into() } else { at };
        for record in nsec.signatures.records() {
            match u16::try_from(owner) {
                Ok(owner) if owner <= FARTHEST => self.put(&pointer(owner))?,
                _ => self.below_origin(labels)?,
            }
            self.record(record, ttl)?;
        }
        self.counts.authority += 1 + nsec.signatures.count();
        Some(())
    }

    /// Appends a name: these labels, and the zone's name.
    fn below_origin(&mut self, labels: &[u8]) -> Option<()> {
        self.put(labels)?;
        self.put(&pointer(self.origin))
    }
}
