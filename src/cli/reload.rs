//! `cvdns reload`: has the running server read everything again, and says what came of it.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::admin_client::AdminClient;
use super::output::{Failure, eprint_line, eprint_text, print_json, print_line};
use crate::admin::reload::ReloadReport;
use cvdns_core::problem::plural;

/// Arguments of `cvdns reload`.
#[derive(Args, Clone, Debug)]
pub struct ReloadArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Statuses of responses that have a report: all was read, or nothing has changed.
const REPORTED: [u16; 2] = [200, 409];

/// Problems that are printed at most: nobody reads more, and most have one cause.
const MAX_PRINTED: usize = 100;

/// Reloads. Exit status: 0 if what was read is in force, 1 if nothing changed because of an error,
/// or if the server cannot be reached.
pub fn run(args: &ReloadArgs, config: &Path) -> ExitCode {
    reload(args, config).unwrap_or_else(Failure::report)
}

fn reload(args: &ReloadArgs, config: &Path) -> Result<ExitCode, Failure> {
    let server = AdminClient::of(config)?;
    let answer = server.post("/api/v1/reload", "")?;
    if !REPORTED.contains(&answer.status) {
        answer.success()?;
        return Err(Failure::new("the server answers without saying what it did"));
    }
    let report: ReloadReport = server.decode(&answer.text)?;
    if args.json {
        print_json(&report)?;
    } else {
        print_report(&report)?;
    }
    Ok(if report.done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_report(report: &ReloadReport) -> Result<(), Failure> {
    let shown = report.problems.iter().take(MAX_PRINTED);
    shown.for_each(|problem| eprint_text!("{}\n", problem.text));
    let all = report.errors + report.warnings;
    if let Some(more @ 1..) = all.checked_sub(MAX_PRINTED.min(report.problems.len())) {
        eprint_line!("… and {more} more: correct these first");
    }
    if all > 0 {
        let errors = plural(report.errors, "error", "errors");
        eprint_line!("{errors}, {}", plural(report.warnings, "warning", "warnings"));
    }
    report.remarks.iter().for_each(|remark| eprint_line!("warning: {remark}"));
    if !report.done {
        eprint_line!("cvdns: {} was not reloaded: what was served before goes on", report.config);
        return Ok(());
    }
    if !report.restart.is_empty() {
        let keys = report.restart.join(", ");
        eprint_line!("warning: {keys} changed since the start: restart the server to apply this");
    }
    print_line(format_args!("reloaded {}", report.config))?;
    for zone in report.zones.iter().filter(|zone| zone.mirrors > 0) {
        let mirrors = plural(zone.mirrors, "mirror", "mirrors");
        let countries = plural(zone.countries, "country", "countries");
        print_line(format_args!("zone {}: {mirrors} in {countries}", zone.origin))?;
    }
    let zones = plural(report.zones.len(), "zone file", "zone files");
    print_line(format_args!("{zones}, {}", plural(report.names, "name", "names")))?;
    print_line(&report.database)?;
    let overrides = plural(report.overrides, "override", "overrides");
    match (report.feed.serial, report.feed.origin()) {
        (Some(serial), Some(source)) => {
            print_line(format_args!("feed {serial} from {source}; {overrides} in force"))
        }
        (None, Some(source)) => print_line(format_args!(
            "no feed yet from {source}, so all mirrors count as up; {overrides} in force"
        )),
        (_, None) => print_line(format_args!(
            "no feed is configured, so all mirrors count as up; {overrides} in force"
        )),
    }
}
