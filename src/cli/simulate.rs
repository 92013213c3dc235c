//! `cvdns simulate`: shows what answers become when mirrors fail, using the code that serves.

mod demand;
mod failures;
mod load;
mod replay;
mod report;
mod selector;
mod subject;
mod text;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::explain::print_notes;
use super::offline::Offline;
use super::output::{Failure, print_json};
use crate::explaining::moment::moment;
use cvdns_core::fleet::Fleet;
use cvdns_core::replay::{Clients, Subject};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::wire::rtype;

use demand::Rates;
use failures::FailedMirrors;
use replay::BeforeAfter;
use report::{FailedMirror, FeedReport, Simulated, Simulation, ZoneReport};
use selector::DownSelector;
use subject::Wanted;

/// Arguments of `cvdns simulate`.
#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {
    /// These mirrors are down: a host, a glob such as "*.example.de", the mirrors in a country or
    /// those on a continent. May be repeated.
    #[arg(long, value_name = "HOST|country:CC|continent:CC")]
    pub down: Vec<DownSelector>,
    /// What clients need, as `[[demand]]` tables, in place of those of the zone file.
    #[arg(long, value_name = "FILE")]
    pub demand: Option<PathBuf>,
    /// Use this feed instead of the configured one: a file, or an http or https URL.
    #[arg(long, value_name = "FILE|URL")]
    pub feed: Option<String>,
    /// Simulate this time, such as 2026-12-01T03:00:00Z, with the downtimes and overrides of then.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub at: Option<Timestamp>,
    /// The zone. Default: all zones that have mirrors.
    #[arg(long, value_name = "ORIGIN")]
    pub zone: Option<String>,
    /// The name that clients ask for. With {cc} in it, those of each country ask for the name of
    /// their country. Default: the first name of the zone that depends on the client.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Simulate queries for AAAA instead of A.
    #[arg(long)]
    pub ipv6: bool,
    /// Also show what does not change.
    #[arg(long)]
    pub all: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Simulates failures. Exit status 1 if the input is bad.
pub fn run(args: &SimulateArgs, config: &Path) -> ExitCode {
    simulate(args, config).unwrap_or_else(Failure::report)
}

fn simulate(args: &SimulateArgs, config: &Path) -> Result<ExitCode, Failure> {
    let time = args.at.unwrap_or_else(Timestamp::now);
    let mut offline = Offline::load(config, time)?.remembering();
    offline.print_errors();
    let failed = {
        let zones = offline.loaded.inputs.zones.iter();
        let fleets: Vec<&Fleet> = zones.map(|zone| &*zone.fleet).collect();
        FailedMirrors::new(&args.down, &fleets)?
    };
    if let Some(path) = &args.demand {
        replace_demand(&mut offline, path, args)?;
    }
    let sourced = match &args.feed {
        Some(argument) => offline.feed(Some(argument))?,
        None => offline.feed_in_force()?,
    };
    if let Some(sourced) = &sourced {
        print_notes(&offline, sourced);
    }
    let feed = sourced.as_ref().map(|sourced| &sourced.feed);
    let before = offline.snapshot(feed, None)?;
    let overrides = &mut offline.loaded.overrides.overrides;
    *overrides = overrides.preceded_by(failed.overrides());
    let after = offline.snapshot(feed, Some(&before))?;
    let zones = zone_reports(args, &offline, BeforeAfter { before: &before, after: &after })?;
    let simulation = Simulation {
        at: time,
        feed: sourced.as_ref().map(FeedReport::of),
        r#type: if args.ipv6 { "AAAA" } else { "A" },
        down: failed_mirrors(&failed, &before),
        zones,
    };
    if args.json {
        print_json(&simulation)?;
    } else {
        simulation.print()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts the demand of a file in place of that of the zone.
fn replace_demand(offline: &mut Offline, path: &Path, args: &SimulateArgs) -> Result<(), Failure> {
    let demand = demand::read(path)?;
    let zones = &mut offline.loaded.inputs.zones;
    let mut with_mirrors: Vec<_> =
        zones.iter_mut().filter(|zone| zone.file.mirrors.is_some()).collect();
    if let Some(origin) = &args.zone {
        with_mirrors.retain(|zone| subject::is_origin(&zone.file.origin.value, origin));
    }
    match with_mirrors.as_mut_slice() {
        // Whatever is wrong with the zone is said later.
        [] => {}
        [zone] => zone.file.demand = demand,
        more => {
            let origins = more.iter().map(|zone| zone.file.origin.value.as_str()).collect();
            return Err(Failure::new(format!(
                "--demand is for one zone: name it with --zone ({})",
                failures::listed(origins)
            )));
        }
    }
    Ok(())
}

fn zone_reports(
    args: &SimulateArgs,
    offline: &Offline,
    snapshots: BeforeAfter<&Snapshot>,
) -> Result<Vec<ZoneReport>, Failure> {
    let inputs = &offline.loaded.inputs;
    let qtype = if args.ipv6 { rtype::AAAA } else { rtype::A };
    let wanted = Wanted {
        zones: &inputs.zones,
        zone: args.zone.as_deref(),
        name: args.name.as_deref(),
        qtype,
    };
    let subjects = wanted.subjects(snapshots.before)?;
    let clients = Clients::new(&inputs.countries);
    let simulated =
        Simulated { snapshots, clients: &clients, qtype, ipv6: args.ipv6, all: args.all };
    let report = |subject: &Subject| {
        let rates = inputs.zones.get(subject.plan).map_or_else(Rates::new, demand::of_zone);
        simulated.report(subject, &rates)
    };
    subjects.iter().map(report).collect()
}

/// The mirrors that fail, with what they were before in the first fleet that has them.
fn failed_mirrors(failed: &FailedMirrors, before: &Snapshot) -> Vec<FailedMirror> {
    let mut states = std::collections::HashMap::new();
    for (number, plan) in (0..).zip(&before.static_data.plans) {
        let Some(health) = before.dynamic_data.health(number) else { continue };
        for (mirror, status) in plan.fleet.mirrors.iter().zip(&health.mirrors) {
            states.entry(mirror.host.as_str()).or_insert_with(|| status.to_string());
        }
    }
    let of = |(host, country): (&String, &cvdns_core::geo::country::Country)| FailedMirror {
        host: host.clone(),
        country: country.code(),
        before: states.remove(host.as_str()).unwrap_or_default(),
    };
    failed.hosts.iter().map(of).collect()
}
