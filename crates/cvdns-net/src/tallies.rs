//! The counters of all sockets, and their sums.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::counters::{Counters, TcpCounters, TcpTally, UdpCounters, UdpTally};
use super::encrypted::EncryptedTallies;
use super::responder::Transport;
#[cfg(target_os = "linux")]
use super::xdp::InterfaceTally;
use super::xdp::XdpStatus;

/// The counters of all sockets, which can be read at any time.
#[derive(Clone, Debug, Default)]
pub struct Tallies {
    udp: Vec<SocketTally>,
    #[cfg(target_os = "linux")]
    pub(super) xdp: Vec<Arc<InterfaceTally>>,
    pub(super) tcp: Arc<TcpTally>,
    /// `None` without `[tls]`.
    pub(super) encrypted: Option<EncryptedTallies>,
}

/// Counts of one UDP socket since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketCounters {
    /// Its address.
    pub address: SocketAddr,
    /// Its number among the sockets of that address, from 0.
    pub number: usize,
    /// Datagrams.
    pub udp: UdpCounters,
}

#[derive(Clone, Debug)]
struct SocketTally {
    address: SocketAddr,
    number: usize,
    tally: Arc<UdpTally>,
}

impl Tallies {
    /// The current sums, those of AF_XDP included. Counting goes on meanwhile, so they are not of a
    /// single instant.
    pub fn read(&self) -> Counters {
        let mut udp = UdpCounters::default();
        for socket in &self.udp {
            udp += socket.tally.read();
        }
        #[cfg(target_os = "linux")]
        for queue in self.xdp.iter().flat_map(|interface| interface.udp()) {
            udp += queue;
        }
        Counters { udp, tcp: self.tcp.read() }
    }

    /// The counts of the encrypted transports; there are none without `[tls]`.
    pub fn encrypted(&self) -> impl Iterator<Item = (Transport, TcpCounters)> {
        self.encrypted.iter().flat_map(|EncryptedTallies { dot, doq, doh, .. }| {
            [
                (Transport::Tls, dot.read()),
                (Transport::Quic, doq.read()),
                (Transport::Https, doh.read()),
            ]
        })
    }

    /// Requests over HTTPS that were no query, and got an error of HTTP.
    pub fn https_requests_refused(&self) -> u64 {
        self.encrypted.as_ref().map_or(0, |tallies| tallies.requests_refused.load(Relaxed))
    }

    /// The counts of each UDP socket.
    pub fn sockets(&self) -> impl Iterator<Item = SocketCounters> {
        self.udp.iter().map(|SocketTally { address, number, tally }| SocketCounters {
            address: *address,
            number: *number,
            udp: tally.read(),
        })
    }

    /// What has become of each interface of `[xdp]`, and what its queues count.
    pub fn xdp(&self) -> Vec<XdpStatus> {
        #[cfg(target_os = "linux")]
        {
            self.xdp.iter().map(|interface| interface.read()).collect()
        }
        #[cfg(not(target_os = "linux"))]
        {
            Vec::new()
        }
    }

    /// UDP sockets.
    #[cfg(target_os = "linux")]
    pub(super) fn udp_sockets(&self) -> usize {
        self.udp.len()
    }

    /// Adds a UDP socket with this address and number. Returns its number among all sockets, and
    /// its tally.
    pub(super) fn add_socket(
        &mut self,
        address: SocketAddr,
        number: usize,
    ) -> (usize, Arc<UdpTally>) {
        let tally = Arc::new(UdpTally::default());
        self.udp.push(SocketTally { address, number, tally: tally.clone() });
        (self.udp.len() - 1, tally)
    }
}
