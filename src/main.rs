//! The `cvdns` command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cvdns::cli::geoip::{self, GeoipCommand};

#[derive(Parser)]
#[command(name = "cvdns", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make and read country databases.
    #[command(subcommand)]
    Geoip(GeoipCommand),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Geoip(command) => geoip::run(command),
    }
}
