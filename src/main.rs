//! The `cvdns` command.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cvdns::cli::check::{self, CheckArgs};
use cvdns::cli::config_path::config_path;
use cvdns::cli::cvd::{self, CvdArgs};
use cvdns::cli::explain::{self, ExplainArgs};
use cvdns::cli::export::{self, ExportCommand};
use cvdns::cli::feed::{self, FeedCommand};
use cvdns::cli::geoip::{self, GeoipCommand};
use cvdns::cli::import::{self, ImportArgs};
use cvdns::cli::init::{self, InitArgs};
use cvdns::cli::log_level::{self, LogLevelArgs};
use cvdns::cli::monitor::{self, MonitorArgs};
use cvdns::cli::override_file::{self, OverrideCommand};
use cvdns::cli::reload::{self, ReloadArgs};
use cvdns::cli::serve::{self, ServeArgs};
use cvdns::cli::simulate::{self, SimulateArgs};
use cvdns::cli::status::{self, StatusArgs};

/// Authoritative GeoDNS server for a download-mirror network such as ClamAV's.
#[derive(Parser)]
#[command(name = "cvdns", version, about)]
struct Cli {
    /// The configuration file. Without the option, cvdns.toml in the working directory is read, or
    /// else /etc/cvdns/cvdns.toml.
    #[arg(long, global = true, value_name = "FILE", env = "CVDNS_CONFIG", hide_env_values = true)]
    config: Option<OsString>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the DNS server. SIGHUP reloads everything; SIGTERM and SIGINT stop it.
    Serve(ServeArgs),
    /// Check the configuration and every file it names, and print all problems.
    Check(CheckArgs),
    /// Explain an answer: the decision and the records, made by the code that serves.
    Explain(ExplainArgs),
    /// Print the headers of CVD and CLD files, or the version record made from them.
    Cvd(CvdArgs),
    /// Export zones and delegations for BIND and other name servers.
    #[command(subcommand)]
    Export(ExportCommand),
    /// Check, show and compare feeds, or accept one that is held back.
    #[command(subcommand)]
    Feed(FeedCommand),
    /// Build and query country databases.
    #[command(subcommand)]
    Geoip(GeoipCommand),
    /// Convert a CSV list of mirrors into a fleet file.
    Import(ImportArgs),
    /// Write a configuration to start from: server, zone, mirrors, feed, overrides, coordinator.
    Init(InitArgs),
    /// Set what the running server logs, until the next reload or restart.
    LogLevel(LogLevelArgs),
    /// Run the coordinator: check the mirrors and write the feed.
    Monitor(MonitorArgs),
    /// Add, remove and list the operator's statements about mirrors, which take precedence over the
    /// feed.
    ///
    /// These commands work on the file of `overrides` in [feed], also while no server runs. A
    /// running server takes the change over at once.
    #[command(subcommand)]
    Override(OverrideCommand),
    /// Have the running server read everything again, and print what is wrong.
    ///
    /// The request goes to the server's admin listener. Exit status: 0 if what was read is in
    /// force; 1 if nothing changed because of an error, or if the server cannot be reached.
    Reload(ReloadArgs),
    /// Show what answers become when mirrors fail: who falls back, and which mirrors get too much.
    Simulate(SimulateArgs),
    /// Show the status of the running server: zones, feed, record, mirrors and queries.
    ///
    /// The status is read from the server's admin address. Exit status: 0 if the server is ready, 1
    /// if it is not ready or cannot be reached.
    Status(StatusArgs),
}

fn main() -> ExitCode {
    let Cli { config, command } = Cli::parse();
    let config = config_path(config.as_deref());
    match command {
        Command::Serve(args) => serve::run(&args, &config),
        Command::Check(args) => check::run(&args, &config),
        Command::Explain(args) => explain::run(&args, &config),
        Command::Cvd(args) => cvd::run(&args, &config),
        Command::Export(command) => export::run(&command, &config),
        Command::Feed(command) => feed::run(&command, &config),
        Command::Geoip(command) => geoip::run(command, &config),
        Command::Import(args) => import::run(&args),
        Command::Init(args) => init::run(&args),
        Command::LogLevel(args) => log_level::run(&args, &config),
        Command::Monitor(args) => monitor::run(&args, &config),
        Command::Override(command) => override_file::run(&command, &config),
        Command::Reload(args) => reload::run(&args, &config),
        Command::Simulate(args) => simulate::run(&args, &config),
        Command::Status(args) => status::run(&args, &config),
    }
}
