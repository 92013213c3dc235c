//! The `[tls]` section.

use std::net::SocketAddr;

use super::keys::tls as keys;
use super::server::{conflict, overlap};
use crate::problem::table::{Placed, Table};
use crate::problem::{Location, Problems};
use crate::schema::{Key, List, Optional, Parsed};

/// Encrypted transports (`[tls]`).
#[derive(Debug, Clone)]
pub struct Tls {
    /// Path of the certificate, followed by those that lead to its authority, in PEM.
    pub certificate: Placed<String>,
    /// Path of the certificate's private key, in PEM.
    pub key: Placed<String>,
    /// Addresses of DNS over TLS (RFC 7858), for TCP. Each occurs once.
    pub dot: Vec<SocketAddr>,
    /// Addresses of DNS over QUIC (RFC 9250), for UDP. Each occurs once.
    pub doq: Vec<SocketAddr>,
    /// Addresses of DNS over HTTPS (RFC 8484), for TCP. Each occurs once.
    pub doh: Vec<SocketAddr>,
    /// Most connections at once over all encrypted transports.
    pub connections: usize,
    /// The same addresses with their places in the file.
    listed: Vec<Listed>,
}

/// An address of a list.
#[derive(Debug, Clone)]
struct Listed {
    /// The key of the list.
    list: &'static str,
    protocol: Protocol,
    address: SocketAddr,
    location: Location,
}

/// What a transport is carried by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Tcp,
    Udp,
}

/// What to do about an address that two sockets would be bound to.
const CLASH_HELP: &str =
    "write another address or port: 853 is the port of DoT and DoQ, and 443 that of DoH";

impl Tls {
    /// Reads the section. `None` without it, and if certificate or key is missing.
    pub(super) fn read(mut table: Table<'_>) -> Option<Self> {
        if !table.is_given() {
            return None;
        }
        let errors_before = table.error_count();
        let mut listed = Vec::new();
        let dot = addresses(&mut table, &keys::DOT, Protocol::Tcp, &mut listed);
        let doq = addresses(&mut table, &keys::DOQ, Protocol::Udp, &mut listed);
        let doh = addresses(&mut table, &keys::DOH, Protocol::Tcp, &mut listed);
        if listed.is_empty() && table.error_count() == errors_before {
            let what = "[tls] has no effect without `dot`, `doq` or `doh`";
            let help = "add dot = [\"ADDRESS:853\"], or take the section out";
            table.warning(table.location(), what, help);
        }
        let connections = table.value(&keys::CONNECTIONS);
        let certificate = table.require(&keys::CERTIFICATE);
        let key = table.require(&keys::KEY);
        table.finish();
        let (certificate, key) = (certificate?, key?);
        Some(Self { certificate, key, dot, doq, doh, connections, listed })
    }

    /// Reports addresses that are those of `listen` in `[server]` too, which has each for UDP and
    /// TCP.
    pub(super) fn check(&self, listen: &[SocketAddr], problems: &mut Problems) {
        for listed in &self.listed {
            let known = listen.iter().find(|known| overlap(**known, listed.address));
            if let Some(known) = known {
                let what = listed.clash(*known, "`listen` of [server]");
                problems.error(listed.location.clone(), what, CLASH_HELP);
            }
        }
    }

    /// Whether there is any address of an encrypted transport.
    pub fn is_on(&self) -> bool {
        !self.listed.is_empty()
    }
}

impl Listed {
    /// What is wrong with the address beside one that is known from another list.
    fn clash(&self, known: SocketAddr, list: &str) -> String {
        let Self { address, .. } = self;
        let protocol = match self.protocol {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        };
        if *address == known {
            format!("{address} is in {list} too, and both are {protocol}")
        } else {
            format!("{address} and {known} in {list} overlap, and both are {protocol}")
        }
    }
}

/// Reads a list of addresses, which are added to `known` with their places.
fn addresses(
    table: &mut Table<'_>,
    key: &Key<List<Parsed<SocketAddr>>, Optional>,
    protocol: Protocol,
    known: &mut Vec<Listed>,
) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for Placed { value: address, location } in table.list(key).unwrap_or_default() {
        if let Some((what, help)) = conflict(&addresses, address) {
            table.error(location, what, help);
            continue;
        }
        let listed = Listed { list: key.name, protocol, address, location };
        let other = known.iter().find(|known| {
            known.list != key.name && known.protocol == protocol && overlap(known.address, address)
        });
        if let Some(other) = other {
            let what = listed.clash(other.address, &format!("`{}`", other.list));
            table.error(listed.location, what, CLASH_HELP);
            continue;
        }
        addresses.push(address);
        known.push(listed);
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CommandLine, Config};

    fn read_stating(section: &str, stated: &CommandLine) -> (Option<Tls>, Vec<String>) {
        let text = format!(
            "zone = [{{ file = \"z\" }}]\n[server]\nlisten = [\"192.0.2.1:53\"]\n{section}\n"
        );
        let mut problems = Problems::default();
        let mut config = Config::parse("c", &text, &mut problems).unwrap();
        config.apply(stated, &mut problems);
        (config.tls, problems.iter().map(ToString::to_string).collect())
    }

    fn read(section: &str) -> (Option<Tls>, Vec<String>) {
        read_stating(section, &CommandLine::default())
    }

    /// A section with certificate and key in lines 5 and 6.
    fn with_files(keys: &str) -> String {
        format!("[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n{keys}")
    }

    #[test]
    fn all_keys_are_read() {
        let (tls, problems) = read("");
        assert_eq!((tls.is_none(), problems), (true, Vec::new()));
        let (tls, problems) = read(&with_files(
            "dot = [\"192.0.2.1:853\", \"[2001:db8::1]:853\"]\ndoq = [\"192.0.2.1:853\"]\n\
             doh = [\"192.0.2.1:443\"]",
        ));
        assert_eq!(problems, [""; 0]);
        let tls = tls.unwrap();
        assert_eq!((&*tls.certificate.value, &*tls.key.value), ("c.pem", "k.pem"));
        let addresses = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|address| address.parse().unwrap()).collect()
        };
        assert_eq!(tls.dot, addresses(&["192.0.2.1:853", "[2001:db8::1]:853"]));
        assert_eq!(tls.doq, addresses(&["192.0.2.1:853"]));
        assert_eq!(tls.doh, addresses(&["192.0.2.1:443"]));
        assert!(tls.is_on() && tls.connections == 1000);
        let (tls, problems) = read(&with_files("connections = 7\ndot = [\"0.0.0.0:853\"]"));
        assert_eq!((tls.unwrap().connections, problems), (7, Vec::new()));
    }

    #[test]
    fn wrong_values_are_reported_with_their_places() {
        for (section, expected) in [
            (
                "dot = [\"192.0.2.1:853\", \"192.0.2.1:853\"]",
                "c:7:25: 192.0.2.1:853 is named twice (keep one)",
            ),
            (
                "doq = [\"192.0.2.1:853\", \"0.0.0.0:853\"]",
                "c:7:25: 192.0.2.1:853 is one of the addresses of 0.0.0.0:853 (keep the wildcard, \
                 or list addresses one by one)",
            ),
            (
                "dot = [\"192.0.2.1:443\"]\ndoh = [\"192.0.2.1:443\"]",
                "c:8:8: 192.0.2.1:443 is in `dot` too, and both are TCP (write another address or \
                 port: 853 is the port of DoT and DoQ, and 443 that of DoH)",
            ),
            (
                "dot = [\"0.0.0.0:443\"]\ndoh = [\"192.0.2.1:443\"]",
                "c:8:8: 192.0.2.1:443 and 0.0.0.0:443 in `dot` overlap, and both are TCP (write \
                 another address or port: 853 is the port of DoT and DoQ, and 443 that of DoH)",
            ),
            (
                "doh = [\"192.0.2.1:53\"]",
                "c:7:8: 192.0.2.1:53 is in `listen` of [server] too, and both are TCP (write \
                 another address or port: 853 is the port of DoT and DoQ, and 443 that of DoH)",
            ),
            (
                "doq = [\"0.0.0.0:53\"]",
                "c:7:8: 0.0.0.0:53 and 192.0.2.1:53 in `listen` of [server] overlap, and both are \
                 UDP (write another address or port: 853 is the port of DoT and DoQ, and 443 that \
                 of DoH)",
            ),
            (
                "connections = 7",
                "c:4:1: [tls] has no effect without `dot`, `doq` or `doh` (add dot = \
                 [\"ADDRESS:853\"], or take the section out)",
            ),
            (
                "dot = [\"192.0.2.1\"]",
                "c:7:8: `dot`: \"192.0.2.1\": invalid socket address syntax (expected addresses \
                 and ports, such as [\"192.0.2.1:853\", \"[2001:db8::1]:853\"])",
            ),
        ] {
            let (_, problems) = read(&with_files(section));
            assert_eq!(problems, [expected], "{section}");
        }
        // TCP and UDP have ports of their own.
        let (_, problems) = read(&with_files("doq = [\"[::]:443\"]\ndoh = [\"[::]:443\"]"));
        assert_eq!(problems, [""; 0]);
    }

    #[test]
    fn certificate_and_key_must_be_named() {
        let (tls, problems) = read("[tls]\ndot = [\"192.0.2.1:853\"]");
        assert!(tls.is_none());
        assert_eq!(
            problems,
            [
                "c:4:1: [tls] has no `certificate` (add `certificate` = the path of a certificate \
                 in PEM, such as \"fullchain.pem\")",
                "c:4:1: [tls] has no `key` (add `key` = the path of a private key in PEM, such as \
                 \"privkey.pem\")",
            ]
        );
    }

    /// Addresses of the command line count, as they are those that are listened on.
    #[test]
    fn addresses_of_the_command_line_are_those_of_the_server() {
        let section = with_files("dot = [\"192.0.2.1:53\"]");
        let stated =
            |address: &str| CommandLine { listen: vec![address.parse().unwrap()], nsid: None };
        assert_eq!(read_stating(&section, &stated("192.0.2.9:53")).1, [""; 0]);
        let problems = read_stating(&section, &stated("0.0.0.0:53")).1;
        assert!(
            problems.len() == 1 && problems[0].contains("0.0.0.0:53 in `listen` of [server]"),
            "{problems:?}"
        );
    }
}
