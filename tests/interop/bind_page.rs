//! docs/bind.md: its commands are run, one after the other, and print what it says.

use crate::support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{ports, tools};

/// The ports that the page names.
const PORTS: [&str; 4] = ["5300", "5301", "5302", "5953"];

/// The page's commands, each with what it prints where the page says so.
pub(crate) fn steps(page: &str) -> Vec<(String, Option<String>)> {
    let mut steps: Vec<(String, Option<String>)> = Vec::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("```") {
        let (kind, block) = after.split_once('\n').expect("a block");
        // An empty block would end at once.
        let (block, after) =
            block.split_once("\n```\n").unwrap_or_else(|| panic!("no end: {block}"));
        match kind {
            "sh" => steps.push((block.to_owned(), None)),
            "text" => {
                let (_, output) = steps.last_mut().expect("a command");
                assert!(
                    before.trim().is_empty() && output.is_none(),
                    "{before} stands between command and output"
                );
                *output = Some(format!("{block}\n"));
            }
            other => panic!("a block of {other:?}"),
        }
        rest = after;
    }
    steps
}

/// Where the commands run; ends what they started when a step fails.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        for name in ["cvdns.toml", "feed.json", "zones", "geoip"] {
            tools::output(Command::new("cp").arg("-r").arg(project.join(name)).arg(dir.path()));
        }
        Self(dir)
    }

    /// Runs commands as the reader's shell would; what they print.
    pub(crate) fn run(&self, commands: &str) -> String {
        let binaries = Path::new(env!("CARGO_BIN_EXE_cvdns")).parent().expect("a directory");
        let path = format!(
            "{}:{}:/usr/sbin",
            binaries.display(),
            std::env::var("PATH").unwrap_or_default()
        );
        // Programs that stay would hold a pipe open.
        let [out, error] = ["out", "error"].map(|name| self.0.path().join(format!(".{name}")));
        let status = Command::new("bash")
            .args(["-euo", "pipefail", "-c", commands])
            .current_dir(self.0.path())
            .env("PATH", path)
            .env_remove("CVDNS_LOG")
            .stdin(Stdio::null())
            .stdout(File::create(&out).expect("a file"))
            .stderr(File::create(&error).expect("a file"))
            .status()
            .expect("bash");
        let read = |path| fs::read_to_string(path).expect("text");
        assert!(status.success(), "{commands}\n{status}\n{}{}", read(&out), read(&error));
        read(&out)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for name in ["export.log", "server.log"] {
            eprintln!(
                "--- {name}\n{}",
                fs::read_to_string(self.0.path().join(name)).unwrap_or_default()
            );
        }
        for name in ["export.pid", "named.pid", "knotd.pid", "server.pid", "parent.pid"] {
            if let Ok(pid) = fs::read_to_string(self.0.path().join(name)) {
                let _ = Command::new("kill").arg(pid.trim()).status();
            }
        }
    }
}

#[test]
fn the_commands_of_the_page_do_what_it_says() {
    let mut page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bind.md"))
        .expect("the page");
    // By way of what is no number: a port may contain another.
    for port in PORTS {
        assert!(page.contains(port), "{port}");
        page = page.replace(port, &format!("@{}@", port.replace('5', "V")));
    }
    for port in PORTS {
        page = page.replace(&format!("@{}@", port.replace('5', "V")), &ports::free().to_string());
    }
    let steps = steps(&page);
    let count = |of: &str| steps.iter().filter(|(commands, _)| commands.contains(of)).count();
    assert_eq!((count("export bind"), count("export delegation"), count("dig ")), (2, 1, 5));
    follow(&Place::new(), steps);
}

/// Runs the commands, and expects what they print.
pub(crate) fn follow(place: &Place, steps: Vec<(String, Option<String>)>) {
    for (commands, expected) in steps {
        let deadline = Instant::now() + support::PATIENCE;
        loop {
            let printed = place.run(&commands);
            let Some(expected) = &expected else { break };
            if printed == *expected {
                break;
            }
            // A server that was started or told to load may need a moment; nothing else is done
            // twice.
            let may_wait = commands.starts_with("dig ") && Instant::now() < deadline;
            assert!(may_wait, "{commands}\nprints\n{printed}instead of\n{expected}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
