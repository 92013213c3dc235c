//! Zone transfers to real secondaries.

mod asking;
mod following;
mod killing;
mod page;
mod secondaries;
mod wicked;

use std::fmt::Write as _;

use crate::support::daemon::{Daemon, Files};
use crate::support::{fixture, ports};
use secondaries::{CATALOG, PROGRAMS, Program, SECRET, Secondary};

/// The zones of the fixture.
const ZONES: [&str; 2] = [fixture::ORIGIN, "short.example"];

/// The files of a server whose secondaries listen on these ports. `transfer` stands in [transfer].
fn files(transfer: &str, secondaries: &[(Program, u16)]) -> Files {
    let mut keys = String::new();
    let mut config = format!("[transfer]\nkeys = [\"transfer.key\"]\n{transfer}\n");
    for (program, port) in secondaries {
        let (key, algorithm) = (program.key(), program.algorithm());
        let _ = writeln!(
            keys,
            "key \"{key}\" {{\n\talgorithm {algorithm};\n\tsecret \"{SECRET}\";\n}};"
        );
        let _ = writeln!(
            config,
            "[[transfer.secondary]]\naddress = \"127.0.0.1:{port}\"\nkey = \"{key}\""
        );
    }
    let files = fixture::files();
    let server = files
        .text("cvdns.toml")
        .replace("source = \"feed.json\"", "source = \"feed.json\"\nstate = \"state\"");
    files.with("cvdns.toml", format!("{server}\n{config}")).with("transfer.key", keys)
}

/// A server with all programs as its secondaries, which have all zones.
fn scene() -> (Daemon, Vec<Secondary>) {
    let places: Vec<(Program, u16)> =
        PROGRAMS.into_iter().map(|program| (program, ports::free())).collect();
    let transfer = format!("catalog = \"{CATALOG}\"\nclient-names = \"unknown\"");
    let daemon = Daemon::start(&files(&transfer, &places));
    let secondaries = places
        .into_iter()
        .map(|(program, port)| {
            let mut secondary = Secondary::new(program, port, daemon.port(), &ZONES);
            secondary.start();
            secondary
        })
        .collect();
    (daemon, secondaries)
}
