//! Knot DNS: mod-geoip for clients, static answers for the rest.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::{MAX, v4, v6};
use crate::cvdns;
use crate::fleet::Fleet;
use crate::server::Sandbox;

pub(super) fn configure(program: &Path, sandbox: &Sandbox, fleet: &Fleet) -> Command {
    let listen = format!("{}@{}", sandbox.address(), sandbox.port);
    write(program, sandbox, fleet, (&listen, ""))
}

/// The same for queries that come by `AF_XDP`. The sockets have another port.
pub(super) fn configure_xdp(
    program: &Path,
    sandbox: &Sandbox,
    fleet: &Fleet,
    interface: &str,
) -> Command {
    let listen = format!("{}@5399", sandbox.address());
    let xdp = format!("xdp:\n    listen: {interface}\n");
    write(program, sandbox, fleet, (&listen, &xdp))
}

/// Writes the files. `listen` and the section `xdp` say where queries come in.
fn write(program: &Path, sandbox: &Sandbox, fleet: &Fleet, (listen, xdp): (&str, &str)) -> Command {
    let dir = sandbox.path().display();
    sandbox.write("clamav.net.zone", &super::master_file(fleet));
    sandbox.write("geo.conf", &geography(fleet));
    sandbox.write("db/.keep", "");
    sandbox.write(
        "knot.conf",
        &format!(
            r#"server:
    rundir: "{dir}"
    listen: {listen}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    edns-client-subnet: on
{xdp}database:
    storage: "{dir}/db"
log:
  - target: stderr
    any: warning
mod-geoip:
  - id: geo
    config-file: {dir}/geo.conf
    ttl: 60
    mode: geodb
    geodb-file: {database}
    geodb-key: country/iso_code
zone:
  - domain: clamav.net
    storage: {dir}
    file: clamav.net.zone
    module: mod-geoip/geo
"#,
            database = cvdns::database().display(),
        ),
    );
    let mut command = Command::new(program);
    command.args(["-c", "knot.conf"]);
    command
}

fn geography(fleet: &Fleet) -> String {
    let mut text = String::from("db.local.clamav.net:\n");
    for (country, mirrors) in fleet.by_country() {
        let mirrors = mirrors.get(..MAX).unwrap_or(mirrors);
        let _ = writeln!(
            text,
            "  - geo: \"{}\"\n    A: [{}]",
            country.to_uppercase(),
            v4(mirrors).join(", ")
        );
        let v6 = v6(mirrors);
        if !v6.is_empty() {
            let _ = writeln!(text, "    AAAA: [{}]", v6.join(", "));
        }
    }
    text
}
