//! Reads the fleet file, `mirrors.toml`.

use std::collections::HashMap;
use std::net::IpAddr;

use super::address::check_address;
use super::{Downtime, Fleet, Mirror, host_key, keys};
use crate::geo::area::Area;
use crate::problem::table::{Document, Placed, Table};
use crate::problem::{Location, Problems};

impl Fleet {
    /// Reads a fleet file and reports everything wrong in it.
    pub fn parse(file: &str, text: &str, problems: &mut Problems) -> Self {
        let mirrors = Document::read(file, text, &keys::ROOT, problems, |mut root| {
            let tables = root.tables(&keys::MIRROR);
            root.finish();
            tables.into_iter().filter_map(mirror).collect()
        });
        let fleet = Self { mirrors: mirrors.unwrap_or_default() };
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
                        "the first is at {}; a mirror's addresses go into one entry",
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
                            "{} is at {}: an address has one state of health",
                            first.host, first.location
                        ),
                    );
                }
            }
        }
    }
}

fn mirror(mut table: Table<'_>) -> Option<Mirror> {
    let location = table.key_location(&keys::HOST);
    let host = table.require(&keys::HOST);
    let country = table.require(&keys::COUNTRY);
    let ipv4 = table.list(&keys::IPV4);
    let ipv6 = table.list(&keys::IPV6);
    let capacity = table.value(&keys::CAPACITY);
    let serves = table.list(&keys::SERVES);
    let not_for = table.list(&keys::NOT_FOR);
    let pools = table.list(&keys::POOLS);
    let downtimes = table.tables(&keys::DOWNTIME);
    let enabled = table.value(&keys::ENABLED);
    let mirror = host.zip(country).map(|(host, country)| Mirror {
        host: host_key(&host.value),
        country: country.value,
        ipv4: addresses(&table, ipv4),
        ipv6: addresses(&table, ipv6),
        capacity,
        serves: distinct(&table, keys::SERVES.name, serves),
        not_for: distinct(&table, keys::NOT_FOR.name, not_for),
        pools: distinct(&table, keys::POOLS.name, pools),
        downtimes: downtimes.into_iter().filter_map(downtime).collect(),
        enabled,
        location,
    });
    if let Some(mirror) = &mirror {
        table.report(|problems| check_mirror(mirror, problems));
    }
    table.finish();
    mirror
}

fn check_mirror(mirror: &Mirror, problems: &mut Problems) {
    check_host(&mirror.host, &mirror.location, problems);
    if mirror.addresses().next().is_none() {
        problems.error(
            mirror.location.clone(),
            format!("{} has no address", mirror.host),
            "add ipv4 = [\"…\"] or ipv6 = [\"…\"]; to leave a mirror out, write enabled = false",
        );
    }
    if mirror.serves.contains(&mirror.country) {
        problems.warning(
            mirror.location.clone(),
            format!("{} serves {}, its own country", mirror.host, mirror.country),
            "`serves` lists the others only",
        );
    }
    for country in std::iter::once(&mirror.country).chain(&mirror.serves) {
        if let Some(area) = mirror.not_for.iter().find(|area| area.has(Area::Country(*country))) {
            problems.warning(
                mirror.location.clone(),
                format!("{} is for {country} and `not-for` {area}", mirror.host),
                format!("`not-for` wins: clients in {country} are never answered this mirror"),
            );
        }
    }
}

/// Reports a host without a name.
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

/// The addresses of a list; those that clients cannot reach are reported.
fn addresses<T: Copy + Into<IpAddr>>(table: &Table<'_>, given: Option<Vec<Placed<T>>>) -> Vec<T> {
    let check = |placed: Placed<T>| {
        table.report(|problems| check_address(placed.value.into(), &placed.location, problems));
        placed.value
    };
    given.into_iter().flatten().map(check).collect()
}

/// The values of a list, each once; repetitions are reported.
fn distinct<T: PartialEq + std::fmt::Display>(
    table: &Table<'_>,
    key: &str,
    given: Option<Vec<Placed<T>>>,
) -> Vec<T> {
    let mut out = Vec::new();
    for Placed { value, location } in given.into_iter().flatten() {
        if out.contains(&value) {
            table.warning(location, format!("{value} is in `{key}` twice"), "remove one");
        } else {
            out.push(value);
        }
    }
    out
}

fn downtime(mut table: Table<'_>) -> Option<Downtime> {
    let from = table.require(&keys::FROM);
    let to = table.require(&keys::TO);
    let downtime = from.zip(to).map(|(from, to)| Downtime { from: from.value, to: to.value });
    let is_reversed = downtime.is_some_and(|downtime| downtime.from >= downtime.to);
    if is_reversed {
        let what = "the downtime ends before it starts";
        table.error(table.location(), what, "exchange `from` and `to`");
    }
    table.finish();
    downtime.filter(|_| !is_reversed)
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

    /// RFC 4343: host names are compared without regard to case.
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
    fn hosts_are_unique() {
        let unique = |hosts: &[&str]| {
            super::super::by_host_key(hosts.iter().map(|host| ((*host).to_owned(), ())).collect())
        };
        assert_eq!(
            unique(&["B.Example.", "a"]).unwrap().into_keys().collect::<Vec<_>>(),
            ["a", "b.example"]
        );
        assert!(unique(&["b", "B"]).is_err());
    }

    #[test]
    fn unreachable_addresses_are_reported() {
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

    /// FORMATS "zones/mirrors.toml": `not-for` has countries and continents.
    #[test]
    fn not_for_lists_known_countries_and_continents() {
        let address = "ipv4 = [\"192.0.2.1\"]\nserves = [\"LI\"]";
        let read = |list: &str| fleet(&mirror("a", &format!("{address}\nnot-for = {list}")));
        let (fleet, counts, lines) = read("[\"CN\", \"continent:AS\", \"uk\"]");
        assert_eq!(counts, (0, 0), "{lines}");
        let areas: Vec<String> = fleet.mirrors[0].not_for.iter().map(ToString::to_string).collect();
        assert_eq!(areas, ["CN", "continent:AS", "GB"]);
        for (list, counts, place) in [
            ("[\"CN\", \"XY\"]", (1, 0), "m:6:18: "),
            ("[\"continent:XX\"]", (1, 0), "m:6:12: "),
            ("[\"world\"]", (1, 0), "m:6:12: "),
            ("[\"CN\", \"CN\"]", (0, 1), "m:6:18: "),
            // Its own country, and one that it serves.
            ("[\"DE\"]", (0, 1), "m:2:1: "),
            ("[\"LI\"]", (0, 1), "m:2:1: "),
            ("[\"continent:EU\"]", (0, 2), "m:2:1: "),
        ] {
            let (_, found, lines) = read(list);
            assert_eq!(found, counts, "{list}: {lines}");
            assert!(lines.contains(place), "{list}: {lines}");
        }
    }

    #[test]
    fn lists_have_no_duplicates_and_no_empty_names() {
        let addresses = "ipv4 = [\"192.0.2.1\"]";
        let lists = "serves = [\"LI\", \"CH\", \"LI\"]\npools = [\"a\", \"a\"]";
        let (fleet_read, counts, lines) = fleet(&mirror("a", &format!("{addresses}\n{lists}")));
        assert_eq!(counts, (0, 2), "{lines}");
        assert_eq!((fleet_read.mirrors[0].serves.len(), fleet_read.mirrors[0].pools.len()), (2, 1));
        assert_eq!(fleet(&mirror("a", &format!("{addresses}\npools = [\"\"]"))).1, (1, 0));
    }
}
