//! Compiles the fleet of a zone file into a plan.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::geo::country::Country;
use crate::problem::{Location, Problems};
use crate::snapshot::inputs::{Inputs, ZoneInput};
use crate::snapshot::pools::{MAX_PATHS, Paths, Pool};
use crate::snapshot::static_data::Plan;
use crate::zone::file::{NameKind, PoolRef};

/// The plan of a zone file. Its `ttl` is 0 and set when the rules of all names are known.
pub(super) fn plan(inputs: &Inputs, input: &ZoneInput, problems: &mut Problems) -> Plan {
    let file = &input.file;
    let pools = file.names.iter().filter_map(|name| match &name.kind {
        NameKind::Pool { pool, .. } => Some((pool, &name.owner.location)),
        _ => None,
    });
    let pools: Vec<_> = pools.chain([(&file.unknown.value, &file.unknown.location)]).collect();
    let named: Vec<PoolRef> = pools.iter().map(|(pool, _)| (*pool).clone()).collect();
    let needs_clients = named.iter().any(|pool| matches!(pool, PoolRef::Client));
    let none = BTreeSet::new();
    let continents = if needs_clients { inputs.countries.continents() } else { &none };
    let unknown = &file.unknown.value;
    let demand: Vec<(Country, u64)> =
        file.demand.iter().map(|demand| (demand.country.value, demand.rate)).collect();
    let paths = Paths::new(&input.fleet, &file.neighbours, &demand, unknown, &named, continents);
    check_fleet(input, &paths, &pools, problems);
    if paths.paths.len() > MAX_PATHS {
        problems.error(
            file.whole.clone(),
            format!("the names and the fleet make {} paths", paths.paths.len()),
            format!("name fewer pools: at most {MAX_PATHS} paths are possible"),
        );
    }
    let clients =
        needs_clients.then(|| Arc::new(inputs.countries.table(|area| paths.of_client(area))));
    let origin = file.origin.value.as_str().into();
    Plan { origin, fleet: input.fleet.clone(), paths, clients, ttl: 0 }
}

/// Reports named pools without mirrors, and a fleet without enabled mirrors. `pools` are the pools
/// to which names refer, and where they do.
fn check_fleet(
    input: &ZoneInput,
    paths: &Paths,
    pools: &[(&PoolRef, &Location)],
    problems: &mut Problems,
) {
    if !input.fleet_complete {
        return;
    }
    for (pool, location) in pools {
        if let PoolRef::Named(name) = pool
            && paths.members(&Pool::Named(name.clone())).is_none()
        {
            problems.error(
                (*location).clone(),
                format!("no mirror is in the pool {name}"),
                format!("add pools = [\"{name}\"] to its mirrors in the fleet file"),
            );
        }
    }
    if input.file.mirrors.is_some() && input.fleet.enabled().next().is_none() {
        problems.error(
            input.file.whole.clone(),
            "the fleet has no enabled mirror",
            "add [[mirror]] entries to the fleet file",
        );
    }
}
