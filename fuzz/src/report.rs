//! Reports of monitors.

use cvdns_core::report::{Evidence, Report};
use serde_json::Value;

/// A report that is read says what a plain reading of its JSON finds, and is read as the same once
/// it is written.
pub fn run(input: &[u8]) {
    match Report::parse(input) {
        Ok(report) => check(&report, input),
        Err(error) => assert!(!error.to_string().is_empty() && !error.reason().is_empty()),
    }
}

fn check(report: &Report, input: &[u8]) {
    assert!(!report.follows(report).expect("the same"), "the same report again is no news");
    let octets = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let plain: Value = serde_json::from_slice(octets).expect("JSON");
    assert_eq!(plain["format"], 1);
    assert_eq!(plain["serial"], report.serial);
    assert_eq!(plain["monitor"], report.monitor);
    let mirrors = plain["mirrors"].as_object().expect("an object");
    assert_eq!(mirrors.len(), report.mirrors.len());
    let mut found: Vec<&str> = Vec::new();
    for sighting in report.mirrors.values().flat_map(|of| of.values()) {
        assert!(sighting.checked <= report.generated);
        found.push(match sighting.evidence {
            Evidence::Serves { versions, .. } => {
                assert!(!versions.contains(&0));
                "serves"
            }
            Evidence::Answers => "answers",
            Evidence::Faulty(_) => "faulty",
            Evidence::Dead(_) => "dead",
            Evidence::Unchecked(_) => "unchecked",
        });
    }
    let addresses = mirrors.values().filter_map(Value::as_object).flat_map(|of| of.values());
    let mut plain: Vec<&str> = addresses.filter_map(|of| of["found"].as_str()).collect();
    found.sort_unstable();
    plain.sort_unstable();
    assert_eq!(found, plain);
    // Times are written in whole seconds by a monitor; whatever is read survives.
    let written = report.to_text().expect("JSON");
    assert_eq!(Report::parse(&written).as_ref(), Ok(report));
}
