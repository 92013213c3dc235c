//! Reads what the coordinator needs of a configuration: `[monitor]` and the fleets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::MAX_OVERRIDES;
use super::bundles::{self, WhichBundle};
use super::members::members;
use super::page_place::{check_page, state_directory};
use super::remote_overrides::SignedOverrides;
use super::source::{FeedSource, FeedSources};
use super::state_place::state;
use super::transferred::ZoneFinder;
use super::zone_copies::ZoneCopies;
use super::{config, geoip, read_zones, roots, settings, zones};
use cvdns_core::config::{Config, Monitor};
use cvdns_core::fleet::Fleet;
use cvdns_core::health::Overrides;
use cvdns_core::problem::table::Placed;
use cvdns_core::problem::{Location, Problems, Severity};
use cvdns_core::snapshot::inputs::Inputs;
use cvdns_io::read_optional_text;
use cvdns_monitor::{
    AnswerInputs, AnswersReader, MonitorInputs, OverridesReader, PageInputs, Role,
};

/// Reads a configuration and the fleets of its zones, for a monitor of this role. All problems are
/// noted. Returns `None` if the configuration cannot be read.
pub fn monitor(path: &Path, role: Role, problems: &mut Problems) -> Option<MonitorInputs> {
    let config = config(path, problems)?;
    let mut files = BTreeSet::new();
    let bundle = bundles::find(path, &config, WhichBundle::Published, problems);
    let named = zones::once_each(path, &config, bundle.as_ref().map(|it| &*it.bundle), problems);
    let fleets: Vec<(String, Fleet)> =
        named.iter().filter_map(|zone| zones::read_fleet(zone, &mut files, problems)).collect();
    let page = if role == Role::Reports { None } else { page(path, &config, &files, problems) };
    let members = if role == Role::Combines { members(path, &config, problems) } else { vec![] };
    let settings = config.monitor;
    let beside = |named: &Placed<String>| cvdns_io::beside(path, &named.value);
    let sources = &config.feed.sources;
    let file = sources.iter().find(|source| !source.value.contains("://"));
    let feed = settings.feed.as_ref().or(file).or(sources.first());
    let whole = || Location::file(&path.display().to_string());
    match feed {
        _ if role == Role::Reports => check_reporter(path, &settings, problems),
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
    if let (Some(_), None, true) =
        (&config.feed.public_key, &settings.secret_key, role != Role::Reports)
    {
        let what = "the feed will have no signature, and servers with the `public-key` of [feed] refuse it";
        let help = "write `secret-key` in [monitor], or sign the feed otherwise";
        problems.warning(whole(), what, help);
    }
    let every: Vec<&Fleet> = fleets.iter().map(|(_, fleet)| fleet).collect();
    settings.check_witnesses(&every, problems);
    Some(MonitorInputs {
        role,
        report: report_path(path, &settings),
        members,
        lag: config.record.lag,
        max_age: config.feed.max_age,
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

/// Where the report goes.
fn report_path(path: &Path, settings: &Monitor) -> PathBuf {
    match &settings.report {
        Some(named) => cvdns_io::beside(path, &named.value),
        None => state_directory(path, settings).join("report.json"),
    }
}

/// Reports what a monitor lacks that is to write reports.
fn check_reporter(path: &Path, settings: &Monitor, problems: &mut Problems) {
    let whole = || Location::file(&path.display().to_string());
    if settings.name.is_none() {
        problems.error(
            whole(),
            "the monitor has no name, and its report must say whose it is",
            "write `name` in [monitor], such as \"fra1\": the `name` of its [[monitor.member]]",
        );
    }
    if settings.secret_key.is_none() {
        problems.error(
            whole(),
            "the report cannot be signed, and nobody would use it",
            "make a key by `minisign -G -W`, and write its path as `secret-key` in [monitor]",
        );
    }
    if let Some(report) = settings.report.as_ref().filter(|of| of.value.contains("://")) {
        problems.error(
            report.location.clone(),
            "the monitor writes a file, and this is a URL",
            "write the path of the file as `report` in [monitor]",
        );
    }
}

/// The pages that a configuration wants; `None` if it wants none. `files` are those that its zone
/// files name.
fn page(
    path: &Path,
    config: &Config,
    files: &BTreeSet<PathBuf>,
    problems: &mut Problems,
) -> Option<PageInputs> {
    let named = config.monitor.page.as_ref()?;
    let directory = cvdns_io::beside(path, &named.value);
    check_page(path, config, files, problems);
    let overrides = config.feed.overrides.as_ref();
    let overrides = overrides
        .and_then(|named| FeedSource::of_named(path, named, "overrides.toml", problems))
        .map(|source| overrides_reader(path, config, source, problems));
    let from = path.to_owned();
    Some(PageInputs {
        directory,
        url: config.monitor.page_url.clone(),
        overrides,
        answers: AnswersReader::new(move || answer_inputs(&from)),
    })
}

/// Reads overrides as a server would.
fn overrides_reader(
    path: &Path,
    config: &Config,
    source: FeedSource,
    problems: &mut Problems,
) -> OverridesReader {
    match source {
        FeedSource::File(file) => OverridesReader::new(file.display().to_string(), move || {
            let text = read_optional_text(&file, MAX_OVERRIDES as u64)?.unwrap_or_default();
            let mut problems = Problems::default();
            let overrides = Overrides::parse(&file.display().to_string(), &text, &mut problems);
            let first = problems.iter().find(|problem| problem.severity == Severity::Error);
            first.map_or(Ok(overrides), |problem| Err(problem.to_string()))
        }),
        remote => {
            let feeds = FeedSources::of(path, config, None, &mut Problems::default());
            let roots = roots(path, config, &feeds, problems);
            let keys = config.feed.public_key.clone();
            OverridesReader::new(remote.to_string(), move || {
                let fetched = SignedOverrides::fetch(&remote, &roots, keys.as_ref());
                fetched.map(|document| document.overrides).map_err(|error| error.what)
            })
            .with_serials()
        }
    }
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
    let bundle = bundles::find(path, &config, WhichBundle::Kept, problems);
    let bundle = bundle.as_ref().map(|it| &*it.bundle);
    let mut zones = read_zones((path, &config, bundle), &mut files, &mut finder, problems);
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
