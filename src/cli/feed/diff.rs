//! `cvdns feed diff`: what a feed would change in answers.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use super::super::output::{print_json, print_line, say};
use super::super::table::print_table;
use super::{DiffArgs, Failure, Named, Offline};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::difference::{Change, PathChange, Quality, Served, changes};
use cvdns_core::wire::rtype;

/// What changes.
#[derive(Serialize)]
struct Difference {
    before: Side,
    after: Side,
    record: Vec<FieldChange>,
    paths: Vec<Row>,
}

/// A feed.
#[derive(Serialize)]
struct Side {
    feed: String,
    serial: u64,
}

/// Something that the record says otherwise.
#[derive(Serialize, PartialEq, Eq)]
struct FieldChange {
    field: String,
    before: Option<String>,
    after: Option<String>,
}

/// What changes for a path.
#[derive(Serialize)]
struct Row {
    zone: String,
    /// Its pools.
    path: Vec<String>,
    /// The countries whose clients have it.
    countries: Vec<&'static str>,
    r#type: &'static str,
    min: u16,
    ipv6_alone: bool,
    change: &'static str,
    before: Answers,
    after: Answers,
    mirrors: Vec<Share>,
}

/// What a path is answered with.
#[derive(Serialize)]
struct Answers {
    /// The pools that the addresses are of.
    pools: Vec<String>,
    addresses: usize,
    quality: &'static str,
}

/// The share of a path's capacity that a mirror has, from 0 to 1.
#[derive(Serialize)]
struct Share {
    host: String,
    before: Option<f64>,
    after: Option<f64>,
}

pub(super) fn run(args: &DiffArgs, config: &Path) -> Result<ExitCode, Failure> {
    let offline = Offline::load(config, Timestamp::now())?;
    offline.say_errors();
    let named = |word| offline.source(Some(word)).and_then(|source| offline.read(source));
    let (before, after) = (named(&args.before)?, named(&args.after)?);
    if let Err(error) = after.feed.follows(&before.feed) {
        say!("cvdns: {} would be refused after {}: {error}", after.source, before.source);
    }
    let old = offline.snapshot(Some(&before.feed), None)?;
    let new = offline.snapshot(Some(&after.feed), Some(&old))?;
    let record = record(&old, &new);
    let paths =
        changes(&old, &new).iter().filter_map(|change| Row::of(&offline, &new, change)).collect();
    let difference =
        Difference { before: Side::of(&before), after: Side::of(&after), record, paths };
    if args.json {
        print_json(&difference)?;
    } else {
        difference.print()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is announced otherwise. Stamps follow the clock, and are no difference.
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

impl Side {
    fn of(named: &Named) -> Self {
        Self { feed: named.source.to_string(), serial: named.feed.serial }
    }
}

impl Row {
    fn of(offline: &Offline, snapshot: &Snapshot, change: &PathChange<'_>) -> Option<Self> {
        let plan = snapshot.static_data.plans.get(change.plan)?;
        let zone = offline.loaded.inputs.zones.get(change.plan)?;
        let share = |mirror: &cvdns_core::snapshot::difference::MirrorChange<'_>| Share {
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
            change: word(change.change(plan)),
            before: Answers::of(&change.before),
            after: Answers::of(&change.after),
            mirrors: change.mirrors.iter().map(share).collect(),
        })
    }

    fn cells(&self) -> Vec<String> {
        let mirrors: Vec<String> = self.mirrors.iter().map(Share::text).collect();
        let alone = if self.ipv6_alone { " alone" } else { "" };
        vec![
            self.zone.clone(),
            self.path.join(" "),
            format!("{}{alone}", self.r#type),
            self.change.to_owned(),
            self.before.text(),
            self.after.text(),
            mirrors.join(", "),
        ]
    }
}

impl Answers {
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

impl Share {
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

impl Difference {
    fn print(&self) -> Result<(), Failure> {
        if self.record.is_empty() && self.paths.is_empty() {
            print_line("nothing changes in answers")?;
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
            print_table(&header, self.paths.iter().map(Row::cells))?;
        }
        Ok(())
    }
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Gains => "gains",
        Change::Loses => "loses",
        Change::Changes => "changes",
        Change::FallsBack => "falls back",
        Change::Recovers => "recovers",
    }
}
