//! Checks the paths of Unix sockets that a configuration names.

use std::net::SocketAddr;
use std::path::Path;

use cvdns_core::config::Config;
use cvdns_core::problem::{Location, Problems};
use cvdns_io::beside;

/// Most octets of a socket's path: `sun_path` has 108 on Linux, with an octet 0 at the end
/// (unix(7)).
const MAX_PATH: usize = 107;

/// Notes what is wrong with the paths of the sockets of `takeover`, `[admin]` and `[dnstap]`.
pub(super) fn check(path: &Path, config: &Config, problems: &mut Problems) {
    let named = config.server.takeover.iter().chain(&config.dnstap.socket);
    for socket in named {
        let value = &socket.value;
        check_length(&beside(path, value), &socket.location, problems);
        let is_address = value.parse::<SocketAddr>().is_ok();
        if is_address || value.starts_with("unix:") {
            let what = format!("\"{value}\" is no path of a Unix socket");
            let help = "write the path alone, such as \"run/name.sock\"";
            problems.error(socket.location.clone(), what, help);
        }
    }
    for socket in config.admin.unix() {
        let location = Location::file(&path.display().to_string());
        check_length(&beside(path, socket), &location, problems);
    }
}

fn check_length(socket: &Path, location: &Location, problems: &mut Problems) {
    let length = socket.as_os_str().len();
    if length > MAX_PATH {
        let what = format!(
            "a socket's path has at most {MAX_PATH} octets, and {} has {length}",
            socket.display()
        );
        problems.error(location.clone(), what, "choose a shorter path");
    }
}
