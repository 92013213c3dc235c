//! The cost of an answer over loopback: cvdns, a reflector as the lower bound, and the other name
//! servers that are installed.
//!
//! Run `cargo bench --bench wire`; benches/README.md explains the measurements.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod before;
mod check;
mod client_socket;
mod compare;
mod cvdns;
mod effect;
mod fleet;
mod growth;
mod load;
mod outcome;
mod paced;
mod peers;
mod process;
#[path = "../queries/mod.rs"]
mod queries;
mod query_set;
mod race;
mod ratios;
mod reflector;
mod server;
mod system;
mod table;
mod workers;
mod workload;
mod xdp;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use load::Load;
use race::Effort;
use reflector::Reflector;
use workload::Workload;

/// Measures CPU time per answer and latencies over loopback.
#[derive(Parser)]
#[command(name = "wire")]
#[allow(clippy::struct_excessive_bools, reason = "so are flags")]
struct Args {
    /// Fail when a ratio to the reflector is more than 20 % worse than the committed one.
    #[arg(long, group = "mode")]
    check: bool,
    /// Latencies at a steady rate while feeds change.
    #[arg(long, group = "mode")]
    paced: bool,
    /// Time from the rename of a feed to the first answer that uses it.
    #[arg(long, group = "mode")]
    effect: bool,
    /// Cost by size of fleet and zone.
    #[arg(long, group = "mode")]
    growth: bool,
    /// Two workers compared with one.
    #[arg(long, group = "mode")]
    workers: bool,
    /// Compare with another build of cvdns: the cost of a change, or of metrics, explanations and
    /// samples.
    #[arg(long, group = "mode", value_name = "PROGRAM")]
    before: Option<PathBuf>,
    /// `AF_XDP` compared with sockets, on virtual interfaces (root, iproute2, ethtool).
    #[arg(long, group = "mode")]
    xdp: bool,
    /// Rate limit and cookies compared with neither.
    #[arg(long, group = "mode")]
    guard: bool,
    /// Signed answers compared with the same without signatures.
    #[arg(long, group = "mode")]
    signed: bool,
    /// Write the ratios of this run to benches/wire/ratios.toml.
    #[arg(long, group = "mode")]
    commit: bool,
    /// Other name servers: all, none, or some of gdnsd, knotd, `pdns_server`, nsd, named.
    #[arg(long, value_name = "LIST", default_value = "all", value_parser = peers::parse_list)]
    peers: String,
    /// Seconds of each run: 1.5, 0.3 with --before, --guard and --signed, or 20 with --paced and
    /// --effect.
    #[arg(long, value_parser = positive)]
    seconds: Option<f64>,
    /// Runs of each server: 3, or 60 with --before, --guard and --signed.
    #[arg(long)]
    runs: Option<usize>,
    /// Queries a second: 30,000 with --paced, 20,000 with --effect.
    #[arg(long, value_parser = positive)]
    rate: Option<f64>,
    /// Clients with --xdp, of 65,536 at most.
    #[arg(long, default_value_t = 1 << 16, value_parser = clap::value_parser!(u32).range(1..=1 << 16))]
    clients: u32,
    /// Workloads whose names contain this.
    filter: Option<String>,
    /// Passed by cargo to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let mut args = std::env::args();
    // The first is the program; of the rest clap takes the first for the program's name.
    match args.nth(1).as_deref() {
        Some("--reflector") => Reflector::parse_from(std::env::args().skip(1)).run(),
        Some("--load") => Load::parse_from(std::env::args().skip(1)).run(),
        _ => measure(&Args::parse()),
    }
}

fn measure(args: &Args) -> ExitCode {
    if process::cores() < 2 {
        println!(
            "One core only: server and load share it, and CPU times are higher than they need be."
        );
    }
    let (seconds, rounds) =
        if args.before.is_some() || args.guard || args.signed { (0.3, 60) } else { (1.5, 3) };
    let effort = Effort {
        seconds: args.seconds.unwrap_or(seconds),
        rounds: args.runs.unwrap_or(rounds).max(1),
    };
    let filter = args.filter.as_deref().unwrap_or_default();
    let chosen = workload::ALL.into_iter().filter(|workload| workload.to_string().contains(filter));
    let chosen: Vec<Workload> = chosen.collect();
    match args {
        _ if chosen.is_empty() => ExitCode::SUCCESS,
        Args { check: true, .. } => check::run(),
        Args { paced: true, .. } => {
            paced::run(args.seconds.unwrap_or(20.0), args.rate.unwrap_or(30_000.0))
        }
        Args { effect: true, .. } => {
            effect::run(args.seconds.unwrap_or(20.0), args.rate.unwrap_or(20_000.0))
        }
        Args { growth: true, .. } => growth::run(effort),
        Args { workers: true, .. } => workers::run(effort),
        Args { before: Some(program), .. } => before::run(&chosen, program, effort),
        Args { xdp: true, .. } => xdp::run(&chosen, effort, args.clients),
        Args { guard: true, .. } => before::guard(&chosen, effort),
        Args { signed: true, .. } => before::signed(&chosen, effort),
        Args { commit, .. } => compare::run(&chosen, &args.peers, effort, *commit),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| *number > 0.0 && number.is_finite());
    number.ok_or_else(|| "expected a number above 0".to_owned())
}
