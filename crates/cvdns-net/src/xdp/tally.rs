//! Counters of the queues, and what has become of the interfaces.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::net::sockopt::xdp_statistics;

use super::super::counters::{UdpCounters, UdpTally, add_unshared};
use super::frame::FrameRefusal;
use super::status::{XdpMode, XdpQueueCounters, XdpStatistics, XdpStatus};

/// An interface of `[xdp]`.
#[derive(Debug)]
pub(crate) struct InterfaceTally {
    name: String,
    mode: XdpMode,
    pub(super) queues: Vec<Arc<QueueTally>>,
    fallback: Mutex<Option<String>>,
}

/// A receive queue, of which one thread counts.
#[derive(Debug)]
pub(super) struct QueueTally {
    pub(super) queue: u32,
    pub(super) udp: Arc<UdpTally>,
    refused: [AtomicU64; FrameRefusal::ALL.len()],
    kernel: [AtomicU64; 6],
}

impl InterfaceTally {
    pub(super) fn new(name: String, mode: XdpMode, queues: Vec<Arc<QueueTally>>) -> Self {
        Self { name, mode, queues, fallback: Mutex::default() }
    }

    pub(super) fn mode(&self) -> XdpMode {
        self.mode
    }

    /// Says why the interface is not served in full, or, with `None`, that it is.
    pub(super) fn set_fallback(&self, reason: Option<String>) {
        *self.fallback.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    /// Datagrams of each queue.
    pub(crate) fn udp(&self) -> impl Iterator<Item = UdpCounters> {
        self.queues.iter().map(|queue| queue.udp.read())
    }

    /// What has become of it.
    pub(crate) fn read(&self) -> XdpStatus {
        XdpStatus {
            interface: self.name.clone(),
            mode: self.mode,
            queues: self.queues.iter().map(|queue| queue.read()).collect(),
            fallback: self.fallback.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl QueueTally {
    pub(super) fn new(queue: u32) -> Self {
        Self { queue, udp: Arc::default(), refused: Default::default(), kernel: Default::default() }
    }

    /// Counts a frame that is refused.
    pub(super) fn refuse(&self, refusal: FrameRefusal) {
        let reasons = FrameRefusal::ALL.iter().zip(&self.refused);
        if let Some((_, count)) = reasons.into_iter().find(|(reason, _)| **reason == refusal) {
            add_unshared(count, 1);
        }
    }

    /// Takes over what the kernel has counted for the queue's socket.
    pub(super) fn read_kernel(&self, socket: BorrowedFd<'_>) {
        // Without an answer the counts stay as they were.
        let Ok(counted) = xdp_statistics(socket) else { return };
        let no_place = counted.rx_fill_ring_empty_descs.unwrap_or_default();
        let counts = [
            // Frames without a place are among them (`__xsk_rcv` in the kernel's net/xdp/xsk.c).
            counted.rx_dropped.saturating_sub(no_place),
            counted.rx_invalid_descs,
            counted.tx_invalid_descs,
            counted.rx_ring_full.unwrap_or_default(),
            no_place,
            counted.tx_ring_empty_descs.unwrap_or_default(),
        ];
        for (counter, count) in self.kernel.iter().zip(counts) {
            // The kernel counts on between the two that are subtracted: no count goes back.
            counter.store(count.max(counter.load(Relaxed)), Relaxed);
        }
    }

    fn read(&self) -> XdpQueueCounters {
        let [rx_dropped, rx_invalid_descs, tx_invalid_descs, full, empty, tx_ring_empty] =
            self.kernel.each_ref().map(|count| count.load(Relaxed));
        let reasons = FrameRefusal::ALL.iter().zip(&self.refused);
        XdpQueueCounters {
            queue: self.queue,
            udp: self.udp.read(),
            refused: reasons.map(|(why, count)| (why.name(), count.load(Relaxed))).collect(),
            kernel: XdpStatistics {
                rx_dropped,
                rx_invalid_descs,
                tx_invalid_descs,
                rx_ring_full: full,
                rx_fill_ring_empty: empty,
                tx_ring_empty,
            },
        }
    }
}
