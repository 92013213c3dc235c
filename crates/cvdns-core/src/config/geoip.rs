//! The `[geoip]` section.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use super::keys::geoip as keys;
use crate::geo::country::Country;
use crate::problem::table::{Placed, Table};

/// The country database (`[geoip]`).
#[derive(Debug, Clone)]
pub struct Geoip {
    /// Path of the database.
    pub database: Placed<String>,
    /// Whether the path is written. If it is not, the file may be missing.
    pub is_database_named: bool,
    /// Fewest networks that the database may have. `None`: at a reload, half of the networks in
    /// force; at a start, any number.
    pub min_networks: Option<u64>,
    /// Countries of networks, which take precedence over the database; the longest prefix wins.
    pub overrides: Vec<(IpNet, Country)>,
}

impl Geoip {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let is_database_named = table.has(&keys::DATABASE);
        let database = table.get(&keys::DATABASE);
        let min_networks = table.get(&keys::MIN_NETWORKS).map(|least| least.value);
        let mut overrides: Vec<(IpNet, Country)> = Vec::new();
        for entry in table.tables(&keys::OVERRIDE) {
            let location = entry.location();
            let Some((net, country)) = network_country(entry) else { continue };
            if overrides.iter().any(|(earlier, _)| *earlier == net) {
                table.error(location, format!("{net} is overridden twice"), "keep one");
            } else {
                overrides.push((net, country));
            }
        }
        let database = database
            .unwrap_or_else(|| Placed { value: keys::DATABASE.preset(), location: table.file() });
        table.finish();
        Self { database, is_database_named, min_networks, overrides }
    }
}

/// Reads one override.
fn network_country(mut table: Table<'_>) -> Option<(IpNet, Country)> {
    let net = table.require(&keys::NET);
    let country = table.require(&keys::COUNTRY);
    let unused = net.as_ref().filter(|_| country.is_some()).and_then(|net| {
        let v4 = embedded_ipv4(net.value)?;
        let what =
            format!("no client is looked up in {}: it is by the IPv4 address in it", net.value);
        Some((net.location.clone(), what, format!("write {v4}")))
    });
    let is_used = unused.is_none();
    if let Some((location, what, help)) = unused {
        table.error(location, what, help);
    }
    table.finish();
    is_used.then_some((net?.value, country?.value))
}

/// The IPv4 network by which clients of an IPv6 network are looked up: IPv4-mapped addresses
/// (RFC 4291 section 2.5.5.2) and 6to4 addresses (RFC 3056 section 2) are located by the IPv4
/// address in them.
fn embedded_ipv4(net: IpNet) -> Option<IpNet> {
    let IpNet::V6(net) = net else { return None };
    let bits = net.network().to_bits();
    let (lead, shift) = match net.prefix_len() {
        length if length >= 96 && bits >> 32 == 0xffff => (96, 0),
        length if length >= 16 && bits >> 112 == 0x2002 => (16, 80),
        _ => return None,
    };
    let address = Ipv4Addr::from_bits((bits >> shift) as u32);
    let net = Ipv4Net::new(address, (net.prefix_len() - lead).min(32)).ok()?;
    Some(IpNet::V4(net.trunc()))
}
