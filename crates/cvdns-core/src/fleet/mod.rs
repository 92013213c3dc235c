//! The fleet: all mirrors of the network.

mod address;
mod file;
pub mod keys;
mod list;
mod text;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;

use crate::geo::area::Area;
use crate::geo::country::Country;
use crate::problem::Location;

/// A host that serves the databases.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// Name in feed, logs and explanations, normalised by [`host_key`]; unique.
    pub host: String,
    /// Country in which the mirror is.
    pub country: Country,
    /// IPv4 addresses.
    pub ipv4: Vec<Ipv4Addr>,
    /// IPv6 addresses.
    pub ipv6: Vec<Ipv6Addr>,
    /// Capacity in kbit/s: the mirror's weight relative to others.
    pub capacity: u64,
    /// Other countries in whose pools the mirror also is.
    pub serves: Vec<Country>,
    /// Countries and continents whose clients are never answered the mirror. The feed may name
    /// more.
    pub not_for: Vec<Area>,
    /// Named pools that contain the mirror.
    pub pools: Vec<String>,
    /// Announced downtimes.
    pub downtimes: Vec<Downtime>,
    /// Whether the mirror takes part at all.
    pub enabled: bool,
    /// Location of `host` in the fleet file.
    pub location: Location,
}

/// An announced time during which a mirror does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downtime {
    /// Start.
    pub from: Timestamp,
    /// End.
    pub to: Timestamp,
}

/// All mirrors.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// In the file's order. Other data about mirrors is indexed in the same order.
    pub mirrors: Vec<Mirror>,
}

/// The normal form of a host's name, in lower case and without a final dot, by which fleets and
/// feeds are matched.
pub fn host_key(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Values by host, with the hosts normalised by [`host_key`].
///
/// # Errors
/// When two of the hosts have the same normal form.
pub fn by_host_key<T>(values: BTreeMap<String, T>) -> Result<BTreeMap<String, T>, String> {
    let mut out = BTreeMap::new();
    for (host, value) in values {
        if out.insert(host_key(&host), value).is_some() {
            return Err(format!("the host {host} is given twice, in different spellings"));
        }
    }
    Ok(out)
}

impl Mirror {
    /// All addresses, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.ipv4.iter().copied().map(IpAddr::V4).chain(self.ipv6.iter().copied().map(IpAddr::V6))
    }

    /// Whether the mirror is in the pool of this country.
    pub fn in_country(&self, country: Country) -> bool {
        self.country == country || self.serves.contains(&country)
    }
}

impl Fleet {
    /// The mirror of this name.
    pub fn get(&self, host: &str) -> Option<&Mirror> {
        let key = host_key(host);
        self.mirrors.iter().find(|mirror| mirror.host == key)
    }

    /// The mirrors that take part, with their index.
    pub fn enabled(&self) -> impl Iterator<Item = (usize, &Mirror)> {
        self.mirrors.iter().enumerate().filter(|(_, mirror)| mirror.enabled)
    }
}
