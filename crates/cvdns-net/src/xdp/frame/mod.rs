//! Ethernet frames with DNS messages: reads queries, and makes each frame its own answer.
//!
//! It knows neither sockets nor time. What it refuses, the filter of the interface should not have
//! passed, or the kernel would not have given to a socket either.
//!
//! In the order of reading: [`read`] (`read`), [`write_reply`] (`reply`), and what both compute
//! (`checksum`).

mod checksum;
mod read;
mod reply;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::ops::Range;

pub use read::read;
pub use reply::write_reply;

/// What a received frame holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A UDP datagram, which may be a query.
    Query(Query),
    /// Nothing that is answered.
    Refused(FrameRefusal),
}

/// A UDP datagram within a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The source. Its port can be 0, and it can be this server itself.
    pub client: SocketAddr,
    /// The address and port that were asked.
    pub server: SocketAddr,
    /// Where the DNS message is: octets of the frame. It can be empty.
    pub message: Range<usize>,
}

/// Why a frame is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameRefusal {
    /// The frame is no whole UDP datagram right behind an IP header without options: another
    /// protocol, a VLAN tag, a fragment, IP options or extension headers.
    Unsupported,
    /// The frame is shorter than it says, or its lengths contradict each other.
    Length,
    /// The IPv4 header or the datagram is damaged.
    Checksum,
    /// The source is nobody's address on a network, or one of this machine, or the frame was sent
    /// to or from a group.
    Address,
}

impl FrameRefusal {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unsupported, Self::Length, Self::Checksum, Self::Address];

    /// A word for it, as in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Length => "length",
            Self::Checksum => "checksum",
            Self::Address => "address",
        }
    }
}

/// Octets of an Ethernet header: destination, source and type (IEEE 802.3).
const ETHERNET: usize = 14;
/// Octets of an IPv4 header without options (RFC 791).
const IPV4: usize = 20;
/// Octets of an IPv6 header (RFC 8200).
const IPV6: usize = 40;
/// Octets of a UDP header (RFC 768).
const UDP: usize = 8;
/// Octets before the message of a datagram over IPv4.
const IPV4_HEADERS: usize = ETHERNET + IPV4 + UDP;
/// Octets before the message of a datagram over IPv6.
const IPV6_HEADERS: usize = ETHERNET + IPV6 + UDP;
/// The number of UDP among the protocols of IP.
const PROTOCOL_UDP: u8 = 17;
