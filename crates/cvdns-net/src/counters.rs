//! What is counted. Each socket has counters of its own; `tallies` adds them up.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::source_filter::Refusal;

/// Counts of all sockets since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams.
    pub udp: UdpCounters,
    /// Connections and their queries.
    pub tcp: TcpCounters,
}

/// Defines a struct of counts and its counterpart of atomics. The latter is aligned to 128 octets,
/// so that it shares no cache lines: processors fetch lines of 64 octets in pairs.
macro_rules! tally {
    ($(#[$doc:meta])* $sum:ident, $tally:ident { $($(#[$field_doc:meta])* $field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $sum { $($(#[$field_doc])* pub $field: u64),+ }

        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub(super) struct $tally { $(pub(super) $field: AtomicU64),+ }

        impl $tally {
            /// The current counts, which are not of a single instant.
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
    /// Counts of datagrams.
    UdpCounters, UdpTally {
        /// Datagrams received.
        received,
        /// Answers that the system accepted for sending.
        answered,
        /// Queries that the responder left unanswered.
        dropped,
        /// Datagrams dropped because their source has port 0 or no usable address.
        unanswerable,
        /// Datagrams dropped because an answer would be answered in turn: their source has the port
        /// of such a service, or is this server.
        looping,
        /// Datagrams dropped because they were sent to or from a broadcast or multicast address.
        not_unicast,
        /// Answers that the system refused to send.
        send_errors,
        /// Failed receive calls.
        receive_errors,
        /// Receive calls that returned at least one datagram.
        batches,
        /// Queries lost to a panic in the responder, which is a bug and is logged.
        panics,
    }
}

tally! {
    /// Counts of connections.
    TcpCounters, TcpTally {
        /// Connections accepted and served.
        accepted,
        /// Connections closed at once because their client had as many as it may have.
        refused,
        /// Connections closed, most of them at once, because the system gave no memory for them.
        out_of_memory,
        /// Connections that were closed by their peers or broke.
        closed,
        /// Connections closed for new ones, or because the system was short of descriptors.
        evicted,
        /// Connections closed because the server stops.
        stopped,
        /// Failed accepts.
        accept_errors,
        /// Queries received.
        received,
        /// Answers written.
        answered,
        /// Queries that the responder left unanswered.
        dropped,
        /// Connections closed because their first query did not come in time.
        first_query_timeouts,
        /// Connections closed because they were idle for too long.
        idle_timeouts,
        /// Connections closed because a message did not end in time.
        message_timeouts,
        /// Connections closed because the peer did not read its answers.
        write_timeouts,
        /// Connections closed because a message was shorter than a header, or broke the protocol.
        malformed,
        /// Connections closed because the handshake of TLS failed, or did not end in time.
        handshake_failures,
        /// Connections lost to a panic in the responder, which is a bug and is logged.
        panics,
    }
}

impl UdpTally {
    /// The counter of datagrams that are refused for this reason.
    pub(super) fn refused(&self, refusal: Refusal) -> &AtomicU64 {
        match refusal {
            Refusal::NoReturnAddress => &self.unanswerable,
            Refusal::Loop => &self.looping,
            Refusal::NotUnicast => &self.not_unicast,
        }
    }
}

impl TcpCounters {
    /// Open connections. A connection that ends while the counts are read counts as ended.
    pub fn open(&self) -> u64 {
        let Self { closed, evicted, stopped, malformed, panics, out_of_memory, .. } = *self;
        let Self { first_query_timeouts, idle_timeouts, message_timeouts, write_timeouts, .. } =
            *self;
        let Self { handshake_failures, .. } = *self;
        let timeouts = first_query_timeouts + idle_timeouts + message_timeouts + write_timeouts;
        let ended = closed + evicted + stopped + malformed + panics + out_of_memory + timeouts;
        let ended = ended + handshake_failures;
        self.accepted.saturating_sub(ended)
    }
}

/// Adds to a counter that only one thread writes. A load and a store need no locked instruction.
#[cfg(target_os = "linux")]
pub(super) fn add_unshared(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(count), Relaxed);
}

/// Adds to a counter that several threads write.
pub(super) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Relaxed);
}
