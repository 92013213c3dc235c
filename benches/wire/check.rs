//! `--check`: a short run that fails if cvdns became slower.

use std::process::ExitCode;

use crate::fleet::Fleet;
use crate::race::{Effort, FLOOR, Race, Track};
use crate::ratios::{Ratios, TOLERANCE};
use crate::workload::{ALL, Workload};
use crate::{compare, cvdns};

const EFFORT: Effort = Effort { seconds: 1.0, rounds: 5 };

/// Share of queries that must be answered, 0 to 1.
const ANSWERED: f64 = 0.99;

/// Compares with the committed ratios. A failure is confirmed by a second run, as other processes
/// on the machine cause noise.
pub fn run() -> ExitCode {
    let first = faults(&ALL);
    if first.is_empty() {
        println!("no ratio is more than {:.0} % worse than committed", (TOLERANCE - 1.0) * 100.0);
        return ExitCode::SUCCESS;
    }
    let again: Vec<Workload> = first.iter().map(|(workload, _)| *workload).collect();
    println!("not as it should be, so once more:");
    let second = faults(&again);
    for (_, fault) in &second {
        eprintln!("error: {fault}");
    }
    if second.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is wrong, by workload.
fn faults(workloads: &[Workload]) -> Vec<(Workload, String)> {
    let committed = Ratios::read();
    let track = Track::new(Fleet::race());
    let cvdns = cvdns::start(&track.fleet, &cvdns::Options::default()).pinned();
    let mut faults = Vec::new();
    for workload in workloads {
        let race = Race::run(*workload, &track, &cvdns, &[], EFFORT);
        println!("\n{workload}\n{}", compare::rows(&race));
        if let Some(fault) = fault(&race, committed.get(*workload)) {
            println!("{fault}");
            faults.push((*workload, fault));
        }
    }
    faults
}

fn fault(race: &Race, committed: f64) -> Option<String> {
    let workload = race.workload;
    for (server, name) in race.names.iter().enumerate() {
        let (answered, _, wrong) = race.counts(server);
        if wrong > 0 {
            return Some(format!("{workload}: {wrong} wrong answers of {name}"));
        }
        if answered < ANSWERED {
            return Some(format!(
                "{workload}: only {:.1} % of answers of {name}",
                answered * 100.0
            ));
        }
    }
    let ratio = race.ratio(FLOOR + 1);
    let worse = (ratio / committed - 1.0) * 100.0;
    (ratio > committed * TOLERANCE).then(|| {
        format!(
            "{workload}: cvdns takes {ratio:.3} times the CPU of the reflector; committed is {committed:.3}, so it is {worse:.0} % worse"
        )
    })
}
