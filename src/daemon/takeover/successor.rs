//! A new server that serves, as the running one sees it.

use std::io;

use super::protocol::{Broken, Conversation, FINISH_TIME, FromOld, Greeting, HANDOVER_TIME};
use crate::admin::Counted;
use crate::transfer::Shown;

/// A new server that answers from the same sockets, and waits for this one to stop.
pub(crate) struct Successor {
    conversation: Conversation,
    greeting: Greeting,
    keeps_file: bool,
}

impl Successor {
    pub(super) fn new(conversation: Conversation, greeting: Greeting, keeps_file: bool) -> Self {
        Self { conversation, greeting, keeps_file }
    }

    /// Who it is, for people.
    pub(crate) fn name(&self) -> String {
        self.greeting.to_string()
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.greeting.process
    }

    /// Whether it goes on with the file of the takeover socket.
    pub(crate) fn keeps_file(&self) -> bool {
        self.keeps_file
    }

    /// Tells it that this server has stopped receiving, and what was counted. Blocks.
    ///
    /// # Errors
    /// When it does not listen, for people. It serves nevertheless.
    pub(crate) fn hand(mut self, counted: Counted) -> io::Result<Self> {
        self.conversation.allow(HANDOVER_TIME);
        self.send(&FromOld::Handed(counted))?;
        Ok(self)
    }

    /// Tells it what secondaries have, and what was counted in all. Blocks.
    ///
    /// # Errors
    /// As of [`Self::hand`].
    pub(crate) fn finish(mut self, shown: Vec<Shown>, counted: Counted) -> io::Result<()> {
        self.conversation.allow(FINISH_TIME);
        if self.greeting.takes_secondaries && !shown.is_empty() {
            self.send(&FromOld::Secondaries(shown))?;
        }
        self.send(&FromOld::Finished(counted))
    }

    fn send(&mut self, message: &FromOld) -> io::Result<()> {
        let name = self.name();
        let failed = |error: Broken| io::Error::other(format!("{name}: {error}"));
        self.conversation.send(message).map_err(failed)
    }
}
