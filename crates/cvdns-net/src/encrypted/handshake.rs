//! A connection over TCP up to the end of its TLS handshake.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::select;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::connection::{ClientStream, Shared};
use crate::connection_limiter::Permit;
use crate::counters::add;
use crate::phase::Phase;
use crate::tcp::Protocol;
use crate::tcp_limits::patience;

/// A protocol over TLS: its connections are served once their handshake is done.
pub(super) struct OverTls<P> {
    pub config: Arc<ServerConfig>,
    pub protocol: P,
    pub shared: Shared,
}

/// What connections are for that are encrypted.
pub(super) trait EncryptedProtocol: Clone + Send + Sync + 'static {
    /// Its name in messages.
    const NAME: &'static str;

    /// Serves a connection until it ends, which its permit may ask for.
    fn converse(&self, established: Established) -> impl Future<Output = ()> + Send;
}

/// A connection whose handshake is done.
pub(super) struct Established {
    pub stream: ClientTls,
    pub client: SocketAddr,
    /// `None` if the system does not tell.
    pub server: Option<SocketAddr>,
    pub permit: Permit,
    pub shared: Shared,
    pub stop: watch::Receiver<Phase>,
}

/// A connection over TLS that serves one client.
pub(super) type ClientTls = TlsStream<TcpStream>;

impl ClientStream for ClientTls {
    /// Everything is left to the asynchronous writer, which encrypts.
    fn write_at_once(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl<P: EncryptedProtocol> Protocol for OverTls<P> {
    const NAME: &'static str = P::NAME;

    fn serve(
        &self,
        stream: TcpStream,
        client: SocketAddr,
        permit: Permit,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (config, shared) = (self.config.clone(), self.shared.clone());
        let (protocol, mut stop) = (self.protocol.clone(), self.shared.phase.clone());
        async move {
            let server = stream.local_addr().ok();
            let stream = shake_hands(config, stream, &permit, &shared, &mut stop).await;
            let Some(stream) = stream else { return };
            let established = Established { stream, client, server, permit, shared, stop };
            protocol.converse(established).await;
        }
    }
}

/// Shakes hands within the time for a first query. `None` if that fails, which is counted; a
/// connection that is evicted, or meets the stop of the server, ends without. Where another process
/// goes on, it is finished here: the client has no reason to try again.
async fn shake_hands(
    config: Arc<ServerConfig>,
    stream: TcpStream,
    permit: &Permit,
    Shared { limits, tally, .. }: &Shared,
    stop: &mut watch::Receiver<Phase>,
) -> Option<ClientTls> {
    let time = patience(limits.first_query, permit.load());
    let handshake = timeout(time, TlsAcceptor::from(config).accept(stream));
    let result = select! {
        biased;
        _ = stop.wait_for(|phase| *phase == Phase::Stopping) => {
            add(&tally.stopped, 1);
            return None;
        }
        () = permit.evicted() => {
            add(&tally.evicted, 1);
            return None;
        }
        result = handshake => result,
    };
    if let Ok(Ok(stream)) = result {
        return Some(stream);
    }
    add(&tally.handshake_failures, 1);
    None
}
