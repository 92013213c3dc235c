//! Which mirrors were usable by the feeds of a while, so that a coordinator cannot take a network
//! away step by step.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::static_data::StaticData;
use crate::health::{Feed, Health};
use crate::release::Announced;

/// Most moments that are remembered.
const MAX_MOMENTS: usize = 64;

/// Most hosts that are numbered: fleets may change, but not without end.
const MAX_HOSTS: usize = 1 << 20;

/// The mirrors that were usable by earlier feeds, as far as that is remembered.
#[derive(Debug, Default)]
pub struct LossWindow {
    /// The number of each host, by which sets have it.
    numbers: HashMap<String, usize>,
    /// From the oldest to the newest. Successive feeds by which the same mirrors were usable are
    /// one moment.
    moments: VecDeque<Moment>,
}

/// What was usable while some feeds were in force.
#[derive(Debug)]
struct Moment {
    /// When the last of these feeds was replaced.
    until: Timestamp,
    usable: UsableHosts,
}

/// The hosts that were usable at a moment, as a set of their numbers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct UsableHosts {
    words: Vec<u64>,
}

impl UsableHosts {
    fn insert(&mut self, number: usize) {
        let (word, bit) = (number / 64, number % 64);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    /// Whether the host with this number was usable.
    pub(super) fn contains(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    fn len(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }
}

impl LossWindow {
    /// The mirrors that are usable by a feed alone, whatever operators say of them, and do not lag
    /// behind what is announced.
    pub fn usable(
        &mut self,
        static_data: &StaticData,
        feed: &Feed,
        announced: Option<&Announced>,
    ) -> UsableHosts {
        let mut usable = UsableHosts::default();
        for plan in &static_data.plans {
            let mut health = Health::by_feed(&plan.fleet, feed);
            if let Some(announced) = announced {
                health.compare(announced, static_data.settings.lag);
            }
            for (index, mirror) in plan.fleet.enabled() {
                if health.is_usable(index)
                    && let Some(number) = self.new_number(&mirror.host)
                {
                    usable.insert(number);
                }
            }
        }
        usable
    }

    /// Adds what was usable by a feed that is replaced at `now`, and forgets what is older than
    /// `length`.
    pub fn add(&mut self, usable: UsableHosts, now: Timestamp, length: Duration) {
        match self.moments.back_mut().filter(|last| last.usable == usable) {
            Some(last) => last.until = now,
            None => self.moments.push_back(Moment { until: now, usable }),
        }
        if self.moments.len() > MAX_MOMENTS {
            // A moment with few usable mirrors matters least.
            let fewest = self.moments.iter().enumerate().min_by_key(|(_, one)| one.usable.len());
            let fewest = fewest.map(|(number, _)| number);
            fewest.map(|number| self.moments.remove(number));
        }
        self.trim(now, length);
    }

    /// Forgets the moments that ended `length` before `now`, or earlier.
    pub fn trim(&mut self, now: Timestamp, length: Duration) {
        // A clock that was set back must not keep a moment for longer.
        for moment in &mut self.moments {
            moment.until = moment.until.min(now);
        }
        let is_recent =
            |moment: &Moment| moment.until.checked_add(length).unwrap_or(Timestamp::MAX) > now;
        self.moments.retain(is_recent);
    }

    /// Forgets all moments: what is lost since then is accepted.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// The number of a host; `None` if it was not usable at any moment.
    pub(super) fn number(&self, host: &str) -> Option<usize> {
        self.numbers.get(host).copied()
    }

    /// The sets of usable hosts, from the oldest to the newest.
    pub(super) fn moments(&self) -> impl DoubleEndedIterator<Item = &UsableHosts> {
        self.moments.iter().map(|moment| &moment.usable)
    }

    /// The number of a host, which is given one if it has none; `None` if there are too many.
    fn new_number(&mut self, host: &str) -> Option<usize> {
        let next = self.numbers.len();
        match self.numbers.get(host) {
            Some(number) => Some(*number),
            None if next < MAX_HOSTS => {
                self.numbers.insert(host.to_owned(), next);
                Some(next)
            }
            None => None,
        }
    }
}

#[cfg(test)]
mod tests;
