//! `cvdns feed diff`: shows how answers would change from one feed to the next.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::offline::{Offline, SourcedFeed};
use crate::cli::output::{Failure, eprint_line, print_json, print_line};
use crate::cli::table::print_table;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::difference::{Change, PathChange, Quality, Served, changes};
use cvdns_core::wire::rtype;

/// Arguments of `cvdns feed diff`.
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// The feed in force, a file or an http or https URL.
    #[arg(value_name = "A")]
    pub before: String,
    /// The feed that would replace it.
    #[arg(value_name = "B")]
    pub after: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// All changes between two feeds.
#[derive(Serialize)]
struct FeedDifference {
    before: FeedSide,
    after: FeedSide,
    record: Vec<FieldChange>,
    paths: Vec<PathRow>,
}

/// One of the two feeds.
#[derive(Serialize)]
struct FeedSide {
    feed: String,
    serial: u64,
}

/// A changed field of the record.
#[derive(Serialize, PartialEq, Eq)]
struct FieldChange {
    field: String,
    before: Option<String>,
    after: Option<String>,
}

/// The changes for one path.
#[derive(Serialize)]
struct PathRow {
    zone: String,
    /// The pools of the path.
    path: Vec<String>,
    /// The countries whose clients use the path.
    countries: Vec<&'static str>,
    r#type: &'static str,
    min: u16,
    ipv6_alone: bool,
    change: &'static str,
    before: PathAnswers,
    after: PathAnswers,
    mirrors: Vec<MirrorShare>,
}

/// The answers for one path.
#[derive(Serialize)]
struct PathAnswers {
    /// The pools that the addresses come from.
    pools: Vec<String>,
    addresses: usize,
    quality: &'static str,
}

/// A mirror's share of the first places in the answers of a path, from 0 to 1.
#[derive(Serialize)]
struct MirrorShare {
    host: String,
    before: Option<f64>,
    after: Option<f64>,
}

pub(super) fn run(args: &DiffArgs, config: &Path) -> Result<ExitCode, Failure> {
    let offline = Offline::load(config, Timestamp::now())?;
    offline.print_errors();
    let read = |argument| offline.source(Some(argument)).and_then(|source| offline.read(source));
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    if let Err(error) = after.feed.follows(&before.feed) {
        eprint_line!("cvdns: {} would be refused after {}: {error}", after.source, before.source);
    }
    let old = offline.snapshot(Some(&before.feed), None)?;
    let new = offline.snapshot(Some(&after.feed), Some(&old))?;
    let record = record(&old, &new);
    let paths = changes(&old, &new)
        .iter()
        .filter_map(|change| PathRow::of(&offline, &new, change))
        .collect();
    let difference = FeedDifference {
        before: FeedSide::of(&before),
        after: FeedSide::of(&after),
        record,
        paths,
    };
    if args.json {
        print_json(&difference)?;
    } else {
        difference.print()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The fields of the record that change. The stamp follows the clock and is no change.
fn record(before: &Snapshot, after: &Snapshot) -> Vec<FieldChange> {
    let (before, after) = (fields(before), fields(after));
    let value = |side: &[(String, String)], field: &str| {
        side.iter().find(|(other, _)| other == field).map(|(_, value)| value.clone())
    };
    let mut out: Vec<FieldChange> = Vec::new();
    for (field, _) in before.iter().chain(&after) {
        let change = FieldChange {
            before: value(&before, field),
            after: value(&after, field),
            field: field.clone(),
        };
        if change.before != change.after && !out.contains(&change) {
            out.push(change);
        }
    }
    out
}

fn fields(snapshot: &Snapshot) -> Vec<(String, String)> {
    let Some(announced) = snapshot.dynamic_data.announced() else { return Vec::new() };
    let release = &announced.release;
    let databases =
        release.databases().map(|(name, version)| (name.to_owned(), version.to_string()));
    let rest = [
        ("software", release.software.clone()),
        ("flevel", release.flevel.to_string()),
        ("warn", release.warn.to_string()),
        ("safebrowsing", release.safebrowsing.to_string()),
        ("too old to be answered", snapshot.dynamic_data.has_expired().to_string()),
    ];
    databases.chain(rest.map(|(name, value)| (name.to_owned(), value))).collect()
}

impl FeedSide {
    fn of(sourced: &SourcedFeed) -> Self {
        Self { feed: sourced.source.to_string(), serial: sourced.feed.serial }
    }
}

impl PathRow {
    fn of(offline: &Offline, snapshot: &Snapshot, change: &PathChange<'_>) -> Option<Self> {
        let plan = snapshot.static_data.plans.get(change.plan)?;
        let zone = offline.loaded.inputs.zones.get(change.plan)?;
        let share = |mirror: &cvdns_core::snapshot::difference::MirrorChange<'_>| MirrorShare {
            host: mirror.host.to_owned(),
            before: mirror.before,
            after: mirror.after,
        };
        Some(Self {
            zone: zone.file.origin.value.clone(),
            path: change.pools(plan).iter().map(ToString::to_string).collect(),
            countries: change.countries(plan).iter().map(|country| country.code()).collect(),
            r#type: if change.rtype == rtype::A { "A" } else { "AAAA" },
            min: change.min,
            ipv6_alone: change.ipv6_alone,
            change: change_text(change.change(plan)),
            before: PathAnswers::of(&change.before),
            after: PathAnswers::of(&change.after),
            mirrors: change.mirrors.iter().map(share).collect(),
        })
    }

    fn cells(&self) -> Vec<String> {
        let mirrors: Vec<String> = self.mirrors.iter().map(MirrorShare::text).collect();
        let only = if self.ipv6_alone { " only" } else { "" };
        vec![
            self.zone.clone(),
            self.path.join(" "),
            format!("{}{only}", self.r#type),
            self.change.to_owned(),
            self.before.text(),
            self.after.text(),
            mirrors.join(", "),
        ]
    }
}

impl PathAnswers {
    fn of(served: &Served<'_>) -> Self {
        let quality = match served.quality {
            Quality::Usable => "usable",
            Quality::Lagging => "lagging",
            Quality::Open => "none works",
        };
        Self {
            pools: served.pools.iter().map(ToString::to_string).collect(),
            addresses: served.addresses,
            quality,
        }
    }

    fn text(&self) -> String {
        let quality =
            if self.quality == "usable" { String::new() } else { format!(" ({})", self.quality) };
        match self.addresses {
            0 => "nothing".to_owned(),
            addresses => format!("{addresses} of {}{quality}", self.pools.join(" ")),
        }
    }
}

impl MirrorShare {
    fn text(&self) -> String {
        let percent = |share: f64| format!("{:.1}%", share * 100.0);
        match (self.before, self.after) {
            (None, Some(after)) => format!("+{} {}", self.host, percent(after)),
            (Some(before), None) => format!("-{} {}", self.host, percent(before)),
            (before, after) => {
                let [before, after] =
                    [before, after].map(|share| percent(share.unwrap_or_default()));
                format!("{} {before} to {after}", self.host)
            }
        }
    }
}

impl FeedDifference {
    fn print(&self) -> Result<(), Failure> {
        if self.record.is_empty() && self.paths.is_empty() {
            print_line("no answer changes")?;
        }
        if !self.record.is_empty() {
            let or_none =
                |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
            let rows = self
                .record
                .iter()
                .map(|c| vec![c.field.clone(), or_none(&c.before), or_none(&c.after)]);
            print_table(&["RECORD", "BEFORE", "AFTER"], rows)?;
        }
        if !self.paths.is_empty() {
            let header = ["ZONE", "PATH", "TYPE", "CHANGE", "BEFORE", "AFTER", "MIRRORS"];
            print_table(&header, self.paths.iter().map(PathRow::cells))?;
        }
        Ok(())
    }
}

fn change_text(change: Change) -> &'static str {
    match change {
        Change::Gains => "gains",
        Change::Loses => "loses",
        Change::Changes => "changes",
        Change::FallsBack => "falls back",
        Change::Recovers => "recovers",
    }
}
