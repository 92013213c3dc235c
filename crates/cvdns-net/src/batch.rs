//! A batch of datagrams: received, answered in place and sent together.

use std::io;
use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::counters::{UdpTally, add_own};
use super::mmsg::{Datagram, Ring};
use super::responder::{Responder, Transport};

/// The slots of one worker and what it does with them.
pub(super) struct Batch {
    ring: Ring,
    received: usize,
    next: usize,
}

/// How a reception ended.
pub(super) enum Reception {
    /// There is something to answer.
    Some,
    /// Nothing came in time, or a signal did.
    None,
    /// The socket failed.
    Failed(io::Error),
}

/// How answering a batch ended.
#[derive(PartialEq, Eq)]
pub(super) enum Answering {
    /// All of it was gone through.
    Done,
    /// The responder panicked. Its query is dropped; what came after it is still to be answered.
    Panicked,
}

impl Batch {
    /// Makes an empty batch; see [`Ring::new`] for `packet_info`.
    pub(super) fn new(packet_info: bool) -> Self {
        Self { ring: Ring::new(packet_info), received: 0, next: 0 }
    }

    /// Takes what the socket has, waiting for the first datagram if so asked.
    pub(super) fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        wait: bool,
        tally: &UdpTally,
    ) -> Reception {
        self.next = 0;
        self.received = 0;
        match self.ring.receive(socket, wait) {
            Ok(0) => Reception::None,
            Ok(count) => {
                self.received = count;
                add_own(&tally.received, count as u64);
                add_own(&tally.batches, 1);
                Reception::Some
            }
            Err(error) if is_nothing(&error) => Reception::None,
            Err(error) => {
                add_own(&tally.receive_errors, 1);
                Reception::Failed(error)
            }
        }
    }

    /// Whether something received is not yet gone through.
    pub(super) fn is_unfinished(&self) -> bool {
        self.next < self.received
    }

    /// Answers what was received and is not yet gone through.
    pub(super) fn answer(&mut self, responder: &mut impl Responder, tally: &UdpTally) -> Answering {
        let first = self.next;
        // Whatever a panic leaves half done is the responder's, which the caller replaces, or the slot's,
        // which is skipped.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            responder.refresh();
            responder.expect((first..self.received).map(|slot| self.ring.query(slot)));
            for slot in first..self.received {
                self.next = slot.saturating_add(1);
                self.answer_one(slot, slot.saturating_sub(first), responder, tally);
            }
        }));
        if outcome.is_ok() {
            return Answering::Done;
        }
        // A responder that cannot even refresh must not keep the batch for ever.
        self.next = self.next.max(first.saturating_add(1));
        add_own(&tally.panics, 1);
        Answering::Panicked
    }

    fn answer_one(
        &mut self,
        slot: usize,
        number: usize,
        responder: &mut impl Responder,
        tally: &UdpTally,
    ) {
        match self.ring.datagram(slot) {
            Some(Datagram::Query { message, client }) => {
                let length = message.len();
                let answer = self.ring.buffer(slot).and_then(|buffer| {
                    let room = buffer.len();
                    let answer =
                        responder.respond_expected(number, buffer, length, client, Transport::Udp);
                    answer.filter(|answer| *answer <= room)
                });
                match answer {
                    Some(length) => self.ring.stage(slot, length),
                    None => add_own(&tally.dropped, 1),
                }
            }
            Some(Datagram::Oversized) => add_own(&tally.dropped, 1),
            Some(Datagram::Unanswerable) => add_own(&tally.unanswerable, 1),
            None => {}
        }
    }

    /// Sends the answers. One that the system refuses is counted and skipped.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>, tally: &UdpTally) {
        let mut next = 0;
        let mut answered = 0;
        while next < self.ring.staged() {
            match self.ring.send(socket, next) {
                Ok(0) => break,
                Ok(count) => {
                    next = next.saturating_add(count);
                    answered += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The interface has been full for a whole send timeout: the rest would wait as long each, and
                // its clients have asked again by then.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    add_own(&tally.send_errors, self.ring.staged().saturating_sub(next) as u64);
                    break;
                }
                Err(_) => {
                    add_own(&tally.send_errors, 1);
                    next = next.saturating_add(1);
                }
            }
        }
        add_own(&tally.answered, answered);
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
