//! Transaction signatures (RFC 8945).
//!
//! A server gives what it receives to [`receive`] and signs its answers with the [`Signer`] that
//! comes of it. A client begins an [`Exchange`] with its request and gives all answers to it.
//! Messages are complete octets without the length that precedes them over TCP. A time is seconds
//! since 1970 (UTC).

mod digest;
mod error;
mod exchange;
mod receive;
mod record;
mod signer;
#[cfg(test)]
mod tests;

pub use error::TsigError;
pub use exchange::{AnswerError, Exchange};
pub use receive::{Received, Refusal, receive};
pub use signer::Signer;

/// How far the clocks of both sides may be apart, in seconds (RFC 8945 section 10).
pub const FUDGE: u16 = 300;
