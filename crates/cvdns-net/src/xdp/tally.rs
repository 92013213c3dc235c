//! Counters of the queues, and what has become of the interfaces.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::net::sockopt::xdp_statistics;

use super::super::counters::{UdpCounters, UdpTally, add_unshared};
use super::attachment::Attachment;
use super::frame::FrameRefusal;
use super::status::{XdpMode, XdpQueueCounters, XdpStatistics, XdpStatus};

/// An interface of `[xdp]`.
#[derive(Debug)]
pub(crate) struct InterfaceTally {
    name: String,
    mode: XdpMode,
    pub(super) queues: Vec<Arc<QueueTally>>,
    /// What says whether it is served.
    attachment: Weak<Attachment>,
    reasons: Mutex<Reasons>,
}

/// Why an interface is not served, or not in full, for people.
#[derive(Debug, Default)]
struct Reasons {
    /// Why it is not served at all.
    trouble: Option<String>,
    /// Why some of its queues have not been served from the start.
    missing: Option<String>,
    /// That it has more queues than at the start.
    more: Option<String>,
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
        let (attachment, reasons) = (Weak::new(), Mutex::default());
        Self { name, mode, queues, attachment, reasons }
    }

    /// Ties it to what says whether the interface is served.
    pub(super) fn with_attachment(self, attachment: &Arc<Attachment>) -> Self {
        Self { attachment: Arc::downgrade(attachment), ..self }
    }

    pub(super) fn mode(&self) -> XdpMode {
        self.mode
    }

    /// Says why the interface is not served at all; `None` if nothing is wrong with it.
    pub(super) fn set_trouble(&self, reason: Option<String>) {
        self.reasons().trouble = reason;
    }

    /// Says why some of its queues have not been served from the start.
    pub(super) fn set_missing(&self, reason: Option<String>) {
        self.reasons().missing = reason;
    }

    /// Says that it has more queues than at the start; `None` if it has not.
    pub(super) fn set_more_queues(&self, reason: Option<String>) {
        self.reasons().more = reason;
    }

    fn reasons(&self) -> MutexGuard<'_, Reasons> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why it is not served, or not in full. Which of them is what the program in the kernel does.
    fn fallback(&self) -> Option<String> {
        let attachment = self.attachment.upgrade();
        let is_served = attachment.is_some_and(|attachment| attachment.is_serving());
        let reasons = self.reasons();
        let in_part = reasons.missing.as_ref().or(reasons.more.as_ref());
        if is_served {
            return in_part.map(|reason| format!("in part: {reason}"));
        }
        let reason = reasons.trouble.as_ref().or(in_part).cloned();
        reason.or_else(|| Some("the server is starting or stopping".to_owned()))
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
            fallback: self.fallback(),
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
