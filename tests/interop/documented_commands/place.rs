//! The directory in which the commands of a page are run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::support::tools;

/// A directory with the example's files. What the commands leave running ends with it.
pub(super) struct Place {
    dir: tempfile::TempDir,
    background: Vec<Child>,
}

impl Place {
    /// The example's files, with this done to the configuration.
    pub(super) fn new(change: impl Fn(String) -> String) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        for name in ["cvdns.toml", "feed.json", "zones", "geoip", "docs"] {
            tools::output(Command::new("cp").arg("-r").arg(project.join(name)).arg(dir.path()));
        }
        let config = dir.path().join("cvdns.toml");
        let text = fs::read_to_string(&config).expect("the configuration");
        fs::write(config, change(text)).expect("the configuration");
        Self { dir, background: Vec::new() }
    }

    /// Puts the keys of a fragment into a configuration file, as a reader does by hand.
    pub(super) fn merge(&self, file: &str, fragment: &str) {
        let path = self.dir.path().join(file);
        let mut whole: toml::Table =
            fs::read_to_string(&path).unwrap_or_default().parse().expect("TOML");
        merge(&mut whole, fragment.parse().expect("a fragment in TOML"));
        fs::write(path, toml::to_string(&whole).expect("TOML")).expect("written");
    }

    /// Runs a command as the reader's shell does. Whether it succeeds, and what a terminal shows.
    pub(super) fn run(&self, command: &str) -> (bool, Vec<String>) {
        let shown = self.dir.path().join(".shown");
        let file = File::create(&shown).expect("a file");
        let status = self.shell(command, &file).status().expect("bash");
        let text = fs::read(shown).expect("what was printed");
        let text = String::from_utf8_lossy(&text).into_owned();
        (status.success(), text.trim_end().lines().map(str::to_owned).collect())
    }

    /// Starts a command that runs until the page ends.
    pub(super) fn start(&mut self, command: &str) {
        let file = File::create(self.dir.path().join(".background")).expect("a file");
        // The shell must not be what a signal reaches.
        let child = self.shell(&format!("exec {command}"), &file).spawn();
        self.background.push(child.expect("bash"));
    }

    fn shell(&self, command: &str, output: &File) -> Command {
        let binaries = Path::new(env!("CARGO_BIN_EXE_cvdns")).parent().expect("a directory");
        let nats = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin");
        let path = format!(
            "{}:{}:{}:/usr/sbin",
            binaries.display(),
            nats.display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let mut shell = Command::new("bash");
        shell
            .args(["-c", command])
            .current_dir(self.dir.path())
            .env("PATH", path)
            .env_remove("CVDNS_LOG")
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("the file twice"))
            .stderr(output.try_clone().expect("the file twice"));
        shell
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What the page stops, unless a command failed before.
        for name in ["server.pid", "second.pid", "capture.pid"] {
            if let Ok(pid) = fs::read_to_string(self.dir.path().join(name))
                && std::thread::panicking()
            {
                let _ = Command::new("kill").arg(pid.trim()).status();
            }
        }
        for child in &mut self.background {
            if tools::stop(child).is_none() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        if std::thread::panicking() {
            for name in ["server.log", "second/server.log", ".background"] {
                let text = fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
                eprintln!("--- {name}\n{text}");
            }
        }
    }
}

fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(more)) => merge(inner, more),
            (Some(toml::Value::Array(items)), toml::Value::Array(more))
                if more.iter().all(toml::Value::is_table) =>
            {
                items.extend(more);
            }
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}
