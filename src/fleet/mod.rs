//! The fleet: all mirrors of the network, as the fleet file names them.

mod file;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;

use crate::geo::country::Country;
use crate::problem::Spot;

/// A host that serves the databases.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// Its name in feed, logs and explanations: unique.
    pub host: String,
    /// Where it stands.
    pub country: Country,
    /// Its IPv4 addresses.
    pub ipv4: Vec<Ipv4Addr>,
    /// Its IPv6 addresses.
    pub ipv6: Vec<Ipv6Addr>,
    /// Capacity in kbit/s: its weight relative to others.
    pub capacity: u64,
    /// Countries in whose pools it is, besides its own.
    pub serves: Vec<Country>,
    /// Named pools that it is in.
    pub pools: Vec<String>,
    /// Announced downtimes.
    pub downtimes: Vec<Downtime>,
    /// Whether it takes part at all.
    pub enabled: bool,
    /// Where the fleet file names it.
    pub spot: Spot,
}

/// An announced time in which a mirror will not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downtime {
    /// Its start.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

/// All mirrors.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// In the file's order; what other parts keep beside a mirror is indexed alike.
    pub mirrors: Vec<Mirror>,
}

impl Mirror {
    /// All its addresses, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.ipv4.iter().copied().map(IpAddr::V4).chain(self.ipv6.iter().copied().map(IpAddr::V6))
    }

    /// Whether it is in the pool of this country.
    pub fn in_country(&self, country: Country) -> bool {
        self.country == country || self.serves.contains(&country)
    }
}

impl Fleet {
    /// The mirror of this name.
    pub fn get(&self, host: &str) -> Option<&Mirror> {
        self.mirrors.iter().find(|mirror| mirror.host == host)
    }

    /// The mirrors that take part, with their index.
    pub fn enabled(&self) -> impl Iterator<Item = (usize, &Mirror)> {
        self.mirrors.iter().enumerate().filter(|(_, mirror)| mirror.enabled)
    }
}
