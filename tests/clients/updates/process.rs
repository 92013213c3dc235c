//! Children that end with the test, and in bounded time.

use crate::support::tools;
use std::fs::{self, File};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a program did.
pub(crate) struct Run {
    pub(crate) status: ExitStatus,
    /// Standard output and standard error in the order in which they came.
    pub(crate) text: String,
}

/// Runs a program to its end, which must come within `patience`. What it says is shown when the
/// test fails, or with `--nocapture`.
pub(crate) fn run(command: &mut Command, patience: Duration) -> Run {
    let log = tempfile::NamedTempFile::new().expect("a log");
    let mut child = Running::start(command, log.as_file());
    let text = || fs::read_to_string(log.path()).expect("text");
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.0.try_wait().expect("a child") {
            let text = text();
            print!("{text}");
            return Run { status, text };
        }
        assert!(
            Instant::now() < deadline,
            "{command:?} has not ended in {patience:?}:\n{}",
            text()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A child that is ended when dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command, log: &File) -> Self {
        let log = || log.try_clone().expect("the log twice");
        let child = command.stdin(Stdio::null()).stdout(log()).stderr(log()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if tools::stop(&mut self.0).is_none() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
