//! `cvdns override`: edits and lists the file of overrides.

mod arguments;
mod edit;
mod file;
#[cfg(feature = "nats")]
mod fleet;
#[cfg(not(feature = "nats"))]
#[path = "override_file/without_nats.rs"]
mod fleet;
mod list;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use jiff::Timestamp;

use super::output::Failure;

pub use arguments::{AddArgs, ListArgs, RemoveArgs, RestoreArgs};

/// The subcommands of `cvdns override`.
#[derive(Clone, Debug, Subcommand)]
pub enum OverrideCommand {
    /// Set the state of mirrors, whatever the feed says.
    ///
    /// An override of the same host and addresses is replaced.
    Add(AddArgs),
    /// Remove overrides of a host.
    ///
    /// The comment directly above an override is removed with it.
    Remove(RemoveArgs),
    /// List the overrides.
    ///
    /// They are listed in the order of the file: if several match a mirror, the first one that has
    /// not ended applies.
    List(ListArgs),
    /// Publish overrides of all servers again, from what a server has kept.
    ///
    /// For a NATS server that has lost its store. They have their signature.
    #[cfg(feature = "nats")]
    Restore(RestoreArgs),
}

/// Runs a subcommand. Exit status: 0 on success, 1 if nothing was changed because of an error.
pub fn run(command: &OverrideCommand, config: &Path) -> ExitCode {
    let now = Timestamp::now();
    let done = match command {
        OverrideCommand::Add(args) => edit::add(args, config, now),
        OverrideCommand::Remove(args) => edit::remove(args, config),
        OverrideCommand::List(args) => list::list(args, config, now),
        #[cfg(feature = "nats")]
        OverrideCommand::Restore(args) => fleet::restore(args, config),
    };
    done.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}
