//! Reads what the coordinator needs of a configuration: its section and the fleets.

use std::path::{Path, PathBuf};

use super::{config, files, zones};
use crate::config::{Log, Monitor};
use crate::fleet::Fleet;
use crate::problem::table::Placed;
use crate::problem::{Problems, Spot};

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

/// The directory of a configuration that names none.
const DEFAULT_STATE: &str = "state/monitor";

/// Reads a configuration and the fleets of its zones; all that is wrong is noted.
pub fn monitor(path: &Path, problems: &mut Problems) -> Option<MonitorInputs> {
    let config = config(path, problems)?;
    let settings = config.monitor;
    let fleets: Vec<(String, Fleet)> =
        config.zones.iter().filter_map(|zone| zones::read_fleet(path, zone, problems)).collect();
    let beside = |named: &Placed<String>| files::beside(path, &named.value);
    let feed = settings.feed.as_ref().or(config.feed.source.as_ref());
    let whole = || Spot::file(&path.display().to_string());
    match feed {
        None => problems.error(
            whole(),
            "there is no place for the feed",
            "write its path as `source` in [feed], or as `feed` in [monitor]",
        ),
        Some(feed) if feed.value.contains("://") => problems.error(
            feed.spot.clone(),
            "the coordinator writes a file, and this is a URL",
            "write the path of the file as `feed` in [monitor]",
        ),
        Some(_) => {}
    }
    if fleets.iter().all(|(_, fleet)| fleet.enabled().next().is_none()) {
        problems.error(
            whole(),
            "no zone has mirrors to check",
            "name a fleet file as `mirrors` in a zone's file",
        );
    }
    Some(MonitorInputs {
        feed: feed.map(beside),
        secret_key: settings.secret_key.as_ref().map(beside),
        release: settings.release.as_ref().map(beside),
        state: settings.state.as_ref().map_or_else(|| files::beside(path, DEFAULT_STATE), beside),
        fleets,
        settings,
        log: config.log,
    })
}
