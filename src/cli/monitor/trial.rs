//! `cvdns monitor --try`: checks the set-up of one mirror.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::output::{Failure, print_json};
use crate::cli::problems::print;
use crate::load;
use cvdns_core::config::Monitor;
use cvdns_core::fleet::Fleet;
use cvdns_core::problem::{Problems, printable_lines};
use cvdns_monitor::check::Client;
use cvdns_monitor::trial::{Advice, Report, Software, Trial, text};
use cvdns_monitor::{MonitorInputs, Requirements, Role, released};

/// The report on a mirror, as JSON has it.
#[derive(Serialize)]
struct TrialReport<'w> {
    mirror: &'w str,
    good: bool,
    hosts: &'w [String],
    missing: &'w [&'static str],
    addresses: &'w [Report],
}

/// Checks a mirror. Exit status 1 if it fails a check.
pub(super) fn run(
    mirror: &str,
    origin: Option<&str>,
    json: bool,
    config: &Path,
) -> Result<ExitCode, Failure> {
    let Some(MonitorBasis { settings, fleets, release, lag }) = inputs(origin, config) else {
        return Ok(ExitCode::FAILURE);
    };
    let in_fleet =
        fleets.iter().find_map(|(origin, fleet)| Some((origin, fleet_addresses(fleet, mirror)?)));
    let (origin, addresses) = match in_fleet {
        Some((origin, addresses)) => (Some(origin), addresses),
        None => (fleets.first().map(|(origin, _)| origin), resolve(mirror)?),
    };
    let unknown = "the virtual hosts are not known without a zone: name its domain with --origin";
    let origin = origin.map(String::as_str).or(settings.hosts.as_ref().map(|_| ""));
    let origin = origin.ok_or_else(|| Failure::new(unknown))?;
    let requirements = Requirements::of(&settings, origin).map_err(Failure::new)?;
    let trial = Trial {
        client: Client::new(settings.connect_timeout, settings.timeout),
        requirements,
        port: settings.port,
        old_after: settings.old_after,
        release,
        lag,
        now: Timestamp::now(),
    };
    let reports: Vec<Report> = addresses.iter().map(|address| trial.at(*address)).collect();
    let missing = missing(mirror, &addresses);
    let good = reports.iter().all(Report::is_good);
    if json {
        print_json(&TrialReport {
            mirror,
            good,
            hosts: trial.requirements.hosts(),
            missing: &missing,
            addresses: &reports,
        })?;
    } else {
        print_reports(mirror, trial.requirements.hosts(), &missing, &reports)?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a trial needs to know of the network.
struct MonitorBasis {
    /// The settings of `[monitor]`.
    settings: Monitor,
    /// Each fleet with its origin.
    fleets: Vec<(String, Fleet)>,
    /// The released versions of main, daily and bytecode.
    release: Option<[u32; 3]>,
    /// The number of versions by which a mirror may be behind.
    lag: u32,
}

/// Reads the inputs from the configuration. The admin of a mirror has none and gives `--origin`,
/// with which all settings have their defaults.
fn inputs(origin: Option<&str>, config: &Path) -> Option<MonitorBasis> {
    if let Some(origin) = origin {
        let fleets = vec![(origin.to_owned(), Fleet::default())];
        return Some(MonitorBasis { settings: Monitor::default(), fleets, release: None, lag: 0 });
    }
    let mut problems = Problems::default();
    let inputs = load::monitor(config, Role::Alone, &mut problems);
    if problems.has_errors() {
        print(&problems);
        return None;
    }
    let inputs = inputs?;
    let release = released(&inputs).map(|release| release.core());
    let MonitorInputs { settings, fleets, lag, .. } = inputs;
    Some(MonitorBasis { settings, fleets, release, lag })
}

/// The addresses to check if the fleet has this host or address: all of the host, or this address
/// alone.
fn fleet_addresses(fleet: &Fleet, mirror: &str) -> Option<Vec<IpAddr>> {
    if let Ok(address) = mirror.parse::<IpAddr>() {
        return fleet
            .mirrors
            .iter()
            .any(|of| of.addresses().any(|of| of == address))
            .then(|| vec![address]);
    }
    fleet.get(mirror).map(|mirror| mirror.addresses().collect())
}

fn resolve(mirror: &str) -> Result<Vec<IpAddr>, Failure> {
    if let Ok(address) = mirror.parse() {
        return Ok(vec![address]);
    }
    let found = (mirror, 80).to_socket_addrs().map_err(|error| {
        Failure::new(format!("{mirror} is not in the fleet and cannot be resolved: {error}"))
    })?;
    let addresses: BTreeSet<IpAddr> = found.map(|found| found.ip()).collect();
    Ok(addresses.into_iter().collect())
}

/// Address families in which a host has no address. That is allowed, and the report mentions it.
fn missing(mirror: &str, addresses: &[IpAddr]) -> Vec<&'static str> {
    if mirror.parse::<IpAddr>().is_ok() {
        return Vec::new();
    }
    let has = |v4: bool| addresses.iter().any(|address| address.is_ipv4() == v4);
    [("IPv4", has(true)), ("IPv6", has(false))]
        .into_iter()
        .filter(|(_, has)| !has)
        .map(|(name, _)| name)
        .collect()
}

fn print_reports(
    mirror: &str,
    hosts: &[String],
    missing: &[&str],
    reports: &[Report],
) -> Result<(), Failure> {
    // Collected first, so that control characters from the web server can be escaped.
    let mut out = Vec::new();
    for report in reports {
        let server =
            report.server.as_deref().unwrap_or("a web server that does not name its software");
        writeln!(out, "{mirror}, {}: {server}", report.address)?;
        for step in &report.steps {
            let mark = if step.good { "ok  " } else { "FAIL" };
            writeln!(out, "  {mark}  {}: {}", step.what, step.found)?;
        }
        print_advice(&mut out, report, hosts)?;
        writeln!(out)?;
    }
    for family in missing {
        writeln!(
            out,
            "{mirror} has no {family} address: answers to queries for one do not contain it."
        )?;
    }
    let bad: Vec<String> = reports
        .iter()
        .filter(|report| !report.is_good())
        .map(|report| report.address.to_string())
        .collect();
    if bad.is_empty() {
        writeln!(out, "{mirror} serves everything that a mirror must serve.")?;
    } else {
        writeln!(out, "{mirror} is not ready at {}.", bad.join(", "))?;
    }
    let text = String::from_utf8_lossy(&out);
    std::io::stdout().lock().write_all(printable_lines(&text).as_bytes())?;
    Ok(())
}

/// Prints what to change, for the software of this web server, or for all known ones.
fn print_advice(out: &mut impl Write, report: &Report, hosts: &[String]) -> std::io::Result<()> {
    let advice: BTreeSet<Advice> = report.steps.iter().filter_map(|step| step.advice).collect();
    let known = report.server.as_deref().and_then(Software::of);
    for advice in advice {
        writeln!(out, "\n  {}", advice.sentence())?;
        for software in Software::ALL
            .into_iter()
            .filter(|software| known.is_none_or(|known| known == *software))
        {
            if let Some(lines) = text(advice, software, hosts) {
                writeln!(out, "  {}:", software.name())?;
                for line in lines.lines() {
                    writeln!(out, "      {line}")?;
                }
            }
        }
    }
    Ok(())
}
