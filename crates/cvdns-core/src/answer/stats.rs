//! How often paths and mirrors were answered.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::snapshot::Snapshot;
use crate::snapshot::first_places::FirstPlaces;
use crate::snapshot::pools::{Path, Paths, Pool};
use crate::snapshot::static_data::{Plan, Rule};

/// How often paths and mirrors were answered, summed over snapshots.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnswerStats {
    /// Answers with mirrors, by path. Paths that were never answered are listed with 0.
    pub paths: BTreeMap<PathLabel, u64>,
    /// Each mirror's share of these answers, by host. The answers of a path are divided among its
    /// mirrors by how many of the windows begin with each: clients use the first address.
    pub mirrors: BTreeMap<String, AnswerShare>,
}

/// A mirror's share of answers, in billionths of an answer.
///
/// Sums of whole numbers do not depend on the order in which snapshots are freed, so the counter
/// never goes back. Shares are rounded down, so none shrinks while answers are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct AnswerShare(u128);

/// The metrics labels of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathLabel {
    /// Origin of the zone file whose fleet the path leads through.
    pub zone: Arc<str>,
    /// The path's pools, separated by blanks.
    pub path: String,
    /// Code of the country whose pool comes first; empty if the path begins otherwise.
    pub country: &'static str,
}

impl AnswerStats {
    /// Adds what a snapshot has counted. With `all`, the paths and mirrors that it never answered
    /// are listed too.
    pub(super) fn add(&mut self, snapshot: &Snapshot, all: bool) {
        let static_data = &*snapshot.static_data;
        let mut rules: HashMap<u32, Vec<(u32, &Rule)>> = HashMap::new();
        for (number, rule) in (0..).zip(&static_data.rules) {
            rules.entry(rule.plan).or_default().push((number, rule));
        }
        for (number, plan) in (0..).zip(&static_data.plans) {
            let mut shares = vec![AnswerShare::default(); plan.fleet.mirrors.len()];
            let rules = rules.get(&number).map(Vec::as_slice).unwrap_or_default();
            for (id, path) in plan.paths.paths.iter().enumerate() {
                let path_rules = PathRules { snapshot, plan_number: number, plan, rules };
                let total = path_rules.count(id as u16, path, &mut shares);
                if all || total > 0 {
                    let label = PathLabel::new(&plan.origin, &plan.paths, path);
                    *self.paths.entry(label).or_default() += total;
                }
            }
            for (mirror, share) in plan.fleet.mirrors.iter().zip(shares) {
                if share > AnswerShare::default() || (all && mirror.enabled) {
                    match self.mirrors.get_mut(&mirror.host) {
                        Some(sum) => sum.add(share),
                        None => drop(self.mirrors.insert(mirror.host.clone(), share)),
                    }
                }
            }
        }
    }
}

/// A plan of a snapshot, and the rules that answer from it.
struct PathRules<'r> {
    snapshot: &'r Snapshot,
    plan_number: u32,
    plan: &'r Plan,
    rules: &'r [(u32, &'r Rule)],
}

impl PathRules<'_> {
    /// The answers of one path under all rules; adds each mirror's share of them to `shares`.
    fn count(&self, id: u16, path: &Path, shares: &mut [AnswerShare]) -> u64 {
        let Self { snapshot, plan, .. } = self;
        let mut total = 0;
        for (number, rule) in self.rules {
            let Some(slot) = snapshot.dynamic_data.slot(*number, id) else {
                continue;
            };
            let [ipv4, ipv6] = [false, true].map(|ipv6| snapshot.counts.sum(slot, ipv6));
            total += ipv4 + ipv6;
            let walk = snapshot.dynamic_data.health(self.plan_number).filter(|_| ipv4 + ipv6 > 0);
            if let (Some(health), Some(answer)) = (walk, snapshot.dynamic_data.answer(slot)) {
                let found = plan.walk(rule.min, rule.families, health).along(path);
                divide(ipv4, &FirstPlaces::new(&found.ipv4, &answer.ipv4), shares);
                divide(ipv6, &FirstPlaces::new(&found.ipv6, &answer.ipv6), shares);
            }
        }
        total
    }
}

/// Divides answers among mirrors by first places.
fn divide(answers: u64, first_places: &FirstPlaces, shares: &mut [AnswerShare]) {
    if answers == 0 || first_places.windows == 0 {
        return;
    }
    for (mirror, first) in &first_places.of_mirrors {
        if let Some(share) = shares.get_mut(*mirror as usize) {
            share.add(AnswerShare::of(answers, *first, first_places.windows));
        }
    }
}

impl AnswerShare {
    const ANSWER: u128 = 1_000_000_000;

    /// The share of `answers` that falls to `part` out of `whole`, which is not 0.
    fn of(answers: u64, part: u64, whole: u64) -> Self {
        let all = u128::from(answers).saturating_mul(Self::ANSWER);
        Self(all.saturating_mul(u128::from(part)) / u128::from(whole))
    }

    fn add(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }

    /// The share as a number of answers.
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
