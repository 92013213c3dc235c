//! Why a signed document cannot be taken over.

use super::remote::FetchError;

/// Why overrides or a bundle cannot be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentError {
    /// The label of metrics, which never changes.
    pub reason: &'static str,
    /// What is wrong and what to do, for people.
    pub what: String,
    /// Whether there was no document to judge.
    pub is_unread: bool,
}

impl DocumentError {
    /// That a document was judged and refused.
    pub fn new(reason: &'static str, what: impl Into<String>) -> Self {
        Self { reason, what: what.into(), is_unread: false }
    }

    /// Whether the same document would be refused again. Its signature is a file of its own, and
    /// may be replaced a moment later.
    pub fn is_final(&self) -> bool {
        !["signature", "unsigned"].contains(&self.reason)
    }
}

impl From<FetchError> for DocumentError {
    fn from(error: FetchError) -> Self {
        Self { reason: error.reason(), what: error.to_string(), is_unread: true }
    }
}
