//! The countries that have mirrors.

use std::collections::{BTreeMap, HashSet};

use cvdns_core::answer::AnswerStats;
use cvdns_core::geo::country::Country;
use cvdns_core::health::State;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::pools::{Pool as SnapshotPool, PoolMembers};
use cvdns_core::snapshot::static_data::Plan;
use cvdns_pages::map::Mark;
use cvdns_pages::operator::{FleetCountries, ServedCountry};
use cvdns_pages::{Pool, StateCounts};

/// The countries of each zone file that has mirrors.
pub(super) fn fleets(snapshot: &Snapshot, answered: &AnswerStats) -> Vec<FleetCountries> {
    let plans = (0..).zip(&snapshot.static_data.plans);
    let with_mirrors = plans.filter(|(_, plan)| plan.fleet.enabled().next().is_some());
    with_mirrors
        .map(|(number, plan)| FleetCountries {
            zone: plan.origin.to_string(),
            countries: countries(snapshot, number, plan, answered),
        })
        .collect()
}

/// All countries with mirrors, as a map shows them.
pub(super) fn marks(snapshot: &Snapshot) -> Vec<Mark> {
    let fleets = fleets(snapshot, &AnswerStats::default());
    let mut seen = HashSet::new();
    let all = fleets.iter().flat_map(|fleet| &fleet.countries);
    all.filter(|row| seen.insert(row.country)).map(ServedCountry::mark).collect()
}

/// The pool as pages have it.
fn pool(pool: &SnapshotPool) -> Pool {
    match pool {
        SnapshotPool::Country(country) => Pool::Country(*country),
        SnapshotPool::Continent(continent) => Pool::Continent(*continent),
        SnapshotPool::World => Pool::World,
        SnapshotPool::Named(name) => Pool::Named(name.clone()),
    }
}

fn countries(
    snapshot: &Snapshot,
    number: u32,
    plan: &Plan,
    answered: &AnswerStats,
) -> Vec<ServedCountry> {
    let shares = shares(plan, answered);
    let row = |country: Country, members: &PoolMembers| {
        let health = snapshot.dynamic_data.health(number);
        let mut mirrors = StateCounts::default();
        let mut usable_capacity: u64 = 0;
        for index in members.mirrors.iter().map(|index| *index as usize) {
            let status = health.and_then(|health| health.mirrors.get(index));
            let state = status.map_or(State::Down, |status| status.state);
            let is_usable = health.is_some_and(|health| health.is_usable(index));
            let capacity = plan.fleet.mirrors.get(index).map(|mirror| mirror.capacity);
            if is_usable {
                usable_capacity = usable_capacity.saturating_add(capacity.unwrap_or_default());
            }
            // A map has no colour for mirrors that work and are left out all the same.
            mirrors.add(if state.is_usable() && !is_usable { State::Down } else { state });
        }
        let path = plan.paths.get(plan.paths.of_client(country));
        ServedCountry {
            country,
            has_own: plan.fleet.enabled().any(|(_, mirror)| mirror.country == country),
            mirrors,
            usable_capacity,
            share: shares.as_ref().map(|of| of.get(country.code()).copied().unwrap_or_default()),
            path: path
                .into_iter()
                .flat_map(|path| plan.paths.along(path))
                .map(|it| pool(&it.pool))
                .collect(),
        }
    };
    let pools = plan.paths.whole_pools();
    let mut rows: Vec<ServedCountry> = pools
        .filter_map(|members| match members.pool {
            SnapshotPool::Country(country) => Some(row(country, members)),
            _ => None,
        })
        .collect();
    rows.sort_by_key(|row| row.country.name());
    rows
}

/// The share of the answers that mirrors in each country lead, by its code; `None` before the first
/// answer.
fn shares(plan: &Plan, answered: &AnswerStats) -> Option<BTreeMap<&'static str, f64>> {
    let total: f64 = answered.mirrors.values().map(|share| share.answers()).sum();
    if total <= 0.0 {
        return None;
    }
    let mut shares = BTreeMap::new();
    for mirror in &plan.fleet.mirrors {
        let led = answered.mirrors.get(&mirror.host).map_or(0.0, |share| share.answers());
        *shares.entry(mirror.country.code()).or_default() += led / total;
    }
    Some(shares)
}
