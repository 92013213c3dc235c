//! Metrics, as a file for the textfile collector of Prometheus's node exporter: a coordinator that is run by cron has no port
//! that could be asked.

use std::fmt::Write as _;

use super::memory::Memory;
use cvdns_core::health::State;

/// The states that the rule knows.
const STATES: [State; 4] = [State::Up, State::Old, State::Down, State::Removed];

/// All metrics, in the text format (version 0.0.4). Labels are names and addresses of the fleet file.
pub(super) fn text(memory: &Memory, published: i64) -> String {
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, String)]| {
        let _ =
            writeln!(out, "# HELP cvdns_monitor_{name} {help}\n# TYPE cvdns_monitor_{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(out, "cvdns_monitor_{name}{labels} {value}");
        }
    };
    let plain = |value: String| vec![(String::new(), value)];
    family(
        "feed_serial",
        "gauge",
        "Serial of the feed written last.",
        &plain(memory.serial.to_string()),
    );
    family(
        "feed_written_seconds",
        "gauge",
        "When the feed was written last.",
        &plain(published.to_string()),
    );
    let count = |of: &dyn Fn(State) -> usize| -> Vec<(String, String)> {
        STATES
            .iter()
            .map(|state| (format!("{{state=\"{state}\"}}"), of(*state).to_string()))
            .collect()
    };
    let mirrors = |state| memory.mirrors.values().filter(|mirror| mirror.state == state).count();
    family("mirrors", "gauge", "Mirrors by state.", &count(&mirrors));
    let addresses = |state| {
        let known = memory.mirrors.values().flat_map(super::memory::Mirror::known);
        known.filter(|(_, known)| known.state == state).count()
    };
    family("addresses", "gauge", "Addresses by state.", &count(&addresses));
    let checks = memory.checks;
    let checks = [
        ("serving", checks.serving),
        ("faulty", checks.faulty),
        ("dead", checks.dead),
        ("unchecked", checks.unchecked),
    ];
    let checks: Vec<(String, String)> = checks
        .iter()
        .map(|(name, count)| (format!("{{found=\"{name}\"}}"), count.to_string()))
        .collect();
    family("checks_total", "counter", "Checks of addresses, by what they found.", &checks);
    let (mut up, mut timestamps) = (Vec::new(), Vec::new());
    for (host, mirror) in &memory.mirrors {
        for (address, known) in mirror.known() {
            let labels = format!("{{mirror=\"{}\",address=\"{address}\"}}", escaped(host));
            up.push((labels.clone(), u8::from(known.state == State::Up).to_string()));
            timestamps.extend(
                known.timestamp.map(|timestamp| (labels, timestamp.as_second().to_string())),
            );
        }
    }
    family("address_up", "gauge", "Whether an address is up.", &up);
    family(
        "address_timestamp_seconds",
        "gauge",
        "The timestamp that an address served last.",
        &timestamps,
    );
    out
}

/// A label's value.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
