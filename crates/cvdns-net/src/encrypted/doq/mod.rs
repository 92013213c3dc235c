//! DNS over QUIC (RFC 9250): accepts connections within their limit.

mod connection;
pub mod query;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use cvdns_io::essential::Essential;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint as QuicEndpoint, EndpointConfig, Incoming, TokioRuntime, TransportConfig};
use quinn::{ServerConfig, VarInt};
use tokio::select;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connection::Shared;
use crate::connection_limiter::{Admission, ConnectionLimiter};
use crate::counters::add;
use crate::memory;
use crate::phase::Phase;
use crate::responder::MakeResponder;
use crate::tcp::note_panic;
use crate::tcp_limits::TcpLimits;
use crate::watchdog::Watchdog;

use connection::{Conversation, NO_ERROR};

/// Most queries of a connection at once. RFC 9250 section 5.5.1 leaves it to the server; a client
/// whose query must wait for a stream opens it later.
const STREAMS: u32 = 100;

/// Octets that a client may send on a connection before they are read, and that wait for a client.
const WINDOW: u32 = 256 << 10;

/// Octets that a client may send on a stream before they are read: a whole query.
const STREAM_WINDOW: u32 = 2 + 65_535;

/// Longest time to tell clients of the end.
const FAREWELL: Duration = Duration::from_millis(200);

/// The QUIC endpoint of an address.
pub(super) struct DnsOverQuic<M> {
    pub endpoint: QuicEndpoint,
    pub make: M,
    pub limiter: Arc<ConnectionLimiter>,
    pub shared: Shared,
    pub watchdog: Watchdog,
}

/// Serves QUIC on a bound socket. Call this within the runtime.
pub(super) fn endpoint(
    socket: UdpSocket,
    tls: rustls::ServerConfig,
    limits: &TcpLimits,
) -> io::Result<QuicEndpoint> {
    let mut transport = TransportConfig::default();
    let idle = limits.idle.try_into().map_err(io::Error::other)?;
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        // Clients have no use for them (RFC 9250 section 4.2).
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(idle))
        .receive_window(VarInt::from_u32(WINDOW))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .send_window(WINDOW.into());
    let tls = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config.transport_config(Arc::new(transport));
    let runtime = Arc::new(TokioRuntime);
    QuicEndpoint::new(EndpointConfig::default(), Some(config), socket, runtime)
}

impl<M: MakeResponder> DnsOverQuic<M> {
    /// Serves until the stop and until all connections have ended.
    pub(super) async fn run(self, address: SocketAddr) {
        let _essential = Essential::new(format!("the DoQ endpoint of {address}"));
        let mut connections = JoinSet::new();
        let mut stop = self.shared.phase.clone();
        loop {
            self.limiter.until_room().await;
            select! {
                biased;
                _ = stop.wait_for(|phase| *phase != Phase::Serving) => break,
                Some(ended) = connections.join_next() => note_panic(&self.shared.tally, ended),
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => self.begin(incoming, &mut connections),
                    // Nobody else closes the endpoint.
                    None => break,
                },
            }
        }
        self.endpoint.set_server_config(None);
        while let Some(ended) = connections.join_next().await {
            note_panic(&self.shared.tally, ended);
        }
        self.endpoint.close(NO_ERROR, b"");
        let _ = timeout(FAREWELL, self.endpoint.wait_idle()).await;
    }

    /// Begins a connection on a task of its own, so that no client has to wait for another one's
    /// handshake. While half of the seats are taken, clients have to show that they receive at
    /// their address before they get one (RFC 9000 section 8.1.2): packets whose source is forged
    /// take half of the seats at most, and no client's place.
    fn begin(&self, incoming: Incoming, connections: &mut JoinSet<()>) {
        let tally = &self.shared.tally;
        let (taken, seats) = self.limiter.load();
        if taken.saturating_mul(2) >= seats && !incoming.remote_address_validated() {
            // It fails for clients alone that have shown it.
            let _ = incoming.retry();
            return;
        }
        if !memory::has_reserve() {
            add(&tally.accepted, 1);
            add(&tally.out_of_memory, 1);
            incoming.refuse();
            return;
        }
        let permit = match self.limiter.admit(incoming.remote_address().ip()) {
            Admission::Free(permit) | Admission::Evicting(permit) => permit,
            Admission::ClientHasAll => {
                add(&tally.refused, 1);
                incoming.refuse();
                return;
            }
        };
        add(&tally.accepted, 1);
        let conversation = Conversation {
            permit,
            make: self.make.clone(),
            shared: self.shared.clone(),
            progress: self.watchdog.watch("a DoQ connection"),
            server: self.endpoint.local_addr().ok(),
        };
        connections.spawn(conversation.run(incoming, self.shared.phase.clone()));
    }
}
