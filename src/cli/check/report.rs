//! The summary of what would be served. It stays short even with twenty thousand zones.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::delegation::DelegationReport;
use super::demand::DemandReport;
use super::feed::StartingFeed;
use super::xdp::XdpReport;
use crate::cli::output::{Failure, print_json, print_line};
use crate::cli::table::print_table;
use crate::load::Loaded;
use cvdns_core::problem::{Lines, Problem, Problems, Severity};
use cvdns_core::snapshot::StaticData;
use cvdns_core::snapshot::inputs::ZoneInput;

/// Zones that are listed at most; `--json` has all.
const MAX_LISTED: usize = 20;

/// What was read and what would be served.
#[derive(Debug, Serialize)]
pub(super) struct CheckReport {
    config: String,
    /// The files that it includes.
    included: Vec<String>,
    /// The number of zones, names and mirrors as text; `None` if the configuration cannot be
    /// served.
    summary: Option<String>,
    /// The feed that serve would start from, as text.
    start: Option<String>,
    zones: Vec<ZoneReport>,
    /// How the demand of countries is shared out.
    demand: Vec<DemandReport>,
    /// What parents and name servers answer; `None` unless `--delegation` asks them.
    #[serde(skip_serializing_if = "Option::is_none")]
    delegation: Option<DelegationReport>,
    /// Interfaces; `None` unless `--xdp` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    xdp: Option<XdpReport>,
}

/// A zone file.
#[derive(Debug, Serialize)]
struct ZoneReport {
    /// As the zone file has it; `{cc}` stands for one zone for each country code.
    origin: String,
    file: String,
    zones: usize,
    /// Records of the master file, or of what was transferred, over all of its zones.
    records: usize,
    /// Names with computed answers (`[[name]]`).
    dynamic_names: usize,
    /// Enabled mirrors.
    mirrors: usize,
    /// Countries with enabled mirrors.
    countries: usize,
}

/// A problem in the JSON output.
#[derive(Serialize)]
struct ProblemReport<'p> {
    severity: &'static str,
    file: &'p str,
    line: Option<usize>,
    column: Option<usize>,
    what: &'p str,
    help: &'p str,
}

impl ZoneReport {
    fn of(zone: &ZoneInput) -> Self {
        let known = zone.zones.iter().filter(|zone| zone.unavailable.is_none());
        let records = known.flat_map(|zone| zone.records.sets());
        let countries: BTreeSet<_> =
            zone.fleet.enabled().map(|(_, mirror)| mirror.country).collect();
        Self {
            origin: zone.file.origin.value.clone(),
            file: zone.file.whole.file_name().to_owned(),
            zones: zone.zones.len(),
            records: records.map(|rrset| usize::from(rrset.count())).sum(),
            dynamic_names: zone.file.names.len(),
            mirrors: zone.fleet.enabled().count(),
            countries: countries.len(),
        }
    }

    fn row(&self) -> Vec<String> {
        let origin = if self.zones == 1 {
            self.origin.clone()
        } else {
            format!("{} ({} zones)", self.origin, self.zones)
        };
        let counts = [self.records, self.dynamic_names, self.mirrors, self.countries];
        std::iter::once(origin).chain(counts.map(|count| count.to_string())).collect()
    }
}

impl CheckReport {
    /// The report on a configuration that could not be read.
    pub(super) fn unread(config: &Path) -> Self {
        Self {
            config: config.display().to_string(),
            included: Vec::new(),
            summary: None,
            start: None,
            zones: Vec::new(),
            demand: Vec::new(),
            delegation: None,
            xdp: None,
        }
    }

    pub(super) fn of(
        config: &Path,
        loaded: &Loaded,
        static_data: &StaticData,
        start: StartingFeed,
    ) -> Self {
        let start = match start {
            StartingFeed::NotConfigured => "with all mirrors up: no feed is configured".to_owned(),
            StartingFeed::NoneUsable => {
                "with all mirrors up and without a record, until there is a feed".to_owned()
            }
            StartingFeed::FeedSource(serial, source) => format!("from feed {serial} of {source}"),
            StartingFeed::Kept(serial, None) => {
                format!("from feed {serial}, which is kept in `state`")
            }
            StartingFeed::Kept(serial, Some(why)) => {
                format!("from feed {serial}, which is kept in `state`: {why}")
            }
        };
        Self {
            config: config.display().to_string(),
            included: loaded.config.files.iter().skip(1).cloned().collect(),
            summary: Some(format!("{}; {}", static_data.summary(), loaded.countries.described)),
            start: Some(start),
            zones: loaded.inputs.zones.iter().map(ZoneReport::of).collect(),
            demand: Vec::new(),
            delegation: None,
            xdp: None,
        }
    }

    pub(super) fn with_demand(self, demand: Vec<DemandReport>) -> Self {
        Self { demand, ..self }
    }

    pub(super) fn with_delegation(self, delegation: Option<DelegationReport>) -> Self {
        Self { delegation, ..self }
    }

    pub(super) fn with_xdp(self, xdp: Option<XdpReport>) -> Self {
        Self { xdp, ..self }
    }

    /// Whether interfaces were looked at and cannot be served.
    pub(super) fn lacks_xdp(&self) -> bool {
        self.xdp.as_ref().is_some_and(XdpReport::has_errors)
    }

    pub(super) fn print(&self) -> Result<(), Failure> {
        let header = ["Zone", "Records", "Dynamic names", "Mirrors", "Countries"];
        print_table(&header, self.zones.iter().take(MAX_LISTED).map(ZoneReport::row))?;
        if let Some(more @ 1..) = self.zones.len().checked_sub(MAX_LISTED) {
            let sum = |of: fn(&ZoneReport) -> usize| self.zones.iter().map(of).sum::<usize>();
            let (records, names) = (sum(|zone| zone.records), sum(|zone| zone.dynamic_names));
            print_line(format_args!(
                "and {more} more (--json has all): {records} records and {names} dynamic names in all"
            ))?;
        }
        for demand in &self.demand {
            print_line(format_args!("{}", demand.line()))?;
        }
        if let Some(start) = &self.start {
            print_line(format_args!("serve would start {start}"))?;
        }
        if !self.included.is_empty() {
            print_line(format_args!("included: {}", self.included.join(", ")))?;
        }
        let summary = self.summary.as_deref().unwrap_or_default();
        print_line(format_args!("{} can be served: {summary}", self.config))?;
        self.xdp.as_ref().map_or(Ok(()), XdpReport::print)?;
        self.delegation.as_ref().map_or(Ok(()), DelegationReport::print)
    }

    pub(super) fn print_json(&self, problems: &Problems) -> Result<(), Failure> {
        #[derive(Serialize)]
        struct WholeReport<'r> {
            can_be_served: bool,
            #[serde(flatten)]
            report: &'r CheckReport,
            problems: Vec<ProblemReport<'r>>,
        }
        let mut lines = Lines::default();
        let problems_found =
            problems.by_severity().map(|problem| ProblemReport::of(problem, &mut lines)).collect();
        let can_be_served = !problems.has_errors();
        print_json(&WholeReport { can_be_served, report: self, problems: problems_found })
    }
}

impl<'p> ProblemReport<'p> {
    fn of(problem: &'p Problem, lines: &mut Lines) -> Self {
        let place = lines.line_column(&problem.location);
        Self {
            severity: match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            file: problem.location.file_name(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            what: &problem.what,
            help: &problem.help,
        }
    }
}
