//! The mirrors' web server: one nginx, listening on the address of each.

use super::process::Running;
use crate::support::tools::tool_of;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// nginx, stopped when dropped.
pub(crate) struct Web {
    /// Before the directory: nginx ends first.
    _nginx: Running,
    dir: TempDir,
    address: String,
}

/// A line of the access log.
#[derive(Debug)]
pub(crate) struct Request {
    /// The mirror that was asked.
    pub(crate) address: String,
    pub(crate) host: String,
    pub(crate) uri: String,
    pub(crate) status: u16,
    pub(crate) range: String,
    pub(crate) agent: String,
}

const PORT: u16 = 8080;

pub(crate) fn command() -> Command {
    tool_of("nginx", "install nginx-light")
}

/// Where `ClamAV`'s signed test databases are looked for.
const DATABASES: &str = "CVDNS_SIGNED_DATABASES";

/// Why there are none. They are GPL-2.0, and so no part of this project: `ClamAV`'s sources have
/// them in `unit_tests/input/freshclam_testfiles`.
pub(crate) fn missing_databases() -> Option<String> {
    let missing = ["test-5.cvd", "test-6.cvd", "test-6.cdiff"]
        .into_iter()
        .find(|file| !path(file).exists())?;
    let sources = "ClamAV's sources have it in unit_tests/input/freshclam_testfiles";
    Some(format!(
        "{} is not there; {sources}: set {DATABASES} to its directory",
        path(missing).display()
    ))
}

fn path(file: &str) -> PathBuf {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/freshclam");
    std::env::var_os(DATABASES).map_or_else(beside, PathBuf::from).join(file)
}

/// One of `ClamAV`'s own test databases or increments.
pub(crate) fn database(file: &str) -> Vec<u8> {
    let path = path(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Web {
    /// Mirrors on `addresses` which hold `files`, as (name, name among ClamAV's).
    pub(crate) fn start<'a>(
        addresses: impl Iterator<Item = &'a str>,
        files: &[(&str, &str)],
    ) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let addresses: Vec<&str> = addresses.collect();
        fs::create_dir(dir.path().join("www")).expect("a directory");
        fs::write(dir.path().join("nginx.conf"), config(&dir, &addresses)).expect("nginx.conf");
        let log = File::create(dir.path().join("error")).expect("the log");
        // -e: else it tries to write to the system's log before it reads the file.
        let mut command = command();
        command
            .arg("-p")
            .arg(dir.path())
            .args(["-e", "stderr", "-c"])
            .arg(dir.path().join("nginx.conf"));
        let web = Self {
            _nginx: Running::start(&mut command, &log),
            dir,
            address: addresses[0].to_owned(),
        };
        for (name, file) in files {
            web.publish(name, file);
        }
        web.requests();
        web
    }

    pub(crate) fn publish(&self, name: &str, file: &str) {
        self.write(name, &database(file));
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.dir.path().join("www").join(name), content).expect("a file of the mirrors");
    }

    /// All requests of clients so far. nginx logs a request after it was answered, and here does
    /// one thing at a time: once a further request is in the log, all before it are.
    pub(crate) fn requests(&self) -> Vec<Request> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("/mark-{}.", NEXT.fetch_add(1, Ordering::Relaxed));
        let deadline = Instant::now() + crate::support::PATIENCE;
        loop {
            let log = fs::read_to_string(self.dir.path().join("access")).unwrap_or_default();
            if log.contains(&mark) {
                return log
                    .lines()
                    .map(Request::parse)
                    .filter(|request| !request.uri.starts_with("/mark-"))
                    .collect();
            }
            let errors = || fs::read_to_string(self.dir.path().join("error")).unwrap_or_default();
            assert!(Instant::now() < deadline, "nginx does not answer:\n{}", errors());
            if self.get(&mark).is_none() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Asks as a client does, and reads the answer to its end.
    fn get(&self, uri: &str) -> Option<usize> {
        let mut stream = TcpStream::connect((self.address.as_str(), PORT)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {uri} HTTP/1.0\r\n\r\n").ok()?;
        stream.read_to_end(&mut Vec::new()).ok()
    }
}

impl Request {
    fn parse(line: &str) -> Self {
        let fields: Vec<&str> = line.split('\t').collect();
        let [address, host, uri, status, range, agent] = fields[..] else {
            panic!("not 6 fields: {line}")
        };
        Self {
            address: address.to_owned(),
            host: host.to_owned(),
            uri: uri.to_owned(),
            status: status.parse().expect("a status"),
            range: range.to_owned(),
            agent: agent.to_owned(),
        }
    }
}

/// One process, which keeps the account that it has, writes nothing outside of `dir` and stays in
/// the foreground.
fn config(dir: &TempDir, addresses: &[&str]) -> String {
    let dir = dir.path().display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|kind| format!("{kind}_temp_path {dir}/{kind};\n")).concat();
    let listen: Vec<String> =
        addresses.iter().map(|address| format!("listen {address}:{PORT};\n")).collect();
    let listen = listen.concat();
    format!(
        "daemon off;\nmaster_process off;\npid {dir}/pid;\nerror_log stderr;\nevents {{ }}\nhttp {{\n\
         log_format mirrors '$server_addr\t$host\t$request_uri\t$status\t$http_range\t$http_user_agent';\n\
         access_log {dir}/access mirrors;\n{temporary}server {{\n{listen}root {dir}/www;\n}}\n}}\n"
    )
}
