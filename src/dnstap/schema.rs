//! The messages of dnstap.proto (<https://github.com/dnstap/dnstap.pb>), as far as an authoritative
//! server sends them. Names, types and numbers of fields are those of that file.

use prost::Message as _;

/// The outermost message.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Dnstap {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(super) identity: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) version: Option<Vec<u8>>,
    #[prost(message, optional, tag = "14")]
    pub(super) message: Option<Message>,
    /// Always [`MESSAGE`].
    #[prost(int32, required, tag = "15")]
    pub(super) r#type: i32,
}

/// `Dnstap.Type.MESSAGE`, the only one that there is.
pub(super) const MESSAGE: i32 = 1;

/// A DNS message with what is known of it.
#[expect(clippy::struct_field_names, reason = "as dnstap.proto has them")]
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Message {
    /// [`AUTH_QUERY`] or [`AUTH_RESPONSE`].
    #[prost(int32, required, tag = "1")]
    pub(super) r#type: i32,
    /// [`INET`] or [`INET6`].
    #[prost(int32, optional, tag = "2")]
    pub(super) socket_family: Option<i32>,
    /// [`UDP`], [`TCP`], [`DOT`], [`DOH`] or [`DOQ`].
    #[prost(int32, optional, tag = "3")]
    pub(super) socket_protocol: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(super) query_address: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    pub(super) response_address: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "6")]
    pub(super) query_port: Option<u32>,
    #[prost(uint32, optional, tag = "7")]
    pub(super) response_port: Option<u32>,
    /// Seconds since 1970-01-01T00:00:00Z.
    #[prost(uint64, optional, tag = "8")]
    pub(super) query_time_sec: Option<u64>,
    /// Nanoseconds within that second.
    #[prost(fixed32, optional, tag = "9")]
    pub(super) query_time_nsec: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "10")]
    pub(super) query_message: Option<Vec<u8>>,
    /// A name in wire form.
    #[prost(bytes = "vec", optional, tag = "11")]
    pub(super) query_zone: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "12")]
    pub(super) response_time_sec: Option<u64>,
    #[prost(fixed32, optional, tag = "13")]
    pub(super) response_time_nsec: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "14")]
    pub(super) response_message: Option<Vec<u8>>,
}

/// `Message.Type` of a query that an authoritative server received.
pub(super) const AUTH_QUERY: i32 = 1;
/// `Message.Type` of an answer that an authoritative server sent.
pub(super) const AUTH_RESPONSE: i32 = 2;

/// `SocketFamily` of IPv4.
pub(super) const INET: i32 = 1;
/// `SocketFamily` of IPv6.
pub(super) const INET6: i32 = 2;

/// `SocketProtocol` of DNS over UDP.
pub(super) const UDP: i32 = 1;
/// `SocketProtocol` of DNS over TCP.
pub(super) const TCP: i32 = 2;
/// `SocketProtocol` of DNS over TLS.
pub(super) const DOT: i32 = 3;
/// `SocketProtocol` of DNS over HTTPS.
pub(super) const DOH: i32 = 4;
/// `SocketProtocol` of DNS over QUIC.
pub(super) const DOQ: i32 = 7;

impl Dnstap {
    /// Appends the message as a frame, with its length in front.
    pub(super) fn append(&self, frames: &mut Vec<u8>) {
        let length = self.encoded_len();
        frames.reserve(length.saturating_add(4));
        // A message has at most 64 KiB for each of two DNS messages, and some hundred octets.
        frames.extend_from_slice(&(length as u32).to_be_bytes());
        // A vector grows as it must.
        self.encode_raw(frames);
    }
}
