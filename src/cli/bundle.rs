//! `cvdns bundle`: zone files and fleets for all servers of a network, through NATS.

mod publish;
mod published;
mod show;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::output::Failure;
use publish::PublishArgs;
use show::ShowArgs;

/// The subcommands of `cvdns bundle`.
#[derive(Clone, Debug, Subcommand)]
pub enum BundleCommand {
    /// Publish the zone files of this configuration, with the files that they name.
    ///
    /// The bundle has the files of all `[[zone]]` sections with `file`, which are first checked as
    /// a server would. It is signed by `secret-key` in `[monitor]`. If the bundle that is published
    /// has the same files, nothing changes. Exit status: 0 if servers have these files, or will.
    Publish(PublishArgs),
    /// Show the bundle that is published, or print a file of it.
    Show(ShowArgs),
}

/// Runs a subcommand. Exit status: 0 on success, 1 if something is not as it must be.
pub fn run(command: &BundleCommand, config: &Path) -> ExitCode {
    let done = match command {
        BundleCommand::Publish(args) => publish::run(args, config),
        BundleCommand::Show(args) => show::run(args, config),
    };
    done.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}
