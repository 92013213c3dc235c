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
        let (filled, unsent, is_down, batches) = (0, 0, false, 0);
        let (impossible, mtu) = (interface.impossible.clone(), interface.mtu as usize);
        Self { frames, slots, filter, impossible, mtu, tally, filled, unsent, is_down, batches }
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
        self.unsent = self.frames.unsent();
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
                return Ok(filled);
            }
            if !std::mem::take(&mut wait) {
                break;
            }
            let is_soon = self.unsent > 0 && !self.is_down;
            let limit = if is_soon { UNSENT_WAIT } else { RECEIVE_TIMEOUT };
            if !wait_for_frames(socket, limit)? {
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

    /// The kernel takes up to 32 frames a call, and then wants another call. What it does not take
    /// stays in the ring for the next batch.
    fn send(&mut self, socket: BorrowedFd<'_>, _from: usize) -> io::Result<usize> {
        self.frames.publish();
        let before = self.frames.unsent();
        for _ in 0..SEND_TRIES {
            let error = send(socket, &[], SendFlags::DONTWAIT).err();
            let taken = before.saturating_sub(self.frames.unsent());
            if taken > 0 {
                // The driver has taken the last of them and lost it.
                let is_lost = error == Some(Errno::BUSY);
                add_unshared(&self.tally.udp.send_errors, u64::from(is_lost));
                self.is_down = false;
                return Ok(taken);
            }
            // The interface may be down, or gone.
            self.is_down = matches!(error, Some(Errno::NETDOWN | Errno::NXIO | Errno::NODEV));
            if self.is_down {
                break;
            }
        }
        Ok(0)
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
