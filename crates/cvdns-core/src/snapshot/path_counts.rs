//! Counts the answers of each path since a snapshot came into force.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A counter for each path, rule and address family. Each thread counts in a lane of its own, in
/// cache lines of its own; threads without a lane share the first one.
#[derive(Debug, Default)]
pub struct PathCounts {
    lines: Box<[CacheLine]>,
    /// Cache lines of a lane.
    stride: usize,
}

/// 128 octets, because processors fetch cache lines of 64 octets in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct CacheLine([AtomicU64; LINE]);

/// Counters of a [`CacheLine`].
const LINE: usize = 16;

impl PathCounts {
    /// Counters at zero, in `lanes` lanes, for `answers` slots ([`super::DynamicData::slot`]) of
    /// both address families.
    pub fn new(answers: usize, lanes: usize) -> Self {
        let stride = (2 * answers).div_ceil(LINE);
        let lines = (0..stride * lanes).map(|_| CacheLine::default()).collect();
        Self { lines, stride }
    }

    /// Number of the counter of a slot and an address family.
    pub const fn index(slot: u32, ipv6: bool) -> u32 {
        2 * slot + ipv6 as u32
    }

    /// The counter of a lane by its number ([`PathCounts::index`]); `None` when there are no
    /// counters.
    pub fn get(&self, lane: usize, index: u32) -> Option<&AtomicU64> {
        let index = index as usize;
        let line = self.lines.get(lane * self.stride + index / LINE)?;
        line.0.get(index % LINE)
    }

    /// How often a slot was answered with addresses of this family, summed over all lanes.
    pub fn sum(&self, slot: u32, ipv6: bool) -> u64 {
        let lanes = self.lines.len().checked_div(self.stride).unwrap_or_default();
        let counters = (0..lanes).filter_map(|lane| self.get(lane, Self::index(slot, ipv6)));
        counters.fold(0, |sum: u64, counter| sum.wrapping_add(counter.load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_counters_of_its_own() {
        for (answers, lanes) in [(1, 1), (7, 3), (8, 2), (9, 2), (100, 4)] {
            let counts = PathCounts::new(answers, lanes);
            let mut next = 0;
            let slots = || (0..answers as u32).flat_map(|slot| [(slot, false), (slot, true)]);
            for lane in 0..lanes {
                for (slot, ipv6) in slots() {
                    next += 1;
                    counts
                        .get(lane, PathCounts::index(slot, ipv6))
                        .unwrap()
                        .fetch_add(next, Relaxed);
                }
            }
            let families = 2 * answers as u64;
            for (number, (slot, ipv6)) in (1..).zip(slots()) {
                let expected: u64 = (0..lanes as u64).map(|lane| lane * families + number).sum();
                assert_eq!(counts.sum(slot, ipv6), expected, "{answers} {lanes} {slot}");
            }
        }
    }

    #[test]
    fn without_lanes_nothing_is_counted() {
        let counts = PathCounts::new(5, 0);
        assert!(counts.get(0, 0).is_none());
        assert_eq!(counts.sum(0, false), 0);
        assert!(PathCounts::default().get(0, 0).is_none());
    }
}
