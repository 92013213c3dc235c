//! `cvdns monitor --try`: the set-up check of a mirror.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use super::super::output::{Failure, print_json};
use super::MonitorArgs;
use crate::cli::problems::print;
use crate::load;
use cvdns_core::config::Monitor;
use cvdns_core::fleet::Fleet;
use cvdns_core::problem::{Problems, printable_lines};
use cvdns_monitor::check::Client;
use cvdns_monitor::hosts_of;
use cvdns_monitor::trial::{Advice, Report, Software, Trial, text};

#[derive(Serialize)]
struct Whole<'w> {
    mirror: &'w str,
    good: bool,
    hosts: &'w [String; 2],
    missing: &'w [&'static str],
    addresses: &'w [Report],
}

/// Tries a mirror. Exit status 1 when something is not as it must be.
pub(super) fn run(mirror: &str, args: &MonitorArgs, config: &Path) -> Result<ExitCode, Failure> {
    let Some((settings, fleets)) = inputs(args, config) else { return Ok(ExitCode::FAILURE) };
    let named = fleets.iter().find_map(|(origin, fleet)| Some((origin, of_fleet(fleet, mirror)?)));
    let (origin, addresses) = match named {
        Some((origin, addresses)) => (Some(origin), addresses),
        None => (fleets.first().map(|(origin, _)| origin), resolve(mirror)?),
    };
    let hosts = match (settings.hosts, origin) {
        (Some(hosts), _) => hosts,
        (None, Some(origin)) => hosts_of(origin).map_err(Failure::new)?,
        (None, None) => {
            return Err(Failure::new("no zone tells the virtual hosts: name it with --origin"));
        }
    };
    let trial = Trial {
        client: Client::new(settings.connect_timeout, settings.timeout),
        hosts,
        port: settings.port,
        old_after: settings.old_after,
        now: Timestamp::now(),
    };
    let reports: Vec<Report> = addresses.iter().map(|address| trial.at(*address)).collect();
    let missing = missing(mirror, &addresses);
    let good = reports.iter().all(Report::is_good);
    if args.json {
        print_json(&Whole {
            mirror,
            good,
            hosts: &trial.hosts,
            missing: &missing,
            addresses: &reports,
        })?;
    } else {
        print_reports(mirror, &trial.hosts, &missing, &reports)?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

type Inputs = (Monitor, Vec<(String, Fleet)>);

/// What the configuration says; a mirror's admin, who has none, names the origin.
fn inputs(args: &MonitorArgs, config: &Path) -> Option<Inputs> {
    if let Some(origin) = &args.origin {
        return Some((Monitor::default(), vec![(origin.clone(), Fleet::default())]));
    }
    let mut problems = Problems::default();
    let inputs = load::monitor(config, &mut problems);
    if problems.has_errors() {
        print(&problems);
        return None;
    }
    inputs.map(|inputs| (inputs.settings, inputs.fleets))
}

/// The addresses that a fleet has for a host, or for the host of an address.
fn of_fleet(fleet: &Fleet, mirror: &str) -> Option<Vec<IpAddr>> {
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
        Failure::new(format!("{mirror} is no mirror of the fleet, and has no address: {error}"))
    })?;
    let addresses: BTreeSet<IpAddr> = found.map(|found| found.ip()).collect();
    Ok(addresses.into_iter().collect())
}

/// Families in which a host has no address: no fault, but to be said.
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
    hosts: &[String; 2],
    missing: &[&str],
    reports: &[Report],
) -> Result<(), Failure> {
    // What a web server says of itself is for the eye alone.
    let mut out = Vec::new();
    for report in reports {
        let server =
            report.server.as_deref().unwrap_or("a web server that does not say what it is");
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
            "{mirror} has no {family} address: it is not answered to clients that ask for one."
        )?;
    }
    let bad: Vec<String> = reports
        .iter()
        .filter(|report| !report.is_good())
        .map(|report| report.address.to_string())
        .collect();
    if bad.is_empty() {
        writeln!(out, "{mirror} serves all that a mirror must.")?;
    } else {
        writeln!(out, "{mirror} is not ready at {}.", bad.join(", "))?;
    }
    let text = String::from_utf8_lossy(&out);
    std::io::stdout().lock().write_all(printable_lines(&text).as_bytes())?;
    Ok(())
}

/// What to change, for the web server that it is, else for each that is known.
fn print_advice(out: &mut impl Write, report: &Report, hosts: &[String; 2]) -> std::io::Result<()> {
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
