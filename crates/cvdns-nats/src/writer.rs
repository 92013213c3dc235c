//! Publishing by compare-and-set.

use std::time::{Duration, Instant};

use async_nats::HeaderMap;

use super::blocking::Blocking;
use super::document::{Document, SIGNATURE_HEADER};
use super::error::{Error, ErrorKind};
use super::exchange;
use super::names::{Bucket, Key};
use super::refusal::Refusal;
use super::settings::Settings;
use super::stored::{Content, Stored};

/// How often a document is judged again because another was published at the same moment.
const MAX_CONFLICTS: u32 = 5;
/// How often a connection may end when a message is asked for before that is laid to the message.
const MAX_ENDED: u32 = 3;

/// Publishes documents.
#[derive(Debug)]
pub struct Writer {
    blocking: Blocking,
}

/// What is there before a document is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last<'a> {
    /// Nothing.
    Absent,
    /// A document.
    Document(&'a Document),
    /// What is no document.
    Refused(Refusal),
    /// A message that ends each connection over which it comes, as its header is none. Whoever
    /// follows this document, or another one beside it, has nothing until it is replaced.
    Unreadable,
}

/// What a document is, compared with the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is newer: it is to be published.
    Newer,
    /// It is the same: nothing is to be done.
    Same,
    /// It must not be published, for this reason.
    Refuse(String),
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// It is stored, and followers hear of it.
    Published {
        /// The number that NATS gave it.
        revision: u64,
    },
    /// It was there before.
    Same,
    /// It was not published, as it must not be.
    Refused {
        /// Why.
        why: String,
    },
}

/// What is under a key.
enum Found {
    Stored(Option<Stored>),
    Unreadable { revision: u64 },
}

impl Writer {
    /// A writer that is connected. `timeout` bounds this, and each publishing.
    ///
    /// # Errors
    /// When NATS cannot be reached; at once if every server refuses the connection.
    pub fn connect(settings: &Settings, timeout: Duration) -> Result<Self, Error> {
        let mut blocking = Blocking::new(settings, timeout)?;
        blocking.connect(blocking.deadline())?;
        Ok(Self { blocking })
    }

    /// Publishes a document if `judge` finds that it is newer than the last one. Between the two
    /// moments nobody else can publish: then it is judged again.
    ///
    /// # Errors
    /// When it is not known to be stored. It may be stored nevertheless, if the answer was lost:
    /// the next call finds it to be the same.
    pub fn put(
        &mut self,
        key: &Key,
        document: &Document,
        mut judge: impl FnMut(Last<'_>) -> Verdict,
    ) -> Result<Published, Error> {
        if document.octets.len() > key.limit {
            let what = format!("{} may have at most {} octets", key.name, key.limit);
            return Err(Error::new(ErrorKind::TooLarge, what));
        }
        let bucket = self.blocking.settings().bucket.clone();
        let subject = bucket.subject(&key.name);
        let packed = document.encode();
        let mut headers = HeaderMap::new();
        if let Some(signature) = packed.signature {
            headers.insert(SIGNATURE_HEADER, signature);
        }
        let deadline = self.blocking.deadline();
        for conflicts in 0..MAX_CONFLICTS {
            if conflicts > 0 {
                // A replica that answers may be behind by a moment.
                std::thread::sleep(Duration::from_millis(20 << conflicts));
            }
            let found = self.find(key, &bucket, deadline)?;
            match judge(found.last()) {
                Verdict::Newer => {}
                Verdict::Same => return Ok(Published::Same),
                Verdict::Refuse(why) => return Ok(Published::Refused { why }),
            }
            let expected = found.revision();
            let put = self.blocking.perform_until(deadline, async |connection, time| {
                let (headers, payload) = (headers.clone(), packed.payload.clone());
                exchange::put(connection, &subject, headers, payload, expected, time).await
            });
            match put {
                Ok(revision) => return Ok(Published::Published { revision }),
                // Another one was first, or the answer to an earlier attempt was lost.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        let what = format!("others published each of {MAX_CONFLICTS} times that this was tried");
        Err(Error::new(ErrorKind::Conflict, what))
    }

    /// What is there now. If the connection ends each time that it is asked for, the message itself
    /// does that: then only its revision is asked for.
    fn find(&mut self, key: &Key, bucket: &Bucket, deadline: Instant) -> Result<Found, Error> {
        let mut ended = 0;
        let read =
            self.blocking.perform_until(deadline, async |connection, time| match exchange::get(
                connection, bucket, &key.name, time,
            )
            .await
            {
                Err(error) if error.kind() == ErrorKind::Disconnected => {
                    ended += 1;
                    if ended < MAX_ENDED { Err(error) } else { Ok(None) }
                }
                read => read.map(Some),
            })?;
        if let Some(message) = read {
            let stored = message.map(|message| Stored::read(&message, key.limit));
            return Ok(Found::Stored(stored));
        }
        let subject = bucket.subject(&key.name);
        let revision = self.blocking.perform_until(deadline, async |connection, time| {
            exchange::last_revision(connection, &subject, time).await
        })?;
        Ok(Found::Unreadable { revision })
    }
}

impl Found {
    fn last(&self) -> Last<'_> {
        match self {
            Self::Unreadable { .. } => Last::Unreadable,
            Self::Stored(stored) => match stored.as_ref().map(|stored| &stored.content) {
                None | Some(Content::Deleted) => Last::Absent,
                Some(Content::Document(Ok(document))) => Last::Document(document),
                Some(Content::Document(Err(refusal))) => Last::Refused(*refusal),
            },
        }
    }

    /// The revision that is replaced; 0 if nothing is there.
    fn revision(&self) -> u64 {
        match self {
            Self::Unreadable { revision } => *revision,
            Self::Stored(stored) => stored.as_ref().and_then(|of| of.revision).unwrap_or(0),
        }
    }
}
