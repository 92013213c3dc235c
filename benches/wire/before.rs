//! `--before`, `--guard` and `--signed`: compare this build with another one, or with itself
//! without rate limit and cookies, or with signatures, as precisely as the machine allows.

use std::path::Path;
use std::process::ExitCode;

use crate::cvdns::{self, Options};
use crate::fleet::Fleet;
use crate::load::Load;
use crate::outcome::{Outcome, median};
use crate::queries::Numbers;
use crate::race::{Effort, Queries, Track};
use crate::server::Server;
use crate::table;
use crate::workload::Workload;

/// How often all servers are restarted: the layout of memory is another source of noise.
const STARTS: usize = 6;

/// Seconds of load before anything counts.
const WARM: f64 = 0.2;

/// Compares with another build.
pub fn run(workloads: &[Workload], program: &Path, effort: Effort) -> ExitCode {
    let program = program.canonicalize().expect("the path of another build");
    let before = Options { name: "before", program, ..Options::default() };
    let servers = [
        before.clone(),
        Options { name: "before, again", ..before },
        Options::default(),
        Options { name: "cvdns, all observed", observed: true, ..Options::default() },
    ];
    compare(workloads, &servers, effort)
}

/// Shows what rate limit and cookies cost a query that is answered.
pub fn guard(workloads: &[Workload], effort: Effort) -> ExitCode {
    let unguarded = Options { name: "neither", unguarded: true, ..Options::default() };
    let servers = [
        unguarded.clone(),
        Options { name: "neither, again", ..unguarded },
        Options { name: "rate limit and cookies", ..Options::default() },
    ];
    compare(workloads, &servers, effort)
}

/// Shows what signatures cost a query that is answered: all queries have DO.
pub fn signed(workloads: &[Workload], effort: Effort) -> ExitCode {
    let unsigned = Options { name: "not signed", ..Options::default() };
    let servers = [
        unsigned.clone(),
        Options { name: "not signed, again", ..unsigned },
        Options { name: "signed, P-256", signed: Some("ecdsap256sha256"), ..Options::default() },
        Options { name: "signed, Ed25519", signed: Some("ed25519"), ..Options::default() },
    ];
    let track = Track::new(Fleet::race());
    for workload in workloads {
        let queries = track.queries_with_do(*workload);
        println!("\n{}", report(*workload, (&track, &queries), &servers, effort));
    }
    ExitCode::SUCCESS
}

/// Prints the cost of each server relative to the first one. That one runs twice: the difference
/// between its two runs is the precision of the figures.
fn compare(workloads: &[Workload], servers: &[Options], effort: Effort) -> ExitCode {
    let track = Track::new(Fleet::race());
    for workload in workloads {
        let queries = track.queries(*workload);
        println!("\n{}", report(*workload, (&track, &queries), servers, effort));
    }
    ExitCode::SUCCESS
}

fn report(
    workload: Workload,
    asked: (&Track, &Queries),
    servers: &[Options],
    effort: Effort,
) -> String {
    let rounds = rounds(asked, servers, effort);
    let mut table = table::new(&["", "µs CPU", "ratio", "95 % of its medians", "lost", "wrong"]);
    for (server, options) in servers.iter().enumerate() {
        let cost = median(rounds.iter().map(|round| round[server].cost()));
        let mut ratios: Vec<f64> =
            rounds.iter().map(|round| round[server].cost() / round[0].cost()).collect();
        ratios.sort_by(f64::total_cmp);
        let (low, high) = interval(&ratios);
        let sum = |count: fn(&Outcome) -> u64| {
            rounds.iter().map(|round| count(&round[server])).sum::<u64>()
        };
        table.add_row([
            options.name.to_owned(),
            format!("{cost:.3}"),
            format!("{:.3}", median(ratios.iter().copied())),
            format!("{low:.3} to {high:.3}"),
            sum(Outcome::lost).to_string(),
            sum(|outcome| outcome.wrong).to_string(),
        ]);
    }
    let (runs, seconds) = (rounds.len(), effort.seconds);
    format!("{workload}: medians of {runs} runs of {seconds} s, {STARTS} starts\n{table}")
}

/// The outcomes of all servers in each round. Each round has an order of its own.
fn rounds(
    (track, queries): (&Track, &Queries),
    servers: &[Options],
    effort: Effort,
) -> Vec<Vec<Outcome>> {
    let mut numbers = Numbers(5);
    let mut rounds = Vec::new();
    for _ in 0..STARTS {
        let start = |options: &Options| cvdns::start(&track.fleet, options).pinned();
        let running: Vec<Server> = servers.iter().map(start).collect();
        for server in &running {
            Load::of(server, &queries.path, WARM).measure();
        }
        for _ in 0..effort.rounds.div_ceil(STARTS) {
            let mut round: Vec<Option<Outcome>> = vec![None; running.len()];
            let mut left: Vec<usize> = (0..running.len()).collect();
            while !left.is_empty() {
                let number = left.swap_remove(numbers.below(left.len()));
                let load = Load::of(&running[number], &queries.path, effort.seconds);
                round[number] = Some(load.measure());
            }
            rounds.push(round.into_iter().flatten().collect());
        }
    }
    rounds
}

/// The 95 % confidence interval of the median: the number of sorted ratios below the median follows
/// a binomial distribution, approximated as a normal one.
#[allow(clippy::cast_sign_loss, reason = "it is made positive")]
fn interval(sorted: &[f64]) -> (f64, f64) {
    let last = sorted.len() - 1;
    // 1.96 standard deviations; the standard deviation is half the square root of the count.
    let below = (sorted.len() as f64).sqrt().mul_add(-0.98, last as f64 / 2.0).floor().max(0.0);
    let below = below as usize;
    (sorted[below], sorted[last - below])
}
