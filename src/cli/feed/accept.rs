//! `cvdns feed accept`: an operator's word that a feed that is held back be taken.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use ureq::Agent;

use crate::cli::output::Failure;
use crate::cli::problems::print;
use crate::load;
use crate::problem::Problems;

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

/// The server is on this machine: it answers at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(args: &AcceptArgs, config: &Path) -> Result<ExitCode, Failure> {
    let admin = admin(config)?;
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let unreachable = |error: &ureq::Error| {
        Failure::new(format!(
            "the server at {admin} (`listen` in [admin]) does not answer: {error}; does it run?"
        ))
    };
    let mut answer = agent.get(format!("http://{admin}/api/v1/feed")).call().map_err(|e| unreachable(&e))?;
    let text = answer.body_mut().read_to_string().map_err(|e| unreachable(&e))?;
    let feeds: Feeds = serde_json::from_str(&text).map_err(|error| {
        Failure::new(format!("what answers at {admin} is no server of this version: {error}"))
    })?;
    let Some(held) = feeds.held else { return Err(Failure::new("no feed is held back")) };
    if let Some(serial) = args.serial.filter(|serial| *serial != held.serial) {
        return Err(Failure::new(format!("serial {serial} is not held back, but {} is", held.serial)));
    }
    let body = format!("{{\"serial\": {}}}", held.serial);
    let posted =
        agent.post(format!("http://{admin}/api/v1/feed/accept")).content_type("application/json").send(&body);
    let mut answer = posted.map_err(|e| unreachable(&e))?;
    let said = answer.body_mut().read_to_string().map_err(|e| unreachable(&e))?;
    if !answer.status().is_success() {
        return Err(Failure::new(said.trim_end()));
    }
    let Held { serial, takes_away } = held;
    writeln!(
        std::io::stdout().lock(),
        "feed {serial} is in force; it took away {takes_away} usable mirrors"
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Where the running server is to be asked.
fn admin(config: &Path) -> Result<SocketAddr, Failure> {
    let mut problems = Problems::default();
    let Some(admin) = load::admin_of(config, &mut problems).filter(|_| !problems.has_errors()) else {
        print(&problems);
        return Err(Failure::new("name another configuration with --config"));
    };
    let Some(admin) = admin else {
        let what = "the configuration has no [admin] address, by which the running server could be told";
        return Err(Failure::new(format!(
            "{what}: add [admin] with listen = \"127.0.0.1:8053\", and restart it"
        )));
    };
    // Only from this machine is it heard.
    let loopback = match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(loopback, admin.port()))
}
