//! Leaky buckets of many keys in little memory.

use siphasher::sip::SipHasher13;

use super::ticks::Ticks;
use super::universal_hash::UniversalHash;

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
    /// The sets, of 16 words each. Zeros are empty buckets, and the system gives memory only for
    /// what was touched.
    words: Vec<u32>,
    /// Where the first set begins, so that sets are cache lines.
    first: usize,
    key: [u64; 2],
    wide: [UniversalHash; KINDS],
}

/// What a bucket may hold, and how fast it leaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rate {
    /// How long one answer lasts, in ticks.
    pub interval: u64,
    /// How long the answers that a full bucket holds last, in ticks; at least the interval.
    pub burst: u64,
}

/// Kinds of keys, which have hash functions of their own.
pub(super) const KINDS: usize = 8;

/// Where a key's bucket is: its set, as the index of the first word, and its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    set: u32,
    tag: u32,
}

/// Buckets of a set.
const WAYS: usize = 8;

/// The words of a set: first one for each bucket with the key's tag and the upper bits of the
/// moment, then one for each with the lower bits. So all tags are compared at once.
type Set = [u32; 2 * WAYS];

/// Sets of the table; a power of two.
const SETS: usize = 8192;

/// Bits of an entry that hold its moment, modulo 2^44 ticks: 12 days.
const MOMENT_BITS: u32 = 44;
const MOMENT: u64 = (1 << MOMENT_BITS) - 1;

/// Those of a bucket's first word that hold the tag.
const TAG: u32 = u32::MAX << (MOMENT_BITS - 32);

impl Sketch {
    /// An empty table. Nobody outside may know `key`, or they could choose addresses that share a
    /// set.
    pub(super) fn new(key: [u64; 2]) -> Self {
        let words = vec![0; 2 * WAYS * SETS + 2 * WAYS - 1];
        // It may be larger than any index, as the documentation of `align_offset` says.
        let first = words.as_ptr().align_offset(size_of::<Set>()) % (2 * WAYS);
        let wide = std::array::from_fn(|kind| UniversalHash::new(key, kind as u64));
        Self { words, first, key, wide }
    }

    /// The place of the first key, which any client can choose among the most: by a hash function
    /// that tells nothing about itself.
    #[inline]
    pub(super) fn place(&self, kind: usize, bits: u64) -> Place {
        let [key0, key1] = self.key;
        let hasher = SipHasher13::new_with_keys(key0, key1.wrapping_add(kind as u64));
        self.at(hasher.hash(&bits.to_le_bytes()))
    }

    /// The place of a further key.
    #[inline]
    fn wide_place(&self, kind: usize, bits: u64) -> Place {
        let hash = self.wide.get(kind).map_or(bits, |hash| hash.of(bits));
        self.at(hash)
    }

    #[inline]
    fn at(&self, hash: u64) -> Place {
        let set = self.first + (hash as usize % SETS) * 2 * WAYS;
        Place { set: set as u32, tag: (hash >> 32) as u32 & TAG }
    }

    /// Reads the set of a place, and does nothing with it: the processor has it at hand afterwards.
    #[inline]
    pub(super) fn fetch(&self, place: Place) {
        std::hint::black_box(self.words.get(place.set as usize).copied());
    }

    /// Takes one answer from the buckets of all keys: each has its bits and the rate of its bucket.
    /// Kinds count from `kind`. The first is at `first`. No burst is longer than `longest_burst`.
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
        kind: usize,
        keys: [(u64, &Rate); KEYS],
        longest_burst: u64,
    ) -> Result<(), usize> {
        // The moment of a bucket in use is at most a burst ahead; a second allows for a clock that
        // differs. What seems to be further ahead is behind, as moments are kept modulo 2^44.
        let most = longest_burst.saturating_add(Ticks::SECOND);
        let mut replaced = [Replaced::default(); KEYS];
        for (number, (bits, rate)) in keys.into_iter().enumerate() {
            let place = if number == 0 { first } else { self.wide_place(kind + number, bits) };
            let Some(set) = self.set(place) else { continue };
            let (way, ahead) = find(set, place.tag, now, most);
            let ahead = ahead.saturating_add(rate.interval);
            if ahead > rate.burst {
                replaced.iter().take(number).for_each(|replaced| self.put_back(replaced));
                return Err(number);
            }
            let moment = now.0.wrapping_add(ahead) & MOMENT;
            let entry = [place.tag | (moment >> 32) as u32, moment as u32];
            // At once, so that keys which share a set take different places.
            let before = put(set, way, entry);
            if let Some(replaced) = replaced.get_mut(number) {
                *replaced = Replaced { place, way, entry: before };
            }
        }
        Ok(())
    }

    #[inline]
    fn set(&mut self, place: Place) -> Option<&mut Set> {
        self.words.get_mut(place.set as usize..)?.first_chunk_mut()
    }

    fn put_back(&mut self, Replaced { place, way, entry }: &Replaced) {
        if let Some(set) = self.set(*place) {
            put(set, *way, *entry);
        }
    }
}

/// An entry that another one has replaced.
#[derive(Clone, Copy, Default)]
struct Replaced {
    place: Place,
    way: usize,
    entry: [u32; 2],
}

/// Replaces the entry of a bucket, and returns the one before.
#[inline]
fn put(set: &mut Set, way: usize, [upper, lower]: [u32; 2]) -> [u32; 2] {
    let mut replace = |at: usize, word| set.get_mut(at).map_or(0, |it| std::mem::replace(it, word));
    [replace(way, upper), replace(way + WAYS, lower)]
}

/// The place of a tag in a set, and how far its bucket is ahead of now, in ticks. If the tag is not
/// in the set, it is the place of a bucket to be replaced by one that holds nothing.
#[inline]
fn find(set: &Set, tag: u32, now: Ticks, most: u64) -> (usize, u64) {
    let [upper, lower] = halves(set);
    let place = preferred(tag);
    match (upper.get(place), lower.get(place)) {
        (Some(upper), Some(lower)) if upper & TAG == tag => {
            (place, ahead(*upper, *lower, now, most))
        }
        _ => search(set, tag, now, most),
    }
}

/// Where a tag is as long as nothing else needs the place. Most are found without looking further.
#[inline]
fn preferred(tag: u32) -> usize {
    (tag >> (u32::BITS - WAYS.ilog2())) as usize
}

/// How far a bucket is ahead of now, in ticks.
#[inline]
fn ahead(upper: u32, lower: u32, now: Ticks, most: u64) -> u64 {
    let entry = u64::from(upper) << 32 | u64::from(lower);
    let ahead = entry.wrapping_sub(now.0) & MOMENT;
    if ahead > most { 0 } else { ahead }
}

/// The same as [`find`] for a tag that is not at its preferred place. A tag that is nowhere gets
/// that place if its bucket is empty, or else that of the emptiest bucket.
#[inline(never)]
fn search(set: &Set, tag: u32, now: Ticks, most: u64) -> (usize, u64) {
    let [upper, lower] = halves(set);
    let of = |(upper, lower): (&u32, &u32)| ahead(*upper, *lower, now, most);
    // No branch depends on where the tag is, which cannot be predicted.
    let mut places = 0_u32;
    for (number, word) in upper.iter().enumerate() {
        places |= u32::from(word & TAG == tag) << number;
    }
    let place = places.trailing_zeros() as usize;
    if let Some(bucket) = upper.get(place).zip(lower.get(place)) {
        return (place, of(bucket));
    }
    let place = preferred(tag);
    let is_free = upper.get(place).zip(lower.get(place)).is_some_and(|bucket| of(bucket) == 0);
    let (mut emptiest, mut least) = (place, if is_free { 0 } else { u64::MAX });
    for (number, bucket) in upper.iter().zip(lower).enumerate() {
        let ahead = of(bucket);
        emptiest = if ahead < least { number } else { emptiest };
        least = least.min(ahead);
    }
    (emptiest, 0)
}

/// The first words of all buckets, and the second ones.
#[inline]
fn halves(set: &Set) -> [&[u32; WAYS]; 2] {
    const NONE: &[u32; WAYS] = &[0; WAYS];
    let (upper, lower) = set.split_at(WAYS);
    [upper, lower].map(|half| half.first_chunk().unwrap_or(NONE))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, Copy)]
    struct Key {
        kind: usize,
        bits: u64,
        rate: Rate,
    }

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
        let longest_burst = keys.iter().map(|key| key.rate.burst).max().unwrap_or_default();
        let each = keys.each_ref().map(|key| (key.bits, &key.rate));
        sketch.take(Ticks(now), first, keys[0].kind, each, longest_burst)
    }

    /// Buckets without limits, in fractions of an answer: they leak as time goes by.
    #[derive(Default)]
    struct ExactBuckets(HashMap<(usize, u64), (f64, u64)>);

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
                    Key { kind, bits: u64::from(source) >> (2 * kind), rate }
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
