//! What an answer depends on beside the query's octets: who asked, by which transport, when, and
//! how much room the answer has.

use std::net::SocketAddr;

use jiff::Timestamp;

use crate::abuse::Ticks;

/// The transport by which a query came; it limits the answer's length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// A datagram: the answer has at most as many octets as client and server accept (RFC 6891).
    Udp,
    /// A connection: the answer has at most 65,535 octets (RFC 7766).
    Tcp,
}

/// Returns the current time.
pub type Clock = fn() -> Timestamp;

/// The time of a batch of queries, read once for all of them: a few milliseconds are no matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// By a clock that never goes back, for the rate limit.
    pub ticks: Ticks,
    /// Unix time in seconds modulo 2^32, for cookies (RFC 9018 section 4.3).
    pub unix_time: u32,
}

/// The sender of a query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub client: SocketAddr,
    pub transport: Transport,
}

/// The message that is turned into its answer, and the room for it.
pub(super) struct MessageBuffer<'b> {
    /// Holds the query; sections are written behind its question.
    pub buffer: &'b mut [u8],
    /// Offset of the first octet after the question.
    pub question_end: usize,
    /// Most octets of the answer, OPT record included.
    pub limit: usize,
    /// Most octets of a chain of more than two aliases.
    pub alias_limit: usize,
}
