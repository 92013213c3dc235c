//! `--xdp`: what an answer costs by `AF_XDP`, beside sockets and a reflector on sockets, the time
//! that the kernel takes for receiving included.

mod bpf;
mod frames;
pub mod lab;
mod live;
mod programs;

use std::process::ExitCode;
use std::sync::Arc;

use comfy_table::Table;

use crate::cvdns::{self, Options};
use crate::fleet::Fleet;
use crate::outcome::median;
use crate::peers::{self, Absence};
use crate::query_set::QuerySet;
use crate::race::{Effort, Track};
use crate::reflector::Reflector;
use crate::server::{Sandbox, Server};
use crate::table;
use crate::workload::Workload;

use frames::Frames;
use lab::Lab;
use live::Cost;

/// Frames that come at once. With few, a thread is woken for few queries.
const BATCHES: [u32; 3] = [64, 16, 4];

/// What answers by `AF_XDP` may cost of the reflector's at most: in the driver, for each of
/// [`BATCHES`], and behind the driver at the first of them.
const NATIVE: [f64; 3] = [0.26, 0.32, 0.46];
const GENERIC: f64 = 0.40;

/// What they may cost of those of Knot DNS by `AF_XDP`.
const OF_KNOT: f64 = 0.70;

/// Seconds of the run by which the length of the reflector's answers is found.
const WARM: f64 = 0.3;

/// Places in the order of servers. The reflector is the first.
const REFLECTOR: usize = 0;
const SOCKETS: usize = 1;
const IN_DRIVER: usize = 2;
const BEHIND_DRIVER: usize = 3;
const KNOT: usize = 4;

/// A server in a network of its own.
struct Racer {
    name: &'static str,
    lab: Arc<Lab>,
    server: Server,
}

/// Prints a table for each workload and size of batches. The queries come from so many clients.
pub fn run(workloads: &[Workload], effort: Effort, clients: u32) -> ExitCode {
    match race(workloads, effort, clients) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn race(workloads: &[Workload], effort: Effort, clients: u32) -> Result<(), String> {
    let track = Track::new(Fleet::race());
    let mut racers = start(&track.fleet)?;
    for workload in workloads.iter().filter(|workload| workload.has_one_length()) {
        let queries = QuerySet::read(&track.queries(*workload).path);
        let queries = queries.map_err(|error| format!("the queries: {error}"))?;
        let frames = Frames::of(&queries, clients);
        let octets = racers[0].measure(&frames, BATCHES[0], WARM)?.octets;
        racers.insert(REFLECTOR, reflector(octets, &frames)?);
        for (number, batch) in BATCHES.into_iter().enumerate() {
            let mut rounds: Vec<Vec<Cost>> = Vec::new();
            for _ in 0..effort.rounds {
                let costs = racers.iter().map(|it| it.measure(&frames, batch, effort.seconds));
                rounds.push(costs.collect::<Result<_, _>>()?);
            }
            println!(
                "\n{workload}, batches of {batch}: medians of {} runs of {} s\n{}",
                effort.rounds,
                effort.seconds,
                rows(&racers, &rounds, number)
            );
        }
        racers.remove(REFLECTOR);
    }
    Ok(())
}

/// Starts all servers but the reflector, in their order.
fn start(fleet: &Fleet) -> Result<Vec<Racer>, String> {
    let mut racers = Vec::new();
    for (name, mode) in [
        ("cvdns, sockets", None),
        ("cvdns, AF_XDP native", Some("native")),
        ("cvdns, AF_XDP generic", Some("generic")),
    ] {
        let lab = Arc::new(Lab::new()?);
        let options = Options { name, lab: Some(lab.clone()), xdp: mode, ..Options::default() };
        let server = cvdns::start(fleet, &options);
        if mode.is_some() && !lab.has_program()? {
            return Err(format!("{name} serves by sockets:\n{}", server.log()));
        }
        racers.push(Racer { name, lab, server });
    }
    let lab = Arc::new(Lab::new()?);
    match peers::start_knot_by_xdp(fleet, lab.clone()) {
        Ok(server) => racers.push(Racer { name: "Knot, AF_XDP native", lab, server }),
        Err(Absence::NotInstalled) => println!("Knot is not installed"),
        Err(Absence::DoesNotStart(error)) => println!("Knot does not start by AF_XDP: {error}"),
    }
    Ok(racers)
}

/// A reflector whose answers have so many octets.
#[allow(clippy::cast_sign_loss, reason = "it is made positive")]
fn reflector(octets: f64, frames: &Frames) -> Result<Racer, String> {
    let lab = Arc::new(Lab::new()?);
    let add = (octets.round() as usize).saturating_sub(frames.query);
    let server = Reflector::start_in(Sandbox::within(lab.clone()), add);
    Ok(Racer { name: "reflector, sockets", lab, server })
}

impl Racer {
    fn measure(&self, frames: &Frames, batch: u32, seconds: f64) -> Result<Cost, String> {
        live::measure(&self.lab, self.server.pid(), frames, batch, seconds)
            .map_err(|error| format!("{}: {error}", self.name))
    }
}

fn rows(racers: &[Racer], rounds: &[Vec<Cost>], batch: usize) -> Table {
    let mut table = table::new(&[
        "",
        "ns in threads",
        "ns receiving",
        "ns",
        "ratio",
        "at most",
        "answers/s",
        "lost",
        "wrong",
    ]);
    let middle =
        |racer: usize, of: fn(&Cost) -> f64| median(rounds.iter().map(|round| of(&round[racer])));
    let ratio = |racer: usize, to: usize| {
        median(rounds.iter().map(|round| round[racer].total() / round[to].total()))
    };
    for (racer, Racer { name, .. }) in racers.iter().enumerate() {
        let most = match racer {
            IN_DRIVER => Some(NATIVE[batch]),
            BEHIND_DRIVER if batch == 0 => Some(GENERIC),
            _ => None,
        };
        let sum = |of: fn(&Cost) -> u64| rounds.iter().map(|round| of(&round[racer])).sum::<u64>();
        let wrong = if racer == REFLECTOR { 0 } else { sum(|cost| cost.other) };
        table.add_row([
            (*name).to_owned(),
            format!("{:.0}", middle(racer, |cost| cost.server)),
            format!("{:.0}", middle(racer, |cost| cost.receiving)),
            format!("{:.0}", middle(racer, Cost::total)),
            format!("{:.3}", ratio(racer, REFLECTOR)),
            most.map(|most| format!("{most:.2}")).unwrap_or_default(),
            format!("{:.0}", middle(racer, |cost| (cost.right + cost.other) as f64 / cost.seconds)),
            sum(|cost| cost.sent).saturating_sub(sum(|cost| cost.right + cost.other)).to_string(),
            wrong.to_string(),
        ]);
    }
    let of_sockets = ratio(IN_DRIVER, SOCKETS);
    let mut last = vec![format!("native to sockets {of_sockets:.3}")];
    if racers.len() > KNOT {
        last.push(format!("to Knot {:.3}", ratio(IN_DRIVER, KNOT)));
        last.push(format!("at most {OF_KNOT:.2}"));
    }
    table.add_row(last);
    table
}
