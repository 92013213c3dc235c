//! What is known of a document that is followed. Pure, but for the jitter of delays.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::{Backoff, varied};
use super::error::Error;
use super::names::KeyName;
use super::stored::{Content, Stored};
use super::update::Update;

/// How soon the last value is asked for again where an answer, or a message, was unexpectedly old:
/// time for a replica to catch up.
const CATCH_UP: Duration = Duration::from_secs(1);

/// A document that is followed.
#[derive(Debug)]
pub(crate) struct Followed {
    name: KeyName,
    interval: Duration,
    /// The revision that was told last.
    known: Option<u64>,
    /// When the last value is to be asked for; `None` while the answer is waited for.
    due: Option<Instant>,
    /// Whether it is to be asked for once more, as soon as there is the answer.
    again: bool,
    /// Whether the last answer was older than what is known.
    was_older: bool,
    failures: Backoff,
}

impl Followed {
    /// A document of which nothing is known.
    pub(crate) fn new(name: KeyName, interval: Duration, now: Instant) -> Self {
        Self {
            name,
            interval,
            known: None,
            due: Some(now),
            again: false,
            was_older: false,
            failures: Backoff::default(),
        }
    }

    /// When the last value is to be asked for.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The last value is being asked for.
    pub(crate) fn asked(&mut self) {
        (self.due, self.again) = (None, false);
    }

    /// There is a new connection.
    pub(crate) fn connected(&mut self, now: Instant) {
        (self.due, self.again) = (Some(now), false);
    }

    /// Has the last value asked for now; after an answer that is waited for, once more.
    pub(crate) fn ask(&mut self, now: Instant) {
        match self.due {
            Some(_) => self.due = Some(now),
            None => self.again = true,
        }
    }

    /// Has the last value told even if it is the one that was told last.
    pub(crate) fn forget(&mut self, now: Instant) {
        self.known = None;
        self.ask(now);
    }

    /// What a message means that was published just now.
    pub(crate) fn live(&mut self, stored: Stored, now: Instant) -> Option<Update> {
        match (stored.revision, self.known) {
            (Some(revision), Some(known)) if revision == known => None,
            // Either it is late, or NATS lost its store; or it is none of JetStream's.
            (None, _) => self.ask_soon(now),
            (Some(revision), Some(known)) if revision < known => self.ask_soon(now),
            (Some(revision), _) => Some(self.told(stored.content, revision)),
        }
    }

    fn ask_soon(&mut self, now: Instant) -> Option<Update> {
        let soon = now + CATCH_UP;
        match self.due {
            Some(due) => self.due = Some(due.min(soon)),
            None => self.again = true,
        }
        None
    }

    /// What the answer means that was waited for.
    pub(crate) fn got(
        &mut self,
        got: Result<Option<Stored>, Error>,
        now: Instant,
    ) -> Option<Update> {
        let delay = match &got {
            Ok(_) => varied(self.interval),
            Err(_) => self.failures.delay(),
        };
        self.due = Some(if self.again { now } else { now + delay });
        let stored = match got {
            Err(error) => return Some(Update::Unavailable { key: Some(self.name.clone()), error }),
            Ok(stored) => stored,
        };
        self.failures.succeeded();
        let Some(stored) = stored else {
            self.was_older = false;
            self.known = None;
            return Some(Update::Absent { key: self.name.clone() });
        };
        let revision = stored.revision.unwrap_or(0);
        let is_older = self.known.is_some_and(|known| revision < known);
        if is_older && !self.was_older {
            self.was_older = true;
            return self.ask_soon(now);
        }
        self.was_older = false;
        if self.known == Some(revision) {
            return Some(Update::Same { key: self.name.clone() });
        }
        Some(self.told(stored.content, revision))
    }

    fn told(&mut self, content: Content, revision: u64) -> Update {
        let key = self.name.clone();
        match content {
            Content::Document(Ok(document)) => {
                self.known = Some(revision);
                Update::Document { key, document, revision }
            }
            Content::Document(Err(refusal)) => Update::Refused { key, refusal },
            Content::Deleted => Update::Absent { key },
        }
    }
}
