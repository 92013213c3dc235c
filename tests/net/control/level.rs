//! `cvdns log-level` on the running server.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use super::{Controlled, cvdns, files};
use crate::support::daemon::Daemon;
use crate::support::tools;

/// Gives rise to a line of level DEBUG: an admin connection that sends what is no request.
fn provoke(server: &Controlled) {
    let mut stream = UnixStream::connect(server.socket()).expect("connected");
    stream.write_all(b"NO REQUEST\r\n\r\n").expect("sent");
    let _ = stream.read_to_end(&mut Vec::new());
}

const LINE: &str = "admin connection from user id ";

fn must_log_debug(server: &Controlled) {
    let before = server.daemon.log().len();
    provoke(server);
    server.daemon.wait_for_log(before, &[LINE]);
}

fn must_not_log_debug(server: &Controlled) {
    let before = server.daemon.log().len();
    provoke(server);
    // A later line, of a level that is logged all the time: lines are written in their order.
    provoke(server);
    tools::signal(server.daemon.pid(), "USR1");
    server.daemon.wait_for_log(before, &["sigusr1 does nothing here"]);
    assert!(!server.daemon.log()[before..].contains(LINE), "{}", server.daemon.log());
}

fn level(server: &Controlled) -> Value {
    let log = &server.status()["log"];
    json!([log["level"], log["set_by"]])
}

#[test]
fn the_level_is_set_shown_and_set_back_by_a_reload() {
    let server = Controlled::start("");
    assert_eq!(level(&server), json!(["info", "configuration"]));
    must_not_log_debug(&server);
    let (code, out, error) = server.cvdns(&["log-level", "debug"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(out, "the log level is debug until the next reload or restart\n");
    assert_eq!(level(&server), json!(["debug", "operator"]));
    must_log_debug(&server);
    let (_, page, _) = server.cvdns(&["status"]);
    let line = "log       level debug, until the next reload, as an operator asked for\n";
    assert!(page.contains(line), "{page}");

    // One module alone.
    assert_eq!(server.cvdns(&["log-level", "info,cvdns::admin=debug"]).0, Some(0));
    must_log_debug(&server);
    assert_eq!(server.cvdns(&["log-level", "info,cvdns::daemon=debug"]).0, Some(0));
    must_not_log_debug(&server);

    // A reload sets the configured level again, and says so; a failed one does not.
    assert_eq!(server.cvdns(&["log-level", "debug"]).0, Some(0));
    let config = server.config();
    server.daemon.write_file("cvdns.toml", &config.replace("workers = 1", "workers = -1"));
    assert_eq!(server.over_socket("POST", "/api/v1/reload", "").status, 409);
    assert_eq!(level(&server), json!(["debug", "operator"]));
    server.daemon.write_file("cvdns.toml", &config);
    let before = server.daemon.log().len();
    assert_eq!(server.cvdns(&["reload"]).0, Some(0));
    server.daemon.wait_for_log(before, &["the log level is \"info\""]);
    assert_eq!(level(&server), json!(["info", "configuration"]));
    must_not_log_debug(&server);

    // So a reload applies another configured level.
    server.daemon.write_file("cvdns.toml", &format!("{config}\n[log]\nlevel = \"debug\"\n"));
    let (code, _, error) = server.cvdns(&["reload"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(level(&server), json!(["debug", "configuration"]));
    must_log_debug(&server);
}

#[test]
fn what_is_no_level_changes_nothing() {
    let server = Controlled::start("");
    for bad in ["dbug", "", "info,wran", "cvdns=dbug", "info cvdns=debug"] {
        let (code, _, error) = server.cvdns(&["log-level", bad]);
        assert_eq!(code, Some(1), "{bad} {error}");
        assert!(error.contains("write a level (off, error, warn, info, debug, trace)"), "{error}");
    }
    for (body, status) in [
        ("{}", 400),
        ("{\"level\": 1}", 400),
        ("debug", 400),
        ("{\"level\": \"debug\", \"x\": 1}", 400),
    ] {
        assert_eq!(server.over_socket("PUT", "/api/v1/log-level", body).status, status, "{body}");
    }
    assert_eq!(server.over_socket("GET", "/api/v1/log-level", "").status, 405);
    assert_eq!(level(&server), json!(["info", "configuration"]));
}

/// The environment variable takes precedence over the configuration, at the start and at a reload.
#[test]
fn the_environment_takes_precedence_over_the_configuration() {
    let (files, port) = files("");
    let mut daemon = Daemon::start(&files);
    daemon.kill();
    daemon.start_again_after("export CVDNS_LOG=info,cvdns::admin=debug");
    let server = Controlled { daemon, port };
    assert_eq!(level(&server), json!(["info,cvdns::admin=debug", "environment"]));
    must_log_debug(&server);
    assert_eq!(cvdns(&server.daemon, &["log-level", "info"]).0, Some(0));
    must_not_log_debug(&server);
    assert_eq!(server.cvdns(&["reload"]).0, Some(0));
    assert_eq!(level(&server), json!(["info,cvdns::admin=debug", "environment"]));
    must_log_debug(&server);
}
