//! `cvdns geoip`: builds and queries country databases.

mod build;
mod countries;
mod database;
mod info;
mod lookup;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::output::Failure;

pub use build::BuildArgs;
pub use countries::CountriesArgs;
pub use database::DatabaseArgs;
pub use info::InfoArgs;
pub use lookup::LookupArgs;

/// The subcommands of `cvdns geoip`.
#[derive(Clone, Debug, Subcommand)]
pub enum GeoipCommand {
    /// Build a country database from lists of networks.
    ///
    /// Sources are recognised by their content: the IPFire Location export of Debian's tor-geoipdb
    /// (geoip, geoip6); the registries' delegated and delegated-extended statistics; GeoLite2
    /// Country CSV (Blocks-IPv4, Blocks-IPv6 and Locations-en); plain lists of `network,CC` or
    /// `start,end,CC`, with addresses in text form or as decimal numbers, or with a header line
    /// that names a column `country_code`.
    ///
    /// Where sources overlap, the later source wins; within a source, the smaller network wins, and
    /// of two equal networks the later line. The same sources give the same bytes.
    Build(BuildArgs),
    /// Look up addresses: network, country and continent.
    ///
    /// Addresses are located as the server locates clients.
    Lookup(LookupArgs),
    /// Describe a database and check all of it.
    ///
    /// Every network of the database is read, so that damage anywhere in the file is found.
    Info(InfoArgs),
    /// List all countries with the labels that `{cc}` stands for.
    ///
    /// `{cc}` in the names of a zone file stands for the codes of ISO 3166, for the country codes
    /// of the DNS that differ from them, such as uk, and for withdrawn ones.
    Countries(CountriesArgs),
}

/// Runs a subcommand. Exit status: 0 on success, 1 on bad input; clap exits with 2 on bad usage.
pub fn run(command: GeoipCommand, config: &Path) -> ExitCode {
    let result = match command {
        GeoipCommand::Build(args) => build::run(&args),
        GeoipCommand::Lookup(args) => lookup::run(&args, config),
        GeoipCommand::Info(args) => info::run(&args, config),
        GeoipCommand::Countries(args) => countries::run(&args),
    };
    result.unwrap_or_else(Failure::report)
}
