//! Limits the number of connections, and closes one of the heaviest source for a new one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::connection_seats::{Seat, Seats, Source};

/// The limits on connections, for all listeners together: so many in all, and so many of one
/// client, which is an IPv4 address or an IPv6 /64.
///
/// There is always room for a new connection of a client that is within its limit: if all seats are
/// taken, a connection of the source that has most must go, the one that has been idle longest, or
/// else the oldest. Sources are weighed by networks (an IPv4 /24, an IPv6 /56) first.
#[derive(Debug)]
pub struct ConnectionLimiter {
    state: Mutex<State>,
    /// Number of connections with a seat, to be read without the lock.
    taken: AtomicUsize,
    capacity: usize,
    /// Counts up whenever a connection becomes idle. The connection with the lowest number has been
    /// idle longest: an order without a clock.
    turn: AtomicU64,
    /// Notified when an evicted connection has ended.
    left: Notify,
}

/// The permit of one connection. Dropping it frees the seat.
#[derive(Debug)]
pub struct Permit {
    limiter: Arc<ConnectionLimiter>,
    key: u64,
    slot: Arc<Slot>,
}

/// The result of a request for a permit.
#[derive(Debug)]
pub enum Admission {
    /// A seat was free.
    Free(Permit),
    /// Another connection was evicted.
    Evicting(Permit),
    /// The client has as many connections as it may have.
    ClientHasAll,
}

#[derive(Debug)]
struct State {
    seats: Seats,
    slots: HashMap<u64, Arc<Slot>>,
    next_key: u64,
    /// Evicted connections that have not ended yet.
    leaving: usize,
}

#[derive(Debug)]
struct Slot {
    source: Source,
    idle_since: AtomicU64,
    evict: Notify,
}

const BUSY: u64 = u64::MAX;

/// Most connections of the heaviest client among which the one that has been idle longest is
/// searched.
const SEARCHED: usize = 32;

impl ConnectionLimiter {
    /// Most evicted connections that still exist when a new one is accepted. They end when their
    /// task is next run, so there are seldom many.
    pub const MAX_LEAVING: usize = 64;

    /// Allows `limit` connections in all and `per_client` of one client, at least one of each.
    pub fn new(limit: usize, per_client: usize) -> Arc<Self> {
        let seats = Seats::new(limit, per_client);
        let capacity = seats.capacity();
        Arc::new(Self {
            state: Mutex::new(State { seats, slots: HashMap::new(), next_key: 0, leaving: 0 }),
            taken: AtomicUsize::new(0),
            capacity,
            turn: AtomicU64::new(0),
            left: Notify::new(),
        })
    }

    /// Gives a new connection a seat, if necessary that of another one. A new connection counts as
    /// idle.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Admission {
        self.admit_from(Source::of(address))
    }

    /// The same for a connection over a Unix socket. An account of this machine is a client of its
    /// own, and all accounts are one network.
    pub fn admit_account(self: &Arc<Self>, user_id: u32) -> Admission {
        self.admit_from(Source::of_account(user_id))
    }

    fn admit_from(self: &Arc<Self>, source: Source) -> Admission {
        let mut state = self.state();
        let seat = state.seats.seat_for(source);
        match seat {
            Seat::Free => {}
            Seat::InPlaceOf(other) => state.evict(other),
            Seat::ClientHasAll => return Admission::ClientHasAll,
        }
        let key = state.next_key;
        state.next_key = key.wrapping_add(1);
        let idle_since = AtomicU64::new(self.turn.fetch_add(1, Relaxed));
        let slot = Arc::new(Slot { source, idle_since, evict: Notify::new() });
        state.seats.insert(key, source);
        state.slots.insert(key, slot.clone());
        self.taken.store(state.seats.taken(), Relaxed);
        let permit = Permit { limiter: self.clone(), key, slot };
        if seat == Seat::Free { Admission::Free(permit) } else { Admission::Evicting(permit) }
    }

    /// Evicts a connection of the heaviest source, as the system is short of something.
    pub(super) fn shed(&self) {
        let mut state = self.state();
        if let Some(source) = state.seats.heaviest(None) {
            state.evict(source);
            self.taken.store(state.seats.taken(), Relaxed);
        }
    }

    /// Waits until evicted connections have ended, so that there are never many more than the limit
    /// allows.
    pub async fn until_room(&self) {
        loop {
            // Made first, so that no notification is missed.
            let left = self.left.notified();
            if self.state().leaving < Self::MAX_LEAVING {
                return;
            }
            left.await;
        }
    }

    /// Numbers of seats that are taken, and of all seats.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.taken.load(Relaxed), self.capacity)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing can panic between two changes, so a poisoned state is consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Evicts the connection of this client that has been idle longest, or else its oldest.
    fn evict(&mut self, source: Source) {
        let oldest = self.seats.connections(source).take(SEARCHED);
        // The first of several that are equal is the oldest.
        let chosen = oldest.min_by_key(|key| {
            self.slots.get(key).map_or(BUSY, |slot| slot.idle_since.load(Relaxed))
        });
        let Some((key, slot)) = chosen.and_then(|key| self.slots.remove_entry(&key)) else {
            return;
        };
        self.seats.remove(key, source);
        self.leaving = self.leaving.saturating_add(1);
        slot.evict.notify_one();
    }
}

impl Permit {
    /// Marks the connection as idle: it goes before others of its client.
    pub fn set_idle(&self) {
        self.slot.idle_since.store(self.limiter.turn.fetch_add(1, Relaxed), Relaxed);
    }

    /// Marks the connection as busy: it has a query or a part of one.
    pub fn set_busy(&self) {
        self.slot.idle_since.store(BUSY, Relaxed);
    }

    /// Waits until the connection is evicted. It must then end, and drop this permit.
    pub async fn evicted(&self) {
        self.slot.evict.notified().await;
    }

    /// Numbers of seats that are taken, and of all seats.
    pub(super) fn load(&self) -> (usize, usize) {
        self.limiter.load()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        if state.slots.remove(&self.key).is_some() {
            state.seats.remove(self.key, self.slot.source);
            self.limiter.taken.store(state.seats.taken(), Relaxed);
        } else {
            state.leaving = state.leaving.saturating_sub(1);
            drop(state);
            self.limiter.left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(limiter: &Arc<ConnectionLimiter>, address: &str) -> Admission {
        limiter.admit(address.parse().unwrap())
    }

    fn permit(limiter: &Arc<ConnectionLimiter>, address: &str) -> Permit {
        match admit(limiter, address) {
            Admission::Free(permit) | Admission::Evicting(permit) => permit,
            Admission::ClientHasAll => panic!("no seat"),
        }
    }

    #[tokio::test]
    async fn the_longest_idle_one_of_the_heaviest_client_goes() {
        let limiter = ConnectionLimiter::new(4, 4);
        let other = permit(&limiter, "203.0.113.1");
        let [first, second, third] = [(); 3].map(|()| permit(&limiter, "192.0.2.1"));
        first.set_busy();
        second.set_busy();
        second.set_idle();
        assert!(matches!(admit(&limiter, "198.51.100.1"), Admission::Evicting(_)));
        third.evicted().await;
        drop((other, first, second, third));
        assert_eq!(limiter.load(), (0, 4));
    }

    #[tokio::test]
    async fn busy_ones_go_where_their_client_has_no_others() {
        let limiter = ConnectionLimiter::new(2, 2);
        let (first, second) = (permit(&limiter, "192.0.2.1"), permit(&limiter, "192.0.2.1"));
        second.set_busy();
        first.set_busy();
        let _new = permit(&limiter, "198.51.100.1");
        first.evicted().await;
    }

    #[tokio::test]
    async fn accounts_are_clients_of_a_network_of_their_own() {
        let limiter = ConnectionLimiter::new(4, 3);
        let of_account = |user_id| match limiter.admit_account(user_id) {
            Admission::Free(permit) | Admission::Evicting(permit) => permit,
            Admission::ClientHasAll => panic!("no seat"),
        };
        let loopback = [(); 3].map(|()| permit(&limiter, "127.0.0.1"));
        let (first, second) = (of_account(0), of_account(0));
        // Loopback had most, and gave way.
        loopback[0].evicted().await;
        // Now the accounts would have most, and of them the one with two connections.
        let other = of_account(1000);
        first.evicted().await;
        drop((first, second, other, loopback));
        assert_eq!(limiter.load(), (0, 4));
    }

    #[test]
    fn a_client_has_no_more_than_its_share() {
        let limiter = ConnectionLimiter::new(100, 2);
        let held = [(); 2].map(|()| permit(&limiter, "2001:db8::1"));
        assert!(matches!(admit(&limiter, "2001:db8::ffff"), Admission::ClientHasAll));
        let _other = permit(&limiter, "2001:db8:0:1::1");
        drop(held);
        assert!(matches!(admit(&limiter, "2001:db8::ffff"), Admission::Free(_)));
    }

    /// An evicted connection still has its descriptor until it has ended.
    #[tokio::test]
    async fn new_ones_wait_while_many_are_leaving() {
        let limiter = ConnectionLimiter::new(1, 1000);
        let mut all: Vec<Permit> =
            (0..=ConnectionLimiter::MAX_LEAVING).map(|_| permit(&limiter, "192.0.2.1")).collect();
        let waiting = tokio::spawn({
            let limiter = limiter.clone();
            async move { limiter.until_room().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        all.remove(0);
        waiting.await.unwrap();
    }
}
