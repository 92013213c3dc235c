//! What a follower tells.

use super::document::Document;
use super::error::Error;
use super::names::KeyName;
use super::refusal::Refusal;

/// What a follower tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// A document. Its serial must be compared with that of the one in force: revisions begin anew
    /// when NATS loses its store, and whoever may publish may publish an old document.
    Document {
        /// Which one.
        key: KeyName,
        /// What was published.
        document: Document,
        /// The number that NATS gave it.
        revision: u64,
    },
    /// The document that was told last is still the newest: the source works.
    Same {
        /// Which one.
        key: KeyName,
    },
    /// There is no such document, or it was deleted.
    Absent {
        /// Which one.
        key: KeyName,
    },
    /// What was published is no document.
    Refused {
        /// Which one.
        key: KeyName,
        /// Why.
        refusal: Refusal,
    },
    /// A connection came about.
    Connected {
        /// The address of the server.
        server: String,
    },
    /// NATS cannot be used. It is tried again, for ever.
    Unavailable {
        /// The document that cannot be had; `None` if it is all of them.
        key: Option<KeyName>,
        /// Why.
        error: Error,
    },
}
