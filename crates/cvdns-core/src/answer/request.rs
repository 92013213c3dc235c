//! What an answer depends on beside the query's octets: who asked, by which transport, when, and
//! how much room the answer has.

use std::net::SocketAddr;

use jiff::Timestamp;

use crate::abuse::Ticks;

/// The transport by which a query came. Over UDP an answer has at most as many octets as client and
/// server accept (RFC 6891), over all others 65,535.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A connection (RFC 7766).
    Tcp,
    /// A connection over TLS (RFC 7858).
    Tls,
    /// A stream of a QUIC connection (RFC 9250).
    Quic,
    /// An exchange over HTTPS (RFC 8484).
    Https,
}

impl Transport {
    /// All transports.
    pub const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Tls, Self::Quic, Self::Https];

    /// Its name in metrics, logs and explanations.
    pub fn label(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Quic => "quic",
            Self::Https => "https",
        }
    }

    /// Its name for people who know DNS.
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "DoT",
            Self::Quic => "DoQ",
            Self::Https => "DoH",
        }
    }

    /// Whether the client has shown that it receives what is sent to its address: all but UDP do
    /// before the first query.
    #[inline]
    pub fn is_verified(self) -> bool {
        self != Self::Udp
    }

    /// Whether the idle timeout of the connection means anything to the client (RFC 7828). QUIC and
    /// HTTP have timeouts of their own (RFC 9250 section 5.5.2).
    #[inline]
    pub fn has_keepalive(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls)
    }

    /// Whether answers are padded for clients that pad their queries (RFC 7830 section 6).
    #[inline]
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::Quic | Self::Https)
    }
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
