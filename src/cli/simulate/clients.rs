//! One client for each area that the country database has.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::{Continent, Country};
use cvdns_core::geo::country_map::CountryMap;

/// The address of a client in each area that has addresses.
pub(super) struct Clients(BTreeMap<Area, IpAddr>);

/// The client where an answer does not depend on it.
pub(super) const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl Clients {
    /// Takes the first network of each area.
    pub(super) fn new(countries: &CountryMap) -> Self {
        let areas: Vec<Area> = Country::all()
            .map(Area::Country)
            .chain(Continent::all().map(Area::Continent))
            .chain([Area::Unknown])
            .collect();
        let number = |area: Area| {
            let found = areas.iter().position(|other| *other == area);
            found.and_then(|found| u16::try_from(found).ok()).unwrap_or(u16::MAX)
        };
        let mut clients = BTreeMap::new();
        for (network, area) in countries.networks(number) {
            let Some(area) = areas.get(usize::from(area)) else { continue };
            let address = network.network();
            // An IPv6 address that holds an IPv4 address is located by that.
            if !clients.contains_key(area) && countries.locate(address).area == *area {
                clients.insert(*area, address);
            }
        }
        Self(clients)
    }

    /// The areas with their clients.
    pub(super) fn all(&self) -> impl Iterator<Item = (Area, IpAddr)> {
        self.0.iter().map(|(area, address)| (*area, *address))
    }

    /// The client in a country; any client if the database has no network there.
    pub(super) fn in_country(&self, country: Country) -> IpAddr {
        self.0.get(&Area::Country(country)).copied().unwrap_or(ANYWHERE)
    }

    /// Whether the database has a network in the country.
    pub(super) fn has(&self, country: Country) -> bool {
        self.0.contains_key(&Area::Country(country))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_database_there_is_one_client() {
        let clients = Clients::new(&CountryMap::empty());
        assert_eq!(clients.all().collect::<Vec<_>>(), [(Area::Unknown, ANYWHERE)]);
        let germany = Country::parse("DE").unwrap();
        assert!(!clients.has(germany));
        assert_eq!(clients.in_country(germany), ANYWHERE);
    }
}
