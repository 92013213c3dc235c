//! `cvdns monitor`: runs the coordinator, which checks the mirrors and writes the feed.

mod history;
#[cfg(feature = "nats")]
mod nats;
mod trial;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;

pub use self::history::HistoryArgs;
use super::long_running::{begin, run_with_signals};
use super::output::{Failure, print_json, print_line, progress_bar};
use super::table::{or_dash, print_table};
use crate::explaining::moment::moment;
use crate::load;
use crate::logging::{LogQueue, log_problems};
use cvdns_core::problem::Problems;
use cvdns_io::signals::Signals;
use cvdns_monitor::MonitorInputs;
use cvdns_monitor::rule::age;
use cvdns_monitor::{AddressRow, Checked, Role, Start, join, join_once, once, watch};

/// Arguments of `cvdns monitor`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct MonitorArgs {
    #[command(subcommand)]
    command: Option<MonitorCommand>,
    /// Check every address once, write the feed, print a summary and exit, as for cron.
    #[arg(long)]
    pub once: bool,
    /// Check as one of several monitors: write a signed report in place of the feed.
    #[arg(long, conflicts_with = "trial")]
    pub report: bool,
    /// Check nothing, and write the feed by the reports of the members in [[monitor.member]].
    #[arg(long, conflicts_with_all = ["report", "trial"])]
    pub combine: bool,
    /// Believe what this round finds, even if most mirrors fail, and so end a freeze.
    #[arg(long, requires = "once", conflicts_with = "report")]
    pub thaw: bool,
    /// Check the set-up of one mirror and print what to change. It may be a host of the fleet,
    /// another host or an address. Nothing is written.
    #[arg(long = "try", value_name = "HOST|IP", conflicts_with = "once")]
    pub trial: Option<String>,
    /// With --try and without a configuration: the domain of the network. Its mirrors serve the
    /// virtual hosts database.NAME and db.*.NAME.
    #[arg(long, value_name = "NAME", requires = "trial")]
    pub origin: Option<String>,
    /// Print the summary, or the report of --try, as JSON.
    #[arg(long)]
    pub json: bool,
    /// Use this time instead of the clock, so that tests can run days of checks in seconds.
    #[arg(long, value_name = "TIME", value_parser = moment, hide = true, requires = "once")]
    pub at: Option<Timestamp>,
}

/// The subcommands of `cvdns monitor`.
#[derive(Clone, Debug, Subcommand)]
pub enum MonitorCommand {
    /// Show what the coordinator has found of a mirror: availability, hours and days, last checks.
    ///
    /// The history is that of the state directory. It can be read while the coordinator runs.
    History(HistoryArgs),
}

/// Checks the mirrors and writes the feed, or tries one mirror. Exit status 1 if the configuration
/// is bad, the feed cannot be written or the mirror fails its check.
pub fn run(args: &MonitorArgs, config: &Path) -> ExitCode {
    if let Some(MonitorCommand::History(args)) = &args.command {
        return history::run(args, config).unwrap_or_else(Failure::report);
    }
    if let Some(mirror) = &args.trial {
        let origin = args.origin.as_deref();
        return trial::run(mirror, origin, args.json, config).unwrap_or_else(Failure::report);
    }
    // A single round that wrote no feed has failed.
    let early_exit = i32::from(args.once);
    run_with_signals(early_exit, |log, signals| {
        coordinate(args, config, log, signals).unwrap_or_else(Failure::report)
    })
}

fn coordinate(
    args: &MonitorArgs,
    config: &Path,
    log: &LogQueue,
    signals: Signals,
) -> Result<ExitCode, Failure> {
    let role = role(args);
    let read = |problems: &mut Problems| load::monitor(config, role, problems);
    let Some(inputs) = begin(config, log, read, |inputs| &inputs.log)? else {
        return Ok(ExitCode::FAILURE);
    };
    #[cfg(feature = "nats")]
    let published = nats::PublishedReport::of(config, &inputs, role)?;
    let start = Start::new(inputs, args.at).map_err(Failure::new)?;
    let start = if args.thaw { start.without_doubt() } else { start };
    if !args.once {
        #[cfg(feature = "nats")]
        let _publishing = published.map(nats::PublishedReport::follow).transpose()?;
        let run = if role == Role::Combines { join } else { watch };
        run(start, signals, &mut || read_again(config, role)).map_err(Failure::new)?;
        return Ok(ExitCode::SUCCESS);
    }
    let bar = progress_bar("{wide_bar} {human_pos}/{human_len} addresses, {elapsed}");
    let checked = if role == Role::Combines {
        join_once(start, signals)
    } else {
        once(start, signals, &mut |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        })
    };
    bar.finish_and_clear();
    let Checked { rows, frozen } = checked.map_err(Failure::new)?;
    #[cfg(feature = "nats")]
    published.map_or(Ok(()), nats::PublishedReport::publish)?;
    if args.json {
        print_json(&rows)?;
    } else {
        if let Some(frozen) = frozen {
            print_line(format!("frozen since {}: {}\n", frozen.since, frozen.reason))?;
        }
        print_summary(&rows, args.at.unwrap_or_else(Timestamp::now))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the monitor does by its arguments.
fn role(args: &MonitorArgs) -> Role {
    match (args.report, args.combine) {
        (true, _) => Role::Reports,
        (_, true) => Role::Combines,
        _ => Role::Alone,
    }
}

/// Reads everything again while the coordinator runs; problems go to the log.
fn read_again(config: &Path, role: Role) -> Option<MonitorInputs> {
    let mut problems = Problems::default();
    let inputs = load::monitor(config, role, &mut problems).filter(|_| !problems.has_errors());
    log_problems(&problems);
    inputs
}

fn print_summary(rows: &[AddressRow], now: Timestamp) -> Result<(), Failure> {
    let age = |moment: Option<Timestamp>| or_dash(moment.map(|moment| age(moment, now)));
    let header =
        ["Mirror", "Address", "State", "For", "Timestamp", "main", "daily", "bytecode", "Reason"];
    let rows = rows.iter().map(|row| {
        vec![
            row.mirror.clone(),
            row.address.to_string(),
            row.state.map_or_else(|| "unknown".to_owned(), |state| state.to_string()),
            age(row.since),
            age(row.timestamp),
            or_dash(row.main),
            or_dash(row.daily),
            or_dash(row.bytecode),
            row.reason.clone(),
        ]
    });
    print_table(&header, rows)
}
