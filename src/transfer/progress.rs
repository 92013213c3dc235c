//! What each secondary has, as far as its requests and transfers show it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use cvdns_core::wire::name::Name;

use super::secondary::SecondaryId;
use super::served::{Served, zone_key};

/// The serial that a secondary has of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The serial.
    pub serial: u32,
    /// When it took it, or showed that it has it.
    pub at: Timestamp,
}

/// What is known of a secondary and a zone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// What it has; `None` if it has shown nothing yet.
    pub taken: Option<Taken>,
    /// Since when it has not the newest version; `None` if it has, or moved since.
    pub behind_since: Option<Timestamp>,
}

/// What a secondary has shown that it has, as it is kept for the next start and handed to a server
/// that takes over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shown {
    /// The address of the secondary, as in the configuration.
    address: String,
    /// The name of its key.
    key: String,
    /// The origin of the zone.
    zone: String,
    /// The serial.
    serial: u32,
    /// When it took it, or showed that it has it.
    at: Timestamp,
}

/// What all secondaries have.
#[derive(Debug, Default)]
pub struct Progress {
    known: Mutex<HashMap<(SecondaryId, String), Known>>,
    /// Told of each change.
    changed: Notify,
    /// How many changes there were.
    changes: AtomicU64,
}

impl Progress {
    /// Notes that a secondary has this serial of a zone.
    pub(super) fn note(&self, secondary: SecondaryId, zone: &Name, taken: Taken) {
        let mut all = self.lock();
        let known = all.entry((secondary, zone_key(zone))).or_default();
        if known.taken.is_none_or(|before| before.serial != taken.serial) {
            known.behind_since = None;
            self.changes.fetch_add(1, Relaxed);
        }
        known.taken = Some(taken);
        drop(all);
        self.changed.notify_one();
    }

    /// Notes who has not the newest versions, and forgets who is no longer configured.
    pub(super) fn compare(&self, served: &Served) {
        let mut before = std::mem::take(&mut *self.lock());
        let mut all = HashMap::new();
        for secondary in &served.secondaries {
            let id = secondary.id();
            let has_taken = |zone: &Name| {
                let known = before.get(&(id.clone(), zone_key(zone)));
                known.is_some_and(|known| known.taken.is_some())
            };
            let expected: Vec<_> = served.expected_of(secondary, has_taken).collect();
            for zone in expected {
                let newest = zone.history.newest();
                let place = (id.clone(), zone_key(&newest.zone));
                let mut known = before.remove(&place).unwrap_or_default();
                if known.taken.is_some_and(|taken| taken.serial == newest.serial()) {
                    known.behind_since = None;
                } else {
                    known.behind_since.get_or_insert(zone.since);
                }
                all.insert(place, known);
            }
            // Nobody is behind where nothing can be had; what is known counts once it can.
            for (key, zone) in &served.suspended {
                if secondary.takes.takes(&zone.history.newest().zone)
                    && let Some(known) = before.remove(&(id.clone(), key.clone()))
                {
                    all.insert((id.clone(), key.clone()), Known { behind_since: None, ..known });
                }
            }
        }
        *self.lock() = all;
    }

    /// What is known of a secondary and a zone.
    pub fn of(&self, secondary: &SecondaryId, zone: &Name) -> Known {
        let known = self.lock().get(&(secondary.clone(), zone_key(zone))).copied();
        known.unwrap_or_default()
    }

    /// Waits until something is noted.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// How often what secondaries have has changed.
    pub fn changes(&self) -> u64 {
        self.changes.load(Relaxed)
    }

    /// What all secondaries have, sorted.
    pub fn all(&self) -> Vec<Shown> {
        let known = self.lock();
        let shown = known.iter().filter_map(|((id, zone), known)| {
            let SecondaryId { address, key } = id.clone();
            let Taken { serial, at } = known.taken?;
            Some(Shown { address, key, zone: zone.clone(), serial, at })
        });
        let mut all: Vec<_> = shown.collect();
        drop(known);
        all.sort();
        all
    }

    /// Goes on with what another process knew: an earlier run of the server, or the one that this
    /// one replaces. Of two serials of a secondary, the later counts.
    pub fn resume(&self, shown: impl IntoIterator<Item = Shown>) {
        let mut all = self.lock();
        let before = self.changes();
        for Shown { address, key, zone, serial, at } in shown {
            let known = all.entry((SecondaryId { address, key }, zone)).or_default();
            if known.taken.is_none_or(|taken| taken.at < at) {
                known.taken = Some(Taken { serial, at });
                self.changes.fetch_add(1, Relaxed);
            }
        }
        drop(all);
        if self.changes() != before {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(SecondaryId, String), Known>> {
        // Nothing can panic while it is held.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
