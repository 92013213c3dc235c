//! DNS over TLS (RFC 7858): what TCP does, within TLS. Zones can be transferred so, too (RFC 9103).

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpStream;

use super::handshake::shake_hands;
use crate::connection::{Connection, Peers, Shared};
use crate::connection_limiter::Permit;
use crate::responder::{Endpoint, MakeResponder, Transport};
use crate::tcp::Protocol;
use crate::watchdog::Watchdog;

/// DNS over TLS.
pub(super) struct DnsOverTls<M> {
    pub config: Arc<ServerConfig>,
    pub make: M,
    pub shared: Shared,
    pub watchdog: Watchdog,
}

impl<M: MakeResponder> Protocol for DnsOverTls<M> {
    const NAME: &'static str = "DoT";

    fn serve(
        &self,
        stream: TcpStream,
        client: SocketAddr,
        permit: Permit,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (config, make, shared) = (self.config.clone(), self.make.clone(), self.shared.clone());
        let (watchdog, mut stop) = (self.watchdog.clone(), self.shared.phase.clone());
        async move {
            let server = stream.local_addr().ok();
            let Shared { limits, tally, .. } = &shared;
            let stream = shake_hands(config, stream, limits, &permit, tally, &mut stop).await;
            let Some(stream) = stream else { return };
            let responder = make.make(Endpoint::Connection(Transport::Tls));
            let peers = Peers { client, server, transport: Transport::Tls };
            let progress = watchdog.watch("a DoT connection");
            Connection::new(stream, peers, responder, permit, shared, progress).run(stop).await;
        }
    }
}
