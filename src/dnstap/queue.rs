//! Where queries and answers wait for the thread that sends them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use super::state::DnstapState;
use super::tapped::Tapped;

/// The queue as the threads see that answer. Adding to it never waits.
#[derive(Debug, Clone)]
pub struct TapQueue {
    sender: SyncSender<Tapped>,
    state: Arc<DnstapState>,
}

/// The other end of the queue.
#[derive(Debug)]
pub(super) struct Waiting {
    receiver: Receiver<Tapped>,
    state: Arc<DnstapState>,
}

/// Queries that may wait, which is a hundredth of a second of 800,000 queries a second.
const QUEUE_LENGTH: usize = 8192;

/// Octets of DNS messages that may wait. Those of usual length never take so many, but answers over
/// TCP may have 64 KiB.
const MAX_OCTETS: usize = 16 << 20;

/// A queue with its two ends.
pub(super) fn queue(state: &Arc<DnstapState>) -> (TapQueue, Waiting) {
    let (sender, receiver) = sync_channel(QUEUE_LENGTH);
    (TapQueue { sender, state: state.clone() }, Waiting { receiver, state: state.clone() })
}

impl TapQueue {
    /// Counts a message of which the system gave no memory for a copy.
    pub fn out_of_memory(&self) {
        self.state.dropped_no_memory.fetch_add(1, Relaxed);
    }

    /// Adds a query with its answer, or drops and counts it if there is no room or no collector.
    pub fn push(&self, tapped: Tapped) {
        let (messages, octets) = (tapped.messages(), tapped.octets());
        if self.state.is_deserted.load(Relaxed) {
            self.state.dropped_no_collector.fetch_add(messages, Relaxed);
            return;
        }
        let waiting = self.state.waiting.fetch_add(octets, Relaxed).saturating_add(octets);
        if waiting > MAX_OCTETS || self.sender.try_send(tapped).is_err() {
            self.state.waiting.fetch_sub(octets, Relaxed);
            self.state.dropped_queue_full.fetch_add(messages, Relaxed);
        }
    }
}

impl Waiting {
    /// Waits for the next one.
    pub(super) fn next(&self, time: Duration) -> Result<Tapped, RecvTimeoutError> {
        self.receiver.recv_timeout(time).inspect(|tapped| self.taken(tapped))
    }

    /// Takes the next one if there is one. The error tells whether more can come.
    pub(super) fn try_next(&self) -> Result<Tapped, TryRecvError> {
        self.receiver.try_recv().inspect(|tapped| self.taken(tapped))
    }

    fn taken(&self, tapped: &Tapped) {
        self.state.waiting.fetch_sub(tapped.octets(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use cvdns_core::answer::Transport;
    use std::time::UNIX_EPOCH;

    fn tapped(octets: usize) -> Tapped {
        Tapped {
            query: Some(vec![0; 1].into()),
            response: Some(vec![0; octets - 1].into()),
            client: "192.0.2.1:53".parse().unwrap(),
            server: None,
            transport: Transport::Tcp,
            asked: UNIX_EPOCH,
            answered: UNIX_EPOCH,
        }
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        for (octets, room) in [(100, QUEUE_LENGTH), (64 << 10, MAX_OCTETS / (64 << 10))] {
            let state = Arc::default();
            let (queue, waiting) = queue(&state);
            for _ in 0..room + 3 {
                queue.push(tapped(octets));
            }
            // A query and an answer each.
            assert_eq!(state.dropped_queue_full.load(Relaxed), 6);
            assert_eq!(state.waiting.load(Relaxed), room * octets);
            let taken = std::iter::from_fn(|| waiting.try_next().ok()).count();
            assert_eq!((taken, state.waiting.load(Relaxed)), (room, 0));
            // There is room again.
            queue.push(tapped(octets));
            assert!(waiting.next(Duration::ZERO).is_ok());
            assert_eq!(state.dropped(), 6);
        }
    }

    #[test]
    fn nothing_waits_for_a_collector_that_is_long_gone() {
        let state: Arc<DnstapState> = Arc::default();
        let (queue, waiting) = queue(&state);
        state.is_deserted.store(true, Relaxed);
        queue.push(tapped(100));
        assert_eq!(state.dropped_no_collector.load(Relaxed), 2);
        assert_eq!(waiting.try_next().err(), Some(TryRecvError::Empty));
        drop(queue);
        assert_eq!(waiting.try_next().err(), Some(TryRecvError::Disconnected));
    }
}
