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
    /// The notification of a version that the secondary has taken already.
    reminder: Option<Reminder>,
}

/// One more notification of a version that a secondary has taken: it may have been killed before it
/// stored the version, and would otherwise have the one before until REFRESH.
#[derive(Debug, Clone, Copy)]
struct Reminder {
    serial: u32,
    /// When it is sent; `None` once it was.
    at: Option<Instant>,
    /// How often it was sent.
    tries: u32,
}

/// How long a secondary has for a version before it is notified of the next one. Changes meanwhile
/// are one change. One that took the version is notified of the next at once.
const COALESCED: Duration = Duration::from_secs(5);

/// The pause after the first notification. It doubles with each (RFC 1996 section 3.6).
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// When a secondary is reminded of a version that it has taken.
const REMINDER: Duration = Duration::from_secs(15);

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
                    Entry {
                        due,
                        at: Some(now),
                        is_sent: false,
                        tries: 0,
                        last: None,
                        reminder: None,
                    }
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
                if let Some(reminder) = &mut entry.reminder {
                    (reminder.at, reminder.tries) = (None, reminder.tries.saturating_add(1));
                }
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
        // Who does not answer is reminded until it does: it may be starting.
        if let Some(reminder) = &mut entry.reminder {
            let is_open = outcome.result.is_err() && reminder.tries < MOST_TRIES;
            reminder.at = is_open.then(|| now + LONGEST_PAUSE);
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
        let serial = self.due.version.serial();
        if taken == Some(serial) {
            let known = self.reminder.filter(|reminder| reminder.serial == serial);
            let new = Reminder { serial, at: Some(now + REMINDER), tries: 0 };
            let reminder = known.unwrap_or(new);
            (self.at, self.tries, self.reminder) = (reminder.at, 0, Some(reminder));
            return;
        }
        self.reminder = None;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::progress::Taken;
    use crate::transfer::secondary::SecondaryServer;
    use crate::transfer::served::ServedZone;
    use cvdns_core::config::Config;
    use cvdns_core::problem::Problems;
    use cvdns_transfer::records::RecordCollector;
    use cvdns_transfer::version::Soa;
    use cvdns_transfer::{Algorithm, Content, History, Key, Keyring};
    use jiff::Timestamp;

    /// A zone of a secondary, and the time.
    struct Scene {
        schedule: Schedule,
        progress: Progress,
        now: Instant,
        zones: usize,
    }

    fn name(text: &str) -> Name {
        Name::parse(text, &Name::root()).unwrap()
    }

    impl Scene {
        fn new(zones: usize) -> Self {
            let (schedule, progress) = (Schedule::default(), Progress::default());
            Self { schedule, progress, now: Instant::now(), zones }
        }

        fn served(&self, serial: u32) -> Served {
            let config = "zone = [{ file = \"z\" }]\n[[transfer.secondary]]\naddress = \
                          \"192.0.2.53\"\nkey = \"k\"\n";
            let config = Config::parse("c", config, &mut Problems::default()).unwrap();
            let keys: Keyring =
                [Key::new(&name("k"), Algorithm::Sha256, &[7; 32])].into_iter().collect();
            let zone = |number: usize| {
                let zone = name(&format!("z{number}"));
                let soa = Soa::new(60, &[0; 22]).unwrap();
                let records = RecordCollector::default().finish();
                let (key, sum) = (zone_key(&zone), serial);
                let content =
                    Content { zone, soa, records, soa_signer: None, sum, follows_sum: true };
                let history = History::new(&content).into();
                (key, ServedZone { history, since: Timestamp::UNIX_EPOCH })
            };
            Served {
                secondaries: SecondaryServer::all(&config.transfer.secondaries, &keys),
                zones: (0..self.zones).map(zone).collect(),
                ..Served::default()
            }
        }

        /// The serials that are sent now.
        fn sent(&mut self, served: &Served) -> Vec<u32> {
            self.schedule.update(served, &self.progress, self.now);
            let due = self.schedule.take_due(self.now);
            due.iter().map(|due| due.version.serial()).collect()
        }

        fn answered(&mut self, serial: u32, is_answered: bool) {
            let secondary = self.served(serial).secondaries[0].id();
            let result = if is_answered { Ok(()) } else { Err("silence".to_owned()) };
            let outcome = NotifyOutcome { secondary, zone: "z0".to_owned(), serial, result };
            self.schedule.conclude(&outcome, self.now);
        }

        fn takes(&self, serial: u32) {
            let secondary = self.served(serial).secondaries[0].id();
            let taken = Taken { serial, at: Timestamp::UNIX_EPOCH };
            self.progress.note(secondary, &name("z0"), taken);
        }
    }

    #[test]
    fn who_took_a_version_is_told_of_the_next_at_once() {
        let mut scene = Scene::new(1);
        let served: Vec<Served> = (0..5).map(|serial| scene.served(serial)).collect();
        for serial in 1..5u32 {
            assert_eq!(scene.sent(&served[serial as usize]), [serial]);
            scene.answered(serial, true);
            scene.takes(serial);
            assert_eq!(scene.sent(&served[serial as usize]), [0; 0]);
            assert_eq!(scene.schedule.next(), Some(scene.now + REMINDER));
        }
    }

    #[test]
    fn changes_for_a_slow_one_are_one_notification() {
        let mut scene = Scene::new(1);
        let begun = scene.now;
        let first = scene.served(1);
        assert_eq!(scene.sent(&first), [1]);
        scene.answered(1, true);
        for serial in 2..7u32 {
            let served = scene.served(serial);
            assert_eq!(scene.sent(&served), [0; 0], "{serial}");
            assert_eq!(scene.schedule.next(), Some(begun + COALESCED));
            scene.now += Duration::from_millis(900);
        }
        scene.now = begun + COALESCED;
        let served = scene.served(7);
        assert_eq!(scene.sent(&served), [7]);
    }

    /// RFC 1996 section 3.6: with pauses that grow, and not for ever.
    #[test]
    fn silence_is_asked_again_with_growing_pauses() {
        for (is_answered, first) in [(false, 2), (true, 5)] {
            let mut scene = Scene::new(1);
            let served = scene.served(1);
            let mut pauses = Vec::new();
            for _ in 0..MOST_TRIES {
                assert_eq!(scene.sent(&served), [1]);
                scene.answered(1, is_answered);
                let Some(next) = scene.schedule.next() else { break };
                pauses.push((next - scene.now).as_secs());
                scene.now = next;
            }
            assert_eq!(pauses[..5], [first, first.max(4), 8, 16, 32]);
            assert!(pauses.is_sorted() && pauses.last() == Some(&60), "{pauses:?}");
            assert_eq!(pauses.len(), MOST_TRIES as usize - 1);
            assert_eq!((scene.sent(&served), scene.schedule.next()), (vec![], None));
            // The next version is a new beginning.
            let served = scene.served(2);
            scene.now += COALESCED;
            assert_eq!(scene.sent(&served), [2]);
        }
    }

    #[test]
    fn who_took_a_version_is_reminded_of_it_until_it_answers() {
        let mut scene = Scene::new(1);
        let served = scene.served(1);
        assert_eq!(scene.sent(&served), [1]);
        scene.answered(1, true);
        scene.takes(1);
        assert!(scene.sent(&served).is_empty());
        assert_eq!(scene.schedule.next(), Some(scene.now + REMINDER));
        scene.now += REMINDER;
        assert_eq!(scene.sent(&served), [1]);
        // It is starting, and does not answer.
        scene.answered(1, false);
        assert!(scene.sent(&served).is_empty());
        scene.now += LONGEST_PAUSE;
        assert_eq!(scene.sent(&served), [1]);
        scene.answered(1, true);
        assert_eq!((scene.sent(&served), scene.schedule.next()), (vec![], None));
        // It shows an earlier version, as it lost the one that it had taken.
        scene.takes(0);
        let later = scene.served(2);
        assert_eq!(scene.sent(&later), [0; 0]);
        scene.now += COALESCED;
        assert_eq!(scene.sent(&later), [2]);
    }

    #[test]
    fn few_notifications_are_under_way_at_the_same_time() {
        let mut scene = Scene::new(40);
        let served = scene.served(1);
        assert_eq!(scene.sent(&served).len(), MOST);
        assert_eq!((scene.sent(&served).len(), scene.schedule.next()), (0, None));
        scene.schedule.under_way -= 1;
        assert_eq!(scene.sent(&served).len(), 1);
        // A zone that is no longer served is forgotten, and so is its outcome.
        let none = Scene::new(0).served(1);
        scene.schedule.update(&none, &scene.progress, scene.now);
        assert_eq!(scene.schedule.entries.len(), 0);
    }
}
