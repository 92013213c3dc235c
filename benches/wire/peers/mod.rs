//! Other name servers with the same fleet, where they are installed.

mod bind;
mod gdnsd;
mod knot;
mod nsd;
mod powerdns;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::fleet::{Fleet, Mirror};
use crate::server::{Sandbox, Server};
use crate::xdp::lab::Lab;

/// Most addresses of an answer, for servers that can limit them: as in the example of cvdns.
const MAX: usize = 8;

/// The version record as cvdns renders it.
const RECORD: &str = "1.4.6:63:28129:1795379400:1:90:49192:339";

/// A name server that may be installed.
pub struct Peer {
    pub name: &'static str,
    /// Name of the program, also for `--peers`.
    pub program: &'static str,
    /// Whether its answers depend on the client's location, as configured here.
    pub geography: bool,
    /// Writes its files and returns the command that starts it.
    configure: fn(program: &Path, sandbox: &Sandbox, fleet: &Fleet) -> Command,
}

pub const ALL: [Peer; 5] = [
    Peer { name: "gdnsd", program: "gdnsd", geography: true, configure: gdnsd::configure },
    Peer { name: "Knot, mod-geoip", program: "knotd", geography: true, configure: knot::configure },
    Peer {
        name: "PowerDNS, geoip",
        program: "pdns_server",
        geography: true,
        configure: powerdns::configure,
    },
    Peer { name: "NSD, static", program: "nsd", geography: false, configure: nsd::configure },
    Peer { name: "BIND, static", program: "named", geography: false, configure: bind::configure },
];

impl Peer {
    /// Whether `--peers` selects it: `all`, `none`, or a list of programs.
    pub fn is_among(&self, wanted: &str) -> bool {
        // The projects of knotd and named have other names, which are accepted too.
        let also = self.name.split(',').next().unwrap_or(self.name);
        let named =
            |word: &str| word == "all" || word == self.program || word.eq_ignore_ascii_case(also);
        wanted.split(',').any(|word| named(word.trim()))
    }

    /// Starts the server.
    pub fn start(&self, fleet: &Fleet) -> Result<Server, Absence> {
        let program = find(self.program).ok_or(Absence::NotInstalled)?;
        let sandbox = Sandbox::new();
        let command = (self.configure)(&program, &sandbox, fleet);
        Server::try_start(self.name, command, sandbox).map_err(Absence::DoesNotStart)
    }
}

/// Starts Knot with `AF_XDP` in a network of its own.
pub fn start_knot_by_xdp(fleet: &Fleet, lab: Arc<Lab>) -> Result<Server, Absence> {
    let program = find("knotd").ok_or(Absence::NotInstalled)?;
    let interface = lab.server_interface();
    let sandbox = Sandbox::within(lab);
    let command = knot::configure_xdp(&program, &sandbox, fleet, &interface);
    Server::try_start("Knot, AF_XDP", command, sandbox).map_err(Absence::DoesNotStart)
}

/// Why a name server takes no part.
pub enum Absence {
    NotInstalled,
    /// The text is its log. The usual reason is a module that has a package of its own.
    DoesNotStart(String),
}

/// Checks the value of `--peers`.
pub fn parse_list(list: &str) -> Result<String, String> {
    let known = |word: &str| word == "none" || ALL.iter().any(|peer| peer.is_among(word));
    match list.split(',').find(|word| !known(word.trim())) {
        None => Ok(list.to_owned()),
        Some(word) => {
            Err(format!("no name server {word:?}: all, none, or some of {}", programs().join(", ")))
        }
    }
}

fn programs() -> Vec<&'static str> {
    ALL.iter().map(|peer| peer.program).collect()
}

/// Finds a program in PATH, or in the directories of daemons, which a user's PATH often lacks.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin:/sbin";
    path.split(':').map(|dir| Path::new(dir).join(program)).find(|path| path.is_file())
}

/// The zone as a master file: the record, every country's addresses, and one answer for all
/// clients.
fn master_file(fleet: &Fleet) -> String {
    let mut zone = master_file_head();
    for mirror in &fleet.mirrors {
        addresses(&mut zone, &format!("db.{}", mirror.country), mirror);
    }
    for mirror in fleet.mirrors.iter().take(MAX) {
        addresses(&mut zone, "db.local", mirror);
    }
    zone
}

fn addresses(zone: &mut String, owner: &str, mirror: &Mirror) {
    let _ = writeln!(zone, "{owner} 60 A {}", mirror.v4);
    if let Some(v6) = mirror.v6 {
        let _ = writeln!(zone, "{owner} 60 AAAA {v6}");
    }
}

/// SOA, NS and the record, without $ORIGIN.
fn master_file_head() -> String {
    format!(
        "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 300\n@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 198.51.100.1\n\
         current.cvd 1800 TXT \"{RECORD}\"\n"
    )
}

/// The IPv6 addresses of some mirrors.
fn v6(mirrors: &[Mirror]) -> Vec<String> {
    mirrors.iter().filter_map(|mirror| Some(mirror.v6?.to_string())).collect()
}

/// The IPv4 addresses of some mirrors.
fn v4(mirrors: &[Mirror]) -> Vec<String> {
    mirrors.iter().map(|mirror| mirror.v4.to_string()).collect()
}
