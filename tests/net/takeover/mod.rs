//! `cvdns serve --replace` and the service manager: a server is replaced and no query is lost.

mod asker;
mod counting;
mod failing;
mod load;
mod replacing;
mod service_manager;

use super::support::daemon::Files;
use super::support::{fixture, ports};

/// The path of the socket in the directory of a server.
const SOCKET: &str = "run/takeover.sock";

/// The fixture's server with `takeover`, and its admin port.
fn files() -> (Files, u16) {
    let (files, admin) = (fixture::files(), ports::free());
    let config = files.text("cvdns.toml");
    let config = config.replace("[server]", &format!("[server]\ntakeover = \"{SOCKET}\""));
    let config = format!("{config}\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n");
    (files.with("cvdns.toml", config), admin)
}
