//! A client socket and its outstanding queries.

use std::net::UdpSocket;

use crate::query_set::{QueryEntry, QuerySet};
use crate::server::{BUFFER, connected};
use crate::system::{self, Batch, WIDTH};

/// Most outstanding queries of one socket. A power of two, as message IDs wrap at one: the ID
/// modulo this number is the slot.
const MAX_OUTSTANDING: usize = 2048;

/// A connected socket and its outstanding queries.
pub struct ClientSocket {
    pub socket: UdpSocket,
    next_id: u16,
    slots: Vec<Option<Pending>>,
    pub outstanding: usize,
    /// Time of the last answer, in nanoseconds since the start.
    last: u64,
}

#[derive(Clone, Copy)]
struct Pending {
    id: u16,
    /// Nanoseconds since the start.
    sent: u64,
    entry: QueryEntry,
}

/// Counts of queries and answers.
#[derive(Default)]
pub struct Tally {
    pub sent: u64,
    pub answered: u64,
    pub wrong: u64,
    /// Octets of the right answers.
    pub octets: u64,
    /// Nanoseconds from sending to receiving, one for each right answer.
    pub latencies: Vec<u32>,
}

impl ClientSocket {
    pub fn new(port: u16) -> Self {
        let socket = connected(port);
        socket.set_nonblocking(true).expect("a socket that does not block");
        let options = socket2::SockRef::from(&socket);
        let _ = options.set_recv_buffer_size(BUFFER);
        let _ = options.set_send_buffer_size(BUFFER);
        Self { socket, next_id: 1, slots: vec![None; MAX_OUTSTANDING], outstanding: 0, last: 0 }
    }

    /// Sends the next `count` queries of the set, at most [`WIDTH`].
    pub fn send(&mut self, queries: &mut QuerySet, count: usize, now: u64, tally: &mut Tally) {
        let count = count.min(WIDTH).min(MAX_OUTSTANDING - self.outstanding.min(MAX_OUTSTANDING));
        for ahead in 0..count {
            let id = self.next_id.wrapping_add(ahead as u16);
            queries.set_id(queries.entry(ahead), id);
        }
        let mut packets: [&[u8]; WIDTH] = [&[]; WIDTH];
        for (ahead, packet) in packets.iter_mut().enumerate().take(count) {
            *packet = queries.packet(queries.entry(ahead));
        }
        let sent = system::send(&self.socket, &packets[..count]);
        for ahead in 0..sent {
            let (id, entry) = (self.next_id, queries.entry(ahead));
            self.slots[usize::from(id) % MAX_OUTSTANDING] = Some(Pending { id, sent: now, entry });
            self.next_id = id.wrapping_add(1);
        }
        queries.advance(sent);
        if self.outstanding == 0 {
            self.last = now;
        }
        self.outstanding += sent;
        tally.sent += sent as u64;
    }

    /// Receives a batch of answers; false if there was none.
    pub fn receive(
        &mut self,
        batch: &mut Batch,
        check_answers: bool,
        now: impl Fn() -> u64,
        tally: &mut Tally,
    ) -> bool {
        let count = batch.receive(&self.socket, false);
        if count == 0 {
            return false;
        }
        self.last = now();
        for slot in 0..count {
            self.settle(batch.datagram(slot), check_answers, tally);
        }
        true
    }

    fn settle(&mut self, answer: &[u8], check_answers: bool, tally: &mut Tally) {
        let [high, low, flags, rcode, _, _, _, answers, _, _, _, _, ..] = answer else {
            tally.wrong += 1;
            return;
        };
        let id = u16::from_be_bytes([*high, *low]);
        let slot = &mut self.slots[usize::from(id) % MAX_OUTSTANDING];
        let Some(pending) = slot.take_if(|pending| pending.id == id) else {
            tally.wrong += 1;
            return;
        };
        self.outstanding = self.outstanding.saturating_sub(1);
        let as_expected = rcode & 15 == pending.entry.rcode && *answers >= pending.entry.least;
        if flags & 0x80 == 0 || check_answers && !as_expected {
            tally.wrong += 1;
            return;
        }
        tally.answered += 1;
        tally.octets += answer.len() as u64;
        tally.latencies.push(u32::try_from(self.last - pending.sent).unwrap_or(u32::MAX));
    }

    /// Gives up on queries when no answer came for `patience` nanoseconds.
    pub fn give_up(&mut self, now: u64, patience: u64) {
        if self.outstanding > 0 && now.saturating_sub(self.last) > patience {
            self.outstanding = 0;
        }
    }
}
