//! Leaky buckets of many keys in little memory.

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
    /// Distinguishes kinds of keys, which have hash functions of their own.
    pub kind: u8,
    pub bits: u64,
    pub rate: Rate,
}

/// Where a key's bucket is: its set, as the index of the first entry, and its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    set: u32,
    tag: u32,
}

/// Buckets of a set.
const WAYS: usize = 8;

/// Sets of the table; a power of two.
const SETS: usize = 8192;

/// Bits of an entry that hold its moment, modulo 2^44 ticks: 12 days.
const MOMENT_BITS: u32 = 44;
const MOMENT: u64 = (1 << MOMENT_BITS) - 1;

impl Sketch {
    /// An empty table. Nobody outside may know `key`, or they could choose addresses that share a
    /// set.
    pub(super) fn new(key: [u64; 2]) -> Self {
        let entries = vec![0u64; WAYS * SETS + WAYS - 1];
        // It may be larger than any index, as the documentation of `align_offset` says.
        let first = entries.as_ptr().align_offset(WAYS * size_of::<u64>()) % WAYS;
        Self { entries, first, key }
    }

    /// The place of a key.
    #[inline]
    pub(super) fn place(&self, kind: u8, bits: u64) -> Place {
        let [key0, key1] = self.key;
        let hasher = SipHasher13::new_with_keys(key0, key1.wrapping_add(kind.into()));
        let hash = hasher.hash(&bits.to_le_bytes());
        let set = self.first + (hash as usize % SETS) * WAYS;
        Place { set: set as u32, tag: (hash >> MOMENT_BITS) as u32 }
    }

    /// Reads the set of a place, and does nothing with it: the processor has it at hand afterwards.
    #[inline]
    pub(super) fn fetch(&self, place: Place) {
        std::hint::black_box(self.entries.get(place.set as usize).copied());
    }

    /// Takes one answer from the buckets of all keys, the first of which is at `first`.
    ///
    /// # Errors
    /// The number of the first key whose bucket is full. Nothing is taken from any then: a client
    /// that asks too much still gets its rate, and takes nothing from its neighbours beyond that.
    /// The places of further keys are not even computed: who is limited is to cost little.
    #[inline]
    pub(super) fn take<const KEYS: usize>(
        &mut self,
        now: Ticks,
        first: Place,
        keys: &[Key; KEYS],
    ) -> Result<(), usize> {
        // The moment of a bucket in use is at most a burst ahead; a second allows for a clock that
        // differs. What seems to be further ahead is behind, as moments are kept modulo 2^44.
        let burst = keys.iter().map(|key| key.rate.burst).max().unwrap_or_default();
        let most = burst.saturating_add(Ticks::SECOND);
        let mut replaced = [(0, 0); KEYS];
        for (number, Key { kind, bits, rate }) in keys.iter().enumerate() {
            let place = if number == 0 { first } else { self.place(*kind, *bits) };
            let (set, tag) = (place.set as usize, u64::from(place.tag));
            let (way, ahead) = find(self.set(set), tag, now, most);
            let ahead = ahead.saturating_add(rate.interval);
            if ahead > rate.burst {
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

    #[inline]
    fn set(&self, first: usize) -> &[u64; WAYS] {
        const NONE: &[u64; WAYS] = &[0; WAYS];
        self.entries.get(first..).and_then(<[u64]>::first_chunk).unwrap_or(NONE)
    }
}

/// The place of a tag in a set, and how far its bucket is ahead of now, in ticks. If the tag is not
/// in the set, it is the place of the emptiest bucket, to be replaced by one that holds nothing.
#[inline]
fn find(set: &[u64; WAYS], tag: u64, now: Ticks, most: u64) -> (usize, u64) {
    let ahead = |entry: u64| {
        let ahead = entry.wrapping_sub(now.0) & MOMENT;
        if ahead > most { 0 } else { ahead }
    };
    // No branch depends on where the tag is, which cannot be predicted.
    let is_there = |number: usize, entry: &u64| u32::from(entry >> MOMENT_BITS == tag) << number;
    let places = set.iter().enumerate().map(|(number, entry)| is_there(number, entry));
    let place = places.fold(0, |all, place| all | place).trailing_zeros() as usize;
    if let Some(entry) = set.get(place) {
        return (place, ahead(*entry));
    }
    let (mut emptiest, mut least) = (0, u64::MAX);
    for (number, entry) in set.iter().enumerate() {
        let ahead = ahead(*entry);
        emptiest = if ahead < least { number } else { emptiest };
        least = least.min(ahead);
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

    fn take<const KEYS: usize>(
        sketch: &mut Sketch,
        now: u64,
        keys: &[Key; KEYS],
    ) -> Result<(), usize> {
        let first = sketch.place(keys[0].kind, keys[0].bits);
        sketch.take(Ticks(now), first, keys)
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
                let keys = [0, 1, 2].map(|kind| {
                    let interval = intervals[kind];
                    let rate = Rate { interval, burst: bursts[kind].max(interval) };
                    Key { kind: kind as u8, bits: u64::from(source) >> (2 * kind), rate }
                });
                let granted = take(&mut sketch, now, &keys).is_ok();
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
                prop_assert!(take(&mut sketch, number, &[light]).is_ok());
                if exact.take(number, &[heavy]) {
                    prop_assert!(take(&mut sketch, number, &[heavy]).is_ok());
                    granted_to_heavy += 1;
                } else {
                    prop_assert_eq!(take(&mut sketch, number, &[heavy]), Err(0), "forgotten");
                }
            }
            prop_assert_eq!(granted_to_heavy, 2);
        }
    }

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let mut sketch = Sketch::new([1, 2]);
        let granted = |sketch: &mut Sketch, tenths: u64| {
            let now = tenths * RATE.interval;
            (0..100).filter(|_| take(sketch, now, &[key(1)]).is_ok()).count()
        };
        assert_eq!([0, 1, 3, 100].map(|tenths| granted(&mut sketch, tenths)), [10, 1, 2, 10]);
    }

    #[test]
    fn a_refusal_takes_nothing_from_other_keys() {
        let mut sketch = Sketch::new([1, 2]);
        let wide = Rate { interval: RATE.interval / 2, burst: RATE.burst };
        let both = |bits| [key(bits), Key { kind: 1, bits: 9, rate: wide }];
        let granted = (0..1000).filter(|_| take(&mut sketch, 5, &both(1)).is_ok()).count();
        assert_eq!(granted, 10);
        // Its neighbour finds half of the wider bucket.
        let granted = (0..1000).filter(|_| take(&mut sketch, 5, &both(2)).is_ok()).count();
        assert_eq!(granted, 10);
        assert_eq!(take(&mut sketch, 5, &both(3)), Err(1));
    }

    #[test]
    fn what_is_left_of_long_ago_is_empty() {
        let mut sketch = Sketch::new([1, 2]);
        for _ in 0..10 {
            take(&mut sketch, 3, &[key(1)]).unwrap();
        }
        assert_eq!(take(&mut sketch, 3, &[key(1)]), Err(0));
        for shift in 26..44 {
            assert!(take(&mut sketch.clone(), 3 + (1 << shift), &[key(1)]).is_ok());
        }
        // A clock that goes back by a bit, as between two cores, does no harm.
        assert_eq!(take(&mut sketch, 0, &[key(1)]), Err(0));
    }
}
