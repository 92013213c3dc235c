//! The area of every address: the country database with the operator's overrides applied.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};

use super::area::Area;
use super::client_table::ClientTable;
use super::country::{Continent, Country};
use super::database::CountryDatabase;
use super::embedded::ipv4_of;
use super::range_map::{AddressBits, RangeMap};

/// The country of every address, or only its continent where the database does not have the
/// country.
#[derive(Debug, Clone)]
pub struct CountryMap {
    v4: RangeMap<u32, Area>,
    v6: RangeMap<u128, Area>,
    overrides: Vec<(IpNet, Country)>,
    /// Continents with addresses whose country is not known.
    continents: BTreeSet<Continent>,
    /// Path and date of the database, for messages.
    source: String,
}

/// The area of an address, and why it is that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// The country, or the continent if only that is known.
    pub area: Area,
    /// The largest network around the address that is wholly in that area. For IPv4-mapped and 6to4
    /// addresses it is an IPv4 network.
    pub network: IpNet,
    /// The override that applies; `None` if the area is from the database.
    pub overridden: Option<IpNet>,
}

impl CountryMap {
    /// Sets the path and date of the database, for messages.
    #[must_use]
    pub fn named(self, source: String) -> Self {
        Self { source, ..self }
    }

    /// Path and date of the database, for messages.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The overrides as configured.
    pub fn overrides(&self) -> &[(IpNet, Country)] {
        &self.overrides
    }

    /// Locates an address.
    pub fn locate(&self, address: IpAddr) -> Located {
        let (area, network, looked_up) = match ipv4_of(address) {
            Ok((address, _)) => {
                let (area, length) = self.v4.around(address);
                (area, IpNet::V4(v4_net(address, length)), IpAddr::V4(Ipv4Addr::from_bits(address)))
            }
            Err(address) => {
                let (area, length) = self.v6.around(address);
                (area, IpNet::V6(v6_net(address, length)), IpAddr::V6(Ipv6Addr::from_bits(address)))
            }
        };
        // Test the address, not the network: neighbours with the same area are merged, whether the
        // area is from the database or from an override.
        let holds = |net: &&(IpNet, Country)| net.0.contains(&looked_up);
        let overridden =
            self.overrides.iter().filter(holds).max_by_key(|(net, _)| net.prefix_len());
        Located { area, network, overridden: overridden.map(|(net, _)| *net) }
    }

    /// Applies overrides to a database. Of the overrides that contain an address, the one with the
    /// longest prefix wins.
    pub fn new(database: &CountryDatabase, overrides: &[(IpNet, Country)]) -> Self {
        let v4 = RangeMap::from_ranges(database.ranges_v4(), Area::Unknown);
        let v6 = RangeMap::from_ranges(database.ranges_v6(), Area::Unknown);
        Self::from_maps(&v4, &v6, overrides)
    }

    /// A map without a database, in which the area of every address is unknown.
    pub fn empty() -> Self {
        let (v4, v6) = (RangeMap::uniform(Area::Unknown), RangeMap::uniform(Area::Unknown));
        let (overrides, continents) = (Vec::new(), BTreeSet::new());
        Self { v4, v6, overrides, continents, source: "no country database".to_owned() }
    }

    fn from_maps(
        v4: &RangeMap<u32, Area>,
        v6: &RangeMap<u128, Area>,
        overrides: &[(IpNet, Country)],
    ) -> Self {
        let mut sorted = overrides.to_vec();
        sorted.sort_by_key(|(net, _)| net.prefix_len());
        let mut over_v4: RangeMap<u32, Option<Country>> = RangeMap::uniform(None);
        let mut over_v6: RangeMap<u128, Option<Country>> = RangeMap::uniform(None);
        for (net, country) in sorted {
            match net {
                IpNet::V4(net) => {
                    over_v4.set_range(
                        net.network().to_bits(),
                        net.broadcast().to_bits(),
                        Some(country),
                    );
                }
                IpNet::V6(net) => {
                    over_v6.set_range(
                        net.network().to_bits(),
                        net.broadcast().to_bits(),
                        Some(country),
                    );
                }
            }
        }
        let v4 = v4.zip(&over_v4, |base, over| over.map_or(base, Area::Country));
        let v6 = v6.zip(&over_v6, |base, over| over.map_or(base, Area::Country));
        let areas = v4.iter().map(|(_, area)| *area).chain(v6.iter().map(|(_, area)| *area));
        let alone =
            |area| if let Area::Continent(continent) = area { Some(continent) } else { None };
        let continents = areas.filter_map(alone).collect();
        Self {
            v4,
            v6,
            continents,
            overrides: overrides.to_vec(),
            source: "country database".to_owned(),
        }
    }

    /// Whether the location of every address is unknown.
    pub fn locates_nobody(&self) -> bool {
        let unknown = |area: &Area| *area == Area::Unknown;
        self.v4.iter().all(|(_, area)| unknown(area))
            && self.v6.iter().all(|(_, area)| unknown(area))
    }

    /// The continents with addresses whose country is not known.
    pub fn continents(&self) -> &BTreeSet<Continent> {
        &self.continents
    }

    /// The networks with the number that `f` gives to their area: in ascending order, IPv4 first,
    /// disjoint, and as few as possible.
    pub fn networks(&self, f: impl Fn(Area) -> u16) -> Vec<(IpNet, u16)> {
        let (v4, v6) = (self.v4.map(&f), self.v6.map(&f));
        let v4 = ranges(&v4, u32::MAX).flat_map(|(first, last, value)| {
            let nets = Ipv4Subnets::new(Ipv4Addr::from(first), Ipv4Addr::from(last), 0);
            nets.map(move |net| (IpNet::V4(net), value))
        });
        let v6 = ranges(&v6, u128::MAX).flat_map(|(first, last, value)| {
            let nets = Ipv6Subnets::new(Ipv6Addr::from(first), Ipv6Addr::from(last), 0);
            nets.map(move |net| (IpNet::V6(net), value))
        });
        v4.chain(v6).collect()
    }

    /// The ranges of addresses with their areas: first and last address, in ascending order, IPv4
    /// first.
    pub fn ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr, Area)> {
        let v4 = ranges(&self.v4, u32::MAX).map(|(first, last, area)| {
            (IpAddr::V4(Ipv4Addr::from(first)), IpAddr::V4(Ipv4Addr::from(last)), area)
        });
        let v6 = ranges(&self.v6, u128::MAX).map(|(first, last, area)| {
            (IpAddr::V6(Ipv6Addr::from(first)), IpAddr::V6(Ipv6Addr::from(last)), area)
        });
        v4.chain(v6)
    }

    /// The table of the numbers that `f` gives to areas.
    pub fn table(&self, f: impl Fn(Area) -> u16) -> ClientTable {
        ClientTable::new(&self.v4.map(&f), self.v6.map(&f))
    }
}

/// First address, last address and value of each range.
fn ranges<A: AddressBits, V: Copy>(
    range_map: &RangeMap<A, V>,
    highest: A,
) -> impl Iterator<Item = (A, A, V)> {
    let lasts = range_map.iter().skip(1).map(|(next, _)| next.before()).chain([highest]);
    range_map.iter().zip(lasts).map(|((first, value), last)| (*first, last, *value))
}

fn v4_net(address: u32, length: u8) -> Ipv4Net {
    Ipv4Net::new(Ipv4Addr::from_bits(address), length).unwrap_or_default().trunc()
}

fn v6_net(address: u128, length: u8) -> Ipv6Net {
    Ipv6Net::new(Ipv6Addr::from_bits(address), length).unwrap_or_default().trunc()
}
