//! The country of every address: the database with the operator's overrides over it.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use super::client_table::ClientTable;
use super::country::Country;
use super::database::CountryDatabase;
use super::steps::{Bits, Steps};

/// The country of every address; none where the database does not know.
#[derive(Debug, Clone)]
pub struct CountryMap {
    v4: Steps<u32, Option<Country>>,
    v6: Steps<u128, Option<Country>>,
}

impl CountryMap {
    /// The database's countries; of the overrides that hold for an address, the longest prefix beats it.
    pub fn new(database: &CountryDatabase, overrides: &[(IpNet, Country)]) -> Self {
        let v4 = Steps::from_ranges(database.ranges_v4(), None);
        let v6 = Steps::from_ranges(database.ranges_v6(), None);
        Self::from_steps(&v4, &v6, overrides)
    }

    /// Knows of nothing where it is.
    pub fn empty() -> Self {
        Self { v4: Steps::flat(None), v6: Steps::flat(None) }
    }

    fn from_steps(
        v4: &Steps<u32, Option<Country>>,
        v6: &Steps<u128, Option<Country>>,
        overrides: &[(IpNet, Country)],
    ) -> Self {
        let mut sorted = overrides.to_vec();
        sorted.sort_by_key(|(net, _)| net.prefix_len());
        let mut over_v4: Steps<u32, Option<Country>> = Steps::flat(None);
        let mut over_v6: Steps<u128, Option<Country>> = Steps::flat(None);
        for (net, country) in sorted {
            match net {
                IpNet::V4(net) => {
                    over_v4.paint(net.network().to_bits(), net.broadcast().to_bits(), Some(country));
                }
                IpNet::V6(net) => {
                    over_v6.paint(net.network().to_bits(), net.broadcast().to_bits(), Some(country));
                }
            }
        }
        Self {
            v4: v4.zip(&over_v4, |base, over| over.or(base)),
            v6: v6.zip(&over_v6, |base, over| over.or(base)),
        }
    }

    /// The networks of what `f` makes of each country and of not knowing it: rising, IPv4 first, as few as there can be that
    /// do not overlap.
    pub fn networks(&self, f: impl Fn(Option<Country>) -> u16) -> Vec<(IpNet, u16)> {
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

    /// The table of what `f` makes of each country, and of not knowing it.
    pub fn table(&self, f: impl Fn(Option<Country>) -> u16) -> ClientTable {
        ClientTable::new(&self.v4.map(&f), self.v6.map(&f))
    }
}

/// First and last address and the value of each range.
fn ranges<A: Bits, V: Copy>(steps: &Steps<A, V>, highest: A) -> impl Iterator<Item = (A, A, V)> {
    let lasts = steps.iter().skip(1).map(|(next, _)| next.before()).chain([highest]);
    steps.iter().zip(lasts).map(|((first, value), last)| (*first, last, *value))
}
