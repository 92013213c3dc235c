//! `--workers`: compares two workers with one. Nothing is pinned to a core.

use std::process::ExitCode;

use crate::cvdns::{self, Options};
use crate::fleet::Fleet;
use crate::load::Load;
use crate::outcome::{Outcome, median};
use crate::race::{Effort, Track};
use crate::table;
use crate::workload::Workload;

/// Sockets of the load. With few, the kernel might assign all of them to one worker.
const SOCKETS: usize = 16;

/// Prints CPU time per query and answers per second. Nothing is checked, as the load shares the
/// cores.
pub fn run(effort: Effort) -> ExitCode {
    let track = Track::new(Fleet::race());
    let queries = track.queries(Workload::Mixed);
    let servers = [1, 2]
        .map(|workers| cvdns::start(&track.fleet, &Options { workers, ..Options::default() }));
    let round = |seconds| {
        servers.each_ref().map(|server| {
            Load {
                sockets: SOCKETS,
                sleep: true,
                pin: false,
                ..Load::of(server, &queries.path, seconds)
            }
            .measure()
        })
    };
    round(0.3);
    let rounds: Vec<[Outcome; 2]> = (0..effort.rounds).map(|_| round(effort.seconds)).collect();
    let mut table =
        table::new(&["mixed", "µs CPU", "ratio", "answers/s", "ratio", "lost", "wrong"]);
    for (number, name) in ["one worker", "two workers"].iter().enumerate() {
        let of = |figure: &dyn Fn(&Outcome) -> f64| {
            median(rounds.iter().map(|round| figure(&round[number])))
        };
        let ratio = |figure: &dyn Fn(&Outcome) -> f64| {
            median(rounds.iter().map(|round| figure(&round[number]) / figure(&round[0])))
        };
        let sum = |count: fn(&Outcome) -> u64| {
            rounds.iter().map(|round| count(&round[number])).sum::<u64>()
        };
        table.add_row([
            (*name).to_owned(),
            format!("{:.3}", of(&Outcome::cost)),
            format!("{:.3}", ratio(&Outcome::cost)),
            format!("{:.0}", of(&Outcome::per_second)),
            format!("{:.3}", ratio(&Outcome::per_second)),
            sum(Outcome::lost).to_string(),
            sum(|outcome| outcome.wrong).to_string(),
        ]);
    }
    println!("\n{table}");
    ExitCode::SUCCESS
}
