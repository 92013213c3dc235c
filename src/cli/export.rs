//! `cvdns export`: what other name servers need to stand beside this one.

mod bind;
mod delegation;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

pub use bind::BindArgs;
pub use delegation::DelegationArgs;

use super::output::Failure;

/// The subcommands of `cvdns export`.
#[derive(Clone, Debug, Subcommand)]
pub enum ExportCommand {
    /// Write zone files and fragments of named.conf, with everything as it is answered now.
    ///
    /// BIND, Knot and NSD load the zone files. BIND answers client subnets (ECS) with scope 0, which poisons caches
    /// where some of a zone's servers are of cvdns: set `ecs = false` in `[server]` for such a set.
    Bind(BindArgs),
    /// Print what parent zones need: the NS records of each zone, and glue.
    ///
    /// For each parent, a part of a master file with the NS records of the zones below it as they stand at their apexes,
    /// and the addresses of the name servers that lie in any of these zones. Answers are not signed: there are no DS
    /// records.
    Delegation(DelegationArgs),
}

/// Runs a subcommand. Exit status: 0 done, 1 bad input or no export.
pub fn run(command: &ExportCommand, config: &Path) -> ExitCode {
    let done = match command {
        ExportCommand::Bind(args) => bind::run(args, config),
        ExportCommand::Delegation(args) => delegation::run(args, config),
    };
    done.unwrap_or_else(Failure::report)
}
