//! DNS over TLS, QUIC and HTTPS, by the responders and limits of TCP. Connections have seats of
//! their own, so that none of them can take those of TCP.
//!
//! `tls` sets TLS up, `handshake` begins a connection over TCP; `dot`, `doq` and `doh` are the
//! protocols.

mod doh;
mod doq;
mod dot;
mod handshake;
mod tls;

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::runtime::Handle;
use tokio::task::JoinHandle as Task;

use crate::connection::Shared;
use crate::connection_limiter::ConnectionLimiter;
use crate::counters::TcpTally;
use crate::inherited::{Inherited, OpenSocket, SocketKind};
use crate::listen::{BindError, adopt_tcp, adopt_udp};
use crate::phase::Phase;
use crate::responder::{MakeResponder, Transport};
use crate::tcp::Acceptor;
use crate::tcp_limits::TcpLimits;
use crate::watchdog::Watchdog;
use tokio::sync::watch;

use doh::DnsOverHttps;
pub use doh::exchange;
pub use doq::query;
use dot::DnsOverTls;
use handshake::OverTls;
pub use tls::Certificate;

/// What is served encrypted.
#[derive(Debug, Clone)]
pub struct EncryptedSettings {
    /// Addresses of DNS over TLS.
    pub dot: Vec<SocketAddr>,
    /// Addresses of DNS over QUIC.
    pub doq: Vec<SocketAddr>,
    /// Addresses of DNS over HTTPS.
    pub doh: Vec<SocketAddr>,
    /// Most connections at once, over all of them.
    pub connections: usize,
}

/// The bound sockets of the encrypted transports.
#[derive(Debug)]
pub(super) struct Encrypted {
    dot: Vec<Listener<TcpListener>>,
    doq: Vec<Listener<UdpSocket>>,
    doh: Vec<Listener<TcpListener>>,
    connections: usize,
    /// `None` until it is known.
    certificate: Option<Certificate>,
}

/// A bound socket.
#[derive(Debug)]
struct Listener<S> {
    address: SocketAddr,
    socket: S,
}

/// Counts of each encrypted transport.
#[derive(Debug, Clone, Default)]
pub(super) struct EncryptedTallies {
    pub dot: Arc<TcpTally>,
    pub doq: Arc<TcpTally>,
    pub doh: Arc<TcpTally>,
    /// Requests over HTTPS that were no query.
    pub requests_refused: Arc<AtomicU64>,
}

/// What the tasks of the encrypted transports are started with.
pub(super) struct Starting<'s, M> {
    pub make: &'s M,
    pub limits: TcpLimits,
    pub phase: &'s watch::Receiver<Phase>,
    pub watchdog: &'s Watchdog,
    pub tallies: &'s EncryptedTallies,
    pub runtime: &'s Handle,
}

impl Encrypted {
    /// Binds all addresses, or takes the sockets of an earlier process.
    pub(super) fn bind(
        settings: EncryptedSettings,
        inherited: &mut Inherited,
    ) -> Result<Self, Vec<BindError>> {
        let EncryptedSettings { dot, doq, doh, connections } = settings;
        let mut errors = Vec::new();
        let mut tcp = |addresses: Vec<SocketAddr>, errors: &mut Vec<BindError>| {
            bound(addresses, errors, |address| adopt_tcp(address, inherited))
        };
        let (dot, doh) = (tcp(dot, &mut errors), tcp(doh, &mut errors));
        let doq = bound(doq, &mut errors, |address| adopt_udp(address, inherited));
        if errors.is_empty() {
            Ok(Self { dot, doq, doh, connections, certificate: None })
        } else {
            Err(errors)
        }
    }

    /// Shows clients this certificate.
    pub(super) fn set_certificate(&mut self, certificate: Certificate) {
        self.certificate = Some(certificate);
    }

    /// The addresses, with their transports.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (Transport, SocketAddr)> {
        let dot = self.dot.iter().map(|listener| (Transport::Tls, listener.address));
        let doq = self.doq.iter().map(|listener| (Transport::Quic, listener.address));
        let doh = self.doh.iter().map(|listener| (Transport::Https, listener.address));
        dot.chain(doq).chain(doh)
    }

    /// All sockets once more, for another process.
    pub(super) fn share(&self) -> io::Result<Vec<OpenSocket>> {
        let mut sockets = Vec::new();
        for Listener { address, socket } in self.dot.iter().chain(&self.doh) {
            let descriptor = socket.try_clone()?.into();
            let (address, kind) = (*address, SocketKind::Tcp);
            sockets.push(OpenSocket { address, kind, number: 0, descriptor });
        }
        for Listener { address, socket } in &self.doq {
            let descriptor = socket.try_clone()?.into();
            let (address, kind) = (*address, SocketKind::Udp);
            sockets.push(OpenSocket { address, kind, number: 0, descriptor });
        }
        Ok(sockets)
    }

    /// Starts serving. Call this within the runtime.
    pub(super) fn start<M: MakeResponder>(
        self,
        starting: &Starting<'_, M>,
    ) -> io::Result<Vec<Task<()>>> {
        let Starting { make, limits, phase, watchdog, tallies, runtime } = starting;
        let Self { dot, doq, doh, connections, certificate } = self;
        let certificate =
            certificate.ok_or_else(|| io::Error::other("no certificate for [tls]"))?;
        let limiter = ConnectionLimiter::new(connections, limits.per_client);
        let shared = |tally: &Arc<TcpTally>| Shared::new(*limits, tally.clone(), (*phase).clone());
        let mut tasks = Vec::new();
        for Listener { address, socket } in dot {
            let protocol = OverTls {
                config: tls::over_tcp(certificate.clone(), &[tls::DOT])?,
                protocol: DnsOverTls { make: (*make).clone(), watchdog: (*watchdog).clone() },
                shared: shared(&tallies.dot),
            };
            let listener = tokio::net::TcpListener::from_std(socket)?;
            let (limiter, tally) = (limiter.clone(), tallies.dot.clone());
            let acceptor = Acceptor::new(listener, protocol, limiter, tally, (*phase).clone());
            tasks.push(runtime.spawn(acceptor.run(address)));
        }
        for Listener { address, socket } in doh {
            let protocol = OverTls {
                config: tls::over_tcp(certificate.clone(), &[tls::HTTP2, tls::HTTP1])?,
                protocol: DnsOverHttps {
                    make: (*make).clone(),
                    watchdog: (*watchdog).clone(),
                    requests_refused: tallies.requests_refused.clone(),
                },
                shared: shared(&tallies.doh),
            };
            let listener = tokio::net::TcpListener::from_std(socket)?;
            let (limiter, tally) = (limiter.clone(), tallies.doh.clone());
            let acceptor = Acceptor::new(listener, protocol, limiter, tally, (*phase).clone());
            tasks.push(runtime.spawn(acceptor.run(address)));
        }
        for Listener { address, socket } in doq {
            let doq = doq::DnsOverQuic {
                endpoint: doq::endpoint(
                    socket,
                    tls::over_quic(certificate.clone(), tls::DOQ)?,
                    limits,
                )?,
                make: (*make).clone(),
                limiter: limiter.clone(),
                shared: shared(&tallies.doq),
                watchdog: (*watchdog).clone(),
            };
            tasks.push(runtime.spawn(doq.run(address)));
        }
        Ok(tasks)
    }
}

fn bound<S>(
    addresses: Vec<SocketAddr>,
    errors: &mut Vec<BindError>,
    mut bind: impl FnMut(SocketAddr) -> Result<(SocketAddr, S), BindError>,
) -> Vec<Listener<S>> {
    let mut listeners = Vec::new();
    for address in addresses {
        match bind(address) {
            Ok((address, socket)) => listeners.push(Listener { address, socket }),
            Err(error) => errors.push(error),
        }
    }
    listeners
}
