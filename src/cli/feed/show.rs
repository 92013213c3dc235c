//! `cvdns feed show`: how mirrors stand, by country.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use super::super::output::print_json;
use super::super::table::print_table;
use super::{Failure, Offline, ShowArgs};
use cvdns_core::fleet::Mirror;
use cvdns_core::health::{MirrorStatus, State};
use cvdns_core::release::CORE_DATABASES;
use cvdns_core::snapshot::Snapshot;

/// A feed as it is shown.
#[derive(Serialize)]
struct Shown {
    feed: String,
    serial: u64,
    generated: Timestamp,
    countries: Vec<Row>,
}

/// The mirrors of a country, or of all.
#[derive(Serialize, Default)]
struct Row {
    country: String,
    mirrors: usize,
    up: usize,
    old: usize,
    down: usize,
    drained: usize,
    removed: usize,
    /// They work and are too far behind the record.
    lagging: usize,
    /// The share of the capacity that may be answered, from 0 to 1.
    usable: f64,
    /// How many hold each version of main, daily and bytecode; `?`: it is not said, and taken to be the release's.
    held: BTreeMap<&'static str, BTreeMap<String, usize>>,
    #[serde(skip)]
    capacity: u128,
    #[serde(skip)]
    usable_capacity: u128,
}

pub(super) fn run(args: &ShowArgs, config: &Path) -> Result<ExitCode, Failure> {
    let offline = Offline::load(config, Timestamp::now())?;
    offline.say_errors();
    let named = offline.read(offline.source(args.feed.as_deref())?)?;
    let snapshot = offline.snapshot(Some(&named.feed), None)?;
    let countries = rows(&snapshot);
    if args.json {
        let (serial, generated) = (named.feed.serial, named.feed.generated);
        print_json(&Shown { feed: named.source.to_string(), serial, generated, countries })?;
    } else {
        let header = [
            "COUNTRY", "MIRRORS", "UP", "OLD", "DOWN", "DRAINED", "REMOVED", "LAGGING", "USABLE",
            "MAIN", "DAILY", "BYTECODE",
        ];
        print_table(&header, countries.iter().map(Row::cells))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A row for each country in which mirrors stand, and one for all, `*`. A mirror of several fleets counts once.
fn rows(snapshot: &Snapshot) -> Vec<Row> {
    let mut countries: BTreeMap<&str, Row> = BTreeMap::new();
    let mut all = Row { country: "*".to_owned(), ..Row::default() };
    let mut seen = HashSet::new();
    for (plan, number) in snapshot.static_data.plans.iter().zip(0..) {
        let Some(health) = snapshot.dynamic_data.health(number) else { continue };
        for (index, mirror) in plan.fleet.enabled().filter(|(_, mirror)| seen.insert(&mirror.host))
        {
            let Some(standing) = health.mirrors.get(index) else { continue };
            let code = mirror.country.code();
            let new = || Row { country: code.to_owned(), ..Row::default() };
            let lags = standing.behind > snapshot.static_data.settings.lag;
            for row in [countries.entry(code).or_insert_with(new), &mut all] {
                row.add(mirror, standing, health.is_usable(index), lags);
            }
        }
    }
    countries.into_values().chain([all]).map(Row::with_share).collect()
}

impl Row {
    fn add(&mut self, mirror: &Mirror, standing: &MirrorStatus, usable: bool, lags: bool) {
        self.mirrors += 1;
        let count = match standing.state {
            State::Up => &mut self.up,
            State::Old => &mut self.old,
            State::Down => &mut self.down,
            State::Drained => &mut self.drained,
            State::Removed => &mut self.removed,
        };
        *count += 1;
        let works = |state: &State| state.is_usable();
        self.lagging += usize::from(lags && standing.ipv4.iter().chain(&standing.ipv6).any(works));
        self.capacity += u128::from(mirror.capacity);
        self.usable_capacity += if usable { u128::from(mirror.capacity) } else { 0 };
        for (database, version) in CORE_DATABASES.into_iter().zip(standing.versions) {
            let version = version.map_or("?".to_owned(), |version| version.to_string());
            *self.held.entry(database).or_default().entry(version).or_default() += 1;
        }
    }

    fn with_share(self) -> Self {
        Self { usable: self.usable_capacity as f64 / self.capacity.max(1) as f64, ..self }
    }

    fn cells(&self) -> Vec<String> {
        let counts =
            [self.mirrors, self.up, self.old, self.down, self.drained, self.removed, self.lagging];
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
