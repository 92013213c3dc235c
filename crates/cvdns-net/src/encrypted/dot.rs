//! DNS over TLS (RFC 7858): what TCP does, within TLS. Zones can be transferred so, too (RFC 9103).

use rustls::ProtocolVersion;

use super::handshake::{ClientTls, EncryptedProtocol, Established};
use super::tls::DOT;
use crate::connection::{Connection, Peers};
use crate::responder::{Endpoint, MakeResponder, Responder, Transport};
use crate::watchdog::Watchdog;

/// DNS over TLS.
#[derive(Clone)]
pub(super) struct DnsOverTls<M> {
    pub make: M,
    pub watchdog: Watchdog,
}

impl<M: MakeResponder> EncryptedProtocol for DnsOverTls<M> {
    const NAME: &'static str = "DoT";

    async fn converse(&self, established: Established) {
        let Established { stream, client, server, permit, shared, stop } = established;
        let mut responder = self.make.make(Endpoint::Connection(Transport::Tls));
        if !may_transfer(&stream) {
            responder.forbid_transfers();
        }
        let peers = Peers { client, server, transport: Transport::Tls };
        let progress = self.watchdog.watch("a DoT connection");
        Connection::new(stream, peers, responder, permit, shared, progress).run(stop).await;
    }
}

/// Whether the handshake was one for transfers: TLS 1.3 (RFC 9103 section 7.2) with the protocol
/// `dot` (section 7.1).
fn may_transfer(stream: &ClientTls) -> bool {
    let (_, session) = stream.get_ref();
    session.protocol_version() == Some(ProtocolVersion::TLSv1_3)
        && session.alpn_protocol() == Some(DOT)
}
