//! `--growth`: the cost of a larger fleet and of a larger zone.

use std::process::ExitCode;

use crate::cvdns::{self, Options};
use crate::fleet::Fleet;
use crate::load::Load;
use crate::outcome::{Outcome, median};
use crate::process;
use crate::race::{Effort, Track};
use crate::server::Server;
use crate::table;
use crate::workload::Workload;

/// Mirrors and countries of each fleet.
const FLEETS: [(usize, usize); 3] = [(100, 50), (1_000, 100), (10_000, 200)];

const STATIC_NAMES: [usize; 3] = [10, 1_000, 100_000];

/// A running server of one size and its queries.
struct Size {
    label: String,
    server: Server,
    track: Track,
    workload: Workload,
}

/// Prints CPU time per query and resident memory, also relative to the smallest size.
pub fn run(effort: Effort) -> ExitCode {
    for workload in [Workload::Mixed, Workload::Client, Workload::Country] {
        let size = |(mirrors, countries)| {
            Size::new(format!("{mirrors} mirrors"), Fleet::new(mirrors, countries), 0, workload)
        };
        report(&workload.to_string(), &FLEETS.map(size), effort);
    }
    let size =
        |names| Size::new(format!("{names} names"), Fleet::race(), names, Workload::Static(names));
    report("static names", &STATIC_NAMES.map(size), effort);
    ExitCode::SUCCESS
}

impl Size {
    fn new(label: String, fleet: Fleet, static_names: usize, workload: Workload) -> Self {
        let options = Options { static_names, ..Options::default() };
        let server = cvdns::start(&fleet, &options).pinned();
        Self { label, server, track: Track::new(fleet), workload }
    }
}

fn report(title: &str, sizes: &[Size], effort: Effort) {
    let query_files: Vec<_> =
        sizes.iter().map(|size| size.track.queries(size.workload).path).collect();
    let round = |seconds: f64| -> Vec<Outcome> {
        sizes
            .iter()
            .zip(&query_files)
            .map(|(size, queries)| Load::of(&size.server, queries, seconds).measure())
            .collect()
    };
    round(0.3);
    let rounds: Vec<Vec<Outcome>> = (0..effort.rounds).map(|_| round(effort.seconds)).collect();
    let memory: Vec<f64> =
        sizes.iter().map(|size| process::resident(size.server.pid()) as f64).collect();
    let mut table =
        table::new(&[title, "µs CPU", "ratio", "octets", "lost", "wrong", "MiB resident", "ratio"]);
    for (number, size) in sizes.iter().enumerate() {
        let of = |figure: &dyn Fn(&Outcome) -> f64| {
            median(rounds.iter().map(|round| figure(&round[number])))
        };
        let ratio = median(rounds.iter().map(|round| round[number].cost() / round[0].cost()));
        let sum = |count: fn(&Outcome) -> u64| {
            rounds.iter().map(|round| count(&round[number])).sum::<u64>()
        };
        table.add_row([
            size.label.clone(),
            format!("{:.3}", of(&Outcome::cost)),
            format!("{ratio:.3}"),
            format!("{:.0}", of(&|outcome| outcome.octets)),
            sum(Outcome::lost).to_string(),
            sum(|outcome| outcome.wrong).to_string(),
            format!("{:.1}", memory[number] / f64::from(1 << 20)),
            format!("{:.2}", memory[number] / memory[0]),
        ]);
    }
    println!("\n{table}");
}
