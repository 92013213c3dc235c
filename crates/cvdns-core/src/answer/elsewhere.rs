//! Queries that are answered by others: what keys, transfers and NOTIFY need is no part of a
//! snapshot.

use crate::snapshot::extended_error::ExtendedError;

/// What a message is that somebody else is to answer, where the server has keys or primaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// A query with a signature (RFC 8945), whatever it asks.
    Signed,
    /// A request for a zone transfer without a signature.
    Transfer,
    /// NOTIFY (RFC 1996), signed or not.
    Notify,
}

/// How a request for a transfer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferRefusal {
    /// The RCODE.
    pub rcode: u16,
    /// Why, for people who ask by `dig`.
    pub ede: Option<ExtendedError<'static>>,
}
