//! `cvdns feed check`: prints everything that is wrong with a feed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;

use crate::cli::offline::Offline;
use crate::cli::output::{Failure, print_line};
use crate::cli::problems::print;
use crate::cli::signature;
use cvdns_core::geo::country::Country;
use cvdns_core::health::{Feed, feed_faults, unknown_mirrors};
use cvdns_core::problem::{HAS_MARK, Location, Problems, plural, without_mark};
use cvdns_core::release::CORE_DATABASES;
use cvdns_core::snapshot::Snapshot;

/// Arguments of `cvdns feed check`.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// The feed, a file or an http or https URL. Default: the configured one.
    #[arg(value_name = "FILE|URL")]
    pub feed: Option<String>,
}

pub(super) fn run(args: &CheckArgs, config: &Path) -> Result<ExitCode, Failure> {
    let offline = Offline::load(config, Timestamp::now())?;
    offline.print_errors();
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
            "docs/schemas/feed.json of the project has every key of the format",
        );
    }
    if let Ok(feed) = feed {
        // Among these are countries that the feed leaves without any mirror (`not-for`).
        let snapshot = offline.snapshot_with_problems(Some(&feed), None, &mut problems)?;
        let mut checker = Checker {
            offline: &offline,
            feed: &feed,
            location: Location::file(&name),
            problems: &mut problems,
        };
        checker.check(&snapshot);
        let mirrors = plural(feed.mirrors.len(), "mirror", "mirrors");
        summary = format!("feed {} of {}, {mirrors}", feed.serial, feed.generated);
        let restricted = feed.requirements().not_for.len();
        if restricted > 0 {
            let _ = write!(summary, ", {restricted} of them not for all clients (`not-for`)");
        }
    }
    print(&problems);
    if problems.has_errors() {
        return Ok(ExitCode::FAILURE);
    }
    print_line(format_args!("{name} can be used: {summary}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Adds the errors of the format, with line and column.
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
            "docs/schemas/feed.json of the project has every key of the format",
        );
    }
}

/// Checks the contents of a feed.
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
                "the serial is 0, so the feed can replace no other",
                "start at 1, or use the Unix time in seconds",
            );
        }
        let fleets = self.offline.loaded.inputs.zones.iter().map(|zone| &*zone.fleet);
        for note in unknown_mirrors(self.feed, fleets) {
            self.warn(note, "correct the host in the feed or in the fleet file");
        }
        self.check_versions();
        self.check_behind();
        self.check_frozen();
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
                "a server refuses the feed until then",
            );
        }
        let max_age = self.offline.loaded.config.feed.max_age;
        if self.feed.generated.checked_add(max_age).is_ok_and(|moment| moment <= self.offline.time)
        {
            let what = format!(
                "the feed is of {}, older than max-age, and would count as stale",
                self.feed.generated
            );
            self.warn(what, "the coordinator must write the feed again well within max-age");
        }
    }

    /// Warns of mirrors that hold a version that was never released.
    fn check_versions(&mut self) {
        let Some(release) = &self.feed.release else {
            let help = "add `release`, or name a `record-file` in [record]";
            if self.offline.supply.release(None).is_none() {
                self.warn("the feed has no release, so there would be no record", help);
            }
            return;
        };
        for (host, mirror) in &self.feed.mirrors {
            let held = [mirror.main, mirror.daily, mirror.bytecode];
            for ((database, released), held) in CORE_DATABASES.iter().zip(release.core()).zip(held)
            {
                if let Some(held) = held.filter(|held| *held > released) {
                    let what =
                        format!("{host} holds {database} {held}, but the release has {released}");
                    self.warn(what, "the release is outdated, or the mirror's version is wrong");
                }
            }
        }
    }

    /// Warns of mirrors that are too far behind the release, the first of them one by one.
    fn check_behind(&mut self) {
        /// Most mirrors that are named.
        const NAMED: usize = 20;
        let Some((release, _)) = self.offline.supply.release(self.feed.dated_release()) else {
            return;
        };
        let lag = self.offline.loaded.config.record.lag;
        let mut found = Vec::new();
        for (host, mirror) in self.feed.mirrors.iter().filter(|(_, one)| one.state.is_usable()) {
            let behind = release.behind([mirror.main, mirror.daily, mirror.bytecode]);
            found.extend(behind.filter(|behind| behind.by > lag).map(|behind| (host, behind)));
        }
        found.sort_by_key(|(_, behind)| std::cmp::Reverse(behind.by));
        for (host, behind) in found.iter().take(NAMED) {
            self.warn(
                format!("{host}: {behind}"),
                "it is left out once the record is more than `lag` ahead, or when it is stuck",
            );
        }
        if let Some(more @ 1..) = found.len().checked_sub(NAMED) {
            let mirrors = plural(more, "more mirror is", "more mirrors are");
            let what = format!("{mirrors} too far behind the release");
            self.warn(what, "`cvdns feed show` shows the versions that they hold");
        }
    }

    fn check_frozen(&mut self) {
        if let Some(reason) = &self.feed.frozen {
            let what = format!("the coordinator has frozen all states: {reason}");
            self.warn(what, "it does not trust what it sees; look at its network");
        }
    }

    /// Warns of countries that have mirrors but no usable one.
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
                "its clients get mirrors of the next pools of their path: see `cvdns feed diff`",
            );
        }
    }

    fn check_paths(&mut self, snapshot: &Snapshot) {
        let lagging = snapshot.dynamic_data.lagging();
        if lagging > 0 {
            let mirrors = plural(lagging, "mirror works but is", "mirrors work but are");
            let what = format!("{mirrors} too far behind the record to be used");
            self.warn(what, "`cvdns feed show` shows the versions that they hold");
        }
        let open = snapshot.fail_open_paths();
        if open > 0 {
            let (one, more) = ("path has", "paths, counted once for each limit, have");
            let what = format!("{} no mirror that works", plural(open, one, more));
            self.warn(
                what,
                "all their mirrors would be answered as if they were up, with a TTL of 30 s",
            );
        }
    }
}
