//! Zone transfers to real secondaries.

mod asking;
mod comparing;
mod encrypted;
mod expired;
mod following;
mod ipv6;
mod keeping;
mod killing;
mod page;
mod secondaries;
mod signed;
mod takeover;
mod wicked;

use std::fmt::Write as _;

use crate::support::daemon::{Daemon, Files};
use crate::support::{fixture, http, ports};
use secondaries::{CATALOG, PROGRAMS, Program, SECRET, Secondary, served_serial};

/// The zones of the fixture.
const ZONES: [&str; 2] = [fixture::ORIGIN, "short.example"];

/// The files of a server whose secondaries listen on these ports. `transfer` stands in [transfer].
fn files(transfer: &str, secondaries: &[(Program, u16)]) -> Files {
    files_of("127.0.0.1", transfer, secondaries)
}

/// The same with secondaries at this address of loopback, as it stands before a port.
fn files_of(address: &str, transfer: &str, secondaries: &[(Program, u16)]) -> Files {
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
            "[[transfer.secondary]]\naddress = \"{address}:{port}\"\nkey = \"{key}\""
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
    scene_of("127.0.0.1", |files| files)
}

/// The same with server and secondaries at this address of loopback, and with other files.
fn scene_of(
    address: &'static str,
    change: impl FnOnce(Files) -> Files,
) -> (Daemon, Vec<Secondary>) {
    let places: Vec<(Program, u16)> =
        PROGRAMS.into_iter().map(|program| (program, ports::free())).collect();
    let transfer = format!("catalog = \"{CATALOG}\"\nclient-names = \"unknown\"");
    let written = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let daemon = Daemon::start(&change(files_of(&written, &transfer, &places)));
    let secondaries = places
        .into_iter()
        .map(|(program, port)| {
            let primary = (address, daemon.port());
            let mut secondary = Secondary::new(program, port, primary, &ZONES);
            secondary.start();
            secondary
        })
        .collect();
    (daemon, secondaries)
}

/// Waits until all of them have the newest versions of all zones.
fn all_must_follow(daemon: &Daemon, secondaries: &[Secondary]) {
    for zone in ZONES {
        let newest = served_serial(daemon.port(), zone);
        for secondary in secondaries {
            secondary.must_reach(zone, newest);
        }
    }
}

/// What the admin address says of transfers.
fn status(admin: u16) -> serde_json::Value {
    let (code, body) = http::get(admin, "/api/v1/status");
    assert_eq!(code, 200, "{body}");
    let status: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    status["transfers"].clone()
}
