//! The `[admin]` section.

use std::net::SocketAddr;

use super::admin_address::AdminAddress;
use super::keys::admin as keys;
use crate::problem::table::{Placed, Table};

/// The listener for metrics, state and commands (`[admin]`).
#[derive(Debug, Clone, Default)]
pub struct Admin {
    /// Where it listens; nowhere if this is empty. Each address occurs once.
    pub listen: Vec<AdminAddress>,
    /// Path of the file with the token that allows changes over TCP; `None`: nothing can be
    /// changed over TCP.
    pub token_file: Option<Placed<String>>,
    /// Further names that requests may call the server by (`Host`), normalised by
    /// [`host_key`](crate::fleet::host_key).
    pub hosts: Vec<String>,
}

impl Admin {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let admin = Self {
            listen: listen(&mut table),
            token_file: table.get(&keys::TOKEN_FILE),
            hosts: hosts(&mut table),
        };
        warn_without_tcp(&table, &admin);
        table.finish();
        admin
    }

    /// The addresses for TCP.
    pub fn tcp(&self) -> impl Iterator<Item = SocketAddr> {
        self.listen.iter().filter_map(|address| match address {
            AdminAddress::Tcp(address) => Some(*address),
            AdminAddress::Unix(_) => None,
        })
    }

    /// The paths of Unix sockets, as written: relative to the configuration.
    pub fn unix(&self) -> impl Iterator<Item = &str> {
        self.listen.iter().filter_map(|address| match address {
            AdminAddress::Unix(path) => Some(path.as_str()),
            AdminAddress::Tcp(_) => None,
        })
    }
}

/// Reads the addresses. Those that others can reach are warned of.
fn listen(table: &mut Table<'_>) -> Vec<AdminAddress> {
    let mut addresses = Vec::new();
    for Placed { value, location } in table.one_or_list(&keys::LISTEN).unwrap_or_default() {
        if addresses.contains(&value) {
            table.error(location, format!("{value} is named twice"), "keep one");
            continue;
        }
        if let AdminAddress::Tcp(address) = value
            && !address.ip().to_canonical().is_loopback()
        {
            let whoever = if address.ip().is_unspecified() {
                "everybody who reaches any address of this machine"
            } else {
                "everybody who reaches this address"
            };
            let what = format!("{whoever} can read metrics and state: reading needs no token");
            let help = "write a loopback address such as \"127.0.0.1:8053\", or let a firewall \
                        decide who reaches it";
            table.warning(location, what, help);
        }
        addresses.push(value);
    }
    addresses
}

fn hosts(table: &mut Table<'_>) -> Vec<String> {
    let hosts = table.list(&keys::HOSTS).unwrap_or_default();
    hosts.into_iter().map(|host| host.value).collect()
}

/// Both `token-file` and `hosts` concern TCP alone.
fn warn_without_tcp(table: &Table<'_>, admin: &Admin) {
    if admin.tcp().next().is_some() {
        return;
    }
    if let Some(named) = &admin.token_file {
        table.warning(
            named.location.clone(),
            "`token-file` has no effect: `listen` names no address for TCP",
            "take it out; a Unix socket needs no token, as its mode says who may use it",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::problem::Problems;

    fn read(section: &str) -> (Admin, Vec<String>) {
        let text = format!("zone = [{{ file = \"z\" }}]\n[admin]\n{section}\n");
        let mut problems = Problems::default();
        let config = Config::parse("c", &text, &mut problems).unwrap();
        (config.admin, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn one_address_or_several_are_read() {
        let (admin, problems) = read("listen = \"127.0.0.1:8053\"");
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(admin.tcp().collect::<Vec<_>>(), ["127.0.0.1:8053".parse().unwrap()]);
        let (admin, problems) = read(
            "listen = [\"unix:run/a\", \"[::1]:8053\"]\ntoken-file = \"t\"\nhosts = [\"NS1.example.net.\"]",
        );
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(admin.unix().collect::<Vec<_>>(), ["run/a"]);
        assert_eq!(admin.listen[1].to_string(), "[::1]:8053");
        assert_eq!(admin.hosts, ["ns1.example.net"]);
        assert_eq!(read("listen = []").0.listen, []);
    }

    #[test]
    fn wrong_values_are_reported_with_their_places() {
        let expected = [
            ("listen = [\"unix:\"]", "c:3:11: `listen`: \"unix:\": there is no path"),
            ("listen = \"8053\"", "c:3:10: `listen`: \"8053\": this is not an address and a port"),
            ("listen = [\"unix:a\", \"unix:a\"]", "c:3:21: unix:a is named twice"),
            ("listen = \"192.0.2.1:8053\"", "c:3:10: everybody who reaches this address can read"),
            ("listen = \"[::]:8053\"", "c:3:10: everybody who reaches any address"),
            ("listen = \"unix:a\"\ntoken-file = \"t\"", "c:4:14: `token-file` has no effect"),
            ("hosts = [\"a b\"]", "c:3:10: `hosts`: \"a b\" is not a host"),
            ("hosts = [\"ns1:8053\"]", "c:3:10: `hosts`: \"ns1:8053\" is not a host"),
        ];
        for (section, expected) in expected {
            let (_, problems) = read(section);
            let found = problems.iter().any(|problem| problem.starts_with(expected));
            assert!(found && problems.len() == 1, "{expected}\n{problems:?}");
        }
    }
}
