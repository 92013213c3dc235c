//! `cvdns feed`: looks at feeds, by the code that serves them.

mod accept;
mod check;
mod diff;
mod show;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use accept::AcceptArgs;

use super::offline::{Named, Offline};
use super::output::Failure;

/// The subcommands of `cvdns feed`.
#[derive(Clone, Debug, Subcommand)]
pub enum FeedCommand {
    /// Say everything that is wrong with a feed.
    ///
    /// Errors are what a server would refuse it for. Whether its serial is higher than that in force is known to the
    /// running server alone.
    Check(CheckArgs),
    /// Show by country how mirrors stand and what they hold.
    Show(ShowArgs),
    /// Say what the second feed would change in answers, were the first in force.
    ///
    /// Both are compiled as of now, by the code that serves. The order of addresses is no change.
    Diff(DiffArgs),
    /// Have the running server take over a feed that it holds back, as that takes away too many mirrors.
    ///
    /// The server is asked at its admin address, from the machine that it runs on.
    Accept(AcceptArgs),
}

/// Arguments of `cvdns feed check`.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// The feed, a file or an http or https URL; by default the configuration's.
    #[arg(value_name = "FILE|URL")]
    pub feed: Option<String>,
}

/// Arguments of `cvdns feed show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// The feed, a file or an http or https URL; by default the configuration's.
    #[arg(value_name = "FILE|URL")]
    pub feed: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `cvdns feed diff`.
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// The feed in force, a file or an http or https URL.
    #[arg(value_name = "A")]
    pub before: String,
    /// The one that would follow.
    #[arg(value_name = "B")]
    pub after: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs a subcommand. Exit status: 0 done, 1 bad input.
pub fn run(command: &FeedCommand, config: &Path) -> ExitCode {
    let done = match command {
        FeedCommand::Check(args) => check::run(args, config),
        FeedCommand::Show(args) => show::run(args, config),
        FeedCommand::Diff(args) => diff::run(args, config),
        FeedCommand::Accept(args) => accept::run(args, config),
    };
    done.unwrap_or_else(Failure::report)
}
