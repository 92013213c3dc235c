//! Name servers that load an export.

use std::fmt::Write as _;
use std::path::Path;

use super::exporting::zone_files;
use crate::support::ports;
use crate::support::tools::{Peer, tool, tool_of};

fn origins(out: &Path) -> Vec<String> {
    let files = zone_files(out).into_iter();
    let mut origins: Vec<String> =
        files.map(|(name, _)| name.split('@').next().expect("a name").to_owned()).collect();
    origins.dedup();
    origins
}

/// BIND with the fragment of the export; `options` stand among its own. The key of rndc is "key" in
/// its directory.
pub(crate) fn named(out: &Path, options: &str) -> Peer {
    let (dir, port, control) =
        (tempfile::tempdir().expect("a directory"), ports::free(), ports::free());
    let path = dir.path().display();
    let key = "key rndc { algorithm hmac-sha256; secret \"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0\"; };\n";
    let config = format!(
        "{key}options {{ directory \"{path}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         pid-file none; session-keyfile none; recursion no; minimal-responses yes; dnssec-validation no;\n\
         empty-zones-enable no; notify no; zero-no-soa-ttl no; {options} }};\n\
         controls {{ inet 127.0.0.1 port {control} allow {{ 127.0.0.1; }} keys {{ rndc; }}; }};\n\
         include \"{}\";\n",
        out.join("current/named.conf").display().to_string().replace('"', "\\\"")
    );
    std::fs::write(dir.path().join("named.conf"), config).expect("named.conf");
    let rndc = format!(
        "{key}options {{ default-key rndc; default-server 127.0.0.1; default-port {control}; }};\n"
    );
    std::fs::write(dir.path().join("rndc.conf"), rndc).expect("rndc.conf");
    let mut command = tool("named");
    command.args(["-g", "-n", "1", "-c"]).arg(dir.path().join("named.conf"));
    let origins = origins(out);
    Peer::of(command, port, dir, origins.iter().map(String::as_str))
}

/// Knot with the zone files of the export.
pub(crate) fn knotd(out: &Path) -> Peer {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let path = dir.path().display();
    let mut config = format!(
        "server:\n  rundir: {path}\n  listen: 127.0.0.1@{port}\n  udp-workers: 1\n  tcp-workers: 1\n\
         log:\n  - target: stderr\n    any: info\ndatabase:\n  storage: {path}\n\
         template:\n  - id: default\n    storage: {path}\n    zonefile-sync: -1\n    semantic-checks: on\nzone:\n"
    );
    let origins = origins(out);
    for (origin, (_, file)) in origins.iter().zip(zone_files(out)) {
        let _ = writeln!(config, "  - domain: {origin}\n    file: {}", file.display());
    }
    std::fs::write(dir.path().join("knot.conf"), config).expect("knot.conf");
    let mut command = tool("knotd");
    command.arg("-c").arg(dir.path().join("knot.conf"));
    Peer::of(command, port, dir, origins.iter().map(String::as_str))
}

/// NSD with the zone files of the export.
pub(crate) fn nsd(out: &Path) -> Peer {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let path = dir.path().display();
    let mut config = format!(
        "server:\n  ip-address: 127.0.0.1\n  port: {port}\n  server-count: 1\n  username: \"\"\n  zonesdir: \"{path}\"\n\
         database: \"\"\n  pidfile: \"{path}/pid\"\n  xfrdfile: \"{path}/xfrd\"\n  xfrdir: \"{path}\"\n\
         zonelistfile: \"{path}/zones\"\n  minimal-responses: yes\n  round-robin: yes\n  rrl-ratelimit: 0\nremote-control:\n  control-enable: no\n"
    )
    .replace("\ndatabase:", "\n  database:");
    let origins = origins(out);
    for (origin, (_, file)) in origins.iter().zip(zone_files(out)) {
        let _ = writeln!(config, "zone:\n  name: \"{origin}\"\n  zonefile: \"{}\"", file.display());
    }
    std::fs::write(dir.path().join("nsd.conf"), config).expect("nsd.conf");
    let mut command = tool_of("nsd", "install nsd: tests need it");
    command.args(["-d", "-c"]).arg(dir.path().join("nsd.conf"));
    Peer::of(command, port, dir, origins.iter().map(String::as_str))
}
