//! Reads what the coordinator needs of a configuration: `[monitor]` and the fleets.

use std::collections::BTreeSet;
use std::path::Path;

use super::page_place::{check_page, state_directory};
use super::transferred::ZoneFinder;
use super::zone_copies::ZoneCopies;
use super::{config, geoip, read_zones, settings, state, zones};
use cvdns_core::config::Config;
use cvdns_core::fleet::Fleet;
use cvdns_core::problem::table::Placed;
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::Inputs;
use cvdns_monitor::{AnswerInputs, AnswersReader, MonitorInputs, PageInputs};

/// Reads a configuration and the fleets of its zones. All problems are noted. Returns `None` if the
/// configuration cannot be read.
pub fn monitor(path: &Path, problems: &mut Problems) -> Option<MonitorInputs> {
    let config = config(path, problems)?;
    let page = page(path, &config, problems);
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
        state: state_directory(path, &settings),
        fleets,
        settings,
        log: config.log,
        page,
    })
}

/// The pages that a configuration wants; `None` if it wants none.
fn page(path: &Path, config: &Config, problems: &mut Problems) -> Option<PageInputs> {
    let named = config.monitor.page.as_ref()?;
    let directory = cvdns_io::beside(path, &named.value);
    check_page(path, config, problems);
    let overrides = config.feed.overrides.as_ref();
    let overrides = overrides.filter(|named| !named.value.contains("://"));
    let from = path.to_owned();
    Some(PageInputs {
        directory,
        overrides: overrides.map(|named| cvdns_io::beside(path, &named.value)),
        max_age: config.feed.max_age,
        answers: AnswersReader::new(move || answer_inputs(&from)),
    })
}

/// Reads what answers are made of. The error is for everyone: it names no file.
fn answer_inputs(path: &Path) -> Result<AnswerInputs, String> {
    let mut problems = Problems::default();
    let read = read_answer_inputs(path, &mut problems);
    read.filter(|_| !problems.has_errors())
        .ok_or_else(|| "the configuration has errors: `cvdns check` says which".to_owned())
}

fn read_answer_inputs(path: &Path, problems: &mut Problems) -> Option<AnswerInputs> {
    let config = config(path, problems)?;
    let mut files = BTreeSet::new();
    let copies = state(path, &config).as_deref().map(ZoneCopies::of);
    let mut finder = ZoneFinder { copies, before: None, found: Vec::new() };
    let mut zones = read_zones(path, &config, &mut files, &mut finder, problems);
    // The servers have static records that are transferred; mirrors are answered without them here.
    zones.iter_mut().flat_map(|input| &mut input.zones).for_each(|zone| zone.unavailable = None);
    // Without the database, the other facts are still known.
    let mut of_countries = Problems::default();
    let countries = geoip::read(path, &config, &zones, None, &mut of_countries);
    let is_read = !of_countries.has_errors() && countries.size.is_some();
    let settings = settings(&config, &cvdns_transfer::Keyring::default());
    let record_ttl = config.record.ttl;
    Some(AnswerInputs {
        knows_countries: is_read || countries.path.is_none(),
        release_is_of_feed: config.record.file.is_none() && config.record.cvd_dir.is_none(),
        inputs: Inputs { zones, countries: countries.map, settings, record_ttl },
    })
}
