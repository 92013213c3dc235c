//! `cvdns monitor`: the coordinator.

mod trial;

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::log_filter;
use super::output::{Failure, print_json};
use super::problems::print;
use super::serve::{going_on, start_log};
use super::table::print_table;
use crate::load::{self};
use crate::logging::{LogQueue, log_problems};
use cvdns_core::problem::Problems;
use cvdns_io::signals::Signals;
use cvdns_monitor::MonitorInputs;
use cvdns_monitor::rule::span;
use cvdns_monitor::{AddressRow, Start, once, watch};

/// Arguments of `cvdns monitor`.
#[derive(Args, Clone, Debug)]
pub struct MonitorArgs {
    /// Check every address once, write the feed, print a summary and end: for cron.
    #[arg(long)]
    pub once: bool,
    /// Try a mirror once, as its admin does after setting it up, and say what to change: a host of the fleet, another host or an
    /// address. Nothing is written.
    #[arg(long = "try", value_name = "HOST|IP", conflicts_with = "once")]
    pub trial: Option<String>,
    /// With --try: the network's domain, where there is no configuration; its mirrors answer to database.NAME and db.*.NAME.
    #[arg(long, value_name = "NAME", requires = "trial")]
    pub origin: Option<String>,
    /// Print the summary, or the report, as JSON.
    #[arg(long)]
    pub json: bool,
    /// Take this for the time: shows in seconds what the rules make of days.
    #[arg(long, value_name = "TIME", hide = true, requires = "once")]
    pub at: Option<Timestamp>,
}

/// Checks the mirrors and writes the feed, or tries one. Exit status 1 when the configuration is bad, the feed cannot be written, or
/// the mirror does not do what it must.
pub fn run(args: &MonitorArgs, config: &Path) -> ExitCode {
    if let Some(mirror) = &args.trial {
        return trial::run(mirror, args, config).unwrap_or_else(Failure::report);
    }
    // Without a feed a single round has failed.
    let not_begun = i32::from(args.once);
    going_on(not_begun, |log, signals| {
        coordinate(args, config, log, signals).unwrap_or_else(Failure::report)
    })
}

fn coordinate(
    args: &MonitorArgs,
    config: &Path,
    log: &LogQueue,
    signals: Signals,
) -> Result<ExitCode, Failure> {
    log_filter::check().map_err(Failure::new)?;
    let mut problems = Problems::default();
    let inputs = read(config, &mut problems);
    print(&problems);
    let Some(inputs) = inputs else { return Ok(ExitCode::FAILURE) };
    start_log(&inputs.log, log);
    let start = Start::new(inputs, args.at).map_err(Failure::new)?;
    if !args.once {
        watch(start, signals, &mut || read_again(config)).map_err(Failure::new)?;
        return Ok(ExitCode::SUCCESS);
    }
    let bar = progress_bar();
    let rows = once(start, signals, &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let rows = rows.map_err(Failure::new)?;
    if args.json {
        print_json(&rows)?;
    } else {
        print_summary(&rows, args.at.unwrap_or_else(Timestamp::now))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads what the coordinator needs.
fn read(config: &Path, problems: &mut Problems) -> Option<MonitorInputs> {
    load::monitor(config, problems).filter(|_| !problems.has_errors())
}

/// The same while it runs: what is wrong is for the log.
fn read_again(config: &Path) -> Option<MonitorInputs> {
    let mut problems = Problems::default();
    let inputs = read(config, &mut problems);
    log_problems(&problems);
    inputs
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) =
        ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} addresses, {elapsed}")
    {
        bar.set_style(style);
    }
    bar
}

fn print_summary(rows: &[AddressRow], now: Timestamp) -> Result<(), Failure> {
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let age =
        |moment: Option<Timestamp>| text(moment.map(|moment| span(now.duration_since(moment))));
    let header =
        ["Mirror", "Address", "State", "For", "Timestamp", "main", "daily", "bytecode", "Reason"];
    let rows = rows.iter().map(|row| {
        let version = |version: Option<u32>| text(version.map(|version| version.to_string()));
        vec![
            row.mirror.clone(),
            row.address.to_string(),
            row.state.map_or_else(|| "unknown".to_owned(), |state| state.to_string()),
            age(row.since),
            age(row.timestamp),
            version(row.main),
            version(row.daily),
            version(row.bytecode),
            row.reason.clone(),
        ]
    });
    print_table(&header, rows)
}
