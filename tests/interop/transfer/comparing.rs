//! Compares the answers of secondaries with those of the server and of its export, name by name.

use std::collections::BTreeSet;

use super::ZONES;
use super::secondaries::{Secondary, transferred};
use crate::export::answers::{Outcome, TYPES, gathered};
use crate::export::exporting::export;
use crate::export::servers::named;
use crate::support::daemon::Daemon;
use crate::support::half_hour;
use crate::support::packet::Query;

/// A network that the country database of the fixture does not know.
const UNKNOWN: &str = "100.64.0.0/24";

/// All names of a zone, the ones between, and for each of them one below it, which a wildcard may
/// answer.
fn names(daemon: &Daemon, secondary: &Secondary, zone: &str) -> Vec<String> {
    let mut names = BTreeSet::new();
    for line in transferred(daemon.port(), zone, Some(secondary.program)) {
        let owner = line.split(' ').next().expect("an owner").trim_end_matches('.');
        let mut name = owner;
        while name.len() >= zone.len() {
            names.insert(name.to_owned());
            names.insert(format!("nowhere.{name}"));
            name = name.split_once('.').map_or("", |(_, rest)| rest);
        }
    }
    names.into_iter().filter(|name| !name.contains('*')).collect()
}

/// Each secondary answers every name and type as BIND does from an export without views, and so
/// does the server for clients that the country database does not know. Of all names, every so many
/// are asked.
pub(super) fn compare(daemon: &Daemon, secondaries: &[Secondary], every: usize) {
    loop {
        let begun = half_hour();
        let (asked, wrong) = differences(daemon, secondaries, every);
        if wrong.is_empty() {
            assert!(asked * every > 5_000, "{asked}");
            return;
        }
        // The stamp of the record changes every half hour.
        let some = wrong[..wrong.len().min(10)].join("\n");
        assert_ne!(half_hour(), begun, "{} of {asked} differ:\n{some}", wrong.len());
    }
}

/// How many questions were asked, and which answers differ.
fn differences(daemon: &Daemon, secondaries: &[Secondary], every: usize) -> (usize, Vec<String>) {
    let out = tempfile::tempdir().expect("a directory");
    export(&daemon.path().join("cvdns.toml"), out.path(), &[]);
    let exported = named(out.path(), "");
    let (mut asked, mut wrong) = (0, Vec::new());
    for zone in ZONES {
        for name in names(daemon, &secondaries[0], zone).iter().step_by(every) {
            for qtype in TYPES {
                let query = Query::new(name, qtype).edns(4096);
                let expected = Outcome::asked(exported.port, &query);
                for secondary in secondaries {
                    let found = Outcome::asked(secondary.port, &query);
                    if found != expected {
                        let program = secondary.program;
                        wrong.push(format!(
                            "{name} {qtype}: {program:?}\n  {found:?}\n  {expected:?}"
                        ));
                    }
                }
                let ours = gathered(daemon.port(), &query.subnet(UNKNOWN), &expected);
                if ours != expected {
                    wrong.push(format!("{name} {qtype}: cvdns\n  {ours:?}\n  {expected:?}"));
                }
                asked += 1;
            }
        }
    }
    (asked, wrong)
}
