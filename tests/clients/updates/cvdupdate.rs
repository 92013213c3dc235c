//! cvdupdate of `PyPI`, with which mirrors and large networks fetch databases.

use super::process::{Run, run};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A user of cvdupdate, who follows daily.cvd of the mirrors at a name.
pub(crate) struct Cvdupdate {
    dir: TempDir,
}

/// From the environment that tests/run makes: Debian's package is older.
pub(crate) fn command() -> Command {
    let cvd = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/cvd");
    assert!(
        cvd.exists(),
        "no {}: tests/run installs it (python3 -m venv target/python && target/python/bin/pip install cvdupdate==1.2.0)",
        cvd.display()
    );
    Command::new(cvd)
}

impl Cvdupdate {
    pub(crate) fn new(mirrors: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| dir.path().join(name);
        let config = json!({
            "nameserver": "127.0.0.1", "max retry": 1, "state file": path("state.json"),
            "log directory": path("log"), "rotate logs": true, "# logs to keep": 1,
            "db directory": path("db"), "rotate cdiffs": true, "# cdiffs to keep": 30,
        });
        let state = json!({ "dbs": { "daily.cvd": {
            "url": format!("http://{mirrors}:8080/daily.cvd"), "DNS field": 2, "local version": 0, "CDIFFs": [],
            "retry after": 0, "last modified": 0, "last checked": 0,
        } } });
        fs::write(path("config.json"), config.to_string()).expect("config.json");
        fs::write(path("state.json"), state.to_string()).expect("state.json");
        Self { dir }
    }

    pub(crate) fn update(&self) -> Run {
        let mut command = command();
        // Without proxies of the environment, and of the user's home.
        command.env_clear().env("HOME", self.dir.path()).args(["update", "-V", "--config"]);
        run(command.arg(self.dir.path().join("config.json")), PATIENCE)
    }

    /// What it noted of daily.cvd.
    pub(crate) fn state(&self) -> Value {
        let state: Value = serde_json::from_slice(&self.read("state.json")).expect("JSON");
        state["dbs"]["daily.cvd"].clone()
    }

    /// The record as it keeps it beside the databases.
    pub(crate) fn record(&self) -> String {
        String::from_utf8(self.read("db/dns.txt")).expect("text")
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.dir.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}
