//! The status in words, as `cvdns status` prints it and the operator's page shows it.

use std::collections::BTreeMap;

use super::bundle_status::BundleStatus;
use super::signing::SigningStatus;
use super::source_status::SourceStatus;
use super::status::{
    DnstapStatus, FeedStatus, LogStatus, OverrideStatus, OverridesStatus, QueryStatus,
    RecordStatus, Status, ZoneStatus,
};
use super::transfer_text::transfers;
use super::transferred::TransferredStatus;
use super::xdp_status::{XdpInterface, XdpQueue};
use cvdns_core::explain::format::age;
use cvdns_core::health::MirrorCondition;
use cvdns_core::problem::{excerpt, plural};

/// A part of the status: its lines, with a label in front of the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// What the lines are about, in a word.
    pub label: &'static str,
    /// The lines; none if there is nothing to say.
    pub lines: Vec<String>,
}

/// Left-out mirrors and overrides that are listed at most; the JSON has all.
const MAX_LISTED: usize = 20;

/// Addresses of an override that are named at most.
const MAX_ADDRESSES: usize = 8;

/// Most characters of an override's reason.
const MAX_REASON: usize = 200;

/// All parts of a status, in the order in which they are shown.
pub(crate) fn sections(status: &Status) -> Vec<Section> {
    let up = age(status.now.duration_since(status.started).as_secs());
    let not_ready = status.not_ready.iter().map(|why| format!("no: {why}"));
    let ready =
        if status.not_ready.is_empty() { vec!["yes".to_owned()] } else { not_ready.collect() };
    let listen =
        status.listen.iter().map(|on| format!("{}, {}", on.address, of(on.workers, "worker")));
    let encrypted = status.encrypted.as_ref().map(|encrypted| encrypted.lines(status.now));
    let [done, failed] = [status.reloads, status.failed_reloads];
    let reloads = (done + failed > 0).then(|| format!("{done} done, {failed} failed"));
    let parts = [
        ("cvdns", vec![format!("{}, since {:.0} ({up})", status.version, status.started)]),
        ("ready", ready),
        ("listen", listen.collect()),
        ("xdp", status.xdp.iter().flat_map(interface).collect()),
        ("encrypted", encrypted.unwrap_or_default()),
        ("zones", status.zones.iter().map(zone).collect()),
        ("bundle", status.bundle.as_ref().map(bundle).unwrap_or_default()),
        ("primaries", transferred(&status.transferred)),
        ("names", vec![status.names.to_string()]),
        ("database", vec![status.database.clone()]),
        ("feed", feed(&status.feed)),
        ("overrides", overrides(status)),
        ("record", record(status.record.as_ref())),
        ("mirrors", mirrors(status)),
        ("queries", queries(&status.queries)),
        ("reloads", reloads.into_iter().collect()),
        ("not taken", status.not_taken.clone()),
        ("log", log(&status.log)),
        ("dnstap", status.dnstap.as_ref().map(dnstap).into_iter().collect()),
        ("transfers", status.transfers.as_ref().map(transfers).unwrap_or_default()),
        ("signing", status.signing.as_ref().map(SigningStatus::lines).unwrap_or_default()),
    ];
    parts.map(|(label, lines)| Section { label, lines }).into()
}

fn zone(zone: &ZoneStatus) -> String {
    let (mirrors, countries) =
        (of(zone.mirrors, "mirror"), plural(zone.countries, "country", "countries"));
    format!("{}: {mirrors} in {countries}", zone.origin)
}

fn bundle(bundle: &BundleStatus) -> Vec<String> {
    let BundleStatus { name, source, serial, generated, since, .. } = bundle;
    let mut lines = vec![
        format!("{name}, serial {serial} of {generated:.0}, in force since {since:.0}"),
        format!("from {source}"),
    ];
    if !bundle.refused.is_empty() {
        lines.push(format!("refused since the start: {}", counts(bundle.refused.iter())));
    }
    lines
}

/// Zones that are transferred, those first that are not served or fail.
fn transferred(zones: &[TransferredStatus]) -> Vec<String> {
    let mut sorted: Vec<&TransferredStatus> = zones.iter().collect();
    sorted.sort_by_key(|zone| (zone.state == "served", zone.complaint.is_none()));
    let mut lines: Vec<String> = sorted.iter().take(MAX_LISTED).map(|zone| zone.line()).collect();
    if let Some(more @ 1..) = sorted.len().checked_sub(MAX_LISTED) {
        lines.push(format!("and {more} more: --json has all"));
    }
    lines
}

/// What became of an interface of `[xdp]`, and what was lost on its queues.
fn interface(xdp: &XdpInterface) -> Vec<String> {
    let XdpInterface { interface, mode, fallback, queues } = xdp;
    let sum = |of: fn(&XdpQueue) -> u64| queues.iter().map(of).sum::<u64>();
    let mut lines = Vec::new();
    let mut before = "";
    match fallback {
        Some(why) if queues.is_empty() => {
            lines.push(format!("{interface}: FALLBACK to sockets: {why}"));
        }
        Some(why) if why.starts_with("in part: ") => {
            lines.push(format!("{interface}: FALLBACK to sockets {why}"));
        }
        Some(why) => {
            lines.push(format!("{interface}: FALLBACK, by sockets now: {why}"));
            before = "by AF_XDP before: ";
        }
        None => {}
    }
    if !queues.is_empty() {
        lines.push(format!(
            "{interface}: {before}{mode}, {}; {} received, {} answered",
            of(queues.len(), "queue"),
            sum(|queue| queue.received),
            sum(|queue| queue.answered)
        ));
    }
    for queue in queues {
        let unsent = (queue.send_errors > 0).then(|| format!("{} not sent", queue.send_errors));
        let some = |what: &str, reasons: &BTreeMap<String, u64>| {
            let some: Vec<_> = reasons.iter().filter(|(_, count)| **count > 0).collect();
            (!some.is_empty()).then(|| format!("{what}: {}", counts(some.into_iter())))
        };
        let parts = [some("refused", &queue.refused), some("lost", &queue.lost), unsent];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if !parts.is_empty() {
            lines.push(format!("{interface} queue {}: {}", queue.queue, parts.join("; ")));
        }
    }
    lines
}

/// The level, unless it is the configured one, what was lost, and why its file is not open.
fn log(log: &LogStatus) -> Vec<String> {
    let LogStatus { level, dropped, write_errors, not_open, .. } = log;
    let set_by = match &*level.set_by {
        "operator" => Some("until the next reload, as an operator asked for"),
        "environment" => Some("by CVDNS_LOG"),
        _ => None,
    };
    let mut lines: Vec<String> =
        set_by.map(|set_by| format!("level {}, {set_by}", level.level)).into_iter().collect();
    if dropped + write_errors > 0 {
        let lost = of(*dropped as usize, "line");
        lines.push(format!("{lost} lost, {} refused", of(*write_errors as usize, "write")));
    }
    lines.extend(not_open.as_ref().map(|why| format!("on standard error, NOT in {why}")));
    lines
}

/// Whether there is a collector, and how much went to it.
fn dnstap(dnstap: &DnstapStatus) -> String {
    let DnstapStatus { socket, connected, sent, dropped } = dnstap;
    let to = if *connected { "to" } else { "NO collector at" };
    format!("{to} {socket}: {} sent, {dropped} dropped", of(*sent as usize, "message"))
}

/// A source of the feed.
fn source(source: &SourceStatus) -> String {
    let SourceStatus { name, serial, age: seconds, .. } = source;
    let in_force = if source.in_force { ", in force" } else { "" };
    let usable = if source.usable { "" } else { ", NOT USABLE NOW" };
    match serial.zip(*seconds) {
        Some((serial, seconds)) => {
            format!("{name} has {serial}, {} old{in_force}{usable}", age(seconds))
        }
        None => format!("{name} has none yet{usable}"),
    }
}

fn feed(feed: &FeedStatus) -> Vec<String> {
    let from = feed.origin().map(|origin| format!(", from {origin}")).unwrap_or_default();
    let mut lines = Vec::new();
    match (feed.serial, feed.generated, feed.age) {
        (Some(serial), Some(generated), Some(seconds)) => {
            let fresh = if feed.fresh == Some(true) { "fresh" } else { "STALE" };
            lines.push(format!("{serial} of {generated:.0}, {} old, {fresh}{from}", age(seconds)));
        }
        _ if feed.source.is_none() => {
            lines.push("none configured: all mirrors count as up".to_owned());
        }
        _ => lines.push(format!("none yet{from}: all mirrors count as up")),
    }
    // Of a single source, everything is said already.
    if feed.sources.len() > 1 {
        lines.extend(feed.sources.iter().map(source));
    }
    if let Some(reason) = &feed.frozen {
        lines.push(format!("FROZEN by the coordinator: {reason}"));
    }
    if let Some(held) = &feed.held {
        let (serial, takes, since) = (held.serial, &held.takes_away, held.since);
        lines.push(format!("held back since {since:.0}: {serial}, it takes away {takes}"));
    }
    if !feed.refused.is_empty() {
        lines.push(format!("refused since the start: {}", counts(feed.refused.iter())));
    }
    lines
}

fn overrides(status: &Status) -> Vec<String> {
    let from = status.overrides_from.as_ref();
    if status.overrides == 0 && from.is_none() {
        return Vec::new();
    }
    let serial = from.map(|OverridesStatus { source, serial, .. }| match serial {
        Some(serial) => format!(", serial {serial} of {source}"),
        None => format!(", nothing yet of {source}"),
    });
    let mut lines = vec![format!("{} in force{}", status.overrides, serial.unwrap_or_default())];
    lines.extend(status.overrides_in_force.iter().take(MAX_LISTED).map(override_words));
    if let Some(more @ 1..) = status.overrides_in_force.len().checked_sub(MAX_LISTED) {
        lines.push(format!("and {more} more: --json has all"));
    }
    if let Some(refused) = from.map(|from| &from.refused).filter(|refused| !refused.is_empty()) {
        lines.push(format!("refused since the start: {}", counts(refused.iter())));
    }
    lines
}

/// `a.example 192.0.2.1: down (disk swap, until 2026-12-01T06:00:00Z)`
fn override_words(entry: &OverrideStatus) -> String {
    let OverrideStatus { host, addresses, state, reason, until } = entry;
    let named = addresses.iter().take(MAX_ADDRESSES).map(|address| format!(" {address}"));
    let more = match addresses.len().saturating_sub(MAX_ADDRESSES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
    let reason = excerpt(reason, MAX_REASON);
    format!("{host}{}{more}: {state} ({reason}{until})", named.collect::<String>())
}

fn record(record: Option<&RecordStatus>) -> Vec<String> {
    let Some(record) = record else { return vec!["no name serves it".to_owned()] };
    let mut lines = vec![match (&record.text, record.age) {
        (Some(text), Some(seconds)) => format!("{text}, stamp {} old", age(seconds)),
        (Some(text), None) => text.clone(),
        (None, _) if record.stale => "SERVFAIL, as the record is too old".to_owned(),
        (None, _) => "SERVFAIL, as no release is known".to_owned(),
    }];
    lines.extend(record.waits.iter().map(|waits| format!("waits: {waits}")));
    lines.extend(record.suspect.iter().map(|why| format!("suspect: {why}")));
    lines
}

/// Mirrors by state, and the mirrors that are left out with the reason.
fn mirrors(status: &Status) -> Vec<String> {
    let order = MirrorCondition::ALL.map(MirrorCondition::label);
    let states = order.iter().filter_map(|state| Some((*state, *status.mirrors.get(*state)?)));
    let shown: Vec<String> = states
        .filter(|(state, count)| *count > 0 || *state == "up")
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let mut lines = vec![shown.join(", ")];
    let out = status.left_out.iter().take(MAX_LISTED);
    lines.extend(out.map(|out| format!("left out: {} {}: {}", out.country, out.host, out.why)));
    if let Some(more @ 1..) = status.left_out.len().checked_sub(MAX_LISTED) {
        lines.push(format!("and {more} more: --json has all"));
    }
    lines
}

fn queries(queries: &QueryStatus) -> Vec<String> {
    let mut lines = vec![format!(
        "{} by UDP, {} by TCP ({} open now); {} answered",
        queries.udp,
        queries.tcp,
        of(queries.connections as usize, "connection"),
        queries.answered
    )];
    if queries.answered > 0 {
        lines.push(format!("by name: {}", counts(queries.by_class.iter())));
        lines.push(format!("by rcode: {}", counts(queries.by_rcode.iter())));
        let rest = [
            ("with ECS", queries.ecs),
            ("truncated", queries.truncated),
            ("with mirrors from further along the path", queries.widened),
            ("with mirrors behind the record", queries.lagging),
            ("with mirrors not known to work", queries.fail_open),
        ];
        let rest: Vec<String> = rest
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        if !rest.is_empty() {
            lines.push(rest.join(", "));
        }
    }
    lines
}

/// Counts with their names, the largest first.
fn counts<'c>(of: impl Iterator<Item = (&'c String, &'c u64)>) -> String {
    let mut all: Vec<(&String, &u64)> = of.collect();
    all.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
    let words: Vec<String> = all.iter().map(|(what, count)| format!("{count} {what}")).collect();
    words.join(", ")
}

fn of(count: usize, what: &str) -> String {
    plural(count, what, &format!("{what}s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_says_what_it_is_about_and_is_cut() {
        let entry = |addresses: &[&str], reason: &str, until: Option<&str>| {
            override_words(&OverrideStatus {
                host: "*.example".to_owned(),
                addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
                state: cvdns_core::health::State::Down,
                reason: reason.to_owned(),
                until: until.map(|until| until.parse().unwrap()),
            })
        };
        assert_eq!(entry(&[], "gone", None), "*.example: down (gone)");
        assert_eq!(
            entry(&["192.0.2.1", "2001:db8::1"], "swap", Some("2026-12-01T06:00:00Z")),
            "*.example 192.0.2.1 2001:db8::1: down (swap, until 2026-12-01T06:00:00Z)"
        );
        let long = entry(&["192.0.2.1"; 20], &format!("\u{202e}{}", "x".repeat(9_000)), None);
        assert!(long.contains(" and 12 more: ") && long.contains("(\\u202ex"), "{long}");
        assert!(long.chars().count() < 400, "{long}");
    }

    #[test]
    fn an_interface_says_who_answers_now_and_who_did_before() {
        let shown = |fallback: Option<&str>, queues: u32| {
            let queue = |queue| XdpQueue {
                queue,
                received: 7,
                answered: 6,
                send_errors: 0,
                refused: BTreeMap::new(),
                lost: BTreeMap::new(),
            };
            interface(&XdpInterface {
                interface: "eth0".to_owned(),
                mode: "native".to_owned(),
                fallback: fallback.map(ToOwned::to_owned),
                queues: (0..queues).map(queue).collect(),
            })
        };
        let counts = "native, 1 queue; 7 received, 6 answered";
        assert_eq!(shown(None, 1), [format!("eth0: {counts}")]);
        assert_eq!(shown(Some("no such"), 0), ["eth0: FALLBACK to sockets: no such"]);
        assert_eq!(
            shown(Some("it is down"), 1),
            [
                "eth0: FALLBACK, by sockets now: it is down".to_owned(),
                format!("eth0: by AF_XDP before: {counts}")
            ]
        );
        assert_eq!(
            shown(Some("in part: no memory"), 1),
            ["eth0: FALLBACK to sockets in part: no memory".to_owned(), format!("eth0: {counts}")]
        );
    }
}
