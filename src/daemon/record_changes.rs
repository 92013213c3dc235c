//! Logs how the record that is announced changes, and why.

use tracing::{info, warn};

use cvdns_core::explain::suspect;
use cvdns_core::release::{Announced, Gate};
use cvdns_core::snapshot::DynamicData;

/// Logs what is announced now, if it is not what was announced before.
pub(super) fn log(before: &DynamicData, now: &DynamicData) {
    match (before.announced(), now.announced()) {
        (None, Some(now)) => log_all(now),
        (Some(before), Some(now)) => log_changes(before, now),
        (Some(_), None) => warn!("there is no release any more, and so no record: SERVFAIL"),
        (None, None) => {}
    }
    log_suspect(before, now);
    log_lagging(before, now);
}

fn log_all(announced: &Announced) {
    let gates: Vec<String> = announced.gates.iter().map(Gate::to_string).collect();
    info!("announced: {}", gates.join(", "));
}

fn log_changes(before: &Announced, now: &Announced) {
    for (before, gate) in before.gates.iter().zip(&now.gates) {
        let Gate { database, announced, released, held, released_held, quorum, .. } = gate;
        let (announced, released) = (*announced, *released);
        let lacking = lacking(gate);
        if announced < before.announced {
            let before = before.announced;
            warn!(
                database,
                version = announced,
                before,
                "announced: {gate}, taken back from {before} as the release says"
            );
        } else if announced > before.announced {
            info!(
                database,
                version = announced,
                before = before.announced,
                "announced: {database} {announced}, held by {held} of the usable mirrors' capacity"
            );
            if released > announced {
                info!(
                    database,
                    version = released,
                    "{database} {released} waits: held by {released_held} of {quorum}{lacking}"
                );
            }
        } else if released > announced && released != before.released {
            info!(
                database,
                version = released,
                "{database} {released} waits: held by {released_held} of {quorum}; {announced} stays announced{lacking}"
            );
        } else if released < announced && released != before.released {
            warn!(database, version = announced, "announced: {gate}");
        }
    }
}

/// Which mirrors do not have the released version.
fn lacking(gate: &Gate) -> String {
    if gate.holding_back.is_empty() {
        return String::new();
    }
    format!("; not held by {}", gate.holding_back)
}

/// Logs when the release becomes suspect, and when it no longer is. Which mirrors are stuck is
/// logged with the changes of mirrors.
fn log_suspect(before: &DynamicData, now: &DynamicData) {
    match (before.suspect(), now.suspect()) {
        (false, true) => {
            warn!("the release is suspect: {}; the record waits for them", suspect(now.stuck()));
        }
        (true, false) => info!("the release is no longer suspect"),
        _ => {}
    }
}

/// Logs how many mirrors lag: which ones do changes with every version.
fn log_lagging(before: &DynamicData, now: &DynamicData) {
    if now.lagging() != before.lagging() {
        let count = now.lagging();
        info!(count, "mirrors too far behind the record, and not answered (`lag`): {count}");
    }
    match (before.lagging_paths(), now.lagging_paths()) {
        (before, now) if now > 0 && now != before => {
            warn!(
                count = now,
                "{now} paths have only mirrors too far behind the record: those least behind are answered"
            );
        }
        (1.., 0) => info!("every path has mirrors that hold the record again"),
        _ => {}
    }
}
