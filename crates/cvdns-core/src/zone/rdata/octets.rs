//! RDATA in wire form, consumed field by field. Data that is written as `\# LENGTH HEX` (RFC 3597
//! section 5) is checked against the type's format: answers rely on it, and clients would reject
//! malformed data.

use crate::wire::name::wire_length;

/// The remaining octets of RDATA. Each method consumes what it names; `None` if the octets do not
/// start with it.
pub(super) struct Octets<'o>(&'o [u8]);

impl<'o> Octets<'o> {
    /// Starts at the beginning of the RDATA.
    pub(super) fn new(rdata: &'o [u8]) -> Self {
        Self(rdata)
    }

    /// Whether all octets were consumed.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `count` octets.
    pub(super) fn take(&mut self, count: usize) -> Option<&'o [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// `count` octets with any value.
    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(drop)
    }

    /// One octet.
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// Two octets as a number.
    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// All remaining octets.
    pub(super) fn rest(&mut self) -> &'o [u8] {
        std::mem::take(&mut self.0)
    }

    /// All remaining octets, at least one.
    pub(super) fn some(&mut self) -> Option<()> {
        (!self.rest().is_empty()).then_some(())
    }

    /// All remaining octets, maybe none.
    pub(super) fn any(&mut self) -> Option<()> {
        self.skip(self.0.len())
    }

    /// An uncompressed name (RFC 3597 section 4).
    pub(super) fn name(&mut self) -> Option<()> {
        self.skip(wire_length(self.0)?)
    }

    /// A character-string (RFC 1035 section 3.3).
    pub(super) fn string(&mut self) -> Option<&'o [u8]> {
        let length = self.u8()?;
        self.take(usize::from(length))
    }

    /// One or more character-strings.
    pub(super) fn strings(&mut self) -> Option<()> {
        self.string()?;
        while !self.is_empty() {
            self.string()?;
        }
        Some(())
    }

    /// A type bitmap in blocks of 256 types (RFC 4034 section 4.1.2).
    pub(super) fn types(&mut self) -> Option<()> {
        let mut before = None;
        while !self.is_empty() {
            let block = self.u8()?;
            let bits = self.string()?;
            let in_order = before.is_none_or(|before| before < block);
            if !in_order || bits.len() > 32 || bits.last().is_none_or(|last| *last == 0) {
                return None;
            }
            before = Some(block);
        }
        Some(())
    }
}
