//! Interfaces of `[xdp]` in the status.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use cvdns_net::xdp::{XdpQueueCounters, XdpStatus};

/// An interface of `[xdp]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct XdpInterface {
    /// Its name.
    pub interface: String,
    /// The configured mode, `native` or `generic`.
    pub mode: String,
    /// Why sockets serve it instead of `AF_XDP`, for people; `None` if `AF_XDP` does.
    pub fallback: Option<String>,
    /// Its receive queues.
    pub queues: Vec<XdpQueue>,
}

/// A receive queue, with counts since the start. Datagrams are among those of the server too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct XdpQueue {
    /// Its number at the interface.
    pub queue: u32,
    /// Received datagrams.
    pub received: u64,
    /// Answers sent.
    pub answered: u64,
    /// Answers that could not be sent.
    pub send_errors: u64,
    /// Frames that hold no datagram that a socket would get, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Frames and answers that the kernel dropped, by its word for the reason (`XDP_STATISTICS`).
    pub lost: BTreeMap<String, u64>,
}

impl From<XdpStatus> for XdpInterface {
    fn from(status: XdpStatus) -> Self {
        Self {
            interface: status.interface,
            mode: status.mode.name().to_owned(),
            fallback: status.fallback,
            queues: status.queues.iter().map(XdpQueue::of).collect(),
        }
    }
}

impl XdpQueue {
    fn of(queue: &XdpQueueCounters) -> Self {
        let named = |(reason, count): (&'static str, u64)| (reason.to_owned(), count);
        Self {
            queue: queue.queue,
            received: queue.udp.received,
            answered: queue.udp.answered,
            send_errors: queue.udp.send_errors,
            refused: queue.refused.iter().copied().map(named).collect(),
            lost: queue.kernel.losses().map(named).into_iter().collect(),
        }
    }
}
