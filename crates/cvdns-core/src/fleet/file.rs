//! Reads the fleet file, `mirrors.toml`.

use std::collections::HashMap;
use std::net::IpAddr;

use super::address::check_address;
use super::{Downtime, Fleet, Mirror, host_key};
use crate::geo::country::Country;
use crate::problem::table::{Document, Placed, Table, read};
use crate::problem::{Location, Problems};

/// Capacity of a mirror that does not say: 100 Mbit/s, in kbit/s.
pub(super) const DEFAULT_CAPACITY: u64 = 100_000;

/// What a country value may be, for messages.
pub(super) const COUNTRY: &str =
    "an ISO 3166 code such as \"DE\" (`cvdns geoip countries` lists them)";

/// What a capacity may be, for messages.
pub(super) const CAPACITY: &str = "a rate such as \"1Gbit/s\"";

impl Fleet {
    /// Reads a fleet file; everything wrong in it is noted.
    pub fn parse(file: &str, text: &str, problems: &mut Problems) -> Self {
        let document = Document::new(file, text);
        let Some(mut root) = document.parse(problems) else { return Self::default() };
        let tables = root.tables("mirror", problems);
        root.finish(problems);
        let mirrors: Vec<Mirror> =
            tables.into_iter().filter_map(|table| mirror(table, problems)).collect();
        let fleet = Self { mirrors };
        fleet.check(problems);
        fleet
    }

    fn check(&self, problems: &mut Problems) {
        let mut hosts: HashMap<&str, &Mirror> = HashMap::new();
        let mut addresses: HashMap<IpAddr, &Mirror> = HashMap::new();
        for mirror in &self.mirrors {
            if let Some(first) = hosts.insert(&mirror.host, mirror) {
                problems.error(
                    mirror.location.clone(),
                    format!("the mirror {} is named twice", mirror.host),
                    format!(
                        "the first stands at {}; a mirror's addresses go into one entry",
                        first.location
                    ),
                );
            }
            for address in mirror.addresses() {
                if let Some(first) = addresses.insert(address, mirror) {
                    problems.error(
                        mirror.location.clone(),
                        format!("{} has the address {address} of {}", mirror.host, first.host),
                        format!(
                            "{} stands at {}: an address has one state of health",
                            first.host, first.location
                        ),
                    );
                }
            }
        }
    }
}

fn mirror(mut table: Table<'_>, problems: &mut Problems) -> Option<Mirror> {
    let location = table.key_spot("host");
    let host =
        table.require("host", "a host name such as \"clamav.example.de\"", problems, read::string);
    let country = table.require("country", COUNTRY, problems, read::parsed::<Country>);
    let ipv4 = table.list("ipv4", "[\"192.0.2.10\"]", problems, read::parsed).unwrap_or_default();
    let ipv6 = table.list("ipv6", "[\"2001:db8::10\"]", problems, read::parsed).unwrap_or_default();
    let capacity = table.get("capacity", CAPACITY, problems, read::rate);
    let serves = table.list("serves", "[\"LI\", \"CH\"]", problems, read::parsed::<Country>);
    let pools =
        table.list("pools", "[\"other\"]", problems, |value| match read::string(value)?.as_str() {
            "" => Err("a pool's name is empty".to_owned()),
            name => Ok(name.to_owned()),
        });
    let downtimes = table.tables("downtime", problems);
    let enabled = table.get("enabled", "true or false", problems, read::boolean);
    table.finish(problems);

    let mirror = Mirror {
        host: host_key(&host?.value),
        country: country?.value,
        ipv4: checked(ipv4, problems),
        ipv6: checked(ipv6, problems),
        capacity: capacity.map_or(DEFAULT_CAPACITY, |capacity| capacity.value),
        serves: different("serves", serves.unwrap_or_default(), problems),
        pools: different("pools", pools.unwrap_or_default(), problems),
        downtimes: downtimes.into_iter().filter_map(|table| downtime(table, problems)).collect(),
        enabled: enabled.is_none_or(|enabled| enabled.value),
        location,
    };
    check_mirror(&mirror, problems);
    Some(mirror)
}

fn check_mirror(mirror: &Mirror, problems: &mut Problems) {
    check_host(&mirror.host, &mirror.location, problems);
    if mirror.addresses().next().is_none() {
        problems.error(
            mirror.location.clone(),
            format!("{} has no address", mirror.host),
            "add ipv4 = [\"…\"] or ipv6 = [\"…\"]; a mirror to be left out gets enabled = false",
        );
    }
    if mirror.serves.contains(&mirror.country) {
        problems.warning(
            mirror.location.clone(),
            format!("{} serves {}, its own country", mirror.host, mirror.country),
            "`serves` lists the others only",
        );
    }
}

/// Whether a host has a name.
pub(super) fn check_host(host: &str, location: &Location, problems: &mut Problems) {
    if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        problems.error(
            location.clone(),
            "the host name is empty or has blanks",
            "write a host name",
        );
    } else if host.ends_with('.') {
        problems.error(
            location.clone(),
            "the host name ends in several dots",
            "write it without them",
        );
    }
}

fn checked<T: Copy + Into<IpAddr>>(addresses: Vec<Placed<T>>, problems: &mut Problems) -> Vec<T> {
    for placed in &addresses {
        check_address(placed.value.into(), &placed.location, problems);
    }
    values(addresses)
}

/// The values of a list; one that stands there twice is kept once and noted.
fn different<T: PartialEq + std::fmt::Display>(
    key: &str,
    list: Vec<Placed<T>>,
    problems: &mut Problems,
) -> Vec<T> {
    let mut out = Vec::with_capacity(list.len());
    for Placed { value, location } in list {
        if out.contains(&value) {
            problems.warning(location, format!("{value} stands in `{key}` twice"), "remove one");
        } else {
            out.push(value);
        }
    }
    out
}

fn values<T>(placed: Vec<Placed<T>>) -> Vec<T> {
    placed.into_iter().map(|placed| placed.value).collect()
}

fn downtime(mut table: Table<'_>, problems: &mut Problems) -> Option<Downtime> {
    let location: Location = table.location();
    let expected = "a moment such as 2026-12-01T02:00:00Z";
    let from = table.require("from", expected, problems, read::moment);
    let to = table.require("to", expected, problems, read::moment);
    table.finish(problems);
    let downtime = Downtime { from: from?.value, to: to?.value };
    if downtime.from >= downtime.to {
        problems.error(location, "the downtime ends before it starts", "exchange `from` and `to`");
        return None;
    }
    Some(downtime)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(text: &str) -> (Fleet, (usize, usize), String) {
        let mut problems = Problems::default();
        let fleet = Fleet::parse("m", text, &mut problems);
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        (fleet, problems.counts(), lines.join("\n"))
    }

    fn mirror(host: &str, rest: &str) -> String {
        format!("[[mirror]]\nhost = {host:?}\ncountry = \"DE\"\n{rest}\n")
    }

    /// RFC 4343: names of hosts are compared without regard to case.
    #[test]
    fn a_host_has_one_name() {
        let text = mirror("A.Example.", "ipv4 = [\"192.0.2.1\"]")
            + &mirror("a.example", "ipv4 = [\"192.0.2.2\"]");
        let (fleet, counts, lines) = fleet(&text);
        assert_eq!(counts, (1, 0));
        assert!(lines.contains("a.example is named twice"), "{lines}");
        assert!(fleet.get("a.EXAMPLE.").is_some());
        for host in ["", ".", "a..", "a b"] {
            assert_eq!(self::fleet(&mirror(host, "ipv4 = [\"192.0.2.1\"]")).1, (1, 0), "{host}");
        }
    }

    #[test]
    fn what_is_said_of_a_host_is_said_once() {
        let said = |hosts: &[&str]| {
            super::super::by_host_key(hosts.iter().map(|host| ((*host).to_owned(), ())).collect())
        };
        assert_eq!(
            said(&["B.Example.", "a"]).unwrap().into_keys().collect::<Vec<_>>(),
            ["a", "b.example"]
        );
        assert!(said(&["b", "B"]).is_err());
    }

    #[test]
    fn addresses_that_nobody_can_reach_are_said() {
        for (key, address, counts) in [
            ("ipv4", "0.0.0.0", (1, 0)),
            ("ipv4", "0.1.2.3", (1, 0)),
            ("ipv4", "255.255.255.255", (1, 0)),
            ("ipv4", "224.0.0.1", (1, 0)),
            ("ipv6", "::", (1, 0)),
            ("ipv6", "ff02::1", (1, 0)),
            ("ipv6", "::ffff:192.0.2.1", (1, 0)),
            ("ipv4", "127.0.0.1", (0, 1)),
            ("ipv4", "10.0.0.1", (0, 1)),
            ("ipv4", "100.64.0.1", (0, 1)),
            ("ipv4", "169.254.0.1", (0, 1)),
            ("ipv6", "::1", (0, 1)),
            ("ipv6", "fd00::1", (0, 1)),
            ("ipv6", "fe80::1", (0, 1)),
            ("ipv4", "192.0.2.1", (0, 0)),
            ("ipv4", "100.128.0.1", (0, 0)),
            ("ipv6", "2001:db8::1", (0, 0)),
        ] {
            let (_, found, lines) = fleet(&mirror("a", &format!("{key} = [\"{address}\"]")));
            assert_eq!(found, counts, "{address}: {lines}");
        }
    }

    #[test]
    fn lists_have_no_doubles_and_no_empty_names() {
        let addresses = "ipv4 = [\"192.0.2.1\"]";
        let lists = "serves = [\"LI\", \"CH\", \"LI\"]\npools = [\"a\", \"a\"]";
        let (fleet_read, counts, lines) = fleet(&mirror("a", &format!("{addresses}\n{lists}")));
        assert_eq!(counts, (0, 2), "{lines}");
        assert_eq!((fleet_read.mirrors[0].serves.len(), fleet_read.mirrors[0].pools.len()), (2, 1));
        assert_eq!(fleet(&mirror("a", &format!("{addresses}\npools = [\"\"]"))).1, (1, 0));
    }
}
