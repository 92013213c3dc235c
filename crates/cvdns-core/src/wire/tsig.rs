//! Transaction signatures (RFC 8945), as far as they are read where no key is known.

use super::name::wire_length;
use super::{rtype, u16_at};

/// Where the parts of a query's TSIG record stand in its message, in octets from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tsig {
    /// The key's name, uncompressed.
    key: (u16, u16),
    /// The algorithm's name, and behind it Time Signed and Fudge.
    algorithm: (u16, u16),
}

/// BADKEY (RFC 8945 section 3).
const BADKEY: u16 = 17;

/// CLASS ANY and a TTL of 0 (RFC 8945 section 4.2).
const CLASS_AND_TTL: [u8; 6] = [0, 255, 0, 0, 0, 0];

/// Octets of Time Signed and Fudge.
const TIME: usize = 6 + 2;

/// Most octets of the record that says BADKEY: two names, the fixed fields around them, no MAC and no other data.
pub const MAX_ERROR: usize = 255 + 10 + 255 + TIME + 8;

impl Tsig {
    /// Reads the record whose owner stands at `owner` and whose RDATA ends the message, from `rdata` on. `None` when it is malformed.
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
        // Nobody compresses the name of a key, and then it would have to be written out again.
        let key = owner + wire_length(message.get(owner..)?)?;
        let fields = message.get(rdata..)?;
        let algorithm = wire_length(fields)?;
        let mac = usize::from(u16_at(fields, algorithm + TIME)?);
        let other = algorithm + TIME + 2 + mac + 4;
        let end = other + 2 + usize::from(u16_at(fields, other)?);
        let place = |at: usize| u16::try_from(at).ok();
        (end == fields.len()).then_some(Self {
            key: (place(owner)?, place(key)?),
            algorithm: (place(rdata)?, place(rdata + algorithm + TIME)?),
        })
    }

    /// The record that says that the key is not known, without a MAC (RFC 8945 section 5.2.1), and its length. It has the time
    /// of the query: nobody can check it.
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
