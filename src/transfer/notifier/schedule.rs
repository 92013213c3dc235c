//! Who is notified of what, and when.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::conversation::Due;
use crate::transfer::notified::NotifyOutcome;
use crate::transfer::progress::Progress;
use crate::transfer::secondary::SecondaryId;
use crate::transfer::served::{Served, zone_key};
use cvdns_core::wire::name::Name;

/// Notifications that are due, sent, or answered, for each secondary and zone.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    entries: HashMap<(SecondaryId, String), Entry>,
    under_way: usize,
}

#[derive(Debug)]
struct Entry {
    due: Due,
    /// When the next notification of the newest version is sent; `None` if none is needed.
    at: Option<Instant>,
    /// Whether one is under way.
    is_sent: bool,
    /// How often the newest version was sent.
    tries: u32,
    /// The serial that was sent last, and when.
    last: Option<(u32, Instant)>,
}

/// How long a secondary has for a version before it is notified of the next one. Changes meanwhile
/// are one change. One that took the version is notified of the next at once.
const COALESCED: Duration = Duration::from_secs(5);

/// The pause after the first notification. It doubles with each (RFC 1996 section 3.6).
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Most notifications of one version. After these, about seven minutes, the secondary finds out by
/// the zone's REFRESH.
const MOST_TRIES: u32 = 10;

/// Most notifications at the same time; each has a socket.
const MOST: usize = 16;

impl Schedule {
    /// Plans what the served versions and the progress of secondaries make necessary.
    pub(super) fn update(&mut self, served: &Served, progress: &Progress, now: Instant) {
        let mut known = HashSet::new();
        for secondary in &served.secondaries {
            let Some(address) = secondary.notified() else { continue };
            let id = secondary.id();
            let has_taken = |zone: &Name| progress.of(&id, zone).taken.is_some();
            for zone in served.expected_of(secondary, has_taken) {
                let version = zone.history.newest();
                let (serial, name) = (version.serial(), zone_key(&version.zone));
                let taken = progress.of(&id, &version.zone).taken.map(|taken| taken.serial);
                let place = (id.clone(), name.clone());
                known.insert(place.clone());
                let entry = self.entries.entry(place).or_insert_with(|| {
                    let due = Due {
                        secondary: id.clone(),
                        zone: name,
                        version: version.clone(),
                        address,
                        key: secondary.key.clone(),
                    };
                    Entry { due, at: Some(now), is_sent: false, tries: 0, last: None }
                });
                let is_new = entry.due.version.serial() != serial;
                (entry.due.version, entry.due.key) = (version.clone(), secondary.key.clone());
                entry.plan(is_new, taken, now);
            }
        }
        self.entries.retain(|place, _| known.contains(place));
    }

    /// Takes what is to be sent now.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Due> {
        let mut taken = Vec::new();
        for entry in self.entries.values_mut() {
            if self.under_way >= MOST {
                break;
            }
            if !entry.is_sent && entry.at.is_some_and(|at| at <= now) {
                self.under_way += 1;
                (entry.at, entry.is_sent) = (None, true);
                entry.tries = entry.tries.saturating_add(1);
                entry.last = Some((entry.due.version.serial(), now));
                taken.push(entry.due.clone());
            }
        }
        taken
    }

    /// When something is to be sent next.
    pub(super) fn next(&self) -> Option<Instant> {
        let waiting = self.entries.values().filter(|entry| !entry.is_sent);
        waiting.filter_map(|entry| entry.at).min().filter(|_| self.under_way < MOST)
    }

    /// Plans what an outcome makes necessary.
    pub(super) fn conclude(&mut self, outcome: &NotifyOutcome, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        let place = (outcome.secondary.clone(), outcome.zone.clone());
        let Some(entry) = self.entries.get_mut(&place) else { return };
        entry.is_sent = false;
        if entry.due.version.serial() != outcome.serial {
            return;
        }
        // Even a secondary that has answered may be killed before it takes the version.
        let least = if outcome.result.is_ok() { COALESCED } else { FIRST_PAUSE };
        let pause = FIRST_PAUSE.saturating_mul(1 << entry.tries.clamp(1, 10).saturating_sub(1));
        let is_last = entry.tries >= MOST_TRIES;
        entry.at = (!is_last).then(|| now + pause.clamp(least, LONGEST_PAUSE));
    }
}

impl Entry {
    /// Plans the next notification. `taken` is the serial that the secondary has.
    fn plan(&mut self, is_new: bool, taken: Option<u32>, now: Instant) {
        if taken == Some(self.due.version.serial()) {
            (self.at, self.tries) = (None, 0);
            return;
        }
        if is_new {
            self.tries = 0;
            self.at = Some(now);
        }
        // While the version before is on its way, the next one waits.
        if let (Some(at), Some((serial, sent))) = (self.at, self.last)
            && serial != self.due.version.serial()
        {
            let is_open = taken != Some(serial);
            self.at = Some(if is_open { (sent + COALESCED).max(now) } else { at.min(now) });
        }
    }
}
