//! How many answers each path has given since a snapshot came into force.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A counter for each path under each rule and each family. Every thread has a lane of them in cache lines of its own; the first lane
/// is for all that have none.
#[derive(Debug, Default)]
pub struct PathCounts {
    lines: Box<[Line]>,
    /// Lines of a lane.
    stride: usize,
}

/// 128 octets: processors fetch lines of 64 octets in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line([AtomicU64; LINE]);

const LINE: usize = 16;

impl PathCounts {
    /// Counters at zero for this many answers ([`super::DynamicData::place`]) of each family, in this many lanes.
    pub fn new(answers: usize, lanes: usize) -> Self {
        let stride = (2 * answers).div_ceil(LINE);
        let lines = (0..stride * lanes).map(|_| Line::default()).collect();
        Self { lines, stride }
    }

    /// The number of a path's counter for answers of a family.
    pub const fn index(place: u32, ipv6: bool) -> u32 {
        2 * place + ipv6 as u32
    }

    /// The counter of this number in a lane; none when nobody counts.
    pub fn get(&self, lane: usize, index: u32) -> Option<&AtomicU64> {
        let index = index as usize;
        let line = self.lines.get(lane * self.stride + index / LINE)?;
        line.0.get(index % LINE)
    }

    /// How often the path of this place was answered with addresses of this family, over all lanes.
    pub fn sum(&self, place: u32, ipv6: bool) -> u64 {
        let lanes = self.lines.len().checked_div(self.stride).unwrap_or_default();
        let counters = (0..lanes).filter_map(|lane| self.get(lane, Self::index(place, ipv6)));
        counters.fold(0, |sum: u64, counter| sum.wrapping_add(counter.load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_counters_of_its_own() {
        for (answers, lanes) in [(1, 1), (7, 3), (8, 2), (9, 2), (100, 4)] {
            let counts = PathCounts::new(answers, lanes);
            let mut next = 0;
            let places = || (0..answers as u32).flat_map(|place| [(place, false), (place, true)]);
            for lane in 0..lanes {
                for (place, ipv6) in places() {
                    next += 1;
                    counts
                        .get(lane, PathCounts::index(place, ipv6))
                        .unwrap()
                        .fetch_add(next, Relaxed);
                }
            }
            let families = 2 * answers as u64;
            for (number, (place, ipv6)) in (1..).zip(places()) {
                let expected: u64 = (0..lanes as u64).map(|lane| lane * families + number).sum();
                assert_eq!(counts.sum(place, ipv6), expected, "{answers} {lanes} {place}");
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
