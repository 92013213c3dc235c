//! Buffers that hold what an attacker wants them to: answers are written over queries, and behind
//! earlier messages.

use crate::asking::Numbers;

/// Fills a buffer with octets that a writer must not take for its own: pointers to themselves, to
/// each other and forwards, endless labels, and pieces of `names`.
pub(crate) fn fill(buffer: &mut [u8], numbers: &mut Numbers, names: &[&[u8]]) {
    let kind = numbers.below(5);
    for at in (numbers.below(2)..buffer.len().saturating_sub(1)).step_by(2) {
        let target = match kind {
            0 => at,
            1 => at ^ 2,
            2 => at + 2,
            _ => numbers.below(0x4000),
        };
        let pointer = 0xc000 | (target as u16 & 0x3fff);
        buffer[at..at + 2].copy_from_slice(&pointer.to_be_bytes());
    }
    if kind == 4 {
        // Labels as names have them, each followed by a pointer back to it.
        let mut at = 0;
        while let Some(name) = (!names.is_empty()).then(|| names[numbers.below(names.len())]) {
            let label = &name[..=usize::from(name[0])];
            let end = at + label.len();
            let Some(slot) = buffer.get_mut(at..end + 2) else { break };
            slot[..label.len()].copy_from_slice(label);
            slot[label.len()..].copy_from_slice(&(0xc000 | (at as u16 & 0x3fff)).to_be_bytes());
            at = end + 2 * numbers.below(2);
        }
    }
}
