//! Reads the fleet file, `mirrors.toml`.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Downtime, Fleet, Mirror};
use crate::geo::country::Country;
use crate::problem::table::{Document, Placed, Table, read};
use crate::problem::{Problems, Spot};

/// Capacity of a mirror that does not say: 100 Mbit/s, in kbit/s.
const DEFAULT_CAPACITY: u64 = 100_000;

impl Fleet {
    /// Reads a fleet file; everything wrong in it is noted.
    pub fn parse(file: &str, text: &str, problems: &mut Problems) -> Self {
        let document = Document::new(file, text);
        let Some(mut root) = document.parse(problems) else { return Self::default() };
        let tables = root.tables("mirror", problems);
        root.finish(problems);
        let mirrors: Vec<Mirror> = tables.into_iter().filter_map(|table| mirror(table, problems)).collect();
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
                    mirror.spot.clone(),
                    format!("the mirror {} is named twice", mirror.host),
                    format!("the first stands at {}; a mirror's addresses go into one entry", first.spot),
                );
            }
            for address in mirror.addresses() {
                if let Some(first) = addresses.insert(address, mirror) {
                    problems.error(
                        mirror.spot.clone(),
                        format!("{} has the address {address} of {}", mirror.host, first.host),
                        format!(
                            "{} stands at {}: an address has one state of health",
                            first.host, first.spot
                        ),
                    );
                }
            }
        }
    }
}

fn mirror(mut table: Table<'_>, problems: &mut Problems) -> Option<Mirror> {
    let spot = table.key_spot("host");
    let host = table.require("host", "a host name such as \"clamav.example.de\"", problems, read::string);
    let country = table.require("country", COUNTRY, problems, read::parsed::<Country>);
    let ipv4 = table.list("ipv4", "[\"192.0.2.10\"]", problems, read::parsed).unwrap_or_default();
    let ipv6 = table.list("ipv6", "[\"2001:db8::10\"]", problems, read::parsed).unwrap_or_default();
    let capacity = table.get("capacity", "a rate such as \"1Gbit/s\"", problems, read::rate);
    let serves = table.list("serves", "[\"LI\", \"CH\"]", problems, read::parsed::<Country>);
    let pools = table.list("pools", "[\"other\"]", problems, read::string);
    let downtimes = table.tables("downtime", problems);
    let enabled = table.get("enabled", "true or false", problems, read::boolean);
    table.finish(problems);

    let mirror = Mirror {
        host: host?.value,
        country: country?.value,
        ipv4: checked(ipv4, problems),
        ipv6: checked(ipv6, problems),
        capacity: capacity.map_or(DEFAULT_CAPACITY, |capacity| capacity.value),
        serves: values(serves.unwrap_or_default()),
        pools: values(pools.unwrap_or_default()),
        downtimes: downtimes.into_iter().filter_map(|table| downtime(table, problems)).collect(),
        enabled: enabled.is_none_or(|enabled| enabled.value),
        spot,
    };
    check_mirror(&mirror, problems);
    Some(mirror)
}

/// What a country value may be, for messages.
const COUNTRY: &str = "an ISO 3166 code such as \"DE\" (`cvdns geoip countries` lists them)";

fn check_mirror(mirror: &Mirror, problems: &mut Problems) {
    if mirror.host.is_empty() || mirror.host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        problems.error(mirror.spot.clone(), "the host name is empty or has blanks", "write a host name");
    }
    if mirror.addresses().next().is_none() {
        problems.error(
            mirror.spot.clone(),
            format!("{} has no address", mirror.host),
            "add ipv4 = [\"…\"] or ipv6 = [\"…\"]; a mirror to be left out gets enabled = false",
        );
    }
    if mirror.serves.contains(&mirror.country) {
        problems.warning(
            mirror.spot.clone(),
            format!("{} serves {}, its own country", mirror.host, mirror.country),
            "`serves` lists the others only",
        );
    }
}

fn checked<T: Copy + Into<IpAddr>>(addresses: Vec<Placed<T>>, problems: &mut Problems) -> Vec<T> {
    let usable = |address: IpAddr| !address.is_unspecified() && !address.is_multicast();
    for placed in &addresses {
        let address: IpAddr = placed.value.into();
        if !usable(address) {
            let what = format!("{address} is no address of a host");
            problems.error(placed.spot.clone(), what, "write the mirror's public address");
        }
    }
    values(addresses)
}

fn values<T>(placed: Vec<Placed<T>>) -> Vec<T> {
    placed.into_iter().map(|placed| placed.value).collect()
}

fn downtime(mut table: Table<'_>, problems: &mut Problems) -> Option<Downtime> {
    let spot: Spot = table.spot();
    let expected = "a moment such as 2026-12-01T02:00:00Z";
    let from = table.require("from", expected, problems, read::moment);
    let to = table.require("to", expected, problems, read::moment);
    table.finish(problems);
    let downtime = Downtime { from: from?.value, to: to?.value };
    if downtime.from >= downtime.to {
        problems.error(spot, "the downtime ends before it starts", "exchange `from` and `to`");
        return None;
    }
    Some(downtime)
}
