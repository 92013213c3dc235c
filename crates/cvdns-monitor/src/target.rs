//! What the coordinator checks: every address of every enabled mirror.

use std::collections::HashSet;
use std::net::IpAddr;

use jiff::Timestamp;

use cvdns_core::config::Monitor;
use cvdns_core::fleet::{Downtime, Fleet, Mirror};
use cvdns_core::zone::file::CC;

/// What mirrors must serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirements {
    /// ClamAV's timestamp and databases, by two virtual hosts: the network's name, and one of
    /// `db.*`.
    Databases([String; 2]),
    /// A path, by each of these virtual hosts.
    Path {
        /// The path, with its leading slash.
        path: String,
        /// The virtual hosts, at least one.
        hosts: Vec<String>,
    },
}

impl Requirements {
    /// What the mirrors of a zone must serve by these settings.
    ///
    /// # Errors
    /// When the virtual hosts follow neither from the settings nor from the origin.
    pub fn of(settings: &Monitor, origin: &str) -> Result<Self, String> {
        let hosts = settings.hosts.clone();
        Ok(match (&settings.probe, hosts) {
            (Some(path), Some(hosts)) => Self::Path { path: path.clone(), hosts },
            (Some(path), None) => {
                Self::Path { path: path.clone(), hosts: vec![host_of(origin)?.to_owned()] }
            }
            (None, Some(hosts)) => {
                let two = |hosts: Vec<String>| {
                    format!("`hosts` in [monitor] has {} names, not two", hosts.len())
                };
                Self::Databases(hosts.try_into().map_err(two)?)
            }
            (None, None) => {
                let origin = host_of(origin)?;
                Self::Databases([format!("database.{origin}"), format!("db.test.{origin}")])
            }
        })
    }

    /// The virtual hosts.
    pub fn hosts(&self) -> &[String] {
        match self {
            Self::Databases(hosts) => hosts,
            Self::Path { hosts, .. } => hosts,
        }
    }
}

/// An address of a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The host name of its mirror.
    pub(super) host: String,
    /// The address.
    pub(super) address: IpAddr,
    /// What it must serve.
    pub(super) requirements: Requirements,
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
pub(super) fn all(fleets: &[(String, Fleet)], settings: &Monitor) -> Result<Vec<Target>, String> {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut targets = Vec::new();
    for (origin, fleet) in fleets {
        let requirements = Requirements::of(settings, origin)?;
        for (_, mirror) in fleet.enabled() {
            if seen.insert(&mirror.host) {
                targets.extend(of(mirror, &requirements));
            }
        }
    }
    Ok(targets)
}

fn of(mirror: &Mirror, requirements: &Requirements) -> impl Iterator<Item = Target> {
    mirror.addresses().map(|address| Target {
        host: mirror.host.clone(),
        address,
        requirements: requirements.clone(),
        downtimes: mirror.downtimes.clone(),
    })
}

/// The domain of an origin's mirrors, from which the virtual hosts follow (CLIENTS: "Mirror
/// states").
///
/// # Errors
/// When the origin stands for many zones.
fn host_of(origin: &str) -> Result<&str, String> {
    let origin = origin.strip_suffix('.').unwrap_or(origin);
    if origin.contains(CC) || origin.is_empty() {
        return Err(format!(
            "the origin \"{origin}\" does not tell the virtual hosts: write `hosts` in [monitor]"
        ));
    }
    Ok(origin)
}
