//! `cvdns export`: writes files for other name servers of the same zones, and delegations for
//! parent zones.

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
    /// Write zone files and named.conf fragments with the current answers.
    ///
    /// BIND, Knot and NSD load the zone files. BIND answers client subnets (ECS) with scope 0, so
    /// caches keep its answers for all clients. If a zone has both cvdns and BIND servers, set
    /// `ecs = false` in `[server]`.
    Bind(BindArgs),
    /// Print the delegations for parent zones: NS records, glue and DS records.
    ///
    /// For each parent zone, prints master-file lines with the NS records at the apexes of its
    /// child zones, and with the addresses of name servers that are within any of these zones.
    /// A zone that is signed has a DS record for each key that signs its keys.
    Delegation(DelegationArgs),
}

/// Runs a subcommand. Exit status: 0 on success, 1 on bad input or if nothing was exported.
pub fn run(command: &ExportCommand, config: &Path) -> ExitCode {
    let done = match command {
        ExportCommand::Bind(args) => bind::run(args, config),
        ExportCommand::Delegation(args) => delegation::run(args, config),
    };
    done.unwrap_or_else(Failure::report)
}
