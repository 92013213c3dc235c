//! What paths and mirrors were answered how often, over all snapshots since the start.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{Ordering::Acquire, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;

use crate::snapshot::pools::{Path, Paths, Pool};
use crate::snapshot::static_data::Rule;
use crate::snapshot::{Snapshot, StaticData};

/// The snapshot in force, those before it that somebody may still answer from, and the sums of all that are gone.
///
/// Each snapshot counts its own answers. A snapshot stands in exactly one of these places at any moment, so that no answer is lost or
/// counted twice, whenever they are summed.
#[derive(Debug)]
pub struct Ledger {
    snapshots: Arc<ArcSwap<Snapshot>>,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// Those that were in force. They are kept here until nobody answers from them: the last to hold one has to free it, which
    /// can take a millisecond, and no query is to wait for that.
    retired: Vec<Arc<Snapshot>>,
    gone: Arc<Answered>,
}

/// How often paths and mirrors were answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answered {
    /// Answers with mirrors by path; those that never were answered too.
    pub paths: BTreeMap<PathLabel, u64>,
    /// The share of these answers that each mirror has, by host. An answer is shared out among all that its path yielded, by the
    /// capacity of each address, as clients are.
    pub mirrors: BTreeMap<String, Portion>,
}

/// A mirror's part of answers, in billionths of an answer. Whole numbers have one sum in whatever order snapshots are freed, so that what
/// is counted never goes back, and are rounded down so that no part shrinks while answers are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Portion(u128);

/// A path as people know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathLabel {
    /// The origin of the zone file whose fleet it leads through.
    pub zone: Arc<str>,
    /// Its pools.
    pub path: String,
    /// The code of the country that it begins with; empty where it begins with none.
    pub country: &'static str,
}

/// What became of snapshots that were no longer in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freed {
    /// A frame was freed with one.
    pub static_data: bool,
    /// Some are still held by somebody.
    pub more: bool,
}

impl Ledger {
    /// Begins with the snapshot that is in force.
    pub fn new(snapshots: Arc<ArcSwap<Snapshot>>) -> Self {
        Self { snapshots, books: Mutex::default() }
    }

    /// Has another snapshot in force.
    pub fn swap(&self, snapshot: Arc<Snapshot>) {
        let mut books = self.books();
        let before = self.snapshots.swap(snapshot);
        books.retired.push(before);
    }

    /// Frees those that everybody has left, once their answers are added to the sums. To be called by one thread alone.
    pub fn free(&self) -> Freed {
        let (left, gone) = {
            let books = self.books();
            // What is not in force is never taken up again: when nobody else holds it, nobody will answer from it.
            let left = books.retired.iter().filter(|snapshot| Arc::strong_count(snapshot) == 1);
            (left.cloned().collect::<Vec<_>>(), books.gone.clone())
        };
        if !left.is_empty() {
            // Who left last has counted before.
            fence(Acquire);
            let mut gone = (*gone).clone();
            for snapshot in &left {
                gone.add(snapshot, false);
            }
            let mut books = self.books();
            books.gone = Arc::new(gone);
            books.retired.retain(|snapshot| !left.iter().any(|left| Arc::ptr_eq(left, snapshot)));
        }
        let frames: Vec<Weak<StaticData>> =
            left.iter().map(|left| Arc::downgrade(&left.static_data)).collect();
        drop(left);
        let static_data = frames.iter().any(|static_data| static_data.strong_count() == 0);
        let more = !self.books().retired.is_empty();
        Freed { static_data, more }
    }

    /// The sums of this moment; not of one instant, as the counting goes on. With many mirrors this takes some milliseconds.
    pub fn answered(&self) -> Answered {
        let (snapshots, gone) = {
            let books = self.books();
            let mut snapshots = books.retired.clone();
            snapshots.push(self.snapshots.load_full());
            (snapshots, books.gone.clone())
        };
        let mut answered = (*gone).clone();
        let newest = snapshots.len() - 1;
        for (number, snapshot) in snapshots.iter().enumerate() {
            answered.add(snapshot, number == newest);
        }
        answered
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Nothing can panic between two changes of the books.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answered {
    /// Adds what a snapshot has counted, and with `all` also names the paths and mirrors that it did not answer.
    fn add(&mut self, snapshot: &Snapshot, all: bool) {
        let static_data = &*snapshot.static_data;
        let mut rules: HashMap<u32, Vec<(u32, &Rule)>> = HashMap::new();
        for (number, rule) in (0..).zip(&static_data.rules) {
            rules.entry(rule.plan).or_default().push((number, rule));
        }
        for (number, plan) in (0..).zip(&static_data.plans) {
            let mut shares = vec![Portion::default(); plan.fleet.mirrors.len()];
            let rules = rules.get(&number).map(Vec::as_slice).unwrap_or_default();
            for (id, path) in plan.paths.paths.iter().enumerate() {
                let mut total = 0;
                for (rule, limits) in rules {
                    let Some(slot) = snapshot.dynamic_data.slot(*rule, id as u16) else {
                        continue;
                    };
                    let [ipv4, ipv6] = [false, true].map(|ipv6| snapshot.counts.sum(slot, ipv6));
                    total += ipv4 + ipv6;
                    if let (1.., Some(health)) = (ipv4 + ipv6, snapshot.dynamic_data.health(number))
                    {
                        let found = plan.walk(limits.min, limits.families, health).along(path);
                        share(ipv4, found.ipv4.iter().map(|c| (c.mirror, c.capacity)), &mut shares);
                        share(ipv6, found.ipv6.iter().map(|c| (c.mirror, c.capacity)), &mut shares);
                    }
                }
                if all || total > 0 {
                    let label = PathLabel::new(&plan.origin, &plan.paths, path);
                    *self.paths.entry(label).or_default() += total;
                }
            }
            for (mirror, share) in plan.fleet.mirrors.iter().zip(shares) {
                if share > Portion::default() || (all && mirror.enabled) {
                    match self.mirrors.get_mut(&mirror.host) {
                        Some(sum) => sum.add(share),
                        None => drop(self.mirrors.insert(mirror.host.clone(), share)),
                    }
                }
            }
        }
    }
}

/// Shares out answers among candidates by capacity.
fn share(
    answers: u64,
    candidates: impl Iterator<Item = (u32, u64)> + Clone,
    shares: &mut [Portion],
) {
    let whole: u64 = candidates.clone().map(|(_, capacity)| capacity).sum();
    if answers == 0 || whole == 0 {
        return;
    }
    for (mirror, capacity) in candidates {
        if let Some(share) = shares.get_mut(mirror as usize) {
            share.add(Portion::of(answers, capacity, whole));
        }
    }
}

impl Portion {
    const ANSWER: u128 = 1_000_000_000;

    /// What has `capacity` of the `whole`, which is not 0, of these answers.
    fn of(answers: u64, capacity: u64, whole: u64) -> Self {
        let all = u128::from(answers).saturating_mul(Self::ANSWER);
        Self(all.saturating_mul(u128::from(capacity)) / u128::from(whole))
    }

    fn add(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }

    /// In answers.
    pub fn answers(self) -> f64 {
        self.0 as f64 / Self::ANSWER as f64
    }
}

impl PathLabel {
    fn new(origin: &Arc<str>, paths: &Paths, path: &Path) -> Self {
        let pools: Vec<String> =
            paths.along(path).map(|members| members.pool.to_string()).collect();
        let country = match paths.along(path).next().map(|members| &members.pool) {
            Some(Pool::Country(country)) => country.code(),
            _ => "",
        };
        Self { zone: origin.clone(), path: pools.join(" "), country }
    }
}
