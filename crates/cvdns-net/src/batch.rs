//! A batch of datagrams: received together, answered in place, and sent together.

use std::io;
use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::counters::{UdpTally, add_unshared};
use super::datagrams::{Datagram, Datagrams};
use super::responder::{Responder, Transport};

/// The batch of one worker.
pub(super) struct Batch<D> {
    ring: D,
    received: usize,
    next: usize,
    /// Whether each query is read when it is answered, and not together with the others: one of
    /// this batch made the responder panic.
    one_by_one: bool,
}

/// The outcome of receiving a batch.
pub(super) enum ReceiveOutcome {
    /// There are datagrams to answer.
    Received,
    /// There was no datagram within the timeout, or a signal interrupted the call.
    Nothing,
    /// The socket failed.
    Failed(io::Error),
}

/// The outcome of answering a batch.
#[derive(PartialEq, Eq)]
pub(super) enum BatchOutcome {
    /// All datagrams were processed.
    Done,
    /// The responder panicked at a query and must be replaced. The query is dropped; those after it
    /// are still to be answered.
    Panicked,
}

impl<D: Datagrams> Batch<D> {
    /// An empty batch with these slots.
    pub(super) fn new(ring: D) -> Self {
        Self { ring, received: 0, next: 0, one_by_one: false }
    }

    /// Receives the datagrams that the socket has. With `wait`, waits for the first one.
    pub(super) fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        wait: bool,
        tally: &UdpTally,
    ) -> ReceiveOutcome {
        self.next = 0;
        self.received = 0;
        self.one_by_one = false;
        match self.ring.receive(socket, wait) {
            Ok(0) => ReceiveOutcome::Nothing,
            Ok(count) => {
                self.received = count;
                add_unshared(&tally.received, count as u64);
                add_unshared(&tally.batches, 1);
                ReceiveOutcome::Received
            }
            Err(error) if is_transient(&error) => ReceiveOutcome::Nothing,
            Err(error) => {
                add_unshared(&tally.receive_errors, 1);
                ReceiveOutcome::Failed(error)
            }
        }
    }

    /// Whether datagrams are still to be processed.
    pub(super) fn is_unfinished(&self) -> bool {
        self.next < self.received
    }

    /// Answers the datagrams that are still to be processed.
    ///
    /// A panic at a query is caught: anybody can send a query, and whoever found one that makes the
    /// responder panic could otherwise end the server at will. A panic in [`Responder::refresh`]
    /// concerns every query, and is not caught.
    pub(super) fn answer(
        &mut self,
        responder: &mut impl Responder,
        tally: &UdpTally,
    ) -> BatchOutcome {
        let first = self.next;
        responder.refresh();
        // A panic can leave the responder or a slot half changed: the caller replaces the
        // responder, and the slot is skipped.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if !self.one_by_one {
                responder.read_batch((first..self.received).map(|slot| self.ring.query(slot)));
            }
            let wants_destination = responder.wants_destination();
            for slot in first..self.received {
                self.next = slot.saturating_add(1);
                if wants_destination {
                    responder.set_destination(self.ring.destination(slot));
                }
                self.answer_one(slot, slot.saturating_sub(first), responder, tally);
            }
        }));
        if outcome.is_ok() {
            return BatchOutcome::Done;
        }
        // If the panic was in `read_batch`, no slot is skipped, as it is not known which one is to
        // blame. From now on each call skips at least one.
        self.one_by_one = true;
        add_unshared(&tally.panics, 1);
        BatchOutcome::Panicked
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
                let (length, one_by_one) = (message.len(), self.one_by_one);
                let answer = self.ring.buffer(slot).and_then(|buffer| {
                    let room = buffer.len();
                    let by = Transport::Udp;
                    let answer = if one_by_one {
                        responder.respond(buffer, length, client, by)
                    } else {
                        responder.respond_in_batch(number, buffer, length, client, by)
                    };
                    answer.filter(|answer| *answer <= room)
                });
                match answer {
                    Some(length) if self.ring.stage(slot, length) => {}
                    _ => add_unshared(&tally.dropped, 1),
                }
            }
            Some(Datagram::Oversized) => add_unshared(&tally.dropped, 1),
            Some(Datagram::Refused(refusal)) => add_unshared(tally.refused(refusal), 1),
            None => {}
        }
    }

    /// Whether answers are still to be sent.
    pub(super) fn has_unsent(&self) -> bool {
        self.ring.staged() > 0
    }

    /// Sends the answers. An answer that the system refuses is counted and skipped.
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
                // The interface was full for a whole send timeout. Each further answer would wait
                // as long, and its client will have retried by then.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    add_unshared(
                        &tally.send_errors,
                        self.ring.staged().saturating_sub(next) as u64,
                    );
                    break;
                }
                Err(_) => {
                    add_unshared(&tally.send_errors, 1);
                    next = next.saturating_add(1);
                }
            }
        }
        add_unshared(&tally.answered, answered);
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
