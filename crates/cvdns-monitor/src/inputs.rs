//! What the coordinator needs of a configuration.

use std::path::PathBuf;

use cvdns_core::config::{Log, Monitor};
use cvdns_core::fleet::Fleet;

/// What the coordinator is told.
#[derive(Debug, Clone)]
pub struct MonitorInputs {
    /// Its section.
    pub settings: Monitor,
    /// The zones that have mirrors: origin and fleet.
    pub fleets: Vec<(String, Fleet)>,
    /// Where the feed goes.
    pub feed: Option<PathBuf>,
    /// Where its secret key is.
    pub secret_key: Option<PathBuf>,
    /// The file with the release.
    pub release: Option<PathBuf>,
    /// The directory of its memory.
    pub state: PathBuf,
    /// How much is logged.
    pub log: Log,
}
