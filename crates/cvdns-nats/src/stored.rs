//! A message as JetStream stores it and publishes it again.

use async_nats::{HeaderMap, Message};

use super::document::{Document, SIGNATURE_HEADER};
use super::refusal::Refusal;

/// A message of a bucket.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The number that JetStream gave it. Without one, the message did not come from there.
    pub revision: Option<u64>,
    /// When JetStream stored it, as its text. A store that was lost gives the same numbers again.
    pub moment: Option<String>,
    /// What it says.
    pub content: Content,
}

/// What a message of a bucket says.
#[derive(Debug)]
pub(crate) enum Content {
    /// A document, or what should be one.
    Document(Result<Document, Refusal>),
    /// The value was deleted (NATS ADR-8), or expired (ADR-43).
    Deleted,
}

/// The number of the message (NATS ADR-31, and of a message that is published again).
const SEQUENCE: &str = "Nats-Sequence";
const MOMENT: &str = "Nats-Time-Stamp";
/// Most octets of a moment that are kept.
const MAX_MOMENT: usize = 64;
const OPERATION: &str = "KV-Operation";
const MARKER: &str = "Nats-Marker-Reason";

impl Stored {
    /// Reads a message, with a document of at most `limit` octets.
    pub(crate) fn read(message: &Message, limit: usize) -> Self {
        let headers = message.headers.as_ref();
        let is_deleted = one(headers, OPERATION).is_some_and(|operation| operation != "PUT")
            || one(headers, MARKER).is_some();
        let content = if is_deleted {
            Content::Deleted
        } else {
            let signatures = headers.into_iter().flat_map(|map| map.get_all(SIGNATURE_HEADER));
            let signatures = signatures.map(async_nats::HeaderValue::as_str);
            Content::Document(Document::decode(&message.payload, signatures, limit))
        };
        let moment = one(headers, MOMENT).filter(|moment| moment.len() <= MAX_MOMENT);
        Self { revision: revision(message), moment: moment.map(str::to_owned), content }
    }
}

/// The number that JetStream gave the message.
pub(crate) fn revision(message: &Message) -> Option<u64> {
    one(message.headers.as_ref(), SEQUENCE)?.parse().ok()
}

fn one<'a>(headers: Option<&'a HeaderMap>, name: &'static str) -> Option<&'a str> {
    // The server's own headers come after those of the message.
    headers?.get_last(name).map(async_nats::HeaderValue::as_str)
}
