//! `cvdns check`: reads everything that serve would read and prints all problems.

mod bundle;
mod coordinator;
mod delegation;
mod demand;
mod feed;
mod members;
mod report;
mod system;
mod xdp;

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::output::Failure;
use super::problems::print;
use super::remote_overrides::{self, NotFetched};
use super::stated::StatedSettings;
use crate::load::{Loaded, load_stating};
use cvdns_core::problem::{Location, Problems};
use cvdns_core::release::{ReleaseSources, SourceState};
use cvdns_core::snapshot::compile;

pub use delegation::DelegationArgs;
use delegation::DelegationReport;
use report::CheckReport;
pub use xdp::XdpArgs;

/// Arguments of `cvdns check`.
#[derive(Args, Clone, Debug, Default)]
pub struct CheckArgs {
    /// Print all problems and all zones as JSON.
    #[arg(long)]
    pub json: bool,
    /// Whether and how the delegation is checked.
    #[command(flatten)]
    pub delegation: DelegationArgs,
    /// Whether interfaces are looked at.
    #[command(flatten)]
    pub xdp: XdpArgs,
    /// What `serve` would be given.
    #[command(flatten)]
    pub stated: StatedSettings,
}

/// A database with fewer networks does not cover the world: the smallest that do have some hundred
/// thousand.
const FEW_NETWORKS: usize = 1000;

/// Checks a configuration. Exit status 1 if it cannot be served, if its delegation was to be
/// checked and has errors, or if interfaces were to be looked at and cannot be served.
pub fn run(args: &CheckArgs, config: &Path) -> ExitCode {
    let mut problems = Problems::default();
    let now = Timestamp::now();
    let checked =
        load_stating(config, &args.stated.command_line(), &mut problems).and_then(|mut loaded| {
            check_overrides(&mut loaded, &mut problems);
            let report = check(config, &loaded, now, &mut problems)?;
            Some(report.with_xdp(xdp::check(&args.xdp, &loaded.config)))
        });
    let good = !problems.has_errors();
    if !args.json {
        print(&problems);
    }
    let delegation = match (good && args.delegation.delegation)
        .then(|| delegation::check(&args.delegation, config))
        .transpose()
    {
        Ok(delegation) => delegation,
        Err(failure) => return failure.report(),
    };
    let good = good
        && !delegation.as_ref().is_some_and(DelegationReport::has_errors)
        && !checked.as_ref().is_some_and(CheckReport::lacks_xdp);
    let report = checked.filter(|_| !problems.has_errors() || args.json);
    let printed = match report {
        Some(report) if args.json => report.with_delegation(delegation).print_json(&problems),
        Some(report) => report.with_delegation(delegation).print(),
        None if args.json => CheckReport::unread(config).print_json(&problems),
        None => Ok(()),
    };
    match printed {
        // A closed pipe does not change the result.
        Ok(()) | Err(Failure::BrokenPipe) if good => ExitCode::SUCCESS,
        Ok(()) | Err(Failure::BrokenPipe) => ExitCode::FAILURE,
        Err(failure) => failure.report(),
    }
}

/// Checks everything that was read. Returns what would be served, or `None` if it cannot be.
fn check(
    config: &Path,
    loaded: &Loaded,
    now: Timestamp,
    problems: &mut Problems,
) -> Option<CheckReport> {
    system::check(config, loaded, problems);
    check_database(loaded, problems);
    check_copies(loaded, now, problems);
    check_release_files(loaded, now, problems);
    bundle::check(config, loaded, now, problems);
    coordinator::check(config, loaded, problems);
    members::check(config, loaded, now, problems);
    let feeds = feed::read(loaded, now, problems);
    let required = feeds.requirements();
    let static_data = compile(&loaded.inputs, &required, problems)?;
    let start = feeds.choose(loaded, &static_data, now, problems);
    let demand = demand::check(loaded, &static_data, now, problems);
    Some(CheckReport::of(config, loaded, &static_data, start).with_demand(demand))
}

/// Warns of copies of zones that no primary has confirmed for too long. They are checked all the
/// same.
fn check_copies(loaded: &Loaded, now: Timestamp, problems: &mut Problems) {
    for zone in &loaded.transferred {
        let Some(input) = zone.input(&loaded.inputs.zones) else { continue };
        if input.unavailable.is_some() || zone.unavailable(&input.records, false, now).is_none() {
            continue;
        }
        let what = match zone.checked {
            Some(checked) => {
                format!(
                    "the zone {} is expired: it was last confirmed at {checked:.0}",
                    zone.origin
                )
            }
            None => format!("the zone {} is expired: nobody knows its age", zone.origin),
        };
        let location = input.records.sets().next().map(|set| set.location());
        let location = location.unwrap_or_else(|| Location::file(&zone.origin.to_string()));
        let help = "the answer is SERVFAIL until a primary confirms it: look at `cvdns status`";
        problems.warning(location, what, help);
    }
}

/// Fetches overrides that come from a URL. The server starts without them, so what is wrong is a
/// warning; a wrong signature is an error, as the operator requires one.
fn check_overrides(loaded: &mut Loaded, problems: &mut Problems) {
    if let Err(NotFetched { source, error, meanwhile }) = remote_overrides::fetch(loaded) {
        let location = Location::file(&source);
        let what = format!("the overrides are not usable: {}", error.what);
        if error.is_final() {
            problems.warning(location, what, meanwhile);
        } else {
            problems.error(location, what, meanwhile);
        }
    }
    // A file was checked when it was read.
    if loaded.overrides.remote.is_some() {
        let fleets: Vec<_> = loaded.inputs.zones.iter().map(|zone| &*zone.fleet).collect();
        loaded.overrides.overrides.check(&fleets, problems);
    }
}

/// Warns of a country database that serve accepts but that locates few clients.
fn check_database(loaded: &Loaded, problems: &mut Problems) {
    let Some(size) = loaded.countries.size else { return };
    let location = || loaded.config.geoip.database.location.clone();
    let name = &loaded.config.geoip.database.value;
    if size.networks < FEW_NETWORKS {
        let what = format!("the country database {name} has only {} networks", size.networks);
        problems.warning(
            location(),
            what,
            "all other clients count as unknown; `cvdns geoip build` makes a complete one",
        );
    }
    for (has, family, other) in [(size.v4, "IPv4", size.v6), (size.v6, "IPv6", size.v4)] {
        if !has && other {
            let what =
                format!("the country database {name} has no {family} network with a country");
            let help = format!(
                "all {family} clients count as unknown: use a database of both families, such as \
                 `cvdns geoip build` makes"
            );
            problems.warning(location(), what, help);
        }
    }
}

/// Checks the files of the record. The server starts even if they are bad, so these are warnings.
fn check_release_files(loaded: &Loaded, now: Timestamp, problems: &mut Problems) {
    let record = &loaded.config.record;
    let mut errors = Vec::new();
    let supply = loaded.supply.read(&ReleaseSources::default(), now, &mut errors);
    // `errors` has the order in which the files are read.
    let line = record.file.iter().filter(|_| supply.line == SourceState::Missing);
    let directory = record.cvd_dir.iter().filter(|_| supply.versions == SourceState::Missing);
    for (named, error) in line.chain(directory).zip(errors) {
        problems.warning(named.location.clone(), error, "serve would start without a record");
    }
    if let (Some(file), SourceState::Read(line)) = (&record.file, supply.line)
        && line.stamp.checked_add(loaded.config.feed.max_age).is_ok_and(|moment| moment <= now)
    {
        let what = format!(
            "the stamp of the record in {} is {}, older than max-age",
            file.value, line.stamp
        );
        problems.warning(
            file.location.clone(),
            what,
            "its writer has stopped renewing it, so the stamp no longer advances",
        );
    }
}
