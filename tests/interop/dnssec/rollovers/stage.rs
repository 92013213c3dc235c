//! A signed zone on a server that runs, its parent, and a resolver that trusts the parent.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::super::resolvers::{resolving, unbound_with};
use super::super::{ORIGIN, files};
use super::parent::{self, Parent};
use super::watch::Watch;
use crate::support::daemon::{Daemon, Files};
use crate::support::ports;
use crate::support::tools::{Peer, output, tool};

/// TTL of the keys in seconds: that of their files.
pub(super) const KEYS: u32 = 5;

/// The longest TTL of the zone beside that of the keys, where that is as it should be.
pub(super) const ZONE: u32 = 3;

/// Waits until caches have nothing left that had this TTL. They count in whole seconds.
pub(super) fn wait(ttl: u32) {
    std::thread::sleep(Duration::from_secs(u64::from(ttl) + 1));
}

/// A key of the zone.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// The files of the key, without their extensions.
    path: PathBuf,
    /// The key tag, as text.
    pub(super) tag: String,
}

impl Key {
    /// Makes a key by `cvdns keys generate` in a directory, with the TTL of the test.
    fn generate(directory: &Path, arguments: &[&str]) -> Self {
        let mut generate = cvdns();
        generate.args(["keys", "generate", ORIGIN, "--directory"]).arg(directory).args(arguments);
        let path = PathBuf::from(output(&mut generate).trim_end());
        let name = path.to_string_lossy().into_owned();
        let public = format!("{name}.key");
        let text = fs::read_to_string(&public).expect("the public key");
        let with_ttl = text.replace(" IN DNSKEY ", &format!(" {KEYS} IN DNSKEY "));
        fs::write(&public, with_ttl).expect("the public key with a TTL");
        let tag = name.rsplit('+').next().expect("a tag").trim_start_matches('0').to_owned();
        Self { path, tag }
    }

    /// Sets moments of the key.
    pub(super) fn settime(&self, arguments: &[&str]) {
        output(tool("dnssec-settime").args(arguments).arg(&self.path));
    }

    pub(super) fn remove(&self) {
        for extension in ["key", "private"] {
            let file = format!("{}.{extension}", self.path.display());
            fs::remove_file(file).expect("a file of the key");
        }
    }
}

fn cvdns() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.env_remove("CVDNS_CONFIG");
    command
}

/// See the head of the file.
pub(super) struct Stage {
    pub(super) daemon: Daemon,
    pub(super) parent: Parent,
    pub(super) resolver: Peer,
    /// The keys of the beginning.
    pub(super) keys: Vec<Key>,
}

impl Stage {
    /// Starts it with keys of these kinds, whose DS records the parent has.
    pub(super) fn start(kinds: &[&str]) -> Self {
        Self::start_with(kinds, ZONE)
    }

    /// The same, where the longest TTL of the zone is another one.
    pub(super) fn start_with(kinds: &[&str], ttl: u32) -> Self {
        let port = ports::free();
        let dir = tempfile::tempdir().expect("a directory");
        let mut files = server(port, ttl);
        for kind in kinds {
            // The zone is new: no resolver has other keys.
            Key::generate(dir.path(), &[kind, "--activate", "now"]);
        }
        for entry in fs::read_dir(dir.path()).expect("the keys") {
            let path = entry.expect("a file").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            files = files.with(&format!("keys/{name}"), fs::read(path).expect("a key"));
        }
        let daemon = Daemon::start(&files);
        let mut ds = cvdns();
        ds.args(["keys", "ds", ORIGIN]).current_dir(daemon.path());
        let parent = Parent::start(port, &output(&mut ds));
        let resolver = resolver(daemon.port(), &parent);
        let mut stage = Self { daemon, parent, resolver, keys: Vec::new() };
        stage.keys = stage.found();
        stage
    }

    /// The keys that the server has: key-signing keys first.
    fn found(&self) -> Vec<Key> {
        let mut list = self.cvdns(&["keys", "list", "--json", ORIGIN]);
        let keys: serde_json::Value = serde_json::from_str(&output(&mut list)).expect("JSON");
        let mut keys = keys.as_array().expect("keys").clone();
        keys.sort_by_key(|key| std::cmp::Reverse(key["flags"].as_u64()));
        let of = |key: &serde_json::Value| {
            let tag = key["tag"].as_u64().expect("a tag");
            let algorithm = 13;
            let path = self.daemon.path().join(format!("keys/K{ORIGIN}.+{algorithm:03}+{tag:05}"));
            Key { path, tag: tag.to_string() }
        };
        keys.iter().map(of).collect()
    }

    /// Asks the resolver for answers until the watch ends.
    pub(super) fn watch(&self) -> Watch {
        Watch::begin(self.resolver.port, self.parent.anchor())
    }

    fn cvdns(&self, arguments: &[&str]) -> Command {
        let mut command = cvdns();
        command.args(arguments).current_dir(self.daemon.path());
        command
    }

    /// Makes a key as an operator does. The server knows nothing of it before it reads it.
    pub(super) fn generate(&self, arguments: &[&str]) -> Key {
        Key::generate(&self.daemon.path().join("keys"), arguments)
    }

    pub(super) fn reload(&self) {
        output(&mut self.cvdns(&["reload"]));
    }

    /// What `cvdns keys list` says of a key.
    pub(super) fn listed(&self, key: &Key) -> String {
        let table = output(&mut self.cvdns(&["keys", "list", ORIGIN]));
        let row = table.lines().find(|line| line.split_whitespace().next() == Some(&key.tag));
        row.unwrap_or_else(|| panic!("no key {}:\n{table}", key.tag)).to_owned()
    }

    /// Has the parent's DS records replaced by those of these keys.
    pub(super) fn give_to_parent(&self, keys: &[&Key]) {
        let ds = |key: &&Key| output(&mut self.cvdns(&["keys", "ds", "--tag", &key.tag, ORIGIN]));
        self.parent.replace(&keys.iter().map(ds).collect::<String>());
    }

    /// Has the parent do what the zone's CDS records say (RFC 8078 section 3).
    pub(super) fn follow_cds(&self) {
        let said = dig(self.daemon.port(), &["+short", "CDS"]);
        let ds = said.lines().map(|rdata| format!("{ORIGIN}. DS {rdata}\n"));
        self.parent.replace(&ds.collect::<String>());
    }

    /// The key tags of the CDS records that the server answers.
    pub(super) fn synced(&self) -> BTreeSet<String> {
        first_words(&dig(self.daemon.port(), &["+short", "CDS"]))
    }

    /// What `cvdns check --delegation` finds of DS records.
    pub(super) fn findings(&self) -> BTreeSet<String> {
        let port = self.parent.port().to_string();
        let at = format!("{}:{port}", parent::ADDRESS);
        let arguments =
            ["check", "--delegation", "--json", "--port", port.as_str(), "--resolver", &at];
        let done = self.cvdns(&arguments).stdin(Stdio::null()).output().expect("cvdns");
        let report: serde_json::Value =
            serde_json::from_slice(&done.stdout).unwrap_or_else(|error| {
                panic!("{error}: {}", String::from_utf8_lossy(&done.stderr));
            });
        let findings = report["delegation"]["findings"].as_array().expect("findings").iter();
        let kinds = findings.map(|of| of["kind"].as_str().expect("a word").to_owned());
        kinds.filter(|kind| kind.contains("ds-") || kind.contains("-ds")).collect()
    }

    /// The key tags of the DNSKEY records that a server answers.
    pub(super) fn published(port: u16) -> BTreeSet<String> {
        let said = dig(port, &["+multiline", "DNSKEY"]);
        let tags = said.lines().filter_map(|line| line.split_once("; key id = "));
        tags.map(|(_, tag)| tag.trim().to_owned()).collect()
    }

    /// The key tags of the DS records that the resolver answers.
    pub(super) fn trusted(&self) -> BTreeSet<String> {
        first_words(&dig(self.resolver.port, &["+short", "DS"]))
    }

    /// The key tags of the signatures of the SOA record that the server answers.
    pub(super) fn signers(&self) -> BTreeSet<String> {
        let said = dig(self.daemon.port(), &["+short", "+dnssec", "SOA"]);
        let signatures = said.lines().filter(|line| line.starts_with("SOA "));
        signatures.filter_map(|line| Some(line.split_whitespace().nth(6)?.to_owned())).collect()
    }
}

fn first_words(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

fn dig(port: u16, arguments: &[&str]) -> String {
    let mut dig = tool("dig");
    output(dig.args(["@127.0.0.1", "-p", &port.to_string(), ORIGIN]).args(arguments))
}

/// Where the zone's name servers are, on the port of the parent too.
pub(super) const ADDRESS: &str = "127.0.0.2";

/// The fixture's server, whose TTLs are a few seconds, and which takes commands. It also answers on
/// this port. `ttl` is that of its static records.
fn server(port: u16, ttl: u32) -> Files {
    let files = files();
    let text = files.text("clam.toml");
    let zone = text.replace("ttl = 60", "ttl = 1").replace("ttl = 45", "ttl = 1");
    let own = format!(" {ttl} ");
    let records = files.text("clam.zone").replace(" 120 ", &own).replace(" 3600 IN ", &own);
    let records = records.replace("$TTL 900\n", &format!("$TTL {ttl}\n"));
    let records = records.replace("1209600 300", &format!("1209600 {ttl}"));
    let records = records.replace("192.0.2.1\n", &format!("{ADDRESS}\n"));
    let records = records.replace("2001:db8::1\n", "::1\n");
    let records = records.replacen("192.0.2.2\n", &format!("{ADDRESS}\n"), 1);
    let config = files.text("cvdns.toml").replace("[[zone]]\nfile = \"short.toml\"\n", "");
    let listen = format!("listen = [\"{ADDRESS}:{port}\", \"[::1]:{port}\", ");
    let config = config.replace("listen = [", &listen);
    files
        .with("cvdns.toml", format!("{config}\n[admin]\nlisten = \"unix:admin.sock\"\n"))
        .with("clam.toml", format!("{zone}\n[dnssec]\nkeys = \"keys\"\n"))
        .with("clam.zone", records)
}

/// Unbound that trusts the parent's key, and wants signatures of all algorithms that DS records
/// name.
fn resolver(zone: u16, parent: &Parent) -> Peer {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let stubs = [
        (ORIGIN, format!("127.0.0.1@{zone}")),
        (parent::ORIGIN, format!("{}@{}", parent::ADDRESS, parent.port())),
    ];
    let settings = "  module-config: \"validator iterator\"\n  harden-algo-downgrade: yes\n";
    let command = unbound_with(parent.anchor(), &stubs, (dir.path(), port), settings);
    resolving(command, port, dir)
}
