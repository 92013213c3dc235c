//! The `[xdp]` section.

use std::net::SocketAddr;

use super::keys::xdp as keys;
use super::xdp_mode::XdpMode;
use crate::problem::Problems;
use crate::problem::table::{Placed, Table};

/// UDP past the kernel's sockets (`[xdp]`).
#[derive(Debug, Clone, Default)]
pub struct Xdp {
    /// Names of network interfaces, each once; empty: `AF_XDP` is not used.
    pub interfaces: Vec<Placed<String>>,
    /// How programs are attached to the interfaces.
    pub mode: XdpMode,
}

impl Xdp {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let names_interfaces = table.has(&keys::INTERFACES);
        let mode = table.get(&keys::MODE);
        let xdp = Self {
            interfaces: interfaces(&mut table),
            mode: mode.as_ref().map_or_else(|| keys::MODE.preset(), |mode| mode.value),
        };
        if let Some(mode) = mode.filter(|_| !names_interfaces) {
            let what = "`mode` has no effect without `interfaces`";
            table.warning(mode.location, what, "name interfaces, or take it out");
        }
        table.finish();
        xdp
    }

    /// Warns where no interface can ever receive anything for the server.
    pub(super) fn check(&self, listen: &[SocketAddr], problems: &mut Problems) {
        let Some(first) = self.interfaces.first() else { return };
        let mut warn = |what: &str, help: &str| {
            problems.warning(first.location.clone(), what, help);
        };
        if !cfg!(target_os = "linux") {
            warn("`interfaces` has no effect: AF_XDP is a part of Linux", "take [xdp] out");
        } else if listen.iter().all(|address| address.ip().is_loopback()) {
            warn(
                "`interfaces` has no effect: all addresses of `listen` are loopback",
                "listen on an address of the interface, or take [xdp] out",
            );
        }
    }
}

fn interfaces(table: &mut Table<'_>) -> Vec<Placed<String>> {
    let mut interfaces: Vec<Placed<String>> = Vec::new();
    for placed in table.list(&keys::INTERFACES).unwrap_or_default() {
        if interfaces.iter().any(|known| known.value == placed.value) {
            let what = format!("{} is named twice", placed.value);
            table.error(placed.location, what, "keep one");
        } else {
            interfaces.push(placed);
        }
    }
    interfaces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CommandLine, Config};

    fn read(xdp: &str, stated: &CommandLine) -> (Xdp, Vec<String>) {
        let mut problems = Problems::default();
        let text = format!(
            "zone = [{{ file = \"z\" }}]\n[server]\nlisten = [\"192.0.2.53:53\"]\n[xdp]\n{xdp}\n"
        );
        let mut config = Config::parse("c", &text, &mut problems).unwrap();
        config.apply(stated, &mut problems);
        (config.xdp, problems.iter().map(ToString::to_string).collect())
    }

    fn problems(xdp: &str) -> Vec<String> {
        read(xdp, &CommandLine::default()).1
    }

    #[test]
    fn interfaces_have_names_of_linux() {
        let names = ["eth0", "enp0s31f6", "bond0.53", "br-1a2b3c4d5e6f", "@", "fifteen-octets-"];
        for name in names {
            assert_eq!(problems(&format!("interfaces = [{name:?}]")), [""; 0], "{name}");
        }
        for name in ["", ".", "..", "eth0:1", "a/b", "a b", "sixteen-octets--", "\u{e9}", "a\n"] {
            let found = problems(&format!("interfaces = [{name:?}]"));
            assert!(found.len() == 1 && found[0].contains("is no interface"), "{name}: {found:?}");
        }
    }

    #[test]
    fn what_has_no_effect_is_a_warning_and_what_cannot_be_an_error() {
        let (xdp, found) =
            read("interfaces = [\"eth1\", \"eth0\"]\nmode = \"generic\"", &CommandLine::default());
        assert_eq!((found, xdp.mode.name()), (Vec::new(), "generic"));
        assert_eq!(
            xdp.interfaces.iter().map(|name| &*name.value).collect::<Vec<_>>(),
            ["eth1", "eth0"]
        );
        for (text, expected) in [
            ("mode = \"native\"", "`mode` has no effect without `interfaces`"),
            ("mode = \"copy\"\ninterfaces = [\"eth0\"]", "\"native\" or \"generic\""),
            ("interfaces = [\"eth0\", \"eth0\"]", "eth0 is named twice"),
        ] {
            let found = problems(text);
            assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
        }
        assert_eq!(problems("interfaces = []"), [""; 0]);
    }

    /// Addresses of the command line count, as they are those that are listened on.
    #[test]
    fn a_server_on_loopback_has_nothing_of_it() {
        let on = |listen: &[&str]| {
            let listen = listen.iter().map(|address| address.parse().unwrap()).collect();
            read("interfaces = [\"eth0\"]", &CommandLine { listen, nsid: None }).1
        };
        let found = on(&["127.0.0.1:53", "[::1]:53"]);
        assert!(found.len() == 1 && found[0].contains("are loopback"), "{found:?}");
        assert_eq!(on(&["127.0.0.1:53", "192.0.2.53:53"]), [""; 0]);
        assert_eq!(on(&["0.0.0.0:53"]), [""; 0]);
    }
}
