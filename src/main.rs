//! The `cvdns` command.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cvdns::cli::check::{self, CheckArgs};
use cvdns::cli::cvd::{self, CvdArgs};
use cvdns::cli::explain::{self, ExplainArgs};
use cvdns::cli::export::{self, ExportCommand};
use cvdns::cli::feed::{self, FeedCommand};
use cvdns::cli::geoip::{self, GeoipCommand};
use cvdns::cli::import::{self, ImportArgs};
use cvdns::cli::monitor::{self, MonitorArgs};
use cvdns::cli::status::{self, StatusArgs};
use cvdns::cli::{DEFAULT_CONFIG, serve};

/// Authoritative GeoDNS server of a ClamAV-style mirror network.
#[derive(Parser)]
#[command(name = "cvdns", version, about)]
struct Cli {
    /// The configuration.
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve. SIGHUP reads everything again, SIGTERM and SIGINT stop.
    Serve,
    /// Read all that serve would read and say everything that is wrong with it.
    Check(CheckArgs),
    /// Say why a name is answered as it is: the decision and the answer, by the code that serves.
    Explain(ExplainArgs),
    /// Print the header fields of CVD and CLD files, or the record that they make.
    Cvd(CvdArgs),
    /// Export to BIND and other name servers.
    #[command(subcommand)]
    Export(ExportCommand),
    /// Look at feeds.
    #[command(subcommand)]
    Feed(FeedCommand),
    /// Make and read country databases.
    #[command(subcommand)]
    Geoip(GeoipCommand),
    /// Make a fleet file of a list of mirrors in CSV.
    Import(ImportArgs),
    /// Check the mirrors and write the feed: the coordinator.
    Monitor(MonitorArgs),
    /// Show how the running server stands: what it serves, feed, record, mirrors and queries.
    ///
    /// It is asked at its admin address. Exit status: 0 it is ready, 1 it is not, or cannot be asked.
    Status(StatusArgs),
}

fn main() -> ExitCode {
    let Cli { config, command } = Cli::parse();
    match command {
        Command::Serve => serve::run(&config),
        Command::Check(args) => check::run(&args, &config),
        Command::Explain(args) => explain::run(&args, &config),
        Command::Cvd(args) => cvd::run(&args, &config),
        Command::Export(command) => export::run(&command, &config),
        Command::Feed(command) => feed::run(&command, &config),
        Command::Geoip(command) => geoip::run(command, &config),
        Command::Import(args) => import::run(&args),
        Command::Monitor(args) => monitor::run(&args, &config),
        Command::Status(args) => status::run(&args, &config),
    }
}
