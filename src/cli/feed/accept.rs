//! `cvdns feed accept`: accepts a feed that the running server holds back.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;

use crate::cli::admin_client::AdminClient;
use crate::cli::output::Failure;
use cvdns_core::snapshot::HeldFeed;

/// Arguments of `cvdns feed accept`.
#[derive(Args, Clone, Debug)]
pub struct AcceptArgs {
    /// Accept only the feed with this serial. Default: the feed that is held back now.
    #[arg(long, value_name = "SERIAL")]
    pub serial: Option<u64>,
}

/// The part of `/api/v1/feed` that this command needs.
#[derive(Deserialize)]
struct FeedResponse {
    held: Option<HeldFeed>,
}

pub(super) fn run(args: &AcceptArgs, config: &Path) -> Result<ExitCode, Failure> {
    let server = AdminClient::of(config)?;
    let response: FeedResponse = server.get("/api/v1/feed")?;
    let Some(held) = response.held else { return Err(Failure::new("no feed is held back")) };
    if let Some(serial) = args.serial.filter(|serial| *serial != held.serial) {
        return Err(Failure::new(format!(
            "feed {serial} is not held back, but feed {} is",
            held.serial
        )));
    }
    let body = format!("{{\"serial\": {}}}", held.serial);
    server.post("/api/v1/feed/accept", &body)?.success()?;
    let HeldFeed { serial, takes_away, .. } = held;
    writeln!(std::io::stdout().lock(), "feed {serial} is in force; it took away {takes_away}")?;
    Ok(ExitCode::SUCCESS)
}
