//! Runs the command.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::tools;

/// The project's directory.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `cvdns export bind` with this configuration into this directory.
pub(crate) fn command(config: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(["export", "bind", "--config"]).arg(config).arg("--out").arg(out).args(more);
    command.env_remove("CVDNS_LOG").stdin(Stdio::null());
    command
}

/// Runs it; it must succeed.
pub(crate) fn export(config: &Path, out: &Path, more: &[&str]) -> String {
    tools::output(&mut command(config, out, more))
}

/// Runs it; it must fail. What it said.
pub(crate) fn refused(config: &Path, out: &Path, more: &[&str]) -> String {
    let Output { status, stderr, .. } =
        command(config, out, more).output().expect("the command runs");
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(1), "{said}");
    said
}

/// The zone files of an export, by their names without the end.
pub(crate) fn zone_files(out: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(out.join("current/zones")).expect("zones");
    let mut files: Vec<(String, PathBuf)> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
            (name, path)
        })
        .collect();
    files.sort();
    files
}

/// The serial in a zone file.
pub(crate) fn serial(text: &str) -> u32 {
    let found = text.lines().find_map(|line| line.strip_suffix(" ; serial"));
    found
        .and_then(|serial| serial.trim().parse().ok())
        .unwrap_or_else(|| panic!("no serial in {text}"))
}
