//! The parent: a zone that dnssec-signzone signs and BIND serves.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::stage;
use crate::support::PATIENCE;
use crate::support::tools::{Peer, output, tool};

pub(super) const ORIGIN: &str = "example";

/// Where it is. BIND listens on addresses of interfaces only.
pub(super) const ADDRESS: &str = "127.0.0.1";

/// TTL of all its records in seconds, DS records among them.
pub(super) const TTL: u32 = 4;

pub(super) struct Parent {
    named: Peer,
    serial: AtomicU32,
    anchor: String,
}

impl Parent {
    /// The parent on this port, with these DS records of the zone.
    pub(super) fn start(port: u16, ds: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().to_owned();
        let mut keygen = tool("dnssec-keygen");
        keygen.args(["-a", "ECDSAP256SHA256", "-f", "KSK", "-L", &TTL.to_string(), "-K"]);
        let stem = output(keygen.arg(&path).arg(ORIGIN));
        let key = fs::read_to_string(path.join(format!("{}.key", stem.trim()))).expect("the key");
        let anchor = key.lines().find(|line| line.contains("DNSKEY")).expect("a record").to_owned();
        sign(&path, 1, ds);
        let config = format!(
            "options {{ directory \"{}\"; listen-on port {port} {{ {ADDRESS}; }};\n\
             listen-on-v6 {{ none; }}; pid-file none; session-keyfile none; recursion no;\n\
             dnssec-validation no; notify no; minimal-responses yes; }};\ncontrols {{ }};\n\
             zone \"{ORIGIN}\" {{ type primary; file \"signed\"; }};\n",
            path.display()
        );
        fs::write(path.join("named.conf"), config).expect("written");
        let mut command = tool("named");
        command.args(["-g", "-n", "1", "-c"]).arg(path.join("named.conf"));
        let named = Peer::of(command, port, dir, []);
        let parent = Self { named, serial: AtomicU32::new(1), anchor };
        parent.until_serves(1);
        parent
    }

    pub(super) fn port(&self) -> u16 {
        self.named.port
    }

    /// Its key, as a trust anchor.
    pub(super) fn anchor(&self) -> &str {
        &self.anchor
    }

    /// Replaces the DS records, and waits until it answers these.
    pub(super) fn replace(&self, ds: &str) {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed) + 1;
        sign(self.named.path(), serial, ds);
        self.named.signal("HUP");
        self.until_serves(serial);
    }

    fn until_serves(&self, serial: u32) {
        let deadline = Instant::now() + PATIENCE;
        let port = self.named.port.to_string();
        let at = format!("@{ADDRESS}");
        let arguments = [&at, "-p", &port, "+short", "+tries=1", "+time=1", ORIGIN, "SOA"];
        loop {
            // dig fails as long as nobody listens.
            let done = tool("dig").args(arguments).output().expect("dig");
            let said = String::from_utf8_lossy(&done.stdout).into_owned();
            if said.split_whitespace().nth(2) == Some(&serial.to_string()) {
                return;
            }
            assert!(Instant::now() < deadline, "no serial {serial}: {said}\n{}", self.named.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Writes the zone and signs it with the key in its directory.
fn sign(path: &Path, serial: u32, ds: &str) {
    let zone = format!(
        "$ORIGIN {ORIGIN}.\n$TTL {TTL}\n@ SOA ns hostmaster {serial} 3600 600 604800 {TTL}\n\
         @ NS ns\nns A {ADDRESS}\nclam NS ns1.clam\nclam NS ns2.clam\nns1.clam A {0}\n\
         ns1.clam AAAA ::1\nns2.clam A {0}\n{ds}",
        stage::ADDRESS
    );
    fs::write(path.join("zone"), zone).expect("written");
    let mut signzone = tool("dnssec-signzone");
    signzone.args(["-S", "-z", "-o", ORIGIN, "-f", "signed.new", "zone"]);
    output(signzone.current_dir(path));
    fs::rename(path.join("signed.new"), path.join("signed")).expect("renamed");
}
