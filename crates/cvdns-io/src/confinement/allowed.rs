//! What a process may still do in the sandbox.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a process may still do in the sandbox. Without anything added, it opens no file and makes
/// no TCP connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    pub(super) reads: BTreeSet<PathBuf>,
    pub(super) writes: BTreeSet<PathBuf>,
    pub(super) connects: BTreeSet<u16>,
    pub(super) abstract_sockets: bool,
}

impl Allowed {
    /// What may be read.
    pub fn reads(&self) -> Vec<&Path> {
        self.reads.iter().map(PathBuf::as_path).collect()
    }

    /// Where files may be written.
    pub fn writes(&self) -> Vec<&Path> {
        self.writes.iter().map(PathBuf::as_path).collect()
    }

    /// The TCP ports that may be connected to.
    pub fn connects(&self) -> Vec<u16> {
        self.connects.iter().copied().collect()
    }

    /// Adds reading a file, or everything beneath a directory. It is this file or directory that is
    /// allowed, not whatever takes its place later: where files are replaced by rename, their
    /// directory must be added.
    pub fn read(&mut self, path: impl Into<PathBuf>) {
        self.reads.insert(path.into());
    }

    /// Adds reading, replacing and removing files and Unix sockets beneath a directory.
    pub fn also_writes(&mut self, directory: impl Into<PathBuf>) {
        self.writes.insert(directory.into());
    }

    /// Adds TCP connections to this port of any address.
    pub fn connect(&mut self, port: u16) {
        self.connects.insert(port);
    }

    /// Adds Unix sockets of other programs that have names instead of paths (unix(7)).
    pub fn abstract_sockets(&mut self) {
        self.abstract_sockets = true;
    }
}
