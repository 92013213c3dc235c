//! What paths answer before and after the failures.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use cvdns_core::geo::country::Country;
use cvdns_core::replay::{AnswerReader, AnsweredPath, Level, PathAnswer};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::static_data::Plan;

/// How an answer changes; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// The first places move to a later pool, worse mirrors are used, or there is no answer.
    FallsBack,
    /// Mirrors are gone.
    Loses,
    /// Other mirrors, or other shares.
    Changes,
    /// Mirrors are added.
    Gains,
    /// The first places move back to an earlier pool, or better mirrors are used.
    Recovers,
    /// Nothing.
    Same,
}

/// A value before the failures and after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct BeforeAfter<T> {
    pub before: T,
    pub after: T,
}

/// A path with its answers.
pub(super) struct Replayed {
    pub path: AnsweredPath,
    pub answers: BeforeAfter<PathAnswer>,
    /// The demand of its countries in kbit/s.
    pub demand: Option<u64>,
    pub change: Change,
}

impl<T> BeforeAfter<T> {
    /// The values, that before the failures first.
    pub(super) fn of([before, after]: [T; 2]) -> Self {
        Self { before, after }
    }
}

/// Reads the answers of paths in both snapshots. `rates` is the demand of each country.
pub(super) fn replay(
    snapshots: BeforeAfter<&Snapshot>,
    plan: &Plan,
    ipv6: bool,
    paths: Vec<AnsweredPath>,
    rates: &BTreeMap<Country, u64>,
) -> Vec<Replayed> {
    let reader = |snapshot| AnswerReader { snapshot, plan, ipv6 };
    let (before, after) = (reader(snapshots.before), reader(snapshots.after));
    let of = |path: AnsweredPath| {
        let answers =
            BeforeAfter { before: before.read(path.decided), after: after.read(path.decided) };
        let known: Vec<u64> =
            path.countries().filter_map(|country| rates.get(&country).copied()).collect();
        let demand = (!known.is_empty()).then(|| known.iter().sum());
        let change = Change::between(&answers.before, &answers.after);
        Replayed { path, answers, demand, change }
    };
    paths.into_iter().map(of).collect()
}

impl Change {
    /// How an answer differs from the one `before`.
    fn between(before: &PathAnswer, after: &PathAnswer) -> Self {
        match after.level.cmp(&before.level).then(after.front.cmp(&before.front)) {
            Ordering::Greater => return Self::FallsBack,
            // Of mirrors that lag, nearer ones may be those that lag more.
            Ordering::Less if after.level != Level::Lagging => return Self::Recovers,
            Ordering::Less | Ordering::Equal => {}
        }
        let (new, old) = (indexes(after), indexes(before));
        let (enters, leaves) = (!new.is_subset(&old), !old.is_subset(&new));
        match (enters, leaves) {
            (true, false) => Self::Gains,
            (false, true) => Self::Loses,
            (false, false) if after.mirrors == before.mirrors => Self::Same,
            (true, true) | (false, false) => Self::Changes,
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::FallsBack => "falls back",
            Self::Loses => "loses",
            Self::Changes => "changes",
            Self::Gains => "gains",
            Self::Recovers => "recovers",
            Self::Same => "same",
        }
    }
}

fn indexes(answer: &PathAnswer) -> BTreeSet<u32> {
    answer.mirrors.iter().map(|mirror| mirror.index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvdns_core::replay::AnsweredMirror;

    fn answer(level: Level, front: usize, indexes: &[u32]) -> PathAnswer {
        let of = |index: &u32| {
            let share = 1.0 / indexes.len() as f64;
            AnsweredMirror { index: *index, pool: front, drawn: false, share }
        };
        PathAnswer { level, front, reach: "", mirrors: indexes.iter().map(of).collect() }
    }

    /// docs/simulate.md "What is asked".
    #[test]
    fn the_first_places_tell_who_falls_back() {
        let usable = |front, indexes: &[u32]| answer(Level::Usable, front, indexes);
        let lagging = |front, indexes: &[u32]| answer(Level::Lagging, front, indexes);
        let open = answer(Level::Open, 0, &[0, 1, 2]);
        let nothing = answer(Level::NoData, 0, &[]);
        for (before, after, change) in [
            (usable(0, &[0, 1]), usable(1, &[1]), Change::FallsBack),
            (usable(0, &[0, 1]), usable(0, &[0]), Change::Loses),
            (usable(0, &[0, 1]), usable(0, &[0, 2]), Change::Changes),
            (usable(0, &[0]), usable(0, &[0, 1]), Change::Gains),
            (usable(0, &[0]), usable(0, &[0]), Change::Same),
            (usable(1, &[1]), usable(0, &[0]), Change::Recovers),
            (usable(1, &[1]), lagging(0, &[0]), Change::FallsBack),
            (lagging(0, &[0]), lagging(1, &[1]), Change::FallsBack),
            (lagging(1, &[1]), lagging(0, &[0]), Change::Changes),
            (lagging(0, &[0]), open.clone(), Change::FallsBack),
            (open.clone(), usable(2, &[2]), Change::Recovers),
            (open, nothing.clone(), Change::FallsBack),
            (nothing.clone(), nothing, Change::Same),
        ] {
            assert_eq!(Change::between(&before, &after), change, "{before:?} {after:?}");
        }
    }
}
