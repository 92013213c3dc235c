//! A NATS server of a test.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{bad_header::bad_header, ports};

/// A NATS server with a store of its own, which ends with this value.
pub struct NatsServer {
    child: Option<Child>,
    dir: TempDir,
    port: u16,
}

const PATIENCE: Duration = Duration::from_secs(60);

impl NatsServer {
    /// Starts one without users, where everybody may do everything.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts one with these lines in its configuration.
    pub fn start_with(lines: &str) -> Self {
        let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
        let config = format!(
            "listen: \"127.0.0.1:{port}\"\nmax_payload: 8MB\njetstream {{ store_dir: \"{}\" }}\n{lines}\n",
            dir.path().join("store").display()
        );
        fs::write(dir.path().join("nats.conf"), config).expect("a configuration");
        let mut server = Self { child: None, dir, port };
        server.start_again();
        server
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Stores what ends the connection of each reader under a key of the bucket `cvdns`.
    pub fn spoil(&self, key: &str) {
        bad_header(self.port, &format!("$KV.cvdns.{key}"));
    }

    /// Starts it on its store, after it was killed.
    pub fn start_again(&mut self) {
        // tests/run installs it, wherever CARGO_TARGET_DIR is.
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/nats-server");
        let log = File::options().create(true).append(true).open(self.dir.path().join("log"));
        let log = log.expect("a log");
        let mut command = Command::new(&program);
        command.arg("-c").arg(self.dir.path().join("nats.conf")).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        let child = command.spawn();
        self.child = Some(
            child.unwrap_or_else(|error| panic!("{}: {error}: run tests/run", program.display())),
        );
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it ran");
            child.wait().expect("it ended");
        }
    }

    /// Removes what it has stored. It must not run.
    pub fn lose_store(&self) {
        fs::remove_dir_all(self.dir.path().join("store")).expect("a store");
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
