//! Transfers in words, as a part of the status.

use crate::transfer::{SecondaryStatus, SecondaryZone, TransferStatus};
use cvdns_core::explain::format::age;
use cvdns_core::problem::plural;

/// Zones that are listed at most; the JSON has all.
const MAX_LISTED: usize = 20;

/// The lines about transfers.
pub(super) fn transfers(status: &TransferStatus) -> Vec<String> {
    let listed = status.zones.iter().take(MAX_LISTED);
    let mut lines: Vec<String> = listed
        .map(|zone| {
            let records = plural(zone.records, "record", "records");
            format!("{}: serial {} since {:.0}, {records}", zone.zone, zone.serial, zone.since)
        })
        .collect();
    lines.extend(more(status.zones.len()));
    lines.extend(status.client_names.iter().map(|zone| {
        format!("{zone}: NOT transferred, as answers depend on the client (client-names)")
    }));
    for secondary in &status.secondaries {
        lines.extend(of_secondary(secondary));
    }
    let counts = |counts: &std::collections::BTreeMap<String, u64>| {
        let some = counts.iter().filter(|(_, count)| **count > 0);
        some.map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    };
    for (what, words) in [("sent", counts(&status.sent)), ("refused", counts(&status.refused))] {
        if !words.is_empty() {
            lines.push(format!("{what}: {words}"));
        }
    }
    lines
}

fn of_secondary(secondary: &SecondaryStatus) -> Vec<String> {
    let SecondaryStatus { address, key, behind, notify_error, zones, .. } = secondary;
    let state = match behind {
        None => "has the newest versions".to_owned(),
        Some(seconds) => format!("BEHIND for {}", age(*seconds)),
    };
    let mut lines = vec![format!("to {address} (key {key}): {state}")];
    let late: Vec<&SecondaryZone> = zones.iter().filter(|zone| !zone.current).collect();
    lines.extend(late.iter().take(MAX_LISTED).map(|zone| {
        let has = match (zone.serial, zone.at) {
            (Some(serial), Some(at)) => format!("has serial {serial} since {at:.0}"),
            _ => "has shown no serial yet".to_owned(),
        };
        format!("to {address}: {}: {has}", zone.zone)
    }));
    lines.extend(more(late.len()));
    lines.extend(notify_error.iter().map(|why| format!("to {address}: not notified: {why}")));
    lines
}

fn more(count: usize) -> Option<String> {
    let more = count.checked_sub(MAX_LISTED).filter(|more| *more > 0)?;
    Some(format!("and {more} more: --json has all"))
}
