//! Settings that the command line or the environment states. They beat those of the file, so that
//! several servers can share one.

use std::net::SocketAddr;

use super::Config;
use super::server::{check_nsid, conflict, wildcard_warning};
use crate::problem::{Location, Problems};

/// Settings that beat those of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// Addresses instead of `listen` in `[server]`; empty: those of the file.
    pub listen: Vec<SocketAddr>,
    /// Instead of `nsid` in `[server]`; `None`: that of the file.
    pub nsid: Option<String>,
}

impl Config {
    /// Replaces settings by those of the command line. Everything wrong with them is reported, and
    /// what has no effect beside them.
    pub fn apply(&mut self, stated: &CommandLine, problems: &mut Problems) {
        if !stated.listen.is_empty() {
            let place = || Location::file("--listen (CVDNS_LISTEN)");
            let mut addresses = Vec::with_capacity(stated.listen.len());
            for address in &stated.listen {
                if let Some((what, help)) = conflict(&addresses, *address) {
                    problems.error(place(), what, help);
                    continue;
                }
                if address.ip().is_unspecified() && self.server.udp.is_portable() {
                    let (what, help) = wildcard_warning();
                    problems.warning(place(), what, help);
                }
                addresses.push(*address);
            }
            self.server.listen = addresses;
        }
        if let Some(nsid) = &stated.nsid {
            match check_nsid(nsid) {
                Ok(()) => self.server.nsid = Some(nsid.clone()),
                Err(what) => problems.error(
                    Location::file("--nsid (CVDNS_NSID)"),
                    what,
                    "write 1 to 128 characters on one line, such as ns1",
                ),
            }
        }
        self.xdp.check(&self.server.listen, problems);
        if let Some(tls) = &self.tls {
            tls.check(&self.server.listen, problems);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(file: &str, stated: &CommandLine) -> (Config, Vec<String>) {
        let mut problems = Problems::default();
        let text = format!("zone = [{{ file = \"z\" }}]\n[server]\n{file}\n");
        let mut config = Config::parse("c", &text, &mut problems).unwrap();
        config.apply(stated, &mut problems);
        (config, problems.iter().map(ToString::to_string).collect())
    }

    fn listening(addresses: &[&str]) -> CommandLine {
        let listen = addresses.iter().map(|address| address.parse().unwrap()).collect();
        CommandLine { listen, nsid: None }
    }

    #[test]
    fn what_is_stated_beats_the_file_and_nothing_else_changes() {
        let file = "listen = [\"127.0.0.1:5301\"]\nnsid = \"file\"\nworkers = 3";
        let (config, problems) = applied(file, &CommandLine::default());
        assert_eq!(problems, [""; 0]);
        assert_eq!(config.server.nsid.as_deref(), Some("file"));
        let stated = CommandLine { nsid: Some("line".to_owned()), ..listening(&["[::1]:5302"]) };
        let (config, problems) = applied(file, &stated);
        assert_eq!(problems, [""; 0]);
        assert_eq!(config.server.listen, stated.listen);
        assert_eq!((config.server.nsid.as_deref(), config.server.workers), (Some("line"), 3));
    }

    #[test]
    fn addresses_and_names_are_held_to_the_rules_of_the_file() {
        for (stated, words) in [
            (
                listening(&["127.0.0.1:53", "127.0.0.1:53"]),
                "--listen (CVDNS_LISTEN): 127.0.0.1:53 is named twice (keep one)",
            ),
            (
                listening(&["0.0.0.0:53", "127.0.0.1:53"]),
                "127.0.0.1:53 is one of the addresses of 0.0.0.0:53 (keep the wildcard, or",
            ),
            (
                CommandLine { listen: Vec::new(), nsid: Some("n".repeat(129)) },
                "--nsid (CVDNS_NSID): 129 octets are too many (write 1 to 128 characters on one line, such as ns1)",
            ),
        ] {
            let (_, problems) = applied("udp = \"mmsg\"", &stated);
            assert!(problems.len() == 1 && problems[0].contains(words), "{problems:?}");
        }
        let (_, problems) = applied("udp = \"portable\"", &listening(&["0.0.0.0:53"]));
        assert!(problems.len() == 1 && problems[0].contains("portable UDP"), "{problems:?}");
    }
}
