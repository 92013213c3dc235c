//! `cvdns feed check`: everything that is wrong with a feed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::output::print_line;
use super::super::problems::print;
use super::super::signature;
use super::{CheckArgs, Failure, Offline};
use cvdns_core::geo::country::Country;
use cvdns_core::health::{Feed, feed_faults, unknown_mirrors};
use cvdns_core::problem::{HAS_MARK, Location, Problems, without_mark};
use cvdns_core::release::CORE_DATABASES;
use cvdns_core::snapshot::Snapshot;

pub(super) fn run(args: &CheckArgs, config: &Path) -> Result<ExitCode, Failure> {
    let offline = Offline::load(config, Timestamp::now())?;
    offline.say_errors();
    let source = offline.source(args.feed.as_deref())?;
    let keys = offline.loaded.config.feed.public_key.as_ref();
    let (octets, found) = offline.octets_and_signature(&source, keys.is_some())?;
    let mut problems = Problems::default();
    let name = source.to_string();
    if without_mark(&octets).len() < octets.len() {
        let (what, help) = HAS_MARK;
        problems.warning(Location::file(&name), what, help);
    }
    signature::check(&source, keys, &octets, &found, &mut problems);
    check_text(&name, &octets, &mut problems);
    let mut summary = String::new();
    let feed = Feed::parse(&octets);
    if let Err(error) = &feed
        && !problems.has_errors()
    {
        problems.error(
            Location::file(&name),
            error.to_string(),
            "feed.json of the project shows every key of the format",
        );
    }
    if let Ok(feed) = feed {
        let snapshot = offline.snapshot(Some(&feed), None)?;
        let mut checker = Checker {
            offline: &offline,
            feed: &feed,
            location: Location::file(&name),
            problems: &mut problems,
        };
        checker.check(&snapshot);
        summary =
            format!("feed {} of {}, {} mirrors", feed.serial, feed.generated, feed.mirrors.len());
    }
    print(&problems);
    if problems.has_errors() {
        return Ok(ExitCode::FAILURE);
    }
    print_line(format_args!("{name} can be taken: {summary}"))?;
    Ok(ExitCode::SUCCESS)
}

/// What makes it no feed, with line and column.
fn check_text(name: &str, octets: &[u8], problems: &mut Problems) {
    let (file, text): (Arc<str>, Arc<str>) = (name.into(), String::from_utf8_lossy(octets).into());
    for fault in feed_faults(octets) {
        let location = match fault.at {
            Some((line, octet)) => Location::at_line(&file, &text, line, octet),
            None => Location::file(name),
        };
        problems.error(
            location,
            fault.what,
            "feed.json of the project shows every key of the format",
        );
    }
}

/// Looks at what a feed says.
struct Checker<'c> {
    offline: &'c Offline,
    feed: &'c Feed,
    location: Location,
    problems: &'c mut Problems,
}

impl Checker<'_> {
    fn check(&mut self, snapshot: &Snapshot) {
        self.check_times();
        if self.feed.serial == 0 {
            self.warn(
                "its serial is 0, which can follow no other feed",
                "start at 1, or at the time in seconds",
            );
        }
        let fleets = self.offline.loaded.inputs.zones.iter().map(|zone| &*zone.fleet);
        for note in unknown_mirrors(self.feed, fleets) {
            self.warn(note, "correct the host in the feed or in the fleet file");
        }
        self.check_versions();
        self.check_countries(snapshot);
        self.check_paths(snapshot);
    }

    fn warn(&mut self, what: impl Into<String>, help: &str) {
        self.problems.warning(self.location.clone(), what, help);
    }

    fn check_times(&mut self) {
        if let Err(error) = self.feed.timely(self.offline.time) {
            self.problems.error(
                self.location.clone(),
                error.to_string(),
                "it would be refused until then",
            );
        }
        let max_age = self.offline.loaded.config.feed.max_age;
        if self.feed.generated.checked_add(max_age).is_ok_and(|moment| moment <= self.offline.time)
        {
            let what = format!(
                "it is of {}, older than max-age: it would count as stale",
                self.feed.generated
            );
            self.warn(what, "its coordinator has to write it anew well within max-age");
        }
    }

    /// Nobody can hold what was not released.
    fn check_versions(&mut self) {
        let Some(release) = &self.feed.release else {
            let help = "add `release`, or name a `record-file` in [record]";
            if self.offline.supply.release(None).is_none() {
                self.warn("it has no release: there would be no record", help);
            }
            return;
        };
        for (host, said) in &self.feed.mirrors {
            let held = [said.main, said.daily, said.bytecode];
            for ((database, released), held) in CORE_DATABASES.iter().zip(release.core()).zip(held)
            {
                if let Some(held) = held.filter(|held| *held > released) {
                    let what =
                        format!("{host} holds {database} {held}, the release has {released}");
                    self.warn(
                        what,
                        "the release is behind its mirrors, or the mirror's version is wrong",
                    );
                }
            }
        }
    }

    /// Countries in which mirrors stand, of which none is usable.
    fn check_countries(&mut self, snapshot: &Snapshot) {
        let mut usable: BTreeMap<Country, (usize, usize)> = BTreeMap::new();
        for (plan, number) in snapshot.static_data.plans.iter().zip(0..) {
            let Some(health) = snapshot.dynamic_data.health(number) else { continue };
            for (index, mirror) in plan.fleet.enabled() {
                let (all, good) = usable.entry(mirror.country).or_default();
                *all += 1;
                *good += usize::from(health.is_usable(index));
            }
        }
        for (country, (all, _)) in usable.into_iter().filter(|(_, (_, good))| *good == 0) {
            let what = format!("{country} has no usable mirror, of {all}");
            self.warn(
                what,
                "its clients are sent along their path: `cvdns feed diff` says where to",
            );
        }
    }

    fn check_paths(&mut self, snapshot: &Snapshot) {
        let lagging = snapshot.dynamic_data.lagging();
        if lagging > 0 {
            let what =
                format!("{lagging} mirrors work and are too far behind the record to be answered");
            self.warn(what, "`cvdns feed show` says what they hold");
        }
        let open = snapshot.fail_open_paths();
        if open > 0 {
            let what = format!("{open} paths, over all limits, have no mirror that works");
            self.warn(
                what,
                "all their mirrors would be answered as if they were up, for 30 s at a time",
            );
        }
    }
}
