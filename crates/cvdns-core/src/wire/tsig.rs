//! Transaction signatures (RFC 8945). This server has no keys: it reads just enough of a signature
//! to answer that it does not know the key.

use super::name::wire_length;
use super::{rtype, u16_at};

/// Positions of the parts of a query's TSIG record, as octet ranges of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tsig {
    /// The key's name, uncompressed.
    key: (u16, u16),
    /// The algorithm's name, followed by Time Signed and Fudge.
    algorithm: (u16, u16),
}

/// BADKEY (RFC 8945 section 3).
const BADKEY: u16 = 17;

/// CLASS ANY and a TTL of 0 (RFC 8945 section 4.2).
const CLASS_AND_TTL: [u8; 6] = [0, 255, 0, 0, 0, 0];

/// Length of Time Signed and Fudge in octets.
const TIME: usize = 6 + 2;

/// Length in octets of the longest record with the error BADKEY: two names and the fixed fields
/// around them, without a MAC and without other data.
pub const MAX_ERROR: usize = 255 + 10 + 255 + TIME + 8;

impl Tsig {
    /// Reads the record whose owner is at offset `owner` and whose RDATA goes from offset `rdata`
    /// to the end of the message. `None` if the record is malformed.
    #[cold]
    pub fn read(
        message: &[u8],
        owner: usize,
        class_and_ttl: [u8; 6],
        rdata: usize,
    ) -> Option<Self> {
        if class_and_ttl != CLASS_AND_TTL {
            return None;
        }
        // A compressed key name is refused: nobody sends one, and the answer would have to expand
        // it.
        let key = owner + wire_length(message.get(owner..)?)?;
        let fields = message.get(rdata..)?;
        let algorithm = wire_length(fields)?;
        let mac = usize::from(u16_at(fields, algorithm + TIME)?);
        let other = algorithm + TIME + 2 + mac + 4;
        let end = other + 2 + usize::from(u16_at(fields, other)?);
        let offset = |at: usize| u16::try_from(at).ok();
        (end == fields.len()).then_some(Self {
            key: (offset(owner)?, offset(key)?),
            algorithm: (offset(rdata)?, offset(rdata + algorithm + TIME)?),
        })
    }

    /// The TSIG record with the error BADKEY, which has no MAC (RFC 8945 section 5.2.1), and the
    /// record's length in octets. The record repeats the query's Time Signed, as nobody can verify
    /// it. `None` if `message` is not the message that was read.
    pub fn unknown_key(self, message: &[u8]) -> Option<([u8; MAX_ERROR], usize)> {
        let part = |(from, to): (u16, u16)| message.get(usize::from(from)..usize::from(to));
        let (key, algorithm) = (part(self.key)?, part(self.algorithm)?);
        let [length1, length0] = u16::try_from(algorithm.len() + 8).ok()?.to_be_bytes();
        let [t1, t0] = rtype::TSIG.to_be_bytes();
        let [e1, e0] = BADKEY.to_be_bytes();
        let [c1, c0, ttl @ ..] = CLASS_AND_TTL;
        let [l3, l2, l1, l0] = ttl;
        let fixed = [t1, t0, c1, c0, l3, l2, l1, l0, length1, length0];
        let id = message.first_chunk::<2>()?;
        let parts: [&[u8]; 6] = [key, &fixed, algorithm, &[0, 0], id, &[e1, e0, 0, 0]];
        let mut record = [0; MAX_ERROR];
        let mut at = 0;
        for part in parts {
            record.get_mut(at..at + part.len())?.copy_from_slice(part);
            at += part.len();
        }
        Some((record, at))
    }
}
