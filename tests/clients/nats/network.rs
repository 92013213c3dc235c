//! A directory with a server's configuration and the coordinator's keys, and a NATS server.

use crate::support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use cvdns_nats::{Document, Key, KeyName, Settings, Verdict, Writer};
use support::client::{Client, Transport};
use support::daemon::{Daemon, Files};
use support::fixture::{self, Set, path, states, yields};
use support::minisign::{key, sign};
use support::nats::NatsServer;
use support::packet::Query;
use support::rr;
use tempfile::TempDir;

/// The coordinator of a network with a NATS server.
pub(super) struct Network {
    pub(super) nats: NatsServer,
    /// Has the keys `ours` and `theirs`.
    keys: TempDir,
    public: String,
    /// What commands are run in.
    pub(super) desk: TempDir,
}

impl Network {
    /// One with empty buckets.
    pub(super) fn start() -> Self {
        let network = Self::of(NatsServer::start());
        let made = network.command(&["nats", "set-up"]);
        assert!(made.contains("bucket cvdns: made"), "{made}");
        network
    }

    /// One without buckets.
    pub(super) fn of(nats: NatsServer) -> Self {
        let keys = tempfile::tempdir().expect("a directory");
        let public = key(keys.path(), "ours");
        key(keys.path(), "theirs");
        let desk = tempfile::tempdir().expect("a directory");
        let network = Self { nats, keys, public, desk };
        let secret = network.keys.path().join("ours.key");
        let monitor = format!("[monitor]\nsecret-key = \"{}\"\n", secret.display());
        network.files("", &monitor).write(network.desk.path(), 0);
        network
    }

    /// A server with these lines in `[feed]`, and with these sections.
    pub(super) fn files(&self, feed: &str, sections: &str) -> Files {
        let files = fixture::files();
        let (public, url) = (&self.public, self.nats.url());
        let config = files.text("cvdns.toml").replace(
            "source = \"feed.json\"",
            &format!("interval = \"1s\"\nmax-loss = 1\npublic-key = \"{public}\"\n{feed}"),
        );
        let config = format!(
            "{config}\n[nats]\nservers = [\"{url}\"]\n[admin]\nlisten = \"unix:admin.sock\"\n{sections}\n"
        );
        files.with("cvdns.toml", config)
    }

    /// Writes a signed feed in which this host is down into a file.
    pub(super) fn write_feed(&self, file: &Path, serial: u64, host: &str) {
        let feed = feed_without(serial, host);
        let signature = self.sign("ours", &feed);
        fs::write(support_signature(file), signature).expect("a signature");
        // As the coordinator does, so that nobody reads half a feed.
        fs::write(file.with_extension("new"), feed).expect("a feed");
        fs::rename(file.with_extension("new"), file).expect("a feed");
    }

    /// Publishes such a feed by the command.
    pub(super) fn publish(&self, serial: u64, host: &str) -> String {
        let file = self.desk.path().join("feed.json");
        self.write_feed(&file, serial, host);
        self.command(&["feed", "publish", "feed.json"])
    }

    /// The signature of a text by the key of this name.
    pub(super) fn sign(&self, key: &str, text: &str) -> String {
        sign(self.keys.path(), key, text)
    }

    /// Puts a document there, whatever it is, as somebody with a user's password could.
    pub(super) fn put(&self, name: &'static str, text: &str, signature: Option<String>) {
        let mut writer = Writer::connect(&self.settings(), TIMEOUT).expect("connected");
        let document = Document {
            octets: text.as_bytes().to_vec(),
            signature: signature.map(String::into_bytes),
        };
        writer.put(&key_of(name), &document, |_| Verdict::Newer).expect("stored");
    }

    /// The text that is there; `None` if there is none, or it cannot be read.
    pub(super) fn published(&self, name: &'static str) -> Option<String> {
        let read = cvdns_nats::read(&self.settings(), &key_of(name), TIMEOUT);
        String::from_utf8(read.ok().flatten()?.octets).ok()
    }

    fn settings(&self) -> Settings {
        Settings {
            servers: vec![self.nats.url().parse().expect("an address")],
            credentials: None,
            ca_file: None,
            bucket: "cvdns".parse().expect("a name"),
            name: "test".to_owned(),
        }
    }

    /// What a command prints that is run at the coordinator's.
    pub(super) fn command(&self, arguments: &[&str]) -> String {
        text(&command(self.desk.path(), arguments))
    }
}

const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);

fn key_of(name: &'static str) -> Key {
    Key { name: KeyName::constant(name), limit: 1 << 24 }
}

pub(super) fn command(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(arguments).current_dir(directory).output().expect("cvdns")
}

pub(super) fn text(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

fn support_signature(file: &Path) -> std::path::PathBuf {
    cvdns_core::health::signature_path(file)
}

/// A feed in which this host is down.
pub(super) fn feed_without(serial: u64, host: &str) -> String {
    fixture::feed(serial, &states(&[(host, "down")]))
}

/// What a server answers of the mirrors of a country.
pub(super) fn answer(client: Client) -> Set {
    let query = Query::new("db.de.clam.example", rr::A);
    client.ask(Transport::Udp4, &query).rdata(rr::A).into_iter().collect()
}

pub(super) fn pool_without(host: &str) -> Set {
    yields(&path("DE"), &states(&[(host, "down")]), false).0
}

pub(super) fn until_without(daemon: &Daemon, host: &str) {
    daemon.until(host, || answer(daemon.client()) == pool_without(host));
}
