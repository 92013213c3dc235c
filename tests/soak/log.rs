//! The server's log: each line is read once, and warnings that the test did not provoke are faults.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What the test provokes: a flood, wrong files.
const PROVOKED: [&str; 4] = [
    "over the rate limit in the last",
    "was not reloaded: what was served before goes on",
    "cvdns.toml",
    "feed.json",
];

/// Reads a log as it grows.
pub(crate) struct Tail {
    path: PathBuf,
    file: File,
    /// The line that is not whole yet.
    rest: Vec<u8>,
}

impl Tail {
    pub(crate) fn new(path: PathBuf) -> Self {
        let file = File::open(&path).expect("the log");
        Self { path, file, rest: Vec::new() }
    }

    /// The lines that were written since the last call.
    ///
    /// # Errors
    /// A warning or an error that nobody provoked.
    pub(crate) fn read(&mut self) -> Result<String, String> {
        self.file.read_to_end(&mut self.rest).expect("the log read");
        let end = self.rest.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.rest.drain(..end).collect();
        let lines = String::from_utf8(lines).expect("text");
        let is_fault = |line: &&str| {
            let is_bad = [" WARN ", " ERROR "].iter().any(|level| line.contains(level));
            is_bad && !PROVOKED.iter().any(|words| line.contains(words))
        };
        match lines.lines().find(is_fault) {
            Some(line) => Err(format!("{}: {line}", Path::display(&self.path))),
            None => Ok(lines),
        }
    }
}
