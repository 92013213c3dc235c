//! The arguments of `cvdns override`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use crate::explaining::moment::moment;
use cvdns_core::fleet::host_key;
use cvdns_core::health::State;
use cvdns_core::schema::read::duration_of;

/// Arguments of `cvdns override add`.
#[derive(Args, Clone, Debug)]
pub struct AddArgs {
    /// A host of the fleet, or a glob such as `*.example.de`.
    #[arg(value_parser = host)]
    pub host: String,
    /// `up`, `old`, `down`, `drained` or `removed`.
    #[arg(long, value_parser = state)]
    pub state: State,
    /// Only this address of the host. May be given several times. Default: all addresses.
    #[arg(long = "address", value_name = "ADDRESS")]
    pub addresses: Vec<IpAddr>,
    /// Why, in one line: it is shown in the log and in explanations.
    #[arg(long, value_parser = reason)]
    pub reason: String,
    /// The end of the override. Default: it ends when it is removed.
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "duration")]
    pub until: Option<Timestamp>,
    /// How long the override holds, such as `2h` or `1d 12h`.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Change the overrides of all servers, which come through NATS (`[nats]`), instead of the
    /// file. They are signed by `secret-key` in `[monitor]`.
    #[arg(long)]
    pub fleet: bool,
    /// With --fleet: there never were any overrides of all servers. Without this, nothing is
    /// published where none are, as they may have been lost, and servers still have them.
    #[arg(long, requires = "fleet")]
    pub first: bool,
}

/// Arguments of `cvdns override remove`.
#[derive(Args, Clone, Debug)]
pub struct RemoveArgs {
    /// The host or glob as the override has it.
    #[arg(value_parser = host)]
    pub host: String,
    /// Only overrides of exactly these addresses. May be given several times. Default: all
    /// overrides of the host.
    #[arg(long = "address", value_name = "ADDRESS")]
    pub addresses: Vec<IpAddr>,
    /// Change the overrides of all servers, which come through NATS (`[nats]`), instead of the
    /// file. They are signed by `secret-key` in `[monitor]`.
    #[arg(long)]
    pub fleet: bool,
}

/// Arguments of `cvdns override restore`.
#[derive(Args, Clone, Debug)]
pub struct RestoreArgs {
    /// The file overrides.json in the `state` directory of a server.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Arguments of `cvdns override list`.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// List the overrides of all servers, which come through NATS (`[nats]`), instead of those of
    /// the file.
    #[arg(long)]
    pub fleet: bool,
}

fn host(text: &str) -> Result<String, String> {
    let host = host_key(text);
    if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("write a host or a glob such as *.example.de".to_owned());
    }
    Ok(host)
}

fn state(text: &str) -> Result<State, String> {
    text.parse().map_err(|_| "write up, old, down, drained or removed".to_owned())
}

fn reason(text: &str) -> Result<String, String> {
    let reason = text.trim();
    if reason.is_empty() || reason.chars().any(char::is_control) {
        return Err("write one line that says why".to_owned());
    }
    Ok(reason.to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = duration_of(text).ok().filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "write a duration above 0, such as 2h or 1d 12h".to_owned())
}
