//! What commands say before and beside serving: that it is what the server does, and that nothing
//! stops them from saying it.

mod certificate;
mod check;
mod countries;
mod demand;
mod include;
mod key_moments;
mod keys;
mod start;
mod stated;
mod terminal;

use std::path::Path;
use std::process::{Command, Stdio};

/// `cvdns` with these arguments, in a directory.
fn cvdns(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(arguments).current_dir(dir).stdin(Stdio::null());
    for variable in
        ["CVDNS_CONFIG", "CVDNS_LISTEN", "CVDNS_NSID", "CVDNS_LOG", "NO_COLOR", "COLUMNS"]
    {
        command.env_remove(variable);
    }
    command
}

/// Exit status, standard output and standard error.
fn said(command: &mut Command) -> (Option<i32>, String, String) {
    let done = command.output().expect("cvdns");
    let text = |octets: Vec<u8>| String::from_utf8(octets).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

fn run(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    said(&mut cvdns(dir, arguments))
}
