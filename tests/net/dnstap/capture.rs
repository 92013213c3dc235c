//! `fstrm_capture`, and what others read in its files.

use super::support;

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{PATIENCE, tools};
use tempfile::TempDir;

const WANTED: &str = "install fstrm-bin: tests need its fstrm_capture";

/// A running `fstrm_capture`.
pub(super) struct Capture {
    child: Child,
    directory: TempDir,
}

/// Reads a file of frames: the frames by the format's rules, the messages by the code that `protoc`
/// made of dnstap.proto. Octets become hexadecimal digits.
const READ: &str = r#"
import json, struct, sys
from dnstap_pb import Dnstap
def fields(message):
    found = {}
    for field, value in message.ListFields():
        if field.name == "message":
            value = fields(value)
        elif isinstance(value, bytes):
            value = value.hex()
        elif field.enum_type:
            value = field.enum_type.values_by_number[value].name
        found[field.name] = value
    return found
octets, at, found, control = open(sys.argv[1], "rb").read(), 0, [], []
while at < len(octets):
    length, = struct.unpack_from(">I", octets, at)
    at += 4
    if length == 0:
        length, = struct.unpack_from(">I", octets, at)
        control.append(octets[at + 4:at + 4 + length])
        at += 4 + length
        continue
    message = Dnstap()
    assert message.ParseFromString(octets[at:at + length]) == length
    found.append(fields(message))
    at += length
assert at == len(octets)
kind = b"\0\0\0\1\0\0\0\x16protobuf:dnstap.Dnstap"
assert control == [b"\0\0\0\2" + kind, b"\0\0\0\3"], control
print(json.dumps(found))
"#;

impl Capture {
    /// Listens in a directory of its own.
    pub(super) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut capture = Self { child: spawn(directory.path()), directory };
        capture.wait_until_it_listens();
        capture
    }

    fn wait_until_it_listens(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(self.socket()).is_err() {
            assert!(Instant::now() < deadline, "fstrm_capture does not listen");
            assert!(self.child.try_wait().expect("a child").is_none(), "fstrm_capture ended");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Where it listens.
    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("tap.sock")
    }

    /// Where it writes.
    fn file(&self) -> PathBuf {
        self.directory.path().join("capture")
    }

    /// Ends it, so that its file is whole.
    pub(super) fn stop(&mut self) {
        tools::stop(&mut self.child).expect("fstrm_capture ends");
    }

    /// Every field of every message in its file.
    pub(super) fn messages(&self) -> Vec<Value> {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
        let wanted = "tests/run installs it (target/python/bin/pip install dnstap_pb==0.11.3)";
        let output = Command::new(&python).args(["-c", READ]).arg(self.file()).output();
        let output = output.unwrap_or_else(|_| panic!("no {}: {wanted}", python.display()));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the file is refused, or {wanted}\n{error}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The lines that `dnstap-read` prints of its file, without their dates and times.
    pub(super) fn lines(&self) -> Vec<String> {
        let said = tools::output(tools::tool("dnstap-read").arg(self.file()));
        let without_time = |line: &str| line.splitn(3, ' ').nth(2).expect("a line").to_owned();
        said.lines().map(without_time).collect()
    }
}

fn spawn(directory: &Path) -> Child {
    tools::tool_of("fstrm_capture", WANTED)
        .args(["-t", "protobuf:dnstap.Dnstap", "-u", "tap.sock", "-w", "capture"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("fstrm_capture runs")
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
