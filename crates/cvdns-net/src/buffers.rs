//! Where answers of TCP connections are written before they are sent.

use std::sync::{Mutex, TryLockError};

use cvdns_core::wire::MAX_MESSAGE;

use super::input::PREFIX;

/// Buffers that all connections share. One is taken for as long as answers are written into it and
/// handed to the kernel, never while a peer is waited for: so there are no more of them than
/// threads that answer.
#[derive(Debug)]
pub(super) struct Buffers {
    spare: Mutex<Vec<Box<[u8]>>>,
    /// How many are kept while nobody needs them.
    most: usize,
}

/// Answers that go out in one write.
#[derive(Debug)]
pub(super) struct Output {
    /// Zeroed by the system at first, which gives memory only to those pages that are written.
    buffer: Box<[u8]>,
    written: usize,
}

/// What one answer may need. The spare octet keeps the room larger than any query.
const ANSWER_ROOM: usize = PREFIX + MAX_MESSAGE + 1;
/// ConnectionLimiter to gather small answers while a large one still fits.
const OUTPUT: usize = 2 * ANSWER_ROOM;

impl Buffers {
    /// Keeps at most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { spare: Mutex::default(), most }
    }

    /// An empty output. Nobody is waited for: where another thread is just taking one, a new one is
    /// made.
    pub(super) fn take(&self) -> Output {
        let spare = self.try_lock(Vec::pop).flatten();
        Output { buffer: spare.unwrap_or_else(|| vec![0; OUTPUT].into_boxed_slice()), written: 0 }
    }

    /// Takes one back.
    pub(super) fn put(&self, output: Output) {
        self.try_lock(|spare| {
            if spare.len() < self.most {
                spare.push(output.buffer);
            }
        });
    }

    fn try_lock<T>(&self, then: impl FnOnce(&mut Vec<Box<[u8]>>) -> T) -> Option<T> {
        match self.spare.try_lock() {
            Ok(mut spare) => Some(then(&mut spare)),
            // Nothing can panic between two changes of the list.
            Err(TryLockError::Poisoned(poisoned)) => Some(then(&mut poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Output {
    /// Whether the longest answer would not fit behind what was written.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len().saturating_sub(self.written) < ANSWER_ROOM
    }

    /// Writes the answer that `respond` makes of `query`, in place, behind its length. False when
    /// there is none.
    pub(super) fn add(
        &mut self,
        query: &[u8],
        respond: impl FnOnce(&mut [u8], usize) -> Option<usize>,
    ) -> bool {
        let room = self.buffer.get_mut(self.written..).and_then(|rest| rest.get_mut(..ANSWER_ROOM));
        let Some((prefix, buffer)) = room.and_then(|room| room.split_first_chunk_mut::<PREFIX>())
        else {
            return false;
        };
        let Some(target) = buffer.get_mut(..query.len()) else { return false };
        target.copy_from_slice(query);
        let Some(length) = respond(buffer, query.len()) else { return false };
        let Ok(told) = u16::try_from(length) else { return false };
        *prefix = told.to_be_bytes();
        self.written = self.written.saturating_add(PREFIX).saturating_add(length);
        true
    }

    /// What was written.
    pub(super) fn octets(&self) -> &[u8] {
        self.buffer.get(..self.written).unwrap_or_default()
    }
}
