//! The programs that the tests compare with, and how children are stopped.

use super::{PATIENCE, client, packet, ports, reply, rr};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const WANTED: &str = "install bind9, bind9-dnsutils, knot and knot-dnsutils: tests need them";

/// A command of the Debian packages named in `WANTED`.
pub fn tool(name: &str) -> Command {
    tool_of(name, WANTED)
}

/// A command whose absence is a failure that says what is `wanted`, never a skip.
pub fn tool_of(name: &str, wanted: &str) -> Command {
    // Daemons live in sbin, which is often not in a user's PATH.
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = std::env::var("PATH").unwrap_or_default();
    let path = found
        .split(':')
        .chain(places)
        .map(|dir| Path::new(dir).join(name))
        .find(|path| path.exists());
    Command::new(path.unwrap_or_else(|| panic!("no {name}: {wanted}")))
}

/// What a command prints; it must succeed.
pub fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("a command that runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{text}{error}", output.status);
    text
}

/// Sends the signal of this name, at once: a program that sent it would take its time.
pub fn signal(pid: u32, name: &str) {
    let signal: nix::sys::signal::Signal = format!("SIG{name}").parse().expect("a signal");
    let pid = nix::unistd::Pid::from_raw(pid.try_into().expect("a process"));
    nix::sys::signal::kill(pid, signal).expect("the process is there");
}

/// Asks a child to end; its exit status, or `None` when it has not ended within the grace.
pub fn stop(child: &mut Child) -> Option<ExitStatus> {
    if let Ok(Some(status)) = child.try_wait() {
        return Some(status);
    }
    signal(child.id(), "TERM");
    ended(child)
}

/// The exit status of a child that was told to end, or `None` when it has not ended within the
/// grace.
pub fn ended(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// A name server that is compared with, in a directory of its own.
pub struct Peer {
    child: Child,
    pub port: u16,
    dir: tempfile::TempDir,
}

impl Peer {
    /// BIND, serving each (origin, zone file text) without recursion and with minimal responses.
    pub fn named(zones: &[(&str, &str)]) -> Self {
        let (dir, port) = Self::place(zones);
        let mut config = format!(
            "options {{ directory \"{dir}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
             pid-file none; session-keyfile none; recursion no; minimal-responses yes;\n\
             dnssec-validation no; check-names primary ignore; empty-zones-enable no; notify no; check-integrity no; }};\ncontrols {{ }};\n",
            dir = dir.path().display(),
        );
        for (origin, _) in zones {
            let _ =
                writeln!(config, "zone \"{origin}\" {{ type primary; file \"{origin}.zone\"; }};");
        }
        fs::write(dir.path().join("named.conf"), config).expect("named.conf");
        let mut command = tool("named");
        command.args(["-g", "-n", "1", "-c"]).arg(dir.path().join("named.conf"));
        Self::start(command, port, dir, zones)
    }

    /// Knot DNS, serving the same.
    pub fn knotd(zones: &[(&str, &str)]) -> Self {
        let (dir, port) = Self::place(zones);
        let path = dir.path().display();
        let mut config = format!(
            "server:\n  rundir: {path}\n  listen: 127.0.0.1@{port}\n  udp-workers: 1\n  tcp-workers: 1\n\
             log:\n  - target: stderr\n    any: info\ndatabase:\n  storage: {path}\n\
             template:\n  - id: default\n    storage: {path}\n    semantic-checks: off\n    zonefile-sync: -1\nzone:\n"
        );
        for (origin, _) in zones {
            let _ = writeln!(config, "  - domain: {origin}\n    file: {origin}.zone");
        }
        fs::write(dir.path().join("knot.conf"), config).expect("knot.conf");
        let mut command = tool("knotd");
        command.arg("-c").arg(dir.path().join("knot.conf"));
        Self::start(command, port, dir, zones)
    }

    fn place(zones: &[(&str, &str)]) -> (tempfile::TempDir, u16) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for (origin, text) in zones {
            fs::write(dir.path().join(format!("{origin}.zone")), text).expect("a zone file");
        }
        (dir, ports::free())
    }

    fn start(command: Command, port: u16, dir: tempfile::TempDir, zones: &[(&str, &str)]) -> Self {
        Self::of(command, port, dir, zones.iter().map(|(origin, _)| *origin))
    }

    /// A server that this command starts, with its files in `dir`; waits until it has loaded these
    /// zones.
    pub fn of<'o>(
        mut command: Command,
        port: u16,
        dir: tempfile::TempDir,
        origins: impl IntoIterator<Item = &'o str>,
    ) -> Self {
        let log = dir.path().join("log");
        let file = File::create(&log).expect("the log");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the log twice"))
            .stderr(file)
            .spawn()
            .expect("the name server started");
        let peer = Self { child, port, dir };
        for origin in origins {
            peer.wait_for(origin, &log);
        }
        peer
    }

    /// Ends it without a word (SIGKILL).
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// Sends it the signal of this name.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Where its files are.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).expect("the log")
    }

    fn wait_for(&self, origin: &str, log: &Path) {
        let deadline = Instant::now() + PATIENCE;
        let query = packet::Query::new(origin, rr::SOA);
        let socket = client::Client { port: self.port }.udp([127, 0, 0, 1].into());
        socket.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        loop {
            let sent = socket.send(&query.build()).is_ok();
            // SERVFAIL or REFUSED until the zone is loaded.
            let loaded = |reply: Vec<u8>| {
                reply::Reply::walk(&reply).is_ok_and(|reply| reply.rcode() == rr::NOERROR)
            };
            if sent && client::receive(&socket).is_some_and(loaded) {
                return;
            }
            let log = || fs::read_to_string(log).unwrap_or_default();
            assert!(Instant::now() < deadline, "{origin} is not served:\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if stop(&mut self.child).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
