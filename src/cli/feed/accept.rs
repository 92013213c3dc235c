//! `cvdns feed accept`: an operator's word that a feed that is held back be taken.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;

use crate::cli::asking::RunningServer;
use crate::cli::output::Failure;

/// Arguments of `cvdns feed accept`.
#[derive(Args, Clone, Debug)]
pub struct AcceptArgs {
    /// Accept the feed of this serial and no other; by default the one that is held back now.
    #[arg(long, value_name = "SERIAL")]
    pub serial: Option<u64>,
}

/// What the server says of the feed that it holds back.
#[derive(Deserialize)]
struct Held {
    serial: u64,
    takes_away: String,
}

#[derive(Deserialize)]
struct Feeds {
    held: Option<Held>,
}

pub(super) fn run(args: &AcceptArgs, config: &Path) -> Result<ExitCode, Failure> {
    let server = RunningServer::of(config)?;
    let feeds: Feeds = server.get("/api/v1/feed")?;
    let Some(held) = feeds.held else { return Err(Failure::new("no feed is held back")) };
    if let Some(serial) = args.serial.filter(|serial| *serial != held.serial) {
        return Err(Failure::new(format!(
            "serial {serial} is not held back, but {} is",
            held.serial
        )));
    }
    server.post("/api/v1/feed/accept", &format!("{{\"serial\": {}}}", held.serial))?;
    let Held { serial, takes_away } = held;
    writeln!(std::io::stdout().lock(), "feed {serial} is in force; it took away {takes_away}")?;
    Ok(ExitCode::SUCCESS)
}
