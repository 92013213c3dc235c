//! Debian's freshclam, with a directory of databases of its own.

use super::process::{Run, run};
use crate::support::tools::tool_of;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A user of freshclam, who follows some databases.
pub(crate) struct Freshclam {
    dir: TempDir,
}

pub(crate) fn command() -> Command {
    tool_of("freshclam", "install clamav-freshclam")
}

impl Freshclam {
    pub(crate) fn new(databases: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let databases_dir = dir.path().join("db");
        fs::create_dir(&databases_dir).expect("a directory");
        // The increments of the test database know it by its own name only, hence none.
        // DatabaseOwner is asked of root alone.
        let mut config = format!(
            "DatabaseDirectory {}\nDatabaseOwner root\nDNSDatabaseInfo current.cvd.clamav.net\n\
             DatabaseMirror http://database.clamav.net:8080\nTestDatabases no\nScriptedUpdates no\nMaxAttempts 1\nConnectTimeout 10\n",
            databases_dir.display()
        );
        let standard = ["main", "daily", "bytecode"];
        for name in standard.iter().filter(|name| !databases.contains(name)) {
            let _ = writeln!(config, "ExcludeDatabase {name}");
        }
        for name in databases.iter().filter(|name| !standard.contains(name)) {
            let _ = writeln!(config, "ExtraDatabase {name}");
        }
        fs::write(dir.path().join("freshclam.conf"), config).expect("freshclam.conf");
        Self { dir }
    }

    /// Puts a database of this version in place, as far as freshclam looks at one that is up to
    /// date: its header.
    pub(crate) fn hold(&self, database: &str, version: u32) {
        let header = format!(
            "ClamAV-VDB:26 Sep 2026 06-24 +0000:{version}:355678:90:f028011319ac371fc1d722bc77ce109d:dsig:builder:1790403853"
        );
        fs::write(self.path(database), format!("{header:512}")).expect("a database");
    }

    pub(crate) fn update(&self) -> Run {
        let mut command = command();
        // Without proxies of the environment.
        command.env_clear().arg("--config-file").arg(self.dir.path().join("freshclam.conf"));
        run(command.args(["--verbose", "--stdout"]), PATIENCE)
    }

    /// Updates without a word of warning.
    pub(crate) fn update_quietly(&self) -> String {
        let Run { status, text } = self.update();
        assert!(status.success(), "{status}\n{text}");
        assert!(!text.contains("WARNING") && !text.contains("ERROR"), "{text}");
        text
    }

    pub(crate) fn installed(&self, database: &str) -> Vec<u8> {
        fs::read(self.path(database)).expect("a database that was installed")
    }

    fn path(&self, database: &str) -> std::path::PathBuf {
        self.dir.path().join(format!("db/{database}.cvd"))
    }
}
