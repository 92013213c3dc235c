//! Where every address is: the database with the operator's overrides over it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};

use super::area::Area;
use super::client_table::{ClientTable, ipv4_of};
use super::country::{Continent, Country};
use super::database::CountryDatabase;
use super::steps::{Bits, Steps};

/// The country of every address, or its continent where the database knows no more.
#[derive(Debug, Clone)]
pub struct CountryMap {
    v4: Steps<u32, Area>,
    v6: Steps<u128, Area>,
    overrides: Vec<(IpNet, Country)>,
    /// Those on which addresses are of whose country nothing is known.
    continents: BTreeSet<Continent>,
    /// Which database it is of, for people: its path and date.
    source: String,
}

/// Where an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// The country, or the continent where no more is known.
    pub area: Area,
    /// The largest network around the address that is all there; for IPv4-mapped and 6to4 addresses one of IPv4.
    pub network: IpNet,
    /// The override that says so; none: the database does.
    pub overridden: Option<IpNet>,
}

impl CountryMap {
    /// The same, with words for the database.
    #[must_use]
    pub fn named(self, source: String) -> Self {
        Self { source, ..self }
    }

    /// Which database it is of, for people.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What beats the database, as it was configured.
    pub fn overrides(&self) -> &[(IpNet, Country)] {
        &self.overrides
    }

    /// Where an address is.
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
        // Not of the network's first address: networks of one area are one, whoever says where they are.
        let holds = |net: &&(IpNet, Country)| net.0.contains(&looked_up);
        let overridden =
            self.overrides.iter().filter(holds).max_by_key(|(net, _)| net.prefix_len());
        Located { area, network, overridden: overridden.map(|(net, _)| *net) }
    }

    /// Where the database has addresses; of the overrides that hold for an address, the longest prefix beats it.
    pub fn new(database: &CountryDatabase, overrides: &[(IpNet, Country)]) -> Self {
        let v4 = Steps::from_ranges(database.ranges_v4(), Area::Unknown);
        let v6 = Steps::from_ranges(database.ranges_v6(), Area::Unknown);
        Self::from_steps(&v4, &v6, overrides)
    }

    /// Knows of nothing where it is.
    pub fn empty() -> Self {
        let (v4, v6) = (Steps::flat(Area::Unknown), Steps::flat(Area::Unknown));
        let (overrides, continents) = (Vec::new(), BTreeSet::new());
        Self { v4, v6, overrides, continents, source: "no country database".to_owned() }
    }

    fn from_steps(
        v4: &Steps<u32, Area>,
        v6: &Steps<u128, Area>,
        overrides: &[(IpNet, Country)],
    ) -> Self {
        let mut sorted = overrides.to_vec();
        sorted.sort_by_key(|(net, _)| net.prefix_len());
        let mut over_v4: Steps<u32, Option<Country>> = Steps::flat(None);
        let mut over_v6: Steps<u128, Option<Country>> = Steps::flat(None);
        for (net, country) in sorted {
            match net {
                IpNet::V4(net) => {
                    over_v4.paint(
                        net.network().to_bits(),
                        net.broadcast().to_bits(),
                        Some(country),
                    );
                }
                IpNet::V6(net) => {
                    over_v6.paint(
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

    /// The continents on which addresses are of whose country nothing is known.
    pub fn continents(&self) -> &BTreeSet<Continent> {
        &self.continents
    }

    /// The networks of what `f` makes of each area: rising, IPv4 first, as few as there can be that
    /// do not overlap.
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

    /// The table of what `f` makes of each area.
    pub fn table(&self, f: impl Fn(Area) -> u16) -> ClientTable {
        ClientTable::new(&self.v4.map(&f), self.v6.map(&f))
    }
}

/// First and last address and the value of each range.
fn ranges<A: Bits, V: Copy>(steps: &Steps<A, V>, highest: A) -> impl Iterator<Item = (A, A, V)> {
    let lasts = steps.iter().skip(1).map(|(next, _)| next.before()).chain([highest]);
    steps.iter().zip(lasts).map(|((first, value), last)| (*first, last, *value))
}

fn v4_net(address: u32, length: u8) -> Ipv4Net {
    Ipv4Net::new(Ipv4Addr::from_bits(address), length).unwrap_or_default().trunc()
}

fn v6_net(address: u128, length: u8) -> Ipv6Net {
    Ipv6Net::new(Ipv6Addr::from_bits(address), length).unwrap_or_default().trunc()
}
