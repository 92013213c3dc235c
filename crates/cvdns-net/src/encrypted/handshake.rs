//! The TLS handshake of a connection over TCP.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::select;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::connection::ClientStream;
use crate::connection_limiter::Permit;
use crate::counters::{TcpTally, add};
use crate::phase::Phase;
use crate::tcp_limits::{TcpLimits, patience};
use tokio::sync::watch;

/// A connection over TLS that serves one client.
pub(super) type ClientTls = TlsStream<TcpStream>;

impl ClientStream for ClientTls {
    /// Everything is left to the asynchronous writer, which encrypts.
    fn write_at_once(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// Shakes hands within the time for a first query. `None` if that fails, which is counted; a
/// connection that is evicted, or meets the stop of the server, ends without. Where another process
/// goes on, it is finished here: the client has no reason to try again.
pub(super) async fn shake_hands(
    config: Arc<ServerConfig>,
    stream: TcpStream,
    limits: &TcpLimits,
    permit: &Permit,
    tally: &TcpTally,
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
