//! The parts of a configuration that the coordinator uses.

use std::path::PathBuf;

use cvdns_core::config::{Log, Monitor};
use cvdns_core::fleet::Fleet;

/// The configuration of the coordinator.
#[derive(Debug, Clone)]
pub struct MonitorInputs {
    /// The `[monitor]` section.
    pub settings: Monitor,
    /// Origin and fleet of each zone that has mirrors.
    pub fleets: Vec<(String, Fleet)>,
    /// The path of the feed.
    pub feed: Option<PathBuf>,
    /// The path of the secret key; `None` leaves the feed unsigned.
    pub secret_key: Option<PathBuf>,
    /// The path of the file with the release.
    pub release: Option<PathBuf>,
    /// The number of versions by which a mirror may be behind (`[record] lag`).
    pub lag: u32,
    /// The state directory.
    pub state: PathBuf,
    /// What is logged.
    pub log: Log,
}
