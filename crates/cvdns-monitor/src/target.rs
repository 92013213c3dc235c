//! Whom the coordinator checks: every address of every mirror that takes part.

use std::collections::HashSet;
use std::net::IpAddr;

use jiff::Timestamp;

use cvdns_core::fleet::{Downtime, Fleet, Mirror};
use cvdns_core::zone::file::CC;

/// An address of a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Its mirror.
    pub(super) host: String,
    /// The address.
    pub(super) address: IpAddr,
    /// The virtual hosts that it is asked for.
    pub(super) hosts: [String; 2],
    /// When it is announced not to answer.
    downtimes: Vec<Downtime>,
}

impl Target {
    /// Whether it is announced not to answer now.
    pub(super) fn is_away(&self, now: Timestamp) -> bool {
        self.downtimes.iter().any(|downtime| downtime.from <= now && now < downtime.to)
    }
}

/// The addresses of all fleets; a mirror of several zones is checked for the first one.
///
/// # Errors
/// When a zone's origin does not tell the virtual hosts, and nothing else does.
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

/// The virtual hosts of an origin's mirrors (CLIENTS: "Mirror states"): the network's name, and one of `db.*`.
///
/// # Errors
/// When the origin stands for many.
pub fn hosts_of(origin: &str) -> Result<[String; 2], String> {
    let origin = origin.strip_suffix('.').unwrap_or(origin);
    if origin.contains(CC) || origin.is_empty() {
        return Err(format!(
            "the origin \"{origin}\" does not tell the virtual hosts: write `hosts` in [monitor]"
        ));
    }
    Ok([format!("database.{origin}"), format!("db.test.{origin}")])
}
