//! A query as it comes in, read in one pass without allocation.

use super::edns::{Edns, Malformed};
use super::name::{MAX_LABEL, MAX_NAME};
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

/// The question's name in lower case with room to read eight octets at a time; kept by its user between queries.
#[derive(Debug, Clone)]
pub struct LowerName {
    octets: [u8; MAX_NAME + 9],
    length: usize,
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

impl LowerName {
    /// An empty one.
    pub fn new() -> Self {
        Self { octets: [0; MAX_NAME + 9], length: 1 }
    }

    /// Takes over a name in wire form, lowered; false when it is over 255 octets.
    pub fn set(&mut self, wire: &[u8]) -> bool {
        if wire.len() > MAX_NAME {
            return false;
        }
        self.fill(wire);
        true
    }

    /// The name's octets, root label included.
    pub fn wire(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    /// Reads the uncompressed name at the question's place; where it ends in the message.
    fn read(&mut self, message: &[u8]) -> Option<usize> {
        let mut at = HEADER;
        loop {
            let label = usize::from(*message.get(at)?);
            if label == 0 {
                break;
            }
            // No message but the first name's own header stands before it: a pointer here leads nowhere.
            if label > MAX_LABEL {
                return None;
            }
            at += 1 + label;
            if at - HEADER >= MAX_NAME {
                return None;
            }
        }
        let end = at + 1;
        self.fill(message.get(HEADER..end)?);
        Some(end)
    }

    fn fill(&mut self, wire: &[u8]) {
        self.length = wire.len();
        let mut chunks = wire.chunks_exact(8);
        let mut slots = self.octets.chunks_exact_mut(8);
        for (chunk, slot) in chunks.by_ref().zip(slots.by_ref()) {
            let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
            slot.copy_from_slice(&lower(word).to_le_bytes());
        }
        if let Some(slot) = slots.next() {
            let mut last = [0; 8];
            for (to, from) in last.iter_mut().zip(chunks.remainder()) {
                *to = *from;
            }
            slot.copy_from_slice(&lower(u64::from_le_bytes(last)).to_le_bytes());
        }
    }
}

impl Default for LowerName {
    fn default() -> Self {
        Self::new()
    }
}

/// ASCII letters of eight octets in lower case. Length octets are at most 63, below 'A', and stay.
fn lower(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = word & (0x7f * ONES);
    // 0x7f - 'Z' and 0x80 - 'A': what carries into the top bit from the letter after Z, and from A on.
    let above_z = low + 0x25 * ONES;
    let from_a = low + 0x3f * ONES;
    let upper = (from_a ^ above_z) & !word & (0x80 * ONES);
    word | (upper >> 2)
}

/// A hash of a lower-case wire name. Its table holds only configured names, so it need not withstand chosen keys.
pub fn hash(lower: &[u8]) -> u32 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = (lower.len() as u64).wrapping_mul(K);
    let mut chunks = lower.chunks_exact(8);
    for chunk in chunks.by_ref() {
        state = mix(state ^ u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
    }
    let last = chunks.remainder().iter().rev().fold(0, |word, octet| word << 8 | u64::from(*octet));
    (mix(state ^ last) >> 32) as u32
}

fn mix(word: u64) -> u64 {
    let wide = u128::from(word) * 0xd6e8_feb8_6659_fd93;
    (wide as u64) ^ ((wide >> 64) as u64)
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
        fn lowering_equals_the_plain_way(name in proptest::collection::vec(any::<u8>(), 0..=255)) {
            let mut lower = LowerName::new();
            prop_assert!(lower.set(&name));
            prop_assert_eq!(lower.wire(), name.to_ascii_lowercase());
        }

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
