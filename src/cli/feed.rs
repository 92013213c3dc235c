//! `cvdns feed`: checks, shows and compares feeds, using the code that serves.

mod accept;
mod check;
mod diff;
#[cfg(feature = "nats")]
mod publish;
mod show;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::output::Failure;

pub use accept::AcceptArgs;
pub use check::CheckArgs;
pub use diff::DiffArgs;
#[cfg(feature = "nats")]
pub use publish::PublishArgs;
pub use show::ShowArgs;

/// The subcommands of `cvdns feed`.
#[derive(Clone, Debug, Subcommand)]
pub enum FeedCommand {
    /// Print everything that is wrong with a feed.
    ///
    /// A server refuses a feed that has errors. Only the running server knows whether the serial is
    /// higher than the one in force.
    Check(CheckArgs),
    /// Show the states and versions of the mirrors by country.
    ///
    /// The capacity is that of the fleet files. A version that the feed leaves out is shown as ?.
    Show(ShowArgs),
    /// Show how answers would change if feed B replaced feed A.
    ///
    /// Both feeds are compiled as of now, by the code that serves. The order of addresses is no
    /// change.
    Diff(DiffArgs),
    /// Make the running server accept a feed that it holds back because the feed would remove too
    /// many mirrors.
    ///
    /// The request goes to the server's admin listener: over a Unix socket, or over TCP with the
    /// token of `token-file`.
    Accept(AcceptArgs),
    /// Publish a feed through NATS, if it is newer than the one that is there.
    ///
    /// The feed must be signed by one of the keys of `public-key`, as servers ask for that.
    #[cfg(feature = "nats")]
    Publish(PublishArgs),
}

/// Runs a subcommand. Exit status: 0 on success, 1 on bad input.
pub fn run(command: &FeedCommand, config: &Path) -> ExitCode {
    let done = match command {
        FeedCommand::Check(args) => check::run(args, config),
        FeedCommand::Show(args) => show::run(args, config),
        FeedCommand::Diff(args) => diff::run(args, config),
        FeedCommand::Accept(args) => accept::run(args, config),
        #[cfg(feature = "nats")]
        FeedCommand::Publish(args) => return publish::run(args, config),
    };
    done.unwrap_or_else(Failure::report)
}
