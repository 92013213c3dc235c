//! The fleet: all mirrors of the network, as the fleet file names them.

mod address;
mod file;
mod list;
mod text;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;

use crate::geo::country::Country;
use crate::problem::Location;

/// A host that serves the databases.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// Its name in feed, logs and explanations, as [`host_key`] has it: unique.
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
    pub location: Location,
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

/// The one form of a host's name by which fleets and feeds know it: in lower case, without a final dot.
pub fn host_key(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// What is said of hosts, by [`host_key`].
///
/// # Errors
/// When two of the hosts are one.
pub fn by_host_key<T>(said: BTreeMap<String, T>) -> Result<BTreeMap<String, T>, String> {
    let mut out = BTreeMap::new();
    for (host, said) in said {
        if out.insert(host_key(&host), said).is_some() {
            return Err(format!("the host {host} stands here twice, in other letters"));
        }
    }
    Ok(out)
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
        let key = host_key(host);
        self.mirrors.iter().find(|mirror| mirror.host == key)
    }

    /// The mirrors that take part, with their index.
    pub fn enabled(&self) -> impl Iterator<Item = (usize, &Mirror)> {
        self.mirrors.iter().enumerate().filter(|(_, mirror)| mirror.enabled)
    }
}
