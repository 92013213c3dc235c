//! What is configured, and what has become of it.

pub use cvdns_core::config::XdpMode;

use super::super::counters::UdpCounters;

/// The table `[xdp]`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct XdpSettings {
    /// Names of interfaces.
    pub interfaces: Vec<String>,
    /// How all of them are attached to.
    pub mode: XdpMode,
}

/// What has become of an interface of `[xdp]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XdpStatus {
    /// Its name.
    pub interface: String,
    /// The configured mode.
    pub mode: XdpMode,
    /// Its queues, in the order of their numbers. Those that were served and are no longer are
    /// among them.
    pub queues: Vec<XdpQueueCounters>,
    /// Why it is not served by AF_XDP, or not in full, in a line for people. Its queries are then
    /// answered by the ordinary sockets.
    pub fallback: Option<String>,
}

/// Counts of a receive queue since the start.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct XdpQueueCounters {
    /// Its number at the interface.
    pub queue: u32,
    /// Datagrams, as of an ordinary socket. Those of refused frames are not among them.
    pub udp: UdpCounters,
    /// Frames that hold no datagram that a socket would have received, by reason.
    pub refused: Vec<(&'static str, u64)>,
    /// What the kernel counts.
    pub kernel: XdpStatistics,
}

/// What the kernel counts for an AF_XDP socket (`XDP_STATISTICS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct XdpStatistics {
    /// Frames lost for other reasons than those below, as too long ones are.
    pub rx_dropped: u64,
    /// Frames lost as this server gave the kernel a wrong place for them, which is a defect.
    pub rx_invalid_descs: u64,
    /// Answers lost as this server described them wrongly, which is a defect.
    pub tx_invalid_descs: u64,
    /// Frames lost as this server was too slow to take them.
    pub rx_ring_full: u64,
    /// How often the kernel found no place for a frame, which was then lost.
    pub rx_fill_ring_empty: u64,
    /// How often the kernel found no answer to send. This is normal.
    pub tx_ring_empty: u64,
}

impl XdpStatistics {
    /// What was lost, by the kernel's word for the reason.
    pub fn losses(self) -> [(&'static str, u64); 5] {
        [
            ("rx_dropped", self.rx_dropped),
            ("rx_fill_ring_empty", self.rx_fill_ring_empty),
            ("rx_invalid_descs", self.rx_invalid_descs),
            ("rx_ring_full", self.rx_ring_full),
            ("tx_invalid_descs", self.tx_invalid_descs),
        ]
    }
}
