//! One socket's queries between sending and answer.

use std::net::UdpSocket;

use crate::deck::{Card, Deck};
use crate::server::{BUFFER, connected};
use crate::system::{self, Batch, WIDTH};

/// Queries that one socket has under way at most. A power of two, so that ids, which wrap at one, find their slots.
const SLOTS: usize = 2048;

/// A connected socket and what it waits for.
pub struct Flight {
    pub socket: UdpSocket,
    next_id: u16,
    slots: Vec<Option<Pending>>,
    pub under_way: usize,
    /// When an answer came last, in nanoseconds since the start.
    last: u64,
}

#[derive(Clone, Copy)]
struct Pending {
    id: u16,
    /// Nanoseconds since the start.
    sent: u64,
    card: Card,
}

/// What has been counted so far.
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

impl Flight {
    pub fn new(port: u16) -> Self {
        let socket = connected(port);
        socket.set_nonblocking(true).expect("a socket that does not block");
        let options = socket2::SockRef::from(&socket);
        let _ = options.set_recv_buffer_size(BUFFER);
        let _ = options.set_send_buffer_size(BUFFER);
        Self { socket, next_id: 1, slots: vec![None; SLOTS], under_way: 0, last: 0 }
    }

    /// Sends the next `count` queries of the deck, [`WIDTH`] at most.
    pub fn send(&mut self, deck: &mut Deck, count: usize, now: u64, tally: &mut Tally) {
        let count = count.min(WIDTH).min(SLOTS - self.under_way.min(SLOTS));
        for ahead in 0..count {
            let id = self.next_id.wrapping_add(ahead as u16);
            deck.set_id(deck.card(ahead), id);
        }
        let mut packets: [&[u8]; WIDTH] = [&[]; WIDTH];
        for (ahead, packet) in packets.iter_mut().enumerate().take(count) {
            *packet = deck.packet(deck.card(ahead));
        }
        let sent = system::send(&self.socket, &packets[..count]);
        for ahead in 0..sent {
            let (id, card) = (self.next_id, deck.card(ahead));
            self.slots[usize::from(id) % SLOTS] = Some(Pending { id, sent: now, card });
            self.next_id = id.wrapping_add(1);
        }
        deck.advance(sent);
        if self.under_way == 0 {
            self.last = now;
        }
        self.under_way += sent;
        tally.sent += sent as u64;
    }

    /// Takes what has come; `false` when nothing has.
    pub fn receive(
        &mut self,
        batch: &mut Batch,
        judge: bool,
        now: impl Fn() -> u64,
        tally: &mut Tally,
    ) -> bool {
        let count = batch.receive(&self.socket, false);
        if count == 0 {
            return false;
        }
        self.last = now();
        for slot in 0..count {
            self.settle(batch.datagram(slot), judge, tally);
        }
        true
    }

    fn settle(&mut self, answer: &[u8], judge: bool, tally: &mut Tally) {
        let [high, low, flags, rcode, _, _, _, answers, _, _, _, _, ..] = answer else {
            tally.wrong += 1;
            return;
        };
        let id = u16::from_be_bytes([*high, *low]);
        let slot = &mut self.slots[usize::from(id) % SLOTS];
        let Some(pending) = slot.take_if(|pending| pending.id == id) else {
            tally.wrong += 1;
            return;
        };
        self.under_way = self.under_way.saturating_sub(1);
        let as_expected = rcode & 15 == pending.card.rcode && *answers >= pending.card.least;
        if flags & 0x80 == 0 || judge && !as_expected {
            tally.wrong += 1;
            return;
        }
        tally.answered += 1;
        tally.octets += answer.len() as u64;
        tally.latencies.push(u32::try_from(self.last - pending.sent).unwrap_or(u32::MAX));
    }

    /// Gives up on queries when no answer came for `patience` nanoseconds.
    pub fn give_up(&mut self, now: u64, patience: u64) {
        if self.under_way > 0 && now.saturating_sub(self.last) > patience {
            self.under_way = 0;
        }
    }
}
