//! Reads what the coordinator needs of a configuration: `[monitor]` and the fleets.

use std::path::Path;

use super::{config, zones};
use cvdns_core::fleet::Fleet;
use cvdns_core::problem::table::Placed;
use cvdns_core::problem::{Location, Problems};
use cvdns_monitor::MonitorInputs;

/// The coordinator's directory, if the configuration names none.
const DEFAULT_STATE: &str = "state/monitor";

/// Reads a configuration and the fleets of its zones. All problems are noted. Returns `None` if the
/// configuration cannot be read.
pub fn monitor(path: &Path, problems: &mut Problems) -> Option<MonitorInputs> {
    let config = config(path, problems)?;
    let settings = config.monitor;
    let fleets: Vec<(String, Fleet)> =
        config.zones.iter().filter_map(|zone| zones::read_fleet(path, zone, problems)).collect();
    let beside = |named: &Placed<String>| cvdns_io::beside(path, &named.value);
    let feed = settings.feed.as_ref().or(config.feed.source.as_ref());
    let whole = || Location::file(&path.display().to_string());
    match feed {
        None => problems.error(
            whole(),
            "there is no place for the feed",
            "write its path as `source` in [feed], or as `feed` in [monitor]",
        ),
        Some(feed) if feed.value.contains("://") => problems.error(
            feed.location.clone(),
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
    let every: Vec<&Fleet> = fleets.iter().map(|(_, fleet)| fleet).collect();
    settings.check_witnesses(&every, problems);
    Some(MonitorInputs {
        lag: config.record.lag,
        feed: feed.map(beside),
        secret_key: settings.secret_key.as_ref().map(beside),
        release: settings.release.as_ref().map(beside),
        state: settings
            .state
            .as_ref()
            .map_or_else(|| cvdns_io::beside(path, DEFAULT_STATE), beside),
        fleets,
        settings,
        log: config.log,
    })
}
