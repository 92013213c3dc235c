//! What operators change on the running server: over its Unix socket, over TCP with the token, and
//! by commands.

mod commands;
mod level;
mod openapi;
mod override_cli;
mod page;
mod permission;
mod reload;
mod socket;
mod wrong_changes;

use std::path::PathBuf;
use std::process::Command;

use crate::support;

use serde_json::Value;
use support::daemon::{Daemon, Files};
use support::fixture;
use support::http::{self, Answer, To};
use support::ports;

/// The fixture's server with a Unix socket, and with a port for TCP and these further lines in
/// `[admin]`.
pub(super) struct Controlled {
    pub(super) daemon: Daemon,
    pub(super) port: u16,
}

/// The files of such a server.
pub(super) fn files(lines: &str) -> (Files, u16) {
    let port = ports::free();
    let files = fixture::files();
    let admin = format!("listen = [\"unix:run/admin.sock\", \"127.0.0.1:{port}\"]\n{lines}");
    let config = files.text("cvdns.toml").replace(
        "[feed]\n",
        &format!("[admin]\n{admin}\n[feed]\noverrides = \"overrides.toml\"\n"),
    );
    (files.with("cvdns.toml", config).with("admin.token", http::TOKEN), port)
}

impl Controlled {
    pub(super) fn start(lines: &str) -> Self {
        let (files, port) = files(lines);
        Self { daemon: Daemon::start(&files), port }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.daemon.path().join("run/admin.sock")
    }

    /// A request over the Unix socket.
    pub(super) fn over_socket(&self, method: &str, path: &str, body: &str) -> Answer {
        let kind = ["Content-Type: application/json"];
        http::request(To::Socket(&self.socket()), method, path, &kind, body).expect("an answer")
    }

    /// A request over TCP with these header fields.
    pub(super) fn over_tcp(&self, method: &str, path: &str, fields: &[&str], body: &str) -> Answer {
        http::request(To::Port(self.port), method, path, fields, body).expect("an answer")
    }

    pub(super) fn status(&self) -> Value {
        let answer = self.over_socket("GET", "/api/v1/status", "");
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).expect("JSON")
    }

    /// Exit status, standard output and standard error of a command with the server's
    /// configuration.
    pub(super) fn cvdns(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        cvdns(&self.daemon, arguments)
    }

    /// The configuration as it was written for the server.
    pub(super) fn config(&self) -> String {
        std::fs::read_to_string(self.daemon.path().join("cvdns.toml")).expect("the configuration")
    }
}

pub(super) fn cvdns(daemon: &Daemon, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(arguments).current_dir(daemon.path()).env_remove("CVDNS_LOG");
    let done = command.output().expect("cvdns");
    let text = |octets| String::from_utf8(octets).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}
