//! Signed zones before real validators: delv, drill, unbound-host, dnsviz, Unbound and BIND, also
//! while their keys are rolled over; and exported ones before the tools that verify whole zones.

mod clock;
mod dnsviz;
mod exported;
mod resolvers;
mod rollovers;
mod validators;

pub(crate) use resolvers::resolving;

use std::path::Path;

use crate::support::daemon::{Daemon, Files};
use crate::support::fixture;
use crate::support::tools::{output, tool};

/// What zones of tests are signed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// One key that signs everything.
    Single(&'static str),
    /// A key for keys and another one for the rest.
    Split(&'static str),
}

/// A signed zone that is served, and the trust anchor for it.
struct Signed {
    daemon: Daemon,
    /// The DNSKEY records of the keys for keys, as files of keys have them.
    anchors: Vec<String>,
}

const ORIGIN: &str = "clam.example";

impl Signed {
    fn start(keys: Keys, files: Files) -> Self {
        let (files, anchors) = with_keys(keys, files);
        Self { daemon: Daemon::start(&files), anchors }
    }

    fn port(&self) -> u16 {
        self.daemon.port()
    }

    /// The fields of the anchor behind the type: flags, protocol, algorithm, key.
    fn anchor(&self) -> Vec<&str> {
        let anchor = self.anchors.first().expect("an anchor");
        let mut fields = anchor.split_whitespace();
        fields.find(|field| *field == "DNSKEY").expect("a DNSKEY record");
        fields.collect()
    }

    /// The anchor in the form of BIND's `trust-anchors`.
    fn bind_anchor(&self) -> String {
        let fields = self.anchor();
        let (numbers, key) = fields.split_at(3);
        format!(
            "trust-anchors {{ \"{ORIGIN}\" static-key {} \"{}\"; }};\n",
            numbers.join(" "),
            key.concat()
        )
    }
}

/// The fixture's files, with a signed delegation.
fn files() -> Files {
    let files = fixture::files();
    let zone = format!(
        "{}\nsafe 120 IN NS ns.safe\nns.safe 120 IN A 192.0.2.6\n\
         safe 120 IN DS 12345 13 2 {}\nfar 120 IN CNAME nothing\n",
        files.text("clam.zone"),
        "ab".repeat(32)
    );
    files.with("clam.zone", zone)
}

/// Adds keys that dnssec-keygen makes, and has the zone signed by them.
pub(crate) fn with_keys(keys: Keys, files: Files) -> (Files, Vec<String>) {
    let dir = tempfile::tempdir().expect("a directory");
    let generate = |algorithm: &str, flags: &[&str]| {
        let mut keygen = tool("dnssec-keygen");
        keygen.arg("-K").arg(dir.path()).args(["-a", algorithm]).args(flags).arg(ORIGIN);
        output(&mut keygen);
    };
    match keys {
        Keys::Single(algorithm) => generate(algorithm, &["-f", "KSK"]),
        Keys::Split(algorithm) => {
            generate(algorithm, &["-f", "KSK"]);
            generate(algorithm, &[]);
        }
    }
    let zone = format!("{}\n[dnssec]\nkeys = \"keys\"\n", files.text("clam.toml"));
    let mut files = files.with("clam.toml", zone);
    let mut anchors = Vec::new();
    for entry in std::fs::read_dir(dir.path()).expect("the keys") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a key");
        anchors.extend(text.lines().filter(|line| line.contains("DNSKEY 257 ")).map(str::to_owned));
        files = files.with(&format!("keys/{}", file_name(&path)), text);
    }
    (files, anchors)
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}
