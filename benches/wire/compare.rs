//! The default mode: cvdns, the reflector and other name servers.

use std::process::ExitCode;

use comfy_table::Table;

use crate::fleet::Fleet;
use crate::outcome::Outcome;
use crate::peers::{self, Absence, Peer};
use crate::race::{Effort, Race, Track};
use crate::ratios::Ratios;
use crate::server::Server;
use crate::workload::Workload;
use crate::{cvdns, table};

/// Prints a table for each workload. With `commit`, the ratios of cvdns become the ones that later
/// runs are checked against.
pub fn run(workloads: &[Workload], peers: &str, effort: Effort, commit: bool) -> ExitCode {
    let track = Track::new(Fleet::race());
    let cvdns = cvdns::start(&track.fleet, &cvdns::Options::default()).pinned();
    let wanted: Vec<&'static Peer> =
        peers::ALL.iter().filter(|peer| peer.is_among(peers)).collect();
    let start = |peer: &'static Peer| (peer, peer.start(&track.fleet).map(Server::pinned));
    let started: Vec<(&Peer, Result<Server, Absence>)> = wanted.into_iter().map(start).collect();
    for error in started.iter().filter_map(|(_, server)| server.as_ref().err()) {
        if let Absence::DoesNotStart(error) = error {
            eprintln!("{error}");
        }
    }
    let mut ratios = Ratios::default();
    for workload in workloads {
        let takes_part = |peer: &Peer| peer.geography || !workload.needs_geography();
        let others: Vec<&Server> = started
            .iter()
            .filter(|(peer, _)| takes_part(peer))
            .filter_map(|(_, server)| server.as_ref().ok())
            .collect();
        let race = Race::run(*workload, &track, &cvdns, &others, effort);
        ratios.set(*workload, race.ratio(1));
        let mut table = rows(&race);
        for (peer, server) in &started {
            match server {
                _ if !takes_part(peer) => _ = table.add_row([peer.name, "takes no part"]),
                Err(Absence::NotInstalled) => _ = table.add_row([peer.name, "not installed"]),
                Err(Absence::DoesNotStart(_)) => _ = table.add_row([peer.name, "does not start"]),
                Ok(_) => {}
            }
        }
        println!(
            "\n{workload}: medians of {} runs of {} s\n{table}",
            effort.rounds, effort.seconds
        );
    }
    if commit {
        ratios.write();
    }
    ExitCode::SUCCESS
}

/// The figures of a race.
pub fn rows(race: &Race) -> Table {
    let mut table = table::new(&[
        "",
        "µs CPU",
        "ratio",
        "answers/s",
        "lost",
        "wrong",
        "p50 µs",
        "p99 µs",
        "octets",
    ]);
    for (server, name) in race.names.iter().enumerate() {
        let (_, lost, wrong) = race.counts(server);
        table.add_row([
            (*name).to_owned(),
            format!("{:.3}", race.median(server, Outcome::cost)),
            format!("{:.3}", race.ratio(server)),
            format!("{:.0}", race.median(server, Outcome::per_second)),
            lost.to_string(),
            wrong.to_string(),
            format!("{:.0}", race.median(server, |outcome| f64::from(outcome.latency.p50) / 1e3)),
            format!("{:.0}", race.median(server, |outcome| f64::from(outcome.latency.p99) / 1e3)),
            format!("{:.0}", race.median(server, |outcome| outcome.octets)),
        ]);
    }
    table
}
