//! Names in lower case with their hash, for lookups without regard to case (RFC 4343).

use super::HEADER;
use super::name::{MAX_LABEL, MAX_NAME};

/// A name in lower case, processed eight octets at a time. Callers reuse it from query to query.
#[derive(Debug, Clone)]
pub struct LowerName {
    /// The name, padded with zeros up to the next multiple of eight.
    octets: [u8; PADDED_NAME],
    length: usize,
    labels: usize,
    hash: u32,
}

/// Length of the longest name in octets, rounded up to whole words.
const PADDED_NAME: usize = MAX_NAME.next_multiple_of(WORD);

/// Octets that are processed at once.
pub const WORD: usize = size_of::<u64>();

impl LowerName {
    /// The root.
    pub fn new() -> Self {
        let mut root = Self { octets: [0; PADDED_NAME], length: 0, labels: 0, hash: 0 };
        root.fill(&[0]);
        root
    }

    /// Reads QNAME from a message and returns the offset of its end. `None` if QNAME is compressed
    /// or no valid name.
    pub fn read(&mut self, message: &[u8]) -> Option<usize> {
        let mut at = HEADER;
        let mut labels = 0;
        loop {
            let label = usize::from(*message.get(at)?);
            if label == 0 {
                break;
            }
            // Only the header precedes QNAME, so a pointer here has no valid target.
            if label > MAX_LABEL {
                return None;
            }
            at += 1 + label;
            labels += 1;
            if at - HEADER >= MAX_NAME {
                return None;
            }
        }
        let end = at + 1;
        self.labels = labels;
        self.fill(message.get(HEADER..end)?);
        Some(end)
    }

    /// Copies a name in wire form; returns false if it has over 255 octets.
    pub fn set(&mut self, wire: &[u8]) -> bool {
        if wire.len() > MAX_NAME {
            return false;
        }
        self.labels = labels(wire);
        self.fill(wire);
        true
    }

    /// The name's octets, root label included.
    pub fn wire(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    /// Whether the first label starts with an underscore, which no host name does (RFC 8552).
    pub fn begins_with_underscore(&self) -> bool {
        let [_, first, ..] = self.octets;
        first == b'_'
    }

    /// The name's octets, padded with zeros up to the next multiple of eight.
    pub fn words(&self) -> &[[u8; WORD]] {
        let words = self.octets.as_chunks().0;
        words.get(..self.length.div_ceil(WORD)).unwrap_or_default()
    }

    /// Number of labels, without the root.
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// The name's hash, as [`hash`] computes it.
    pub fn hash(&self) -> u32 {
        self.hash
    }

    fn fill(&mut self, wire: &[u8]) {
        self.length = wire.len();
        let mut hasher = Hasher::new(wire.len());
        let slots = self.octets.as_chunks_mut().0;
        let (whole, last) = words(wire);
        for (slot, word) in slots.iter_mut().zip(whole) {
            let word = lower(u64::from_le_bytes(*word));
            *slot = word.to_le_bytes();
            hasher.add(word);
        }
        if let (Some(word), Some(slot)) = (last, slots.get_mut(whole.len())) {
            let word = lower(word);
            *slot = word.to_le_bytes();
            hasher.add(word);
        }
        self.hash = hasher.finish();
    }
}

impl Default for LowerName {
    fn default() -> Self {
        Self::new()
    }
}

/// Number of labels of a name in wire form, without the root.
pub fn labels(mut wire: &[u8]) -> usize {
    let mut count = 0;
    while let Some(above) = super::name::parent(wire) {
        wire = above;
        count += 1;
    }
    count
}

/// Hashes a name in wire form and lower case. Tables hold only configured names, so the hash need
/// not withstand chosen keys.
pub fn hash(lower: &[u8]) -> u32 {
    let mut hasher = Hasher::new(lower.len());
    let (whole, last) = words(lower);
    whole
        .iter()
        .map(|word| u64::from_le_bytes(*word))
        .chain(last)
        .for_each(|word| hasher.add(word));
    hasher.finish()
}

/// The octets in words of eight, and the remaining octets as a little-endian word padded with
/// zeros. `None` if none remain.
fn words(wire: &[u8]) -> (&[[u8; WORD]], Option<u64>) {
    let (whole, rest) = wire.as_chunks();
    let last = match (rest.len(), wire.last_chunk()) {
        (0, _) => None,
        // Octets of the preceding word are shifted out.
        (count, Some(last)) => Some(u64::from_le_bytes(*last) >> (8 * (WORD - count))),
        (_, None) => Some(rest.iter().rev().fold(0, |word, octet| word << 8 | u64::from(*octet))),
    };
    (whole, last)
}

/// Hasher whose multiplications do not depend on each other, so that they can overlap.
struct Hasher {
    state: u64,
    key: u64,
}

impl Hasher {
    const KEY: u64 = 0x9e37_79b9_7f4a_7c15;

    fn new(length: usize) -> Self {
        Self { state: length as u64, key: Self::KEY }
    }

    fn add(&mut self, word: u64) {
        let wide = u128::from(word ^ self.key) * 0xd6e8_feb8_6659_fd93;
        self.state ^= (wide as u64) ^ ((wide >> 64) as u64);
        self.key = self.key.wrapping_add(Self::KEY);
    }

    fn finish(self) -> u32 {
        (self.state ^ (self.state >> 32)) as u32
    }
}

/// Lowers the ASCII letters of eight octets. Length octets stay: they are at most 63, below 'A'.
fn lower(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = word & (0x7f * ONES);
    // 0x7f - 'Z' and 0x80 - 'A': with these added, the top bit is set in octets above 'Z', and in
    // octets from 'A' on.
    let above_z = low + 0x25 * ONES;
    let from_a = low + 0x3f * ONES;
    let upper = (from_a ^ above_z) & !word & (0x80 * ONES);
    word | (upper >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn qname_is_read_from_the_question() {
        let mut message = vec![0; HEADER];
        message.extend_from_slice(b"\x02Db\x02DE\x06clamAV\x03NET\0\0\x01\0\x01");
        let mut name = LowerName::new();
        assert_eq!(name.read(&message), Some(HEADER + 18));
        assert_eq!((name.wire(), name.labels()), (&b"\x02db\x02de\x06clamav\x03net\0"[..], 4));
        assert_eq!(name.hash(), hash(name.wire()));
    }

    proptest! {
        #[test]
        fn lowering_by_words_equals_lowering_by_octets(name in proptest::collection::vec(any::<u8>(), 0..=255)) {
            let mut lower = LowerName::new();
            prop_assert!(lower.set(&[b'X'; 255]) && lower.set(&name));
            let plain = name.to_ascii_lowercase();
            prop_assert_eq!(lower.wire(), &*plain);
            prop_assert_eq!(lower.hash(), hash(&plain));
            let mut padded = plain;
            padded.resize(padded.len().next_multiple_of(WORD), 0);
            prop_assert_eq!(lower.words().as_flattened(), &*padded);
        }
    }
}
