//! How many TCP connections there are, and which one goes when there is no room.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The places for connections of all listeners together.
#[derive(Debug)]
pub(super) struct Room {
    limit: usize,
    seats: Mutex<HashMap<u64, Arc<Seat>>>,
    next_key: AtomicU64,
    /// Counts up whenever a connection falls idle. The lowest number has been idle longest: an order without
    /// a clock.
    turn: AtomicU64,
}

/// One connection's place, given back when dropped.
#[derive(Debug)]
pub(super) struct Guest {
    room: Arc<Room>,
    key: u64,
    seat: Arc<Seat>,
}

/// How an entry was granted.
#[derive(Debug)]
pub(super) enum Entry {
    /// There was room.
    Free(Guest),
    /// The connection that had been idle longest was asked to leave.
    InPlaceOfAnother(Guest),
    /// All places are taken by busy connections.
    Full,
}

#[derive(Debug)]
struct Seat {
    idle_since: AtomicU64,
    leave: Notify,
}

const BUSY: u64 = u64::MAX;

impl Room {
    /// Makes room for `limit` connections, for one at least.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit: limit.max(1),
            seats: Mutex::default(),
            next_key: AtomicU64::new(0),
            turn: AtomicU64::new(0),
        })
    }

    /// Gives a place to a new connection, if need be that of an idle one. A new connection is idle.
    pub(super) fn enter(self: &Arc<Self>) -> Entry {
        let mut seats = self.seats();
        let full = seats.len() >= self.limit;
        if full && !Self::evict(&mut seats) {
            return Entry::Full;
        }
        let key = self.next_key.fetch_add(1, Relaxed);
        let idle_since = AtomicU64::new(self.turn.fetch_add(1, Relaxed));
        let seat = Arc::new(Seat { idle_since, leave: Notify::new() });
        seats.insert(key, seat.clone());
        let guest = Guest { room: self.clone(), key, seat };
        if full { Entry::InPlaceOfAnother(guest) } else { Entry::Free(guest) }
    }

    /// Closes the connection that has been idle longest; false when none is idle.
    pub(super) fn make_room(&self) -> bool {
        Self::evict(&mut self.seats())
    }

    fn evict(seats: &mut HashMap<u64, Arc<Seat>>) -> bool {
        let longest = seats
            .iter()
            .map(|(key, seat)| (seat.idle_since.load(Relaxed), *key))
            .filter(|(since, _)| *since != BUSY)
            .min();
        let Some(seat) = longest.and_then(|(_, key)| seats.remove(&key)) else { return false };
        seat.leave.notify_one();
        true
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<u64, Arc<Seat>>> {
        // Nothing can panic between two changes of the map, so a poisoned one is whole.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Notes that the connection has nothing to do: it may be asked to leave.
    pub(super) fn fall_idle(&self) {
        self.seat.idle_since.store(self.room.turn.fetch_add(1, Relaxed), Relaxed);
    }

    /// Notes that the connection has a query or a part of one.
    pub(super) fn be_busy(&self) {
        self.seat.idle_since.store(BUSY, Relaxed);
    }

    /// Waits until the place is wanted for another.
    pub(super) async fn asked_to_leave(&self) {
        self.seat.leave.notified().await;
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.room.seats().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(entry: Entry) -> Guest {
        match entry {
            Entry::Free(guest) | Entry::InPlaceOfAnother(guest) => guest,
            Entry::Full => panic!("no room"),
        }
    }

    #[tokio::test]
    async fn the_longest_idle_one_goes() {
        let room = Room::new(3);
        let (first, second, third) =
            (guest(room.enter()), guest(room.enter()), guest(room.enter()));
        first.be_busy();
        second.be_busy();
        second.fall_idle();
        assert!(matches!(room.enter(), Entry::InPlaceOfAnother(_)));
        third.asked_to_leave().await;
    }

    #[test]
    fn busy_ones_stay() {
        let room = Room::new(1);
        let first = guest(room.enter());
        first.be_busy();
        assert!(matches!(room.enter(), Entry::Full));
        drop(first);
        assert!(matches!(room.enter(), Entry::Free(_)));
    }
}
