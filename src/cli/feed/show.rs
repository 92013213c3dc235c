//! `cvdns feed show`: prints the states and versions of the mirrors by country.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::offline::Offline;
use crate::cli::output::{Failure, print_json, print_line};
use crate::cli::table::print_table;
use cvdns_core::fleet::Mirror;
use cvdns_core::health::{MirrorStatus, State};
use cvdns_core::problem::printable;
use cvdns_core::release::{Behind, CORE_DATABASES, Release, Share};
use cvdns_core::snapshot::Snapshot;

/// Arguments of `cvdns feed show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// The feed, a file or an http or https URL. Default: the configured one.
    #[arg(value_name = "FILE|URL")]
    pub feed: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The JSON output.
#[derive(Serialize)]
struct FeedReport {
    feed: String,
    serial: u64,
    generated: Timestamp,
    /// Why the coordinator does not trust what it sees, if it has frozen all states.
    frozen: Option<String>,
    countries: Vec<CountryStatus>,
    /// The mirrors that are behind the release, or answered by a share of their capacity.
    remarks: Vec<MirrorRemark>,
}

/// What is to be said of a mirror.
#[derive(Serialize)]
struct MirrorRemark {
    host: String,
    country: &'static str,
    /// How far it is behind the release, in its worst database.
    behind: Option<Behind>,
    /// The share of its capacity by which it is answered, above 0 and up to 1.
    weight: f64,
    /// The same for people.
    #[serde(skip)]
    words: Vec<String>,
}

/// Mirrors that are listed at most; `--json` has all.
const MAX_LISTED: usize = 20;

/// The mirrors of one country, or of all countries.
#[derive(Serialize, Default)]
struct CountryStatus {
    country: String,
    mirrors: usize,
    up: usize,
    old: usize,
    down: usize,
    drained: usize,
    removed: usize,
    /// Mirrors that clients of some countries or continents never get (`not-for`).
    restricted: usize,
    /// Mirrors that work but are too far behind the record.
    lagging: usize,
    /// The usable share of the capacity, from 0 to 1.
    usable: f64,
    /// Mirrors by version of main, daily and bytecode. `?` counts mirrors whose version the feed
    /// omits; they count as holding the release's.
    held: BTreeMap<&'static str, BTreeMap<String, usize>>,
    #[serde(skip)]
    capacity: u128,
    #[serde(skip)]
    usable_capacity: u128,
}

pub(super) fn run(args: &ShowArgs, config: &Path) -> Result<ExitCode, Failure> {
    let offline = Offline::load(config, Timestamp::now())?;
    offline.print_errors();
    let sourced = offline.read(offline.source(args.feed.as_deref())?)?;
    let snapshot = offline.snapshot(Some(&sourced.feed), None)?;
    let countries = rows(&snapshot);
    let release = offline.supply.release(sourced.feed.dated_release());
    let remarks = remarks(&snapshot, release.as_ref().map(|(release, _)| release));
    if args.json {
        let (serial, generated) = (sourced.feed.serial, sourced.feed.generated);
        let (feed, frozen) = (sourced.source.to_string(), sourced.feed.frozen);
        print_json(&FeedReport { feed, serial, generated, frozen, countries, remarks })?;
    } else {
        let header = [
            "COUNTRY",
            "MIRRORS",
            "UP",
            "OLD",
            "DOWN",
            "DRAINED",
            "REMOVED",
            "RESTRICTED",
            "LAGGING",
            "USABLE",
            "MAIN",
            "DAILY",
            "BYTECODE",
        ];
        print_table(&header, countries.iter().map(CountryStatus::cells))?;
        print_remarks(&remarks, sourced.feed.frozen.as_deref())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is to be said of single mirrors, the farthest behind first; each host once.
fn remarks(snapshot: &Snapshot, release: Option<&Release>) -> Vec<MirrorRemark> {
    let (mut remarks, mut seen) = (Vec::new(), HashSet::new());
    for (plan, number) in snapshot.static_data.plans.iter().zip(0..) {
        let Some(health) = snapshot.dynamic_data.health(number) else { continue };
        for (index, mirror) in plan.fleet.enabled().filter(|(_, mirror)| seen.insert(&mirror.host))
        {
            let Some(status) = health.mirrors.get(index) else { continue };
            let behind = release.and_then(|release| release.behind(status.versions));
            let is_reduced = status.weight != Share::WHOLE;
            if behind.is_none() && !is_reduced {
                continue;
            }
            let words = behind.map(|behind| behind.to_string());
            let reduced = is_reduced.then(|| status.to_string());
            remarks.push(MirrorRemark {
                host: mirror.host.clone(),
                country: mirror.country.code(),
                behind,
                weight: status.weight.ratio(),
                words: words.into_iter().chain(reduced).collect(),
            });
        }
    }
    remarks.sort_by_key(|remark| Reverse(remark.behind.map(|behind| behind.by)));
    remarks
}

fn print_remarks(remarks: &[MirrorRemark], frozen: Option<&str>) -> Result<(), Failure> {
    if let Some(reason) = frozen {
        print_line(format_args!("frozen by the coordinator: {}", printable(reason)))?;
    }
    for MirrorRemark { host, country, words, .. } in remarks.iter().take(MAX_LISTED) {
        print_line(format_args!("{country} {host}: {}", words.join("; ")))?;
    }
    if let Some(more @ 1..) = remarks.len().checked_sub(MAX_LISTED) {
        print_line(format_args!("and {more} more such mirrors: --json has all"))?;
    }
    Ok(())
}

/// A row for each country with mirrors, and the row `*` for all of them. A mirror in several fleets
/// counts once.
fn rows(snapshot: &Snapshot) -> Vec<CountryStatus> {
    let mut countries: BTreeMap<&str, CountryStatus> = BTreeMap::new();
    let mut all = CountryStatus { country: "*".to_owned(), ..CountryStatus::default() };
    let mut seen = HashSet::new();
    for (plan, number) in snapshot.static_data.plans.iter().zip(0..) {
        let Some(health) = snapshot.dynamic_data.health(number) else { continue };
        for (index, mirror) in plan.fleet.enabled().filter(|(_, mirror)| seen.insert(&mirror.host))
        {
            let Some(status) = health.mirrors.get(index) else { continue };
            let code = mirror.country.code();
            let mut areas = plan.paths.exclusions.areas(index as u32);
            let restricted = areas.next().is_some();
            let new = || CountryStatus { country: code.to_owned(), ..CountryStatus::default() };
            let lags = status.behind > snapshot.static_data.settings.lag;
            for row in [countries.entry(code).or_insert_with(new), &mut all] {
                row.add(mirror, status, health.is_usable(index), lags);
                row.restricted += usize::from(restricted);
            }
        }
    }
    countries.into_values().chain([all]).map(CountryStatus::with_share).collect()
}

impl CountryStatus {
    fn add(&mut self, mirror: &Mirror, status: &MirrorStatus, usable: bool, lags: bool) {
        self.mirrors += 1;
        let count = match status.state {
            State::Up => &mut self.up,
            State::Old => &mut self.old,
            State::Down => &mut self.down,
            State::Drained => &mut self.drained,
            State::Removed => &mut self.removed,
        };
        *count += 1;
        let works = |state: &State| state.is_usable();
        self.lagging += usize::from(lags && status.ipv4.iter().chain(&status.ipv6).any(works));
        self.capacity += u128::from(mirror.capacity);
        self.usable_capacity += if usable { u128::from(mirror.capacity) } else { 0 };
        for (database, version) in CORE_DATABASES.into_iter().zip(status.versions) {
            let version = version.map_or("?".to_owned(), |version| version.to_string());
            *self.held.entry(database).or_default().entry(version).or_default() += 1;
        }
    }

    fn with_share(self) -> Self {
        Self { usable: self.usable_capacity as f64 / self.capacity.max(1) as f64, ..self }
    }

    fn cells(&self) -> Vec<String> {
        let Self { mirrors, up, old, down, drained, removed, restricted, lagging, .. } = *self;
        let counts = [mirrors, up, old, down, drained, removed, restricted, lagging];
        let held = |database: &str| {
            let versions = self.held.get(database).into_iter().flatten();
            let parts: Vec<String> =
                versions.map(|(version, count)| format!("{version}×{count}")).collect();
            parts.join(",")
        };
        std::iter::once(self.country.clone())
            .chain(counts.map(|count| count.to_string()))
            .chain([format!("{:.1}%", self.usable * 100.0)])
            .chain(CORE_DATABASES.map(held))
            .collect()
    }
}
