//! Buffers for the answers of TCP connections.

use std::sync::{Mutex, TryLockError};

use cvdns_core::wire::MAX_MESSAGE;

use super::input::PREFIX;
use super::memory::{NoMemory, zeros};

/// Buffers that all connections share. A connection holds one while it writes answers into it and
/// passes them to the kernel, but never while it waits for the peer. So there are no more buffers
/// in use than threads that answer.
#[derive(Debug)]
pub struct Buffers {
    spare: Mutex<Vec<Box<[u8]>>>,
    /// Most spare buffers.
    most: usize,
}

/// Answers that are sent in one write.
#[derive(Debug)]
pub struct Output {
    buffer: Box<[u8]>,
    written: usize,
}

/// Octets that one answer may need. The spare octet keeps the buffer larger than any query.
const ANSWER_ROOM: usize = PREFIX + MAX_MESSAGE + 1;
/// Size of a buffer in octets: it collects small answers as long as the largest one still fits.
const OUTPUT_SIZE: usize = 2 * ANSWER_ROOM;

impl Buffers {
    /// Keeps at most `most` spare buffers.
    pub fn new(most: usize) -> Self {
        Self { spare: Mutex::default(), most }
    }

    /// An empty output. This never waits: a new buffer is allocated while another thread holds the
    /// lock.
    ///
    /// # Errors
    /// When a new buffer is needed, and the system gives no memory for it.
    pub fn take(&self) -> Result<Output, NoMemory> {
        let spare = self.try_lock(Vec::pop).flatten();
        let buffer = match spare {
            Some(buffer) => buffer,
            None => zeros(OUTPUT_SIZE)?,
        };
        Ok(Output { buffer, written: 0 })
    }

    /// Returns a buffer.
    pub fn put(&self, output: Output) {
        self.try_lock(|spare| {
            if spare.len() < self.most {
                spare.push(output.buffer);
            }
        });
    }

    fn try_lock<T>(&self, then: impl FnOnce(&mut Vec<Box<[u8]>>) -> T) -> Option<T> {
        match self.spare.try_lock() {
            Ok(mut spare) => Some(then(&mut spare)),
            // Nothing can panic between two changes of the list, so a poisoned list is consistent.
            Err(TryLockError::Poisoned(poisoned)) => Some(then(&mut poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Output {
    /// Whether the longest answer no longer fits.
    pub fn is_full(&self) -> bool {
        self.buffer.len().saturating_sub(self.written) < ANSWER_ROOM
    }

    /// Appends the answer to `query`, with its length in front. `respond` answers in place. False
    /// if there is no answer.
    pub fn add(
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
        let Ok(prefix_value) = u16::try_from(length) else { return false };
        *prefix = prefix_value.to_be_bytes();
        self.written = self.written.saturating_add(PREFIX).saturating_add(length);
        true
    }

    /// Appends a message, with its length in front. False if it does not fit.
    pub fn push(&mut self, message: &[u8]) -> bool {
        self.add(message, |_, length| Some(length))
    }

    /// The first answer, without its length.
    pub fn message(&self) -> Option<&[u8]> {
        let (prefix, rest) = self.octets().split_first_chunk::<PREFIX>()?;
        rest.get(..usize::from(u16::from_be_bytes(*prefix)))
    }

    /// The answers.
    pub fn octets(&self) -> &[u8] {
        self.buffer.get(..self.written).unwrap_or_default()
    }
}
