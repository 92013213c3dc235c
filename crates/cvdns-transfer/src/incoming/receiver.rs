//! Takes an answer message by message.

use super::error::TransferError;
use super::message::Question;
use super::request::Asked;
use super::steps::{Steps, Transfer};
use cvdns_core::wire::name::Name;

/// Takes the messages of an answer, in their order.
#[derive(Debug)]
pub struct Receiver {
    question: Question,
    steps: Steps,
    limits: Limits,
    is_first: bool,
}

/// How much an answer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of all messages.
    pub octets: u64,
    /// Octets that all records take in memory.
    pub memory: u64,
}

/// Octets that a record takes in memory beside its name and its data: with less, a message of small
/// records would cost many times its length.
const RECORD: u64 = 96;

/// Whether an answer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Another message must follow.
    More,
    /// The answer is complete.
    Complete,
}

impl Receiver {
    /// Awaits the answer to a request with this ID.
    pub fn new(id: u16, zone: &Name, asked: Asked, limits: Limits) -> Self {
        let question = Question { id, zone: zone.clone(), qtype: asked.qtype() };
        Self { question, steps: Steps::new(asked), limits, is_first: true }
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// When it is not the next part of a right answer. The whole answer is then given up.
    pub fn take(&mut self, message: &[u8]) -> Result<Progress, TransferError> {
        let octets = self.limits.octets.checked_sub(message.len() as u64);
        self.limits.octets = octets.ok_or(TransferError::TooLarge)?;
        let records = self.question.records(message, self.is_first)?;
        self.is_first = false;
        for record in records {
            let cost =
                RECORD.saturating_add((record.owner.wire().len() + record.rdata.len()) as u64);
            let left = self.limits.memory.checked_sub(cost);
            self.limits.memory = left.ok_or(TransferError::TooLarge)?;
            self.steps.take(record)?;
        }
        self.steps.end_message();
        Ok(if self.steps.is_complete() { Progress::Complete } else { Progress::More })
    }

    /// What the answer brought. Returns `None` if it is not complete.
    pub fn finish(self) -> Option<Transfer> {
        self.steps.finish()
    }
}
