//! BIND and Knot as hidden primaries.

use crate::support::ports;
use crate::support::tools::{Peer, output, tool};
use std::fs;
use std::path::Path;

/// The key of all transfers.
pub(crate) const KEY: &str = "transfer";

/// A server that gives a zone away, to whoever has the key.
pub(crate) struct Hidden {
    pub(crate) peer: Option<Peer>,
    kind: Kind,
    dir: tempfile::TempDir,
    pub(crate) port: u16,
    origin: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bind,
    Knot,
}

pub(crate) const BOTH: [Kind; 2] = [Kind::Bind, Kind::Knot];

/// A file of keys as `tsig-keygen` writes it.
pub(crate) fn key(name: &str, algorithm: &str) -> String {
    output(tool("tsig-keygen").args(["-a", algorithm, name]))
}

fn secret(key: &str) -> &str {
    key.split('"').nth(3).expect("a secret")
}

impl Hidden {
    /// Serves this zone, and sends NOTIFY to a secondary on this port.
    pub(crate) fn start(
        kind: Kind,
        (origin, text): (&str, &str),
        key: &str,
        secondary: u16,
    ) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut hidden =
            Self { peer: None, kind, dir, port: ports::free(), origin: origin.to_owned() };
        let (path, port) = (hidden.dir.path().display().to_string(), hidden.port);
        let algorithm = key.split_whitespace().nth(4).expect("an algorithm").trim_end_matches(';');
        let config = match kind {
            Kind::Bind => format!(
                "{key}\noptions {{ directory \"{path}\"; listen-on port {port} {{ 127.0.0.1; }};\n\
                 listen-on-v6 {{ none; }}; recursion no; notify-delay 0; pid-file none;\n\
                 session-keyfile none; dnssec-validation no; empty-zones-enable no;\n\
                 check-names primary ignore; check-integrity no; }};\ncontrols {{ }};\n\
                 zone \"{origin}\" {{ type primary; file \"zone\"; ixfr-from-differences yes;\n\
                 allow-transfer {{ key {KEY}; }}; notify explicit;\n\
                 also-notify {{ 127.0.0.1 port {secondary} key {KEY}; }}; }};\n"
            ),
            Kind::Knot => format!(
                "server:\n  rundir: {path}\n  listen: 127.0.0.1@{port}\n  udp-workers: 1\n  tcp-workers: 1\n\
                 log:\n  - target: stderr\n    any: info\ndatabase:\n  storage: {path}\n\
                 key:\n  - id: {KEY}\n    algorithm: {algorithm}\n    secret: {}\n\
                 remote:\n  - id: cvdns\n    address: 127.0.0.1@{secondary}\n    key: {KEY}\n\
                 acl:\n  - id: all\n    key: {KEY}\n    action: transfer\n\
                 zone:\n  - domain: {origin}\n    storage: {path}\n    file: zone\n    semantic-checks: off\n    \
                 zonefile-load: difference\n    zonefile-sync: -1\n    journal-content: changes\n    \
                 notify: cvdns\n    acl: all\n",
                secret(key)
            ),
        };
        fs::write(hidden.dir.path().join("conf"), config).expect("the configuration");
        hidden.write(text);
        hidden.run();
        hidden
    }

    /// Starts it, or starts it again.
    pub(crate) fn run(&mut self) {
        let conf = self.dir.path().join("conf");
        let mut command = match self.kind {
            Kind::Bind => tool("named"),
            Kind::Knot => tool("knotd"),
        };
        if self.kind == Kind::Bind {
            command.args(["-g", "-n", "1"]);
        }
        command.arg("-c").arg(conf);
        let log = tempfile::tempdir().expect("a directory");
        self.peer = Some(Peer::of(command, self.port, log, [self.origin.as_str()]));
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        if let Some(peer) = self.peer.take() {
            peer.kill();
        }
    }

    fn write(&self, text: &str) {
        fs::write(self.dir.path().join("new"), text).expect("the zone");
        fs::rename(self.dir.path().join("new"), self.dir.path().join("zone")).expect("renamed");
    }

    /// Has it serve another version.
    pub(crate) fn change(&self, text: &str) {
        self.write(text);
        let peer = self.peer.as_ref().expect("it runs");
        match self.kind {
            Kind::Bind => peer.signal("HUP"),
            Kind::Knot => {
                let socket = self.dir.path().join("knot.sock");
                output(tool("knotc").arg("-s").arg(socket).args(["zone-reload", &self.origin]));
            }
        }
    }
}

/// All records of a master file in canonical order, as `named-compilezone` prints them.
pub(crate) fn compiled(origin: &str, path: &Path) -> Vec<String> {
    let mut command = tool("named-compilezone");
    command
        .args(["-q", "-i", "none", "-k", "ignore", "-n", "ignore", "-M", "ignore", "-S", "ignore"]);
    command.args(["-m", "ignore", "-r", "ignore", "-s", "full", "-o", "-", origin]).arg(path);
    let mut lines: Vec<String> = output(&mut command)
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    lines.sort_unstable();
    lines
}
