//! Starts, pins and ends the servers that are measured.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use tempfile::TempDir;

use crate::process;
use crate::queries::{Edns, TXT, query};
use crate::system;
use crate::xdp::lab::{self, Lab};

/// Size in octets of the socket buffers of the benchmark: more than all outstanding queries need.
pub const BUFFER: usize = 4 << 20;

/// The core of the server under measurement, and that of the load.
pub const SERVER_CORE: usize = 0;
pub const LOAD_CORE: usize = 1;

/// A running server. Dropping it ends the process.
pub struct Server {
    pub name: &'static str,
    pub sandbox: Sandbox,
    child: Child,
}

impl Server {
    /// Starts a server that must start.
    pub fn start(name: &'static str, command: Command, sandbox: Sandbox) -> Self {
        Self::try_start(name, command, sandbox).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts a server and waits until it answers for the version record. The error contains its
    /// log.
    pub fn try_start(
        name: &'static str,
        mut command: Command,
        sandbox: Sandbox,
    ) -> Result<Self, String> {
        let log = File::create(sandbox.path().join("log")).expect("the log");
        if let Some(lab) = &sandbox.lab {
            command = lab.command(&command);
        }
        system::end_with_parent(&mut command);
        let child = command
            .current_dir(sandbox.path())
            .env_remove("CVDNS_LOG")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log twice"))
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        let mut server = Self { name, sandbox, child };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        let probe = query("current.cvd.clamav.net", TXT, Edns::Plain);
        let socket = self.sandbox.socket();
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        let mut answer = [0; 512];
        loop {
            let sent = socket.send(&probe).is_ok();
            // A server refuses queries until its zone is loaded. RCODE is the lower four bits.
            if sent
                && matches!(socket.recv(&mut answer), Ok(12..))
                && answer[3].trailing_zeros() >= 4
            {
                return Ok(());
            }
            let ended = self.child.try_wait().expect("a child");
            if ended.is_some() || Instant::now() > deadline {
                let how = if ended.is_some() { "ended" } else { "does not answer" };
                return Err(format!("{} {how}:\n{}", self.name, self.log()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Pins the server to the servers' core.
    pub fn pinned(self) -> Self {
        process::pin(self.pid(), SERVER_CORE);
        self
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.sandbox.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let tree = process::tree(self.pid());
        let signal = |pid, signal| {
            let _ = kill(process::id(pid), signal);
        };
        signal(self.pid(), Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(3);
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // The processes are not reaped yet, so the process IDs are still theirs.
        tree.into_iter().rev().for_each(|pid| signal(pid, Signal::SIGKILL));
        let _ = self.child.wait();
    }
}

/// A directory for one server and a free port on 127.0.0.1, or port 53 of a network of its own.
pub struct Sandbox {
    dir: TempDir,
    pub port: u16,
    lab: Option<Arc<Lab>>,
}

impl Sandbox {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
            port: free_port(),
            lab: None,
        }
    }

    /// For a server in a network of its own.
    pub fn within(lab: Arc<Lab>) -> Self {
        Self { port: 53, lab: Some(lab), ..Self::new() }
    }

    /// The address that the server is to listen on.
    pub fn address(&self) -> Ipv4Addr {
        self.lab.as_ref().map_or(Ipv4Addr::LOCALHOST, |_| lab::SERVER)
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file, in directories that are made as needed.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory of the server");
        fs::write(path, text).expect("a file of the server");
    }

    /// A socket that is connected to the server.
    pub fn socket(&self) -> UdpSocket {
        self.lab.as_ref().map_or_else(|| connected(self.port), |lab| lab.socket())
    }
}

/// A socket that is connected to a port on 127.0.0.1.
pub fn connected(port: u16) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.connect((Ipv4Addr::LOCALHOST, port)).expect("a loopback route");
    socket
}

/// This program with another first argument.
pub fn myself(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path to this program"));
    command.arg(part);
    command
}

/// A port that is free for UDP and TCP.
pub fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
