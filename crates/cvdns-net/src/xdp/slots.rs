//! The slots of an AF_XDP socket: each holds a frame with a query, which becomes its answer.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::super::counters::add_unshared;
use super::super::datagrams::{BATCH_SIZE, Datagram, Datagrams};
use super::super::limits::RECEIVE_TIMEOUT;
use super::super::source_filter::{Refusal, SourceFilter};
use super::frame::{FrameRefusal, Query, Received, read, write_reply};
use super::interface::Interface;
use super::memory::Frames;
use super::sources::ImpossibleSources;
use super::tally::QueueTally;

/// The frames of a queue as slots.
pub(super) struct FrameSlots {
    frames: Frames,
    slots: [Slot; BATCH_SIZE],
    filter: SourceFilter,
    impossible: ImpossibleSources,
    /// Most octets of an IP packet.
    mtu: usize,
    tally: Arc<QueueTally>,
    /// How many slots are filled.
    filled: usize,
    /// Answers that the kernel has not taken.
    unsent: usize,
    /// Those among them that the next wait sends. They are counted as sent already.
    left_to_wait: usize,
    /// Most answers that a wait sends.
    sent_by_wait: usize,
    /// Whether the kernel takes none, as the interface is down.
    is_down: bool,
    /// Batches since the kernel's own counts were read.
    batches: u32,
}

/// What is in a slot.
#[derive(Clone, Default)]
enum Slot {
    #[default]
    Empty,
    /// A query, in the frame with this number.
    Query(usize, Query),
    /// A datagram that gets no answer.
    Refused(Refusal),
}

/// Most times that a call looks for frames before it returns, if all that it finds are refused:
/// whoever sends such frames without end must not keep the worker from its other duties.
const LOOKS: usize = 16;

/// How long a worker waits for frames while answers wait for the kernel to take them.
const UNSENT_WAIT: Duration = Duration::from_millis(1);

/// How long the wait that sends answers may last. If it has not sent them all, as the interface was
/// full, they are tried again then.
const SENDING_WAIT: Duration = Duration::from_millis(5);

/// Calls for sending without effect after which the answers wait for the next batch.
const SEND_TRIES: usize = 3;

/// Batches after which the kernel's own counts are read: often enough to be true, and too seldom to
/// cost anything.
const COUNT_EVERY: u32 = 256;

impl FrameSlots {
    /// Slots for these frames of an interface.
    pub(super) fn new(
        frames: Frames,
        filter: SourceFilter,
        interface: &Interface,
        tally: Arc<QueueTally>,
    ) -> Self {
        let slots = std::array::from_fn(|_| Slot::Empty);
        let (impossible, mtu) = (interface.impossible.clone(), interface.mtu as usize);
        let sent_by_wait = frames.sent_by_call();
        Self {
            frames,
            slots,
            filter,
            impossible,
            mtu,
            tally,
            filled: 0,
            unsent: 0,
            left_to_wait: 0,
            sent_by_wait,
            is_down: false,
            batches: 0,
        }
    }

    /// Fills the slots with what was received, and returns how many are filled. Frames that hold no
    /// datagram are counted and given back.
    fn fill(&mut self) -> usize {
        let taken = self.frames.take();
        self.filled = 0;
        for number in 0..taken {
            let Some(frame) = self.frames.frame(number) else { continue };
            let slot = match read(frame) {
                Received::Query(query) if !self.impossible.contains(query.client.ip()) => {
                    match self.filter.refuse(query.client, Some(query.server.ip())) {
                        None => Slot::Query(number, query),
                        Some(refusal) => Slot::Refused(refusal),
                    }
                }
                Received::Query(_) => {
                    self.refuse(number, FrameRefusal::Address);
                    continue;
                }
                Received::Refused(refusal) => {
                    self.refuse(number, refusal);
                    continue;
                }
            };
            if let Some(place) = self.slots.get_mut(self.filled) {
                *place = slot;
                self.filled = self.filled.saturating_add(1);
            }
        }
        self.filled
    }

    fn refuse(&mut self, number: usize, refusal: FrameRefusal) {
        self.tally.refuse(refusal);
        self.frames.give_back(number);
    }

    /// Empties the slots. Their frames are given back by the next call of [`Frames::take`].
    fn empty(&mut self) {
        for slot in self.slots.iter_mut().take(self.filled) {
            *slot = Slot::Empty;
        }
        self.filled = 0;
        self.note_unsent();
    }

    fn count(&mut self, socket: BorrowedFd<'_>, now: bool) {
        self.batches = self.batches.wrapping_add(1);
        if now || self.batches >= COUNT_EVERY {
            self.batches = 0;
            self.tally.read_kernel(socket);
        }
    }
}

impl Datagrams for FrameSlots {
    fn receive(&mut self, socket: BorrowedFd<'_>, wait: bool) -> io::Result<usize> {
        self.empty();
        self.count(socket, false);
        let mut wait = wait;
        for _ in 0..LOOKS {
            let filled = self.fill();
            if filled > 0 {
                self.send_what_was_left(socket);
                return Ok(filled);
            }
            if !std::mem::take(&mut wait) {
                self.send_what_was_left(socket);
                break;
            }
            if !self.wait_and_send(socket)? {
                self.count(socket, true);
                break;
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn datagram(&self, slot: usize) -> Option<Datagram<'_>> {
        match self.slots.get(slot)? {
            Slot::Empty => None,
            Slot::Refused(refusal) => Some(Datagram::Refused(*refusal)),
            Slot::Query(number, query) => {
                let message = self.frames.frame(*number)?.get(query.message.clone())?;
                Some(Datagram::Query { message, client: query.client })
            }
        }
    }

    fn destination(&self, slot: usize) -> Option<SocketAddr> {
        match self.slots.get(slot)? {
            Slot::Query(_, query) => Some(query.server),
            Slot::Empty | Slot::Refused(_) => None,
        }
    }

    /// Answers that do not fit into one packet are truncated, as by too small a buffer. A query may
    /// be as long as a packet, and its answer needs some room.
    fn buffer(&mut self, slot: usize) -> Option<&mut [u8]> {
        let Slot::Query(number, query) = self.slots.get(slot)? else { return None };
        let headers = query.message.start.saturating_sub(ETHERNET);
        let most = self.mtu.saturating_sub(headers).max(query.message.len().saturating_add(1));
        let frame = self.frames.whole_frame(*number)?.get_mut(query.message.start..)?;
        let length = frame.len().min(most);
        frame.get_mut(..length)
    }

    fn stage(&mut self, slot: usize, length: usize) -> bool {
        let Some(Slot::Query(number, query)) = self.slots.get(slot) else { return false };
        let Some(frame) = self.frames.whole_frame(*number) else { return false };
        let Some(length) = write_reply(frame, query, length, self.mtu) else { return false };
        let is_staged = self.frames.hand_over(*number, length);
        self.unsent = self.unsent.saturating_add(usize::from(is_staged));
        is_staged
    }

    fn staged(&self) -> usize {
        self.unsent
    }

    /// Leaves the answers to the wait for the next frames if that sends as many: a system call is
    /// much of what an answer in a small batch costs. What the kernel does not take stays in the
    /// ring for the next batch.
    fn send(&mut self, socket: BorrowedFd<'_>, _from: usize) -> io::Result<usize> {
        self.frames.publish();
        let waiting = self.frames.unsent();
        if self.left_to_wait == 0 && waiting <= self.sent_by_wait && !self.is_down {
            self.left_to_wait = waiting;
            return Ok(waiting);
        }
        for _ in 0..SEND_TRIES {
            let taken = self.send_some(socket);
            // The oldest come first.
            let counted = taken.min(self.left_to_wait);
            self.left_to_wait = self.left_to_wait.saturating_sub(counted);
            if taken > counted {
                return Ok(taken.saturating_sub(counted));
            }
            if self.is_down {
                break;
            }
        }
        Ok(0)
    }
}

impl FrameSlots {
    /// Has the kernel take answers, and returns how many it took.
    fn send_some(&mut self, socket: BorrowedFd<'_>) -> usize {
        let before = self.frames.unsent();
        let error = send(socket, &[], SendFlags::DONTWAIT).err();
        let taken = before.saturating_sub(self.frames.unsent());
        if taken > 0 {
            // The driver has taken the last of them and lost it.
            let is_lost = error == Some(Errno::BUSY);
            add_unshared(&self.tally.udp.send_errors, u64::from(is_lost));
        }
        // The interface may be down, or gone.
        self.is_down =
            taken == 0 && matches!(error, Some(Errno::NETDOWN | Errno::NXIO | Errno::NODEV));
        taken
    }

    /// Sends the answers that were left to a wait, as there is none.
    fn send_what_was_left(&mut self, socket: BorrowedFd<'_>) {
        if self.left_to_wait > 0 {
            self.send_some(socket);
            self.note_unsent();
        }
    }

    /// Waits for frames, and returns whether there are any. In copy mode the kernel sends what is
    /// in the ring before it waits (`xsk_poll` in net/xdp/xsk.c).
    fn wait_and_send(&mut self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        let limit = match (self.left_to_wait, self.unsent) {
            _ if self.is_down => RECEIVE_TIMEOUT,
            (1.., _) => SENDING_WAIT,
            (0, 1..) => UNSENT_WAIT,
            (0, 0) => RECEIVE_TIMEOUT,
        };
        let has_frames = wait_for_frames(socket, limit)?;
        self.note_unsent();
        Ok(has_frames)
    }

    /// Notes what the kernel has taken meanwhile.
    fn note_unsent(&mut self) {
        self.unsent = self.frames.unsent();
        self.left_to_wait = self.left_to_wait.min(self.unsent);
    }
}

/// Octets of an Ethernet header.
const ETHERNET: usize = 14;

/// Waits for a frame for so long, and returns whether there is one.
///
/// It is poll(2) with milliseconds: ppoll(2) also copies its limit to the kernel and what is left
/// of it back, which an answer in a small batch pays for.
fn wait_for_frames(socket: BorrowedFd<'_>, limit: Duration) -> io::Result<bool> {
    let mut wanted = [PollFd::new(socket, PollFlags::POLLIN)];
    let limit = PollTimeout::try_from(limit).map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(poll(&mut wanted, limit)? > 0)
}
