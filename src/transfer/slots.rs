//! How many transfers are under way at the same time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most transfers at the same time. Each holds a message of 16 KiB where its client reads slowly.
const MOST: usize = 32;

/// Most of one client. A server that has many zones to fetch waits for its own.
const MOST_OF_CLIENT: usize = 16;

/// Counts the transfers that are under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A transfer that is under way, until this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Slots,
    client: IpAddr,
}

impl Slots {
    /// A slot for a client. `None` if there are too many.
    pub(super) fn take(&self, client: IpAddr) -> Option<Slot> {
        let client = client.to_canonical();
        let mut counts = self.lock();
        let of_client = counts.get(&client).copied().unwrap_or_default();
        if of_client >= MOST_OF_CLIENT || counts.values().sum::<usize>() >= MOST {
            return None;
        }
        counts.insert(client, of_client.saturating_add(1));
        drop(counts);
        Some(Slot { slots: self.clone(), client })
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.lock().values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Nothing can panic while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.slots.lock();
        if let Some(count) = counts.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_some_and_all_have_more() {
        let slots = Slots::default();
        let of = |last: u8| slots.take([192, 0, 2, last].into());
        let first: Vec<Slot> = (0..MOST_OF_CLIENT).map(|_| of(1).unwrap()).collect();
        assert!(of(1).is_none());
        assert!(slots.take("::ffff:192.0.2.1".parse().unwrap()).is_none(), "the same client");
        let second: Vec<Slot> = (0..MOST - MOST_OF_CLIENT).map(|_| of(2).unwrap()).collect();
        assert!(of(3).is_none());
        drop(first);
        assert!(of(3).is_some());
        assert_eq!(slots.taken(), second.len());
        drop(second);
        assert_eq!((slots.taken(), slots.lock().len()), (0, 0));
    }
}
