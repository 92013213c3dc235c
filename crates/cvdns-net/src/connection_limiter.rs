//! Limits the number of TCP connections and chooses which one is closed for a new one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The limit on connections, for all listeners together.
#[derive(Debug)]
pub(super) struct ConnectionLimiter {
    limit: usize,
    slots: Mutex<HashMap<u64, Arc<Slot>>>,
    next_key: AtomicU64,
    /// Counts up whenever a connection becomes idle. The connection with the lowest number has been
    /// idle longest: an order without a clock.
    turn: AtomicU64,
}

/// The permit of one connection. Dropping it frees the slot.
#[derive(Debug)]
pub(super) struct Permit {
    limiter: Arc<ConnectionLimiter>,
    key: u64,
    slot: Arc<Slot>,
}

/// The result of a request for a permit.
#[derive(Debug)]
pub(super) enum Admission {
    /// A slot was free.
    Free(Permit),
    /// The connection that had been idle longest was evicted.
    Evicting(Permit),
    /// Busy connections hold all slots.
    Full,
}

#[derive(Debug)]
struct Slot {
    idle_since: AtomicU64,
    evict: Notify,
}

const BUSY: u64 = u64::MAX;

impl ConnectionLimiter {
    /// Allows `limit` connections, at least one.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit: limit.max(1),
            slots: Mutex::default(),
            next_key: AtomicU64::new(0),
            turn: AtomicU64::new(0),
        })
    }

    /// Gives a new connection a slot, if necessary that of an idle connection. A new connection
    /// counts as idle.
    pub(super) fn admit(self: &Arc<Self>) -> Admission {
        let mut slots = self.slots();
        let full = slots.len() >= self.limit;
        if full && !Self::evict(&mut slots) {
            return Admission::Full;
        }
        let key = self.next_key.fetch_add(1, Relaxed);
        let idle_since = AtomicU64::new(self.turn.fetch_add(1, Relaxed));
        let slot = Arc::new(Slot { idle_since, evict: Notify::new() });
        slots.insert(key, slot.clone());
        let permit = Permit { limiter: self.clone(), key, slot };
        if full { Admission::Evicting(permit) } else { Admission::Free(permit) }
    }

    /// Evicts the connection that has been idle longest. False if none is idle.
    pub(super) fn evict_idle(&self) -> bool {
        Self::evict(&mut self.slots())
    }

    fn evict(slots: &mut HashMap<u64, Arc<Slot>>) -> bool {
        let longest = slots
            .iter()
            .map(|(key, slot)| (slot.idle_since.load(Relaxed), *key))
            .filter(|(since, _)| *since != BUSY)
            .min();
        let Some(slot) = longest.and_then(|(_, key)| slots.remove(&key)) else { return false };
        slot.evict.notify_one();
        true
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<u64, Arc<Slot>>> {
        // Nothing can panic between two changes of the map, so a poisoned map is consistent.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Marks the connection as idle: it may be evicted.
    pub(super) fn set_idle(&self) {
        self.slot.idle_since.store(self.limiter.turn.fetch_add(1, Relaxed), Relaxed);
    }

    /// Marks the connection as busy: it has a query or a part of one.
    pub(super) fn set_busy(&self) {
        self.slot.idle_since.store(BUSY, Relaxed);
    }

    /// Waits until the connection is evicted.
    pub(super) async fn evicted(&self) {
        self.slot.evict.notified().await;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.slots().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permit(entry: Admission) -> Permit {
        match entry {
            Admission::Free(permit) | Admission::Evicting(permit) => permit,
            Admission::Full => panic!("no room"),
        }
    }

    #[tokio::test]
    async fn the_longest_idle_one_goes() {
        let limiter = ConnectionLimiter::new(3);
        let (first, second, third) =
            (permit(limiter.admit()), permit(limiter.admit()), permit(limiter.admit()));
        first.set_busy();
        second.set_busy();
        second.set_idle();
        assert!(matches!(limiter.admit(), Admission::Evicting(_)));
        third.evicted().await;
    }

    #[test]
    fn busy_ones_stay() {
        let limiter = ConnectionLimiter::new(1);
        let first = permit(limiter.admit());
        first.set_busy();
        assert!(matches!(limiter.admit(), Admission::Full));
        drop(first);
        assert!(matches!(limiter.admit(), Admission::Free(_)));
    }
}
