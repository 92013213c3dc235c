//! The Debian package, on a Debian of its own with its own systemd (tests/package): what it
//! installs, that upgrades lose no query, and that a purge leaves nothing.

use std::process::{Command, Stdio};

use crate::support::left_out::leave_out;
use crate::support::tools::tool_of;

#[test]
fn the_package_is_installed_upgraded_under_load_and_purged() {
    for (tool, package) in [
        ("debootstrap", "debootstrap"),
        ("lintian", "lintian"),
        ("strip", "binutils"),
        ("systemd-analyze", "systemd"),
        ("systemd-nspawn", "systemd-container"),
    ] {
        tool_of(tool, &format!("install {package}"));
    }
    if let Err(why) = may_contain() {
        let name = "the_package_is_installed_upgraded_under_load_and_purged";
        return leave_out(name, why, false);
    }
    let mut run = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/package/run"));
    run.arg(env!("CARGO_BIN_EXE_cvdns")).stdin(Stdio::null());
    let output = run.output().expect("the script is there");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(
        output.status.success() && text.contains("\nall passed\n"),
        "{}:\n{text}",
        output.status
    );
}

/// Whether a container can be had here, with another system's services in it.
fn may_contain() -> Result<(), &'static str> {
    if !nix::unistd::geteuid().is_root() {
        return Err("only root can start another system");
    }
    let namespaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork"];
    let tried = Command::new("unshare").args(namespaces).arg("true").output();
    if !tried.is_ok_and(|done| done.status.success()) {
        return Err("no namespaces can be created");
    }
    Ok(())
}
