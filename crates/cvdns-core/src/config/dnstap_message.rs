//! The messages that dnstap has of a query.

/// A type of message that an authoritative server sends (`Message.Type` of dnstap.proto).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnstapMessage {
    /// A query as it was received (`AUTH_QUERY`).
    AuthQuery,
    /// An answer as it was sent (`AUTH_RESPONSE`).
    AuthResponse,
}
