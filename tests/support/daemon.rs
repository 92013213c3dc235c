//! The real server in a directory of its own.

use super::client::{Client, Transport, read, receive, send};
use super::packet::Query;
use super::place::{self, Place};
use super::{PATIENCE, ports, rr, tools};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running `cvdns serve`, stopped when dropped.
pub struct Daemon {
    child: Child,
    port: u16,
    dir: TempDir,
    /// Its standard error is the log in its directory.
    has_log: bool,
    /// How many servers were replaced before it.
    replaced: usize,
    /// Where it is.
    _place: Place,
}

/// The files of a server, by name. `cvdns.toml` is written with `@PORT@` replaced.
#[derive(Clone, Default)]
pub struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    /// Adds a file, or replaces it.
    pub fn with(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), content.into()));
        self
    }

    /// Leaves a file out.
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    pub fn write(&self, dir: &Path, port: u16) {
        for (name, content) in &self.0 {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().expect("a directory")).expect("the file's directory");
            fs::write(path, content).expect("a file of the server");
        }
        let mut config = self.text("cvdns.toml").replace("@PORT@", &port.to_string());
        if !config.contains("[rate-limit]") {
            config.push_str(NO_LIMIT);
        }
        fs::write(dir.join("cvdns.toml"), place::config(config)).expect("the configuration");
    }

    /// The files in a directory, as text.
    pub fn beneath<'f>(&'f self, directory: &'f str) -> impl Iterator<Item = (&'f str, &'f str)> {
        let names = self.0.iter().map(|(name, _)| &**name);
        names.filter(move |name| name.starts_with(directory)).map(|name| (name, self.text(name)))
    }

    pub fn text(&self, name: &str) -> &str {
        let (_, content) =
            self.0.iter().find(|(known, _)| known == name).expect("a file of that name");
        std::str::from_utf8(content).expect("text")
    }
}

/// Tests ask faster than clients do, and all from one address. Those of the limit say so.
const NO_LIMIT: &str = "\n[rate-limit]\nexempt = [\"127.0.0.0/8\", \"::1/128\"]\n";

impl Daemon {
    /// Starts the server with these files and waits until it answers over every transport.
    pub fn start(files: &Files) -> Self {
        Self::start_on(ports::free(), files)
    }

    /// The same on this port, which must be free.
    pub fn start_on(port: u16, files: &Files) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        files.write(dir.path(), port);
        let place = Place::of(port);
        let mut daemon = Self {
            child: serve(port, dir.path(), None),
            port,
            dir,
            has_log: true,
            replaced: 0,
            _place: place,
        };
        daemon.wait_until_ready();
        daemon
    }

    /// The same without waiting until it answers.
    pub fn begin(files: &Files) -> Self {
        let (dir, port) = (tempfile::tempdir().expect("a temporary directory"), ports::free());
        files.write(dir.path(), port);
        let place = Place::of(port);
        Self {
            child: serve(port, dir.path(), None),
            port,
            dir,
            has_log: true,
            replaced: 0,
            _place: place,
        }
    }

    /// The same with standard error elsewhere than in the log.
    pub fn start_logging_to(files: &Files, stderr: impl Into<Stdio>) -> Self {
        let (dir, port) = (tempfile::tempdir().expect("a temporary directory"), ports::free());
        files.write(dir.path(), port);
        let place = Place::of(port);
        let child = serve(port, dir.path(), Some(stderr.into()));
        let mut daemon = Self { child, port, dir, has_log: false, replaced: 0, _place: place };
        daemon.wait_until_ready();
        daemon
    }

    /// Ends the server without a word (SIGKILL), and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// Starts a server that was ended again, with its files as they are and a new log.
    pub fn start_again(&mut self) {
        self.child = serve(self.port, self.dir.path(), None);
        self.replaced = 0;
        self.wait_until_ready();
    }

    /// The same with `--replace`, though no server runs.
    pub fn start_again_replacing(&mut self) {
        let mut command = place::cvdns(self.port);
        command.args(["serve", "--replace"]);
        self.child = spawned(command, self.dir.path(), "log", None);
        self.replaced = 0;
        self.wait_until_ready();
    }

    /// The same with this umask.
    pub fn start_again_with_umask(&mut self, umask: &str) {
        self.start_again_after(&format!("umask {umask}"));
    }

    /// The same after these commands of a shell.
    pub fn start_again_after(&mut self, commands: &str) {
        let (dir, script) = (self.dir.path(), format!("{commands} && exec \"$0\" \"$@\""));
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_cvdns")]);
        self.child = started(command, dir, None);
        self.wait_until_ready();
    }

    /// Starts a server that replaces this one (`--replace`), and waits until this one has ended.
    /// The new one is the server from then on. Returns the exit status and the log of the old one.
    pub fn replace(&mut self) -> (ExitStatus, String) {
        self.replace_saying(place::serves())
    }

    /// The same with other words in the log of the new one.
    pub fn replace_saying(&mut self, words: &[&str]) -> (ExitStatus, String) {
        let mut command = place::cvdns(self.port);
        command.args(["serve", "--replace"]);
        let log = format!("log.{}", self.replaced + 1);
        let mut child = spawned(command, self.dir.path(), &log, None);
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            let ended = child.try_wait().expect("a child");
            if ended.is_some() || Instant::now() > deadline {
                let _ = child.kill();
                let log = fs::read_to_string(self.dir.path().join(log)).expect("the new log");
                panic!("not replaced ({ended:?}):\n{log}\n--- replaced:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let before = self.log();
        self.child = child;
        self.replaced += 1;
        self.wait_for_log(0, words);
        (status, before)
    }

    /// Runs `cvdns serve --replace` where it cannot serve. Returns its exit status and its words.
    pub fn fail_to_replace(&self) -> (ExitStatus, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_cvdns"))
            .args(["serve", "--replace", "--config"])
            .arg(self.dir.path().join("cvdns.toml"))
            .env_remove("CVDNS_LOG")
            .stdin(Stdio::null())
            .output()
            .expect("a command that runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status, String::from_utf8_lossy(&said).into_owned())
    }

    /// Starts the server of a configuration that is in this directory already, by a shell with
    /// these commands before, and with these arguments after those that every server gets. It must
    /// listen on this port.
    pub fn start_in(dir: TempDir, port: u16, commands: &str, arguments: &str) -> Self {
        let script = format!("{commands} exec \"$0\" \"$@\" {arguments}");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_cvdns")]);
        let child = started(command, dir.path(), None);
        let place = Place::of(port);
        let mut daemon = Self { child, port, dir, has_log: true, replaced: 0, _place: place };
        daemon.wait_until_ready();
        daemon
    }

    /// Waits until it answers over every transport, and until its log has all that it says of its
    /// start.
    pub fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        // Whatever the zones are, a name under the root is answered somehow.
        let probe = Query::new(".", rr::NS).build();
        let client = self.client();
        for transport in super::client::ALL {
            loop {
                if let Some(status) = self.child.try_wait().expect("a child") {
                    panic!("the server ended with {status}:\n{}", self.log());
                }
                if answers(client, transport, &probe) {
                    break;
                }
                assert!(
                    Instant::now() < deadline,
                    "the server does not answer {transport:?}:\n{}",
                    self.log()
                );
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        if self.has_log {
            self.wait_for_log(0, place::serves());
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn client(&self) -> Client {
        Client { port: self.port }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// All lines that the server has written so far. One that is being written may be seen in part:
    /// it is left out.
    pub fn log(&self) -> String {
        let mut log = fs::read_to_string(self.dir.path().join(self.log_name())).expect("the log");
        log.truncate(log.rfind('\n').map_or(0, |end| end + 1));
        log
    }

    fn log_name(&self) -> String {
        if self.replaced == 0 { "log".to_owned() } else { format!("log.{}", self.replaced) }
    }

    /// Waits until what the server logged since `before` (a length of the log) has `words` in it.
    pub fn wait_for_log(&self, before: usize, words: &[&str]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            let news = log[before..].to_lowercase();
            if words.iter().all(|word| news.contains(word)) {
                return;
            }
            assert!(Instant::now() < deadline, "no {words:?} in the log:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until something holds.
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < deadline, "not in time: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn sighup(&self) {
        tools::signal(self.child.id(), "HUP");
    }

    /// Writes a file in one step, so that a server that watches it sees no part of it. Mode and
    /// links stay.
    pub fn write_file(&self, name: &str, content: &str) {
        let path = self.dir.path().join(name);
        let path = path.canonicalize().unwrap_or(path);
        let new = path.with_file_name(format!(".{}.new", name.replace('/', "_")));
        fs::write(&new, content).expect("a file of the server");
        if let Ok(before) = path.metadata() {
            fs::set_permissions(&new, before.permissions()).expect("the mode");
        }
        fs::rename(&new, &path).expect("the file renamed");
    }

    /// Replaces the feed as FORMATS.md asks: written beside it, then renamed.
    pub fn write_feed(&self, feed: &str) {
        let new = self.dir.path().join("feed.json.new");
        fs::write(&new, feed).expect("the new feed");
        fs::rename(&new, self.dir.path().join("feed.json")).expect("the feed renamed");
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The exit status of a server that was told to end.
    pub fn wait(mut self) -> ExitStatus {
        tools::ended(&mut self.child).expect("the server ends within its grace")
    }

    /// Stops the server by SIGTERM and returns all that it wrote, what waited to be written
    /// included.
    pub fn last_log(mut self) -> String {
        let status = tools::stop(&mut self.child).expect("the server ends within its grace");
        assert!(status.success(), "{status}:\n{}", self.log());
        self.log()
    }

    /// Stops the server by SIGTERM and returns its exit status.
    pub fn terminate(mut self) -> ExitStatus {
        tools::stop(&mut self.child).expect("the server ends within its grace")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if tools::stop(&mut self.child).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of the server ---\n{}", self.log());
        }
    }
}

fn serve(port: u16, dir: &Path, stderr: Option<Stdio>) -> Child {
    started(place::cvdns(port), dir, stderr)
}

fn started(mut command: Command, dir: &Path, stderr: Option<Stdio>) -> Child {
    command.arg("serve");
    spawned(command, dir, "log", stderr)
}

fn spawned(mut command: Command, dir: &Path, log: &str, stderr: Option<Stdio>) -> Child {
    let log = File::create(dir.join(log)).expect("the log");
    command
        .arg("--config")
        .arg(dir.join("cvdns.toml"))
        .current_dir(dir)
        .env_remove("CVDNS_LOG")
        .env_remove("CVDNS_CONFIG")
        .env_remove("CVDNS_LISTEN")
        .env_remove("CVDNS_NSID")
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log twice"))
        .stderr(stderr.unwrap_or(log.into()))
        .spawn()
        .expect("the server started")
}

/// One quick try; a server that is still starting refuses or is silent.
fn answers(client: Client, transport: Transport, probe: &[u8]) -> bool {
    let patience = Some(Duration::from_millis(500));
    if transport.is_udp() {
        let socket = client.udp(transport.ip());
        socket.set_read_timeout(patience).expect("a timeout");
        socket.send(probe).is_ok() && receive(&socket).is_some()
    } else {
        let Ok(mut stream) = TcpStream::connect(SocketAddr::new(transport.ip(), client.port))
        else {
            return false;
        };
        stream.set_read_timeout(patience).expect("a timeout");
        send(&mut stream, probe);
        read(&mut stream).is_some()
    }
}
