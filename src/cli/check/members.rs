//! Reads the reports of the members (`[[monitor.member]]`) as the coordinator would that combines
//! them. Only its machine has to have them, so what is wrong is a warning.

use std::path::Path;
use std::thread;

use jiff::Timestamp;

use crate::load::{self, Loaded};
use cvdns_core::config::Member;
use cvdns_core::problem::{Problem, Problems};
use cvdns_monitor::ReportSource;

const ONLY_THERE: &str = "it is needed only where `cvdns monitor --combine` runs";

pub(super) fn check(config: &Path, loaded: &Loaded, now: Timestamp, problems: &mut Problems) {
    if loaded.config.monitor.members.is_empty() {
        return;
    }
    let mut of_members = Problems::default();
    let members = load::members(config, &loaded.config, &mut of_members);
    for problem in of_members.iter() {
        // Authorities are those of the feed, which were read before.
        let Problem { location, what, help, .. } = problem;
        if !problems.iter().any(|known| (&known.location, &known.what) == (location, what)) {
            problems.warning(location.clone(), what.clone(), format!("{help}; {ONLY_THERE}"));
        }
    }
    // One that cannot be reached takes seconds.
    let whats: Vec<Option<String>> = thread::scope(|scope| {
        let all = members.iter().map(|(member, source)| scope.spawn(|| wrong(member, source, now)));
        let all: Vec<_> = all.collect();
        all.into_iter().map(|one| one.join().unwrap_or_default()).collect()
    });
    for ((member, _), what) in members.iter().zip(whats) {
        if let Some(what) = what {
            let help = format!("docs/monitor.md, Several monitors; {ONLY_THERE}");
            problems.warning(member.source.location.clone(), what, help);
        }
    }
}

/// What is wrong with the report of a member.
fn wrong(member: &Member, source: &ReportSource, now: Timestamp) -> Option<String> {
    let (name, place) = (&member.name.value, source.place());
    match source.read(member, now) {
        Err(error) => Some(format!("the report of {name} would not be used ({place}): {error}")),
        Ok(report) if !report.is_fresh(now) => Some(format!(
            "the report of {name} is late ({place}): it is of {:.0}, and has no vote",
            report.generated
        )),
        Ok(_) => None,
    }
}
