//! What the coordinator checks: every address of every enabled mirror.

use std::collections::HashSet;
use std::net::IpAddr;

use jiff::Timestamp;

use cvdns_core::fleet::{Downtime, Fleet, Mirror};
use cvdns_core::zone::file::CC;

/// An address of a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The host name of its mirror.
    pub(super) host: String,
    /// The address.
    pub(super) address: IpAddr,
    /// The virtual hosts that are requested from it.
    pub(super) hosts: [String; 2],
    /// Its announced downtimes.
    downtimes: Vec<Downtime>,
}

impl Target {
    /// Whether it is in an announced downtime.
    pub(super) fn is_away(&self, now: Timestamp) -> bool {
        self.downtimes.iter().any(|downtime| downtime.from <= now && now < downtime.to)
    }
}

/// The addresses of all fleets. A mirror of several zones is checked for the first zone.
///
/// # Errors
/// When the virtual hosts follow neither from a zone's origin nor from the settings.
pub(super) fn all(
    fleets: &[(String, Fleet)],
    hosts: Option<&[String; 2]>,
) -> Result<Vec<Target>, String> {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut targets = Vec::new();
    for (origin, fleet) in fleets {
        let hosts = match hosts {
            Some(hosts) => hosts.clone(),
            None => hosts_of(origin)?,
        };
        for (_, mirror) in fleet.enabled() {
            if seen.insert(&mirror.host) {
                targets.extend(of(mirror, &hosts));
            }
        }
    }
    Ok(targets)
}

fn of(mirror: &Mirror, hosts: &[String; 2]) -> impl Iterator<Item = Target> {
    mirror.addresses().map(|address| Target {
        host: mirror.host.clone(),
        address,
        hosts: hosts.clone(),
        downtimes: mirror.downtimes.clone(),
    })
}

/// The virtual hosts of an origin's mirrors (CLIENTS: "Mirror states"): the network's name, and one
/// of `db.*`.
///
/// # Errors
/// When the origin stands for many zones.
pub fn hosts_of(origin: &str) -> Result<[String; 2], String> {
    let origin = origin.strip_suffix('.').unwrap_or(origin);
    if origin.contains(CC) || origin.is_empty() {
        return Err(format!(
            "the origin \"{origin}\" does not tell the virtual hosts: write `hosts` in [monitor]"
        ));
    }
    Ok([format!("database.{origin}"), format!("db.test.{origin}")])
}
