//! `cvdns check`: reads all that serve would read and says everything that is wrong with it.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;

use super::problems::print;
use crate::health::{Feed, notes};
use crate::load::{Loaded, load};
use crate::problem::{Problems, Spot};
use crate::release::{Said, Supply};
use crate::snapshot::compile;
use crate::snapshot::inputs::Databases;

/// Checks a configuration. Exit status 1 when it could not be served.
pub fn run(config: &Path) -> ExitCode {
    let mut problems = Problems::default();
    let loaded = load(config, &mut problems);
    let mut summary = None;
    if let Some(loaded) = &loaded {
        let now = Timestamp::now();
        let databases = check_feed(loaded, now, &mut problems);
        check_supply(loaded, now, &mut problems);
        summary = compile(&loaded.inputs, &databases, &mut problems)
            .map(|frame| format!("{}; {}", frame.summary(), loaded.countries.described));
    }
    print(&problems);
    match summary {
        Some(summary) if !problems.has_errors() => {
            println!("{} can be served: {summary}", config.display());
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    }
}

/// A bad feed keeps no server from starting, so all of this is warnings. The names of its extra databases, for the compile.
fn check_feed(loaded: &Loaded, now: Timestamp, problems: &mut Problems) -> Databases {
    let Some(source) = &loaded.feed else { return Databases::new() };
    let spot = Spot::file(&source.to_string());
    let start = "serve would start with all mirrors up and without a record";
    let feed = match source.read(&loaded.roots) {
        Ok(bytes) => match Feed::parse(&bytes).and_then(|feed| feed.timely(now).map(|()| feed)) {
            Ok(feed) => feed,
            Err(error) => {
                problems.warning(spot, format!("the feed is not usable: {error}"), start);
                return Databases::new();
            }
        },
        Err(error) => {
            problems.warning(spot, error, start);
            return Databases::new();
        }
    };
    for note in notes(&feed, loaded.inputs.zones.iter().map(|zone| &*zone.fleet)) {
        problems.warning(spot.clone(), note, "correct the host in the feed or in the fleet file");
    }
    let max_age = loaded.config.feed.max_age;
    if feed.generated.checked_add(max_age).is_ok_and(|moment| moment <= now) {
        let what = format!("the feed is of {}, older than max-age", feed.generated);
        problems.warning(spot, what, "its coordinator no longer renews it: stamps of the record stand still");
    }
    feed.extra_databases()
}

/// Nor do files of the record.
fn check_supply(loaded: &Loaded, now: Timestamp, problems: &mut Problems) {
    let record = &loaded.config.record;
    let mut errors = Vec::new();
    let supply = loaded.supply.read(&Supply::default(), now, &mut errors);
    // In the order in which they are read.
    let line = record.file.iter().filter(|_| supply.line == Said::Silent);
    let directory = record.cvd_dir.iter().filter(|_| supply.versions == Said::Silent);
    for (named, error) in line.chain(directory).zip(errors) {
        problems.warning(named.spot.clone(), error, "serve would start without a record");
    }
    if let (Some(file), Said::Says(line)) = (&record.file, supply.line)
        && line.stamp.checked_add(loaded.config.feed.max_age).is_ok_and(|moment| moment <= now)
    {
        let what = format!("the stamp of the record in {} is {}, older than max-age", file.value, line.stamp);
        problems.warning(
            file.spot.clone(),
            what,
            "whoever writes it no longer renews it: its stamp stands still",
        );
    }
}
