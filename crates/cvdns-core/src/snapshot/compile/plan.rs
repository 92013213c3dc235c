//! Compiles the fleet of a zone file into a plan.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::geo::area::Area;
use crate::geo::country::{Continent, Country};
use crate::health::FeedRequirements;
use crate::problem::{Location, Problems};
use crate::snapshot::exclusions::Exclusions;
use crate::snapshot::inputs::{Inputs, ZoneInput};
use crate::snapshot::path_builder::PathInputs;
use crate::snapshot::pools::{MAX_PATHS, Paths, Pool};
use crate::snapshot::static_data::Plan;
use crate::zone::file::{NameKind, PoolRef};

/// Most countries without any mirror that are warned of one by one.
const NAMED_COUNTRIES: usize = 3;

/// The plan of a zone file. Its `ttl` is 0 and set when the rules of all names are known.
pub(super) fn plan(
    inputs: &Inputs,
    input: &ZoneInput,
    required: &FeedRequirements,
    problems: &mut Problems,
) -> Plan {
    let file = &input.file;
    let pools = file.names.iter().filter_map(|name| match &name.kind {
        NameKind::Pool { pool, .. } => Some((pool, &name.owner.location)),
        _ => None,
    });
    let pools: Vec<_> = pools.chain([(&file.unknown.value, &file.unknown.location)]).collect();
    let named: Vec<PoolRef> = pools.iter().map(|(pool, _)| (*pool).clone()).collect();
    let needs_clients = named.iter().any(|pool| matches!(pool, PoolRef::Client));
    let exclusions = Exclusions::new(&input.fleet, &required.not_for);
    let mut continents = BTreeSet::new();
    if needs_clients {
        continents.clone_from(inputs.countries.continents());
        if !exclusions.is_empty() {
            // Servers that are given exports may know of a client only the continent.
            continents.extend(Continent::all());
        }
    }
    let demand: Vec<(Country, u64)> =
        file.demand.iter().map(|demand| (demand.country.value, demand.rate)).collect();
    let paths = PathInputs {
        fleet: &input.fleet,
        neighbours: &file.neighbours,
        demand: &demand,
        unknown: &file.unknown.value,
        named: &named,
        continents: &continents,
        exclusions,
        locates: !inputs.countries.locates_nobody(),
    };
    let paths = paths.paths();
    check_fleet(input, &paths, &pools, problems);
    check_exclusions(input, &paths, problems);
    if paths.paths.len() > MAX_PATHS {
        problems.error(
            file.whole.clone(),
            format!("the names and the fleet make {} paths", paths.paths.len()),
            format!("name fewer pools: at most {MAX_PATHS} paths are possible"),
        );
    }
    let clients =
        needs_clients.then(|| Arc::new(inputs.countries.table(|area| paths.of_client(area))));
    let classes = paths
        .has_variants()
        .then(|| Arc::new(inputs.countries.table(|area| paths.exclusions.class_of(area))));
    let origin = file.origin.value.as_str().into();
    Plan { origin, fleet: input.fleet.clone(), paths, clients, classes, ttl: 0 }
}

/// Warns of countries whose clients may get no mirror at all, and of names that leave mirrors out
/// for everybody.
fn check_exclusions(input: &ZoneInput, paths: &Paths, problems: &mut Problems) {
    let exclusions = &paths.exclusions;
    let Some((_, first)) = exclusions
        .restricted()
        .first()
        .and_then(|first| Some((first, input.fleet.mirrors.get(*first as usize)?)))
    else {
        return;
    };
    let enabled = input.fleet.enabled().count();
    let has_none = |country: &Country| {
        exclusions.of_class(exclusions.class_of(Area::Country(*country))).len() == enabled
    };
    let none: Vec<Country> = Country::all().filter(has_none).collect();
    let help = "clients there get no address; leave the country out of `not-for` of one mirror, in the \
                fleet file or the feed";
    for country in none.iter().take(NAMED_COUNTRIES) {
        let what = format!(
            "`not-for` leaves {country} ({}) without any mirror of {}",
            country.name(),
            input.file.origin.value
        );
        problems.warning(first.location.clone(), what, help);
    }
    let more = none.len().saturating_sub(NAMED_COUNTRIES);
    if more > 0 {
        let what = format!("`not-for` leaves {more} more countries without any mirror");
        problems.warning(first.location.clone(), what, help);
    }
    if paths.leaves_out_for_all() {
        problems.warning(
            first.location.clone(),
            "names of a fixed country, continent or pool leave mirrors with `not-for` out for all \
             clients",
            "clients cannot be told apart: no country database is read, which a `not-for` in the \
             fleet file or a name with pool = \"client\" does, or the lists of `not-for` differ \
             too much",
        );
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::pools::PathChoice;

    const ZONE: &str = "format = 1\norigin = \"x.test\"\nrecords = \"r\"\nmirrors = \"m\"\n\
        [[name]]\nowner = \"db.{cc}\"\npool = \"{cc}\"\n";
    const RECORDS: &str = "@ 60 IN SOA a. b. 1 1 1 1 60\n@ 60 IN NS a.\n";

    fn planned(fleet: &str, required: &FeedRequirements) -> (Plan, Vec<String>) {
        let mut problems = Problems::default();
        let inputs = Inputs::of_zone(ZONE, RECORDS, fleet, &mut problems).unwrap();
        let plan = plan(&inputs, &inputs.zones[0], required, &mut problems);
        assert!(!problems.has_errors(), "{problems:?}");
        (plan, problems.iter().map(ToString::to_string).collect())
    }

    fn mirror(number: usize, country: &str, rest: &str) -> String {
        format!(
            "[[mirror]]\nhost = \"m{number}\"\ncountry = \"{country}\"\n\
             ipv4 = [\"192.0.2.{number}\"]\n{rest}\n"
        )
    }

    /// Where nothing is known of clients, those for whom a mirror is not cannot be told from
    /// others.
    #[test]
    fn without_a_country_database_restricted_mirrors_are_left_out_for_all() {
        let fleet = mirror(1, "DE", "") + &mirror(2, "DE", "");
        let (free, warnings) = planned(&fleet, &FeedRequirements::default());
        assert_eq!(warnings, Vec::<String>::new());
        let not_for = [("m2".to_owned(), ["CN".parse().unwrap()].into())].into();
        let required = FeedRequirements { not_for, ..FeedRequirements::default() };
        let (plan, warnings) = planned(&fleet, &required);
        assert!(plan.classes.is_none() && free.classes.is_none());
        assert!(
            matches!(&warnings[..], [only] if only.starts_with("fleet:7:1: ")
            && only.contains("out for all clients")),
            "{warnings:?}"
        );
        for (plan, mirrors) in [(&free, &[0, 1][..]), (&plan, &[0])] {
            for country in Country::all() {
                let choice = plan.paths.of_pool(&PoolRef::OfName, Some(country));
                let PathChoice::Path(path) = choice else { panic!("{choice:?}") };
                for pool in plan.paths.along(plan.paths.get(path).unwrap()) {
                    assert_eq!(pool.mirrors, mirrors, "{country}");
                }
            }
        }
    }

    #[test]
    fn countries_without_any_mirror_are_warned_of_in_few_lines() {
        let of = |list: &str| {
            let fleet = mirror(1, "JP", &format!("not-for = [{list}]"))
                + &mirror(2, "US", "not-for = [\"continent:EU\"]")
                + &mirror(3, "US", "enabled = false");
            let (_, warnings) = planned(&fleet, &FeedRequirements::default());
            warnings.into_iter().filter(|line| line.contains("without any mirror")).collect()
        };
        let lines: Vec<String> = of("\"CN\"");
        assert_eq!(lines, Vec::<String>::new());
        let lines: Vec<String> = of("\"DE\", \"FR\"");
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with("fleet:2:1: ") && lines[0].contains("DE (Germany)"),
            "{lines:?}"
        );
        let lines: Vec<String> = of("\"continent:EU\"");
        let europe = Country::all().filter(|country| country.continent().code() == "EU").count();
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[3].contains(&format!("{} more countries", europe - 3)), "{lines:?}");
    }
}
