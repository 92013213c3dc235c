//! The `cvdns` command.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
#[cfg(feature = "nats")]
use cvdns::cli::bundle::{self, BundleCommand};
use cvdns::cli::check::{self, CheckArgs};
use cvdns::cli::completions::{self, CompletionsArgs};
use cvdns::cli::config_path::config_path;
use cvdns::cli::cvd::{self, CvdArgs};
use cvdns::cli::explain::{self, ExplainArgs};
use cvdns::cli::export::{self, ExportCommand};
use cvdns::cli::feed::{self, FeedCommand};
use cvdns::cli::geoip::{self, GeoipCommand};
use cvdns::cli::import::{self, ImportArgs};
use cvdns::cli::init::{self, InitArgs};
use cvdns::cli::keys::{self, KeysCommand};
use cvdns::cli::log_level::{self, LogLevelArgs};
use cvdns::cli::man::{self, ManArgs};
use cvdns::cli::monitor::{self, MonitorArgs};
#[cfg(feature = "nats")]
use cvdns::cli::nats::{self, NatsCommand};
use cvdns::cli::override_file::{self, OverrideCommand};
use cvdns::cli::reload::{self, ReloadArgs};
use cvdns::cli::serve::{self, ServeArgs};
use cvdns::cli::simulate::{self, SimulateArgs};
use cvdns::cli::status::{self, StatusArgs};

/// Authoritative GeoDNS server for a download-mirror network such as ClamAV's.
///
/// A client asks for mirrors of a country, for mirrors near it, or for the newest database
/// versions. `cvdns serve` answers from zone files, a list of mirrors and a feed with their states,
/// which `cvdns monitor` or another coordinator writes. The other commands look at the same files,
/// or at the running server.
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
    /// Run the DNS server.
    ///
    /// The server follows feed, overrides and clock while it runs. It stays in the foreground and
    /// logs to standard error, or to `file` in `[log]`. SIGHUP reloads everything, and changes
    /// nothing if something is wrong; SIGUSR1 opens the log's file again; SIGTERM and SIGINT stop
    /// the server once it has answered what it received.
    Serve(ServeArgs),
    /// Check the configuration and every file it names, and print all problems.
    ///
    /// Everything is read as `serve` would read it. Each problem is printed on standard error, with
    /// file, line and column, and with what to write instead; then follows what would be served.
    Check(CheckArgs),
    /// Explain an answer: the decision and the records, made by the code that serves.
    ///
    /// No server needs to run. The answer follows from the configuration, the feed and the
    /// overrides, for any client and any time.
    Explain(ExplainArgs),
    /// Publish zone files and lists of mirrors for all servers, through NATS, or show what is
    /// published.
    #[cfg(feature = "nats")]
    #[command(subcommand)]
    Bundle(BundleCommand),
    /// Print the headers of CVD and CLD files, or the version record made from them.
    ///
    /// Only the headers are read; the signatures of the databases are not verified.
    Cvd(CvdArgs),
    /// Export zones and delegations for BIND and other name servers.
    #[command(subcommand)]
    Export(ExportCommand),
    /// Check, show, compare and publish feeds, or accept one that is held back.
    #[command(subcommand)]
    Feed(FeedCommand),
    /// Build and query country databases.
    #[command(subcommand)]
    Geoip(GeoipCommand),
    /// Convert a CSV list of mirrors into a fleet file.
    ///
    /// Every bad line is reported, with line and column. Nothing is written unless all are good.
    Import(ImportArgs),
    /// Write a configuration to start from: server, zone, mirrors, feed, overrides, coordinator.
    ///
    /// The configuration passes `cvdns check`, and `cvdns serve` answers at once on 127.0.0.1, port
    /// 5300.
    Init(InitArgs),
    /// Make, list and print the keys by which zones are signed (DNSSEC).
    ///
    /// Keys are files of BIND's form in the directory that `[dnssec]` of the zone file names. Those
    /// of dnssec-keygen and ldns-keygen are as good.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Set what the running server logs, until the next reload or restart.
    ///
    /// The request goes to the server's admin listener. `cvdns status` shows the level unless it is
    /// the configured one.
    LogLevel(LogLevelArgs),
    /// Run the coordinator: check the mirrors and write the feed.
    ///
    /// The coordinator checks every address of the fleet and decides the state of each mirror.
    /// Servers follow the feed by `source` in `[feed]`. Without `--once`, the coordinator stays in
    /// the foreground and logs to standard error, or to `file` in `[log]`.
    Monitor(MonitorArgs),
    /// Make what feeds and overrides need in NATS.
    #[cfg(feature = "nats")]
    #[command(subcommand)]
    Nats(NatsCommand),
    /// Add, remove and list the operator's statements about mirrors, which take precedence over the
    /// feed.
    ///
    /// These commands work on the file of `overrides` in [feed], also while no server runs. A
    /// running server takes the change over at once. With `--fleet` they change the overrides of
    /// all servers, which come through NATS.
    #[command(subcommand)]
    Override(OverrideCommand),
    /// Have the running server read everything again, and print what is wrong.
    ///
    /// The request goes to the server's admin listener. Exit status: 0 if what was read is in
    /// force; 1 if nothing changed because of an error, or if the server cannot be reached.
    Reload(ReloadArgs),
    /// Show what answers become when mirrors fail: who falls back, and which mirrors get too much.
    ///
    /// Nothing is changed, and no server needs to run: the answers are those of the code that
    /// serves.
    Simulate(SimulateArgs),
    /// Show the status of the running server: zones, feed, record, mirrors and queries.
    ///
    /// The status is read from the server's admin address. Exit status: 0 if the server is ready, 1
    /// if it is not ready or cannot be reached.
    Status(StatusArgs),
    /// Print a script by which a shell completes commands and options.
    ///
    /// Write it to where the shell looks for such scripts, or have the shell read it:
    /// `source <(cvdns completions bash)`.
    Completions(CompletionsArgs),
    /// Write the pages of the manual: of each command, and of the files.
    ///
    /// Pages of commands are in section 1, or in section 8 if they are about a server; those of
    /// files are in section 5. All files are written into one directory.
    Man(ManArgs),
}

fn main() -> ExitCode {
    let Cli { config, command } = Cli::parse();
    let config = config_path(config.as_deref());
    match command {
        Command::Serve(args) => serve::run(&args, &config),
        Command::Check(args) => check::run(&args, &config),
        Command::Explain(args) => explain::run(&args, &config),
        #[cfg(feature = "nats")]
        Command::Bundle(command) => bundle::run(&command, &config),
        Command::Cvd(args) => cvd::run(&args, &config),
        Command::Export(command) => export::run(&command, &config),
        Command::Feed(command) => feed::run(&command, &config),
        Command::Geoip(command) => geoip::run(command, &config),
        Command::Import(args) => import::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Keys(command) => keys::run(&command, &config),
        Command::LogLevel(args) => log_level::run(&args, &config),
        Command::Monitor(args) => monitor::run(&args, &config),
        #[cfg(feature = "nats")]
        Command::Nats(command) => nats::run(&command, &config),
        Command::Override(command) => override_file::run(&command, &config),
        Command::Reload(args) => reload::run(&args, &config),
        Command::Simulate(args) => simulate::run(&args, &config),
        Command::Status(args) => status::run(&args, &config),
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
    }
}
