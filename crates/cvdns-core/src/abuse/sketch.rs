//! Leaky buckets of many keys in little memory.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::ticks::Ticks;

/// A table of leaky buckets of fixed size: 65,536 of them in 512 KiB.
///
/// A bucket is one moment: until when what it took lasts at its rate. It takes one more if that
/// moment is at most a burst ahead of now (the virtual scheduling of ITU-T I.371). So buckets leak
/// by themselves, and one whose moment has passed is empty and its place free. With 1,000 answers a
/// second for each source, a flood of 200,000 queries a second from as many sources occupies 200
/// places.
///
/// Each key belongs into one set of eight buckets, which are one cache line. In a full set a new
/// key displaces the emptiest bucket: a source that asks much is not forgotten for others. So no
/// key is refused what a table without limits would grant it, unless it shares the set and the 20
/// bits of the tag with another: one time in 100,000 with every place taken.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    /// An entry is the key's tag and, in the lower bits, its bucket. Zeros are empty buckets, and
    /// the system gives memory only for what was touched.
    entries: Vec<u64>,
    /// Where the first set begins, so that sets are cache lines.
    first: usize,
    key: [u64; 2],
}

/// What a bucket may hold, and how fast it leaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rate {
    /// How long one answer lasts, in ticks.
    pub interval: u64,
    /// How long the answers that a full bucket holds last, in ticks; at least the interval.
    pub burst: u64,
}

/// A key and its bucket's rate.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Key {
    /// Distinguishes kinds of keys.
    pub kind: u8,
    pub bits: u64,
    pub rate: Rate,
}

/// Buckets of a set.
const WAYS: usize = 8;

/// Sets of the table; a power of two.
const SETS: usize = 8192;

/// Bits of an entry that hold its moment, modulo 2^44 ticks: 12 days.
const MOMENT_BITS: u32 = 44;
const MOMENT: u64 = (1 << MOMENT_BITS) - 1;

/// Most keys that are taken from together.
pub(super) const MAX_KEYS: usize = 4;

impl Sketch {
    /// An empty table. Nobody outside may know `key`, or they could choose addresses that share a
    /// set.
    pub(super) fn new(key: [u64; 2]) -> Self {
        let entries = vec![0u64; WAYS * SETS + WAYS - 1];
        // It may be larger than any index, as the documentation of `align_offset` says.
        let first = entries.as_ptr().align_offset(WAYS * size_of::<u64>()) % WAYS;
        Self { entries, first, key }
    }

    /// Takes one answer from the buckets of all keys, of which there are at most [`MAX_KEYS`].
    ///
    /// # Errors
    /// The number of the first key whose bucket is full. Nothing is taken from any then: a client
    /// that asks too much still gets its rate, and takes nothing from its neighbours beyond that.
    #[inline]
    pub(super) fn take(&mut self, now: Ticks, keys: &[Key]) -> Result<(), usize> {
        // The moment of a bucket in use is at most a burst ahead; a second allows for a clock that
        // differs. What seems to be further ahead is behind, as moments are kept modulo 2^44.
        let burst = keys.iter().map(|key| key.rate.burst).max().unwrap_or_default();
        let most = burst.saturating_add(Ticks::SECOND);
        let mut replaced = [(0, 0); MAX_KEYS];
        for (number, key) in keys.iter().enumerate() {
            let (set, tag) = self.place(key);
            let (way, ahead) = find(self.set(set), tag, now, most);
            let ahead = ahead.saturating_add(key.rate.interval);
            if ahead > key.rate.burst {
                for (place, entry) in replaced.iter().take(number) {
                    self.put(*place, *entry);
                }
                return Err(number);
            }
            let entry = tag << MOMENT_BITS | now.0.wrapping_add(ahead) & MOMENT;
            // At once, so that keys which share a set take different places.
            let before = self.put(set + way, entry);
            if let Some(replaced) = replaced.get_mut(number) {
                *replaced = (set + way, before);
            }
        }
        Ok(())
    }

    /// Replaces an entry, and returns the one before.
    fn put(&mut self, place: usize, entry: u64) -> u64 {
        self.entries.get_mut(place).map_or(0, |slot| std::mem::replace(slot, entry))
    }

    /// The key's set, as the index of its first entry, and its tag.
    fn place(&self, key: &Key) -> (usize, u64) {
        let [key0, key1] = self.key;
        let mut hasher = SipHasher13::new_with_keys(key0, key1);
        let mut octets = [key.kind; 9];
        if let Some(bits) = octets.first_chunk_mut() {
            *bits = key.bits.to_le_bytes();
        }
        hasher.write(&octets);
        let hash = hasher.finish();
        (self.first + (hash as usize % SETS) * WAYS, hash >> MOMENT_BITS)
    }

    fn set(&self, first: usize) -> &[u64] {
        self.entries.get(first..first + WAYS).unwrap_or_default()
    }
}

/// The place of a tag in a set, and how far its bucket is ahead of now, in ticks. If the tag is not
/// in the set, it is the place of the emptiest bucket, to be replaced by one that holds nothing.
#[inline]
fn find(set: &[u64], tag: u64, now: Ticks, most: u64) -> (usize, u64) {
    let (mut emptiest, mut least) = (0, u64::MAX);
    for (way, entry) in set.iter().enumerate() {
        let ahead = entry.wrapping_sub(now.0) & MOMENT;
        let ahead = if ahead > most { 0 } else { ahead };
        if entry >> MOMENT_BITS == tag {
            return (way, ahead);
        }
        if ahead < least {
            (emptiest, least) = (way, ahead);
        }
    }
    (emptiest, 0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use proptest::prelude::*;

    const RATE: Rate = Rate { interval: Ticks::SECOND / 10, burst: Ticks::SECOND };

    fn key(bits: u64) -> Key {
        Key { kind: 0, bits, rate: RATE }
    }

    /// Buckets without limits, in fractions of an answer: they leak as time goes by.
    #[derive(Default)]
    struct ExactBuckets(HashMap<(u8, u64), (f64, u64)>);

    impl ExactBuckets {
        fn take(&mut self, now: u64, keys: &[Key]) -> bool {
            let levels: Vec<f64> = keys
                .iter()
                .map(|key| {
                    let (level, since) =
                        self.0.get(&(key.kind, key.bits)).copied().unwrap_or_default();
                    (level - (now - since) as f64 / key.rate.interval as f64).max(0.0)
                })
                .collect();
            let fits = keys.iter().zip(&levels).all(|(key, level)| {
                level + 1.0 <= key.rate.burst as f64 / key.rate.interval as f64 + 1e-9
            });
            for (key, level) in keys.iter().zip(levels).filter(|_| fits) {
                self.0.insert((key.kind, key.bits), (level + 1.0, now));
            }
            fits
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn as_long_as_there_is_room_each_decision_is_that_of_exact_buckets(
            start in any::<u64>().prop_map(|start| start >> 2),
            intervals in prop::array::uniform3(1u64..Ticks::SECOND),
            bursts in prop::array::uniform3(1u64..4 * Ticks::SECOND),
            queries in prop::collection::vec((0u64..Ticks::SECOND, any::<u8>()), 1..800),
        ) {
            let mut sketch = Sketch::new([start, 7]);
            let mut exact = ExactBuckets::default();
            let mut now = start;
            for (pause, source) in queries {
                // Most queries come in bursts.
                now += if source % 8 == 0 { pause } else { pause >> 12 };
                let keys: Vec<Key> = (0..3)
                    .map(|kind| {
                        let interval = intervals[kind];
                        let rate = Rate { interval, burst: bursts[kind].max(interval) };
                        Key { kind: kind as u8, bits: u64::from(source) >> (2 * kind), rate }
                    })
                    .collect();
                let granted = sketch.take(Ticks(now), &keys).is_ok();
                prop_assert_eq!(granted, exact.take(now, &keys));
            }
        }

    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]

        /// Twice as many sources as places, all in use: what is granted too much is bounded, and
        /// nobody is refused what exact buckets grant.
        #[test]
        fn in_a_full_table_only_light_sources_get_more_than_their_rate(seed in any::<[u64; 2]>()) {
            let mut sketch = Sketch::new(seed);
            let mut exact = ExactBuckets::default();
            let slow = Rate { interval: Ticks::SECOND * 60, burst: Ticks::SECOND * 120 };
            let crowd = 2 * (WAYS * SETS) as u64;
            let heavy = Key { rate: slow, ..key(u64::MAX) };
            let mut granted_to_heavy = 0;
            for number in 0..crowd {
                let light = Key { rate: slow, ..key(number) };
                prop_assert!(sketch.take(Ticks(number), &[light]).is_ok());
                if exact.take(number, &[heavy]) {
                    prop_assert!(sketch.take(Ticks(number), &[heavy]).is_ok());
                    granted_to_heavy += 1;
                } else {
                    prop_assert_eq!(sketch.take(Ticks(number), &[heavy]), Err(0), "forgotten");
                }
            }
            prop_assert_eq!(granted_to_heavy, 2);
        }
    }

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let mut sketch = Sketch::new([1, 2]);
        let granted = |sketch: &mut Sketch, tenths: u64| {
            let now = Ticks(tenths * RATE.interval);
            (0..100).filter(|_| sketch.take(now, &[key(1)]).is_ok()).count()
        };
        assert_eq!([0, 1, 3, 100].map(|tenths| granted(&mut sketch, tenths)), [10, 1, 2, 10]);
    }

    #[test]
    fn a_refusal_takes_nothing_from_other_keys() {
        let mut sketch = Sketch::new([1, 2]);
        let wide = Rate { interval: RATE.interval / 2, burst: RATE.burst };
        let both = |bits| [key(bits), Key { kind: 1, bits: 9, rate: wide }];
        let granted = (0..1000).filter(|_| sketch.take(Ticks(5), &both(1)).is_ok()).count();
        assert_eq!(granted, 10);
        // Its neighbour finds half of the wider bucket.
        let granted = (0..1000).filter(|_| sketch.take(Ticks(5), &both(2)).is_ok()).count();
        assert_eq!(granted, 10);
        assert_eq!(sketch.take(Ticks(5), &both(3)), Err(1));
    }

    #[test]
    fn what_is_left_of_long_ago_is_empty() {
        let mut sketch = Sketch::new([1, 2]);
        for _ in 0..10 {
            sketch.take(Ticks(3), &[key(1)]).unwrap();
        }
        assert_eq!(sketch.take(Ticks(3), &[key(1)]), Err(0));
        for shift in 26..44 {
            assert!(sketch.clone().take(Ticks(3 + (1 << shift)), &[key(1)]).is_ok());
        }
        // A clock that goes back by a bit, as between two cores, does no harm.
        assert_eq!(sketch.take(Ticks(0), &[key(1)]), Err(0));
    }
}
