//! `cvdns check`: reads all that serve would read and says everything that is wrong with it.

mod coordinator;
mod feed;
mod report;
mod system;

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::output::Failure;
use super::problems::print;
use crate::load::{Loaded, load};
use cvdns_core::problem::Problems;
use cvdns_core::release::{ReleaseSources, SourceState};
use cvdns_core::snapshot::compile;

use report::Report;

/// Arguments of `cvdns check`.
#[derive(Args, Clone, Debug, Default)]
pub struct CheckArgs {
    /// Print JSON: every problem, and every zone.
    #[arg(long)]
    pub json: bool,
}

/// A database with fewer networks is no database of the world: the smallest of those have some hundred thousand.
const FEW_NETWORKS: usize = 1000;

/// Checks a configuration. Exit status 1 when it could not be served.
pub fn run(args: &CheckArgs, config: &Path) -> ExitCode {
    let mut problems = Problems::default();
    let now = Timestamp::now();
    let checked =
        load(config, &mut problems).and_then(|loaded| check(config, &loaded, now, &mut problems));
    let good = !problems.has_errors();
    if !args.json {
        print(&problems);
    }
    let report = checked.filter(|_| good || args.json);
    let printed = match report {
        Some(report) if args.json => report.print_json(&problems),
        Some(report) => report.print(),
        None if args.json => Report::unread(config).print_json(&problems),
        None => Ok(()),
    };
    match printed {
        // Who read it has gone: what was found is still what it is.
        Ok(()) | Err(Failure::BrokenPipe) if good => ExitCode::SUCCESS,
        Ok(()) | Err(Failure::BrokenPipe) => ExitCode::FAILURE,
        Err(failure) => failure.report(),
    }
}

/// Looks at all that was read; what would be served, if it can be.
fn check(
    config: &Path,
    loaded: &Loaded,
    now: Timestamp,
    problems: &mut Problems,
) -> Option<Report> {
    system::check(config, loaded, problems);
    check_database(loaded, problems);
    check_supply(loaded, now, problems);
    coordinator::check(config, loaded, problems);
    let offered = feed::read(loaded, now, problems);
    let databases = offered.databases();
    let static_data = compile(&loaded.inputs, &databases, problems)?;
    let starts = offered.judge(loaded, &static_data, now, problems);
    Some(Report::of(config, loaded, &static_data, starts))
}

/// A country database that serve takes, and that few clients are in.
fn check_database(loaded: &Loaded, problems: &mut Problems) {
    let Some(size) = loaded.countries.size else { return };
    let location = || loaded.config.database.location.clone();
    let name = &loaded.config.database.value;
    if size.networks < FEW_NETWORKS {
        let what = format!("the country database {name} has only {} networks", size.networks);
        problems.warning(
            location(),
            what,
            "clients elsewhere count as unknown; `cvdns geoip build` makes a whole one",
        );
    }
    for (has, family, other) in [(size.v4, "IPv4", size.v6), (size.v6, "IPv6", size.v4)] {
        if !has && other {
            let what =
                format!("the country database {name} has no {family} network with a country");
            let help = format!(
                "all clients by {family} count as unknown: name a database of both families, such as `cvdns geoip build` makes"
            );
            problems.warning(location(), what, help);
        }
    }
}

/// Bad files of the record keep no server from starting, so all of this is warnings.
fn check_supply(loaded: &Loaded, now: Timestamp, problems: &mut Problems) {
    let record = &loaded.config.record;
    let mut errors = Vec::new();
    let supply = loaded.supply.read(&ReleaseSources::default(), now, &mut errors);
    // In the order in which they are read.
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
            "whoever writes it no longer renews it: its stamp stands still",
        );
    }
}
