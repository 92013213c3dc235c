//! A transfer over a connection.

use std::sync::Arc;

use jiff::Timestamp;
use tracing::{debug, warn};

use cvdns_net::{CannotGoOn, MessageStream};
use cvdns_transfer::Outgoing;
use cvdns_transfer::outgoing::TooLong;

use super::progress::{Progress, Taken};
use super::secondary::SecondaryId;
use super::slots::Slot;
use super::tally::TransferTally;

/// A transfer over a connection. It ends early if the connection does.
pub(super) struct TransferStream {
    pub outgoing: Outgoing,
    pub secondary: SecondaryId,
    pub progress: Arc<Progress>,
    pub tally: Arc<TransferTally>,
    /// Held until the transfer ends.
    pub _slot: Slot,
    /// Octets of the messages so far.
    pub octets: u64,
}

impl MessageStream for TransferStream {
    fn next_message(&mut self) -> Option<Result<Vec<u8>, CannotGoOn>> {
        let now = Timestamp::now();
        match self.outgoing.next_message(now.as_second().cast_unsigned()) {
            None => {
                // The kernel has taken all of it.
                self.complete(now);
                None
            }
            Some(Ok(message)) => {
                self.octets = self.octets.saturating_add(message.len() as u64);
                Some(Ok(message))
            }
            Some(Err(TooLong)) => {
                let zone = self.outgoing.zone();
                warn!(zone = %zone, "a record of {zone} is too long to be transferred");
                Some(Err(CannotGoOn))
            }
        }
    }
}

impl TransferStream {
    fn complete(&self, at: Timestamp) {
        let (zone, serial) = (self.outgoing.zone(), self.outgoing.serial());
        self.tally.add(self.outgoing.form(), self.octets);
        let SecondaryId { address, .. } = &self.secondary;
        debug!(zone = %zone, "{address} took {zone} with serial {serial}");
        self.progress.note(self.secondary.clone(), zone, Taken { serial, at });
    }
}
