//! One client for each area that the country database has.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::geo::area::Area;
use crate::geo::country::Country;
use crate::geo::country_map::CountryMap;

/// The address of a client in each area that has addresses, and how many IPv4 addresses that has.
#[derive(Debug, Clone)]
pub struct Clients(BTreeMap<Area, AreaClients>);

/// What the country database has of an area.
#[derive(Debug, Clone, Copy)]
struct AreaClients {
    /// An address in the area.
    client: IpAddr,
    /// The number of its IPv4 addresses.
    addresses: u64,
}

/// The client where an answer does not depend on it.
pub const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl Clients {
    /// Takes the first address of each area, and counts addresses.
    pub fn new(countries: &CountryMap) -> Self {
        let mut clients: BTreeMap<Area, AreaClients> = BTreeMap::new();
        for (client, last, area) in countries.ranges() {
            let addresses = ipv4_addresses(client, last);
            if let Some(known) = clients.get_mut(&area) {
                known.addresses += addresses;
            } else if countries.locate(client).area == area {
                // An IPv6 address that holds an IPv4 address is located by that.
                clients.insert(area, AreaClients { client, addresses });
            }
        }
        Self(clients)
    }

    /// The areas with their clients.
    pub fn all(&self) -> impl Iterator<Item = (Area, IpAddr)> {
        self.0.iter().map(|(area, of)| (*area, of.client))
    }

    /// The client in a country; any client if the database has no network there.
    pub fn in_country(&self, country: Country) -> IpAddr {
        self.0.get(&Area::Country(country)).map_or(ANYWHERE, |of| of.client)
    }

    /// The number of IPv4 addresses in a country.
    pub fn ipv4_addresses(&self, country: Country) -> u64 {
        self.0.get(&Area::Country(country)).map_or(0, |of| of.addresses)
    }

    /// Whether the database has a network in the country.
    pub fn has(&self, country: Country) -> bool {
        self.0.contains_key(&Area::Country(country))
    }
}

/// The number of IPv4 addresses from one to another; 0 for IPv6 addresses.
fn ipv4_addresses(first: IpAddr, last: IpAddr) -> u64 {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            u64::from(last.to_bits().saturating_sub(first.to_bits())) + 1
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::database::CountryDatabase;

    #[test]
    fn without_a_database_there_is_one_client() {
        let clients = Clients::new(&CountryMap::empty());
        assert_eq!(clients.all().collect::<Vec<_>>(), [(Area::Unknown, ANYWHERE)]);
        let germany = Country::parse("DE").unwrap();
        assert!(!clients.has(germany));
        assert_eq!(clients.in_country(germany), ANYWHERE);
        assert_eq!(clients.ipv4_addresses(germany), 0);
    }

    #[test]
    fn every_ipv4_address_counts_once() {
        let octets = include_bytes!("../../../../geoip/country.mmdb").to_vec();
        let database = CountryDatabase::from_bytes(octets, "country.mmdb").unwrap();
        let clients = Clients::new(&CountryMap::new(&database, &[]));
        assert_eq!(clients.0.values().map(|of| of.addresses).sum::<u64>(), 1 << 32);
        let of = |code| clients.ipv4_addresses(Country::parse(code).unwrap());
        assert!(of("US") > of("DE") && of("DE") > of("LI") && of("LI") > 0);
    }
}
