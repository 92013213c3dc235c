//! Metrics, as a file for the textfile collector of Prometheus's node exporter: a coordinator that
//! is run by cron has no port that could be asked.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::history::Status;
use super::page;
use super::roster::MemberStatus;
use super::stored::{Checks, Mirror, StoredState};
use cvdns_core::health::State;
use cvdns_core::report::ReportError;

/// The states that the rule knows.
const STATES: [State; 4] = [State::Up, State::Old, State::Down, State::Removed];

/// Samples of a metric: labels and value.
type Samples = Vec<(String, String)>;

/// The file of the metrics in the state directory.
pub(super) fn path(state: &Path) -> PathBuf {
    state.join("metrics.prom")
}

/// All metrics, in the text format (version 0.0.4). Labels are names and addresses of the fleet
/// file. `pages` is what has come of the pages, if any are written. The last feed was `written`,
/// and the next one is `overdue`, at these moments in Unix seconds.
pub(super) fn text(
    stored: &StoredState,
    history: Status,
    pages: Option<page::Status>,
    (written, overdue): (i64, i64),
) -> String {
    let mut out = Text(String::new());
    let plain = |value: String| vec![(String::new(), value)];
    out.family(
        "feed_serial",
        "gauge",
        "Serial of the last feed.",
        &plain(stored.serial.to_string()),
    );
    let written = plain(written.to_string());
    out.family("feed_written_seconds", "gauge", "When the last feed was written.", &written);
    let help = "From when on the next feed is overdue.";
    out.family("feed_overdue_seconds", "gauge", help, &plain(overdue.to_string()));
    let frozen = plain(u8::from(stored.frozen.is_some()).to_string());
    let help = "Whether all states are left as they were, as the coordinator doubts its checks.";
    out.family("frozen", "gauge", help, &frozen);
    let mirrors = |state| stored.mirrors.values().filter(|mirror| mirror.state == state).count();
    out.family("mirrors", "gauge", "Mirrors by state.", &by_state(&mirrors));
    let addresses = |state| {
        let known = stored.mirrors.values().flat_map(Mirror::known);
        known.filter(|(_, known)| known.state == state).count()
    };
    out.family("addresses", "gauge", "Addresses by state.", &by_state(&addresses));
    let results = checks(stored.checks);
    out.family("checks_total", "counter", "Checks of addresses by result.", &results);
    let (up, timestamps) = by_address(stored);
    out.family("address_up", "gauge", "Whether an address is up.", &up);
    let help = "The timestamp that an address last served.";
    out.family("address_timestamp_seconds", "gauge", help, &timestamps);
    let help = "Octets of the history of checks on the disk.";
    out.family("history_bytes", "gauge", help, &plain(history.size.to_string()));
    let help = "Checks since the start that are not in the history, as it could not be written.";
    out.family("history_dropped_total", "counter", help, &plain(history.dropped.to_string()));
    let help = "Whether the history of checks can be written.";
    let writable = u8::from(history.writable).to_string();
    out.family("history_writable", "gauge", help, &plain(writable));
    if let Some(page::Status { written, fails, files }) = pages {
        let help = "The time of the feed by which all pages were last written; 0: never.";
        out.family("pages_written_seconds", "gauge", help, &plain(written.to_string()));
        let help = "Whether pages could not be written the last time.";
        out.family("pages_failing", "gauge", help, &plain(u8::from(fails).to_string()));
        let help = "Files of pages written since the start.";
        out.family("page_files_total", "counter", help, &plain(files.to_string()));
    }
    out.0
}

/// The metrics of the members whose reports are combined; empty if there are none.
pub(super) fn members(members: &[MemberStatus]) -> String {
    let mut out = Text(String::new());
    if members.is_empty() {
        return out.0;
    }
    let of = |value: &dyn Fn(&MemberStatus) -> String| -> Samples {
        let label = |of: &MemberStatus| format!("{{monitor=\"{}\"}}", escaped(&of.name));
        members.iter().map(|member| (label(member), value(member))).collect()
    };
    let help = "When the last report of a monitor was written; 0: there is none.";
    out.family("member_report_seconds", "gauge", help, &of(&|of| of.reported.to_string()));
    let help = "Whether the last report of a monitor is at most twice as old as its interval.";
    out.family("member_fresh", "gauge", help, &of(&|of| u8::from(of.is_fresh).to_string()));
    let help = "Whether a monitor votes, for itself or its operator.";
    out.family("member_counted", "gauge", help, &of(&|of| u8::from(of.votes).to_string()));
    let help = "Addresses in the last report of a monitor that the fleet does not have.";
    out.family("member_unknown_addresses", "gauge", help, &of(&|of| of.unknown.to_string()));
    let sane = members.iter().flat_map(|of| {
        let families = ["4", "6"].into_iter().zip(of.is_sane);
        families.map(|(family, is_sane)| {
            let name = escaped(&of.name);
            let labels = format!("{{monitor=\"{name}\",family=\"{family}\"}}");
            (labels, u8::from(is_sane).to_string())
        })
    });
    let help = "Whether a monitor calls up what most of the others call up, and is fresh.";
    out.family("member_sane", "gauge", help, &sane.collect());
    let refused = members.iter().flat_map(|of| {
        ReportError::REASONS.into_iter().map(|reason| {
            let name = escaped(&of.name);
            let labels = format!("{{monitor=\"{name}\",reason=\"{reason}\"}}");
            (labels, of.refused.get(reason).copied().unwrap_or_default().to_string())
        })
    });
    let help = "Reports since the start that were refused, by reason.";
    out.family("reports_refused_total", "counter", help, &refused.collect());
    out.0
}

/// The time of the feed by which all pages were last written, as metrics of an earlier run have it;
/// 0 if they do not.
pub(super) fn pages_written(earlier: &str) -> i64 {
    let value =
        |line: &str| line.strip_prefix("cvdns_monitor_pages_written_seconds ")?.parse().ok();
    earlier.lines().find_map(value).unwrap_or(0)
}

/// Metrics in the text format.
struct Text(String);

impl Text {
    /// Adds a metric with its samples.
    fn family(&mut self, name: &str, kind: &str, help: &str, samples: &Samples) {
        let out = &mut self.0;
        let _ =
            writeln!(out, "# HELP cvdns_monitor_{name} {help}\n# TYPE cvdns_monitor_{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(out, "cvdns_monitor_{name}{labels} {value}");
        }
    }
}

fn by_state(count: &dyn Fn(State) -> usize) -> Samples {
    let sample = |state: &State| (format!("{{state=\"{state}\"}}"), count(*state).to_string());
    STATES.iter().map(sample).collect()
}

fn checks(Checks { serving, faulty, dead, unchecked }: Checks) -> Samples {
    [("serving", serving), ("faulty", faulty), ("dead", dead), ("unchecked", unchecked)]
        .iter()
        .map(|(name, count)| (format!("{{found=\"{name}\"}}"), count.to_string()))
        .collect()
}

/// Whether each address is up, and the timestamp that it last served.
fn by_address(stored: &StoredState) -> (Samples, Samples) {
    let (mut up, mut timestamps) = (Samples::new(), Samples::new());
    for (host, mirror) in &stored.mirrors {
        for (address, known) in mirror.known() {
            let labels = format!("{{mirror=\"{}\",address=\"{address}\"}}", escaped(host));
            up.push((labels.clone(), u8::from(known.state == State::Up).to_string()));
            if let Some(timestamp) = known.timestamp {
                timestamps.push((labels, timestamp.as_second().to_string()));
            }
        }
    }
    (up, timestamps)
}

/// The value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
