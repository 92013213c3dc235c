//! What the sockets have done, counted where it happens and summed by whoever asks.

use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What all sockets have done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams.
    pub udp: UdpCounters,
    /// Connections and what came over them.
    pub tcp: TcpCounters,
}

/// Where all sockets count: their figures at any moment.
#[derive(Clone, Debug, Default)]
pub struct Tallies {
    udp: Vec<SocketTally>,
    pub(super) tcp: Arc<TcpTally>,
}

/// What one UDP socket has done since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketCounters {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its number among the sockets of that address.
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
    /// The sums of this moment; not of one instant, as the counting goes on.
    pub fn read(&self) -> Counters {
        let mut udp = UdpCounters::default();
        for socket in &self.udp {
            udp += socket.tally.read();
        }
        Counters { udp, tcp: self.tcp.read() }
    }

    /// The figures of each UDP socket.
    pub fn sockets(&self) -> impl Iterator<Item = SocketCounters> {
        self.udp.iter().map(|SocketTally { address, number, tally }| SocketCounters {
            address: *address,
            number: *number,
            udp: tally.read(),
        })
    }

    /// A tally for a socket of this address and number; its number among all sockets, too.
    pub(super) fn of_socket(
        &mut self,
        address: SocketAddr,
        number: usize,
    ) -> (usize, Arc<UdpTally>) {
        let tally = Arc::new(UdpTally::default());
        self.udp.push(SocketTally { address, number, tally: tally.clone() });
        (self.udp.len() - 1, tally)
    }
}

/// Makes a plain struct of sums and its counterpart of atomics, which has cache lines of its own.
///
/// 128 bytes: processors fetch lines of 64 bytes in pairs.
macro_rules! tally {
    ($(#[$doc:meta])* $sum:ident, $tally:ident { $($(#[$field_doc:meta])* $field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $sum { $($(#[$field_doc])* pub $field: u64),+ }

        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub(super) struct $tally { $(pub(super) $field: AtomicU64),+ }

        impl $tally {
            /// The figures of this moment; not of one instant, as the counting goes on.
            pub(super) fn read(&self) -> $sum {
                $sum { $($field: self.$field.load(Relaxed)),+ }
            }
        }

        impl AddAssign for $sum {
            fn add_assign(&mut self, other: Self) {
                $(self.$field = self.$field.wrapping_add(other.$field);)+
            }
        }
    };
}

tally! {
    /// What has become of the datagrams.
    UdpCounters, UdpTally {
        /// Datagrams received.
        received,
        /// Answers that the system took for sending.
        answered,
        /// Queries that the responder left unanswered.
        dropped,
        /// Datagrams dropped as their source has port 0 or no usable address.
        unanswerable,
        /// Answers that the system refused to send.
        send_errors,
        /// Failed receptions.
        receive_errors,
        /// Receptions that brought at least one datagram.
        batches,
        /// Queries lost to a panic in the responder: a defect, and logged.
        panics,
    }
}

tally! {
    /// What has become of the connections.
    TcpCounters, TcpTally {
        /// Connections accepted and served.
        accepted,
        /// Connections closed at once as all places were taken by busy ones.
        refused,
        /// Connections that their peers closed or broke.
        closed,
        /// Idle connections closed to make room.
        evicted,
        /// Connections closed as the server stops.
        stopped,
        /// Failed accepts.
        accept_errors,
        /// Queries received.
        received,
        /// Answers written.
        answered,
        /// Queries that the responder left unanswered.
        dropped,
        /// Connections closed as they were idle for too long.
        idle_timeouts,
        /// Connections closed as a message that had begun did not end in time.
        message_timeouts,
        /// Connections closed as the peer did not read its answers.
        write_timeouts,
        /// Connections closed over an impossible length.
        malformed,
        /// Connections lost to a panic in the responder: a defect, and logged.
        panics,
    }
}

impl TcpCounters {
    /// Connections that are open. What ends while the figures are read is taken for ended.
    pub fn open(&self) -> u64 {
        let Self {
            closed, evicted, stopped, idle_timeouts, message_timeouts, write_timeouts, ..
        } = *self;
        let ended = closed + evicted + stopped + idle_timeouts + message_timeouts + write_timeouts;
        self.accepted.saturating_sub(ended + self.malformed + self.panics)
    }
}

/// Adds to a counter that one thread alone writes: a load and a store need no locked bus.
#[cfg(target_os = "linux")]
pub(super) fn add_own(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(count), Relaxed);
}

/// Adds to a counter that several threads write.
pub(super) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Relaxed);
}
