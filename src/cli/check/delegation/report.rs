//! The report on the delegation of all zones.

use serde::Serialize;

use super::finding::{Finding, Kind, Level};
use super::probe::{Probe, SoaReply};
use super::rules::Checked;
use super::samples::Samples;
use crate::cli::output::{Failure, eprint_line, print_line};
use crate::cli::table::{or_dash, print_table};
use cvdns_core::problem::plural;

/// What was found.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct DelegationReport {
    zones: usize,
    servers: Vec<ServerReport>,
    findings: Vec<Finding>,
}

/// An address of a name server and what it answers.
#[derive(Debug, Serialize)]
struct ServerReport {
    zone: String,
    server: String,
    address: String,
    /// Answer to SOA over UDP, as a word.
    udp: &'static str,
    /// The same over TCP; `None` if it was not asked.
    tcp: Option<&'static str>,
    /// SOA serial; `None` without an authoritative answer.
    serial: Option<u32>,
    nsid: Option<String>,
}

/// Servers that are listed at most; `--json` has all.
const MAX_LISTED: usize = 40;

impl DelegationReport {
    pub(super) fn of(zones: &[Checked], samples: &Samples) -> Self {
        let mut findings = Vec::new();
        if let Some(why) = &samples.unread {
            findings.push(Kind::FeedUnread.of_zone("feed", format!("cannot be read here: {why}")));
        }
        let mut servers = Vec::new();
        for zone in zones {
            findings.extend(zone.findings(samples));
            servers.extend(zone.probes.iter().map(|(name, probe)| {
                ServerReport::of(zone.subject.origin.to_string(), name.clone(), probe)
            }));
        }
        findings.sort_by_key(|finding| finding.severity == Level::Warning);
        Self { zones: zones.len(), servers, findings }
    }

    /// Whether a finding is an error.
    pub(in crate::cli) fn has_errors(&self) -> bool {
        self.count(Level::Error) > 0
    }

    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.severity == level).count()
    }

    /// Prints the findings on standard error, and a table of the servers on standard output.
    pub(in crate::cli) fn print(&self) -> Result<(), Failure> {
        for finding in &self.findings {
            for line in finding.to_string().lines() {
                eprint_line!("{line}");
            }
        }
        let header = ["Zone", "Name server", "Address", "UDP", "TCP", "Serial", "NSID"];
        print_table(&header, self.servers.iter().take(MAX_LISTED).map(ServerReport::row))?;
        if let Some(more @ 1..) = self.servers.len().checked_sub(MAX_LISTED) {
            print_line(format_args!("and {more} more (--json has all)"))?;
        }
        let (errors, warnings) = (self.count(Level::Error), self.count(Level::Warning));
        print_line(format_args!(
            "delegation of {}: {}, {}",
            plural(self.zones, "zone", "zones"),
            plural(errors, "error", "errors"),
            plural(warnings, "warning", "warnings")
        ))
    }
}

impl ServerReport {
    fn of(zone: String, server: String, probe: &Probe) -> Self {
        let details = probe.details.as_ref();
        Self {
            zone,
            server,
            address: probe.address.ip().to_string(),
            udp: word(&probe.udp),
            tcp: details.map(|details| word(&details.tcp)),
            serial: if let SoaReply::Serial(serial) = probe.udp { Some(serial) } else { None },
            nsid: details.and_then(|details| details.nsid.clone()),
        }
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.zone.clone(),
            self.server.clone(),
            self.address.clone(),
            self.udp.to_owned(),
            or_dash(self.tcp),
            or_dash(self.serial),
            or_dash(self.nsid.as_ref()),
        ]
    }
}

fn word(reply: &SoaReply) -> &'static str {
    match reply {
        SoaReply::Serial(_) => "ok",
        SoaReply::NotAuthoritative => "not authoritative",
        SoaReply::Lame(_) => "lame",
        SoaReply::Silent(reason) if reason.no_route => "no route",
        SoaReply::Silent(_) => "silent",
    }
}
