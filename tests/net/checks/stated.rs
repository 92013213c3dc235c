//! Settings that options and environment variables state instead of the configuration.

use std::fs;
use std::process::{Command, Stdio};

use super::{cvdns, run, said};
use crate::support::daemon::{Daemon, Files};
use crate::support::left_out::leave_out;
use crate::support::{fixture, ports, tools};

/// The fixture's server, of which the configuration alone could not be served here: its address is
/// no machine's (RFC 5737).
fn files() -> Files {
    let files = fixture::files();
    let config = files.text("cvdns.toml").to_owned();
    let (before, rest) = config.split_once("listen = [").expect("addresses");
    let (_, after) = rest.split_once("]\n").expect("a list");
    let listen = "listen = [\"192.0.2.1:53\"]";
    files.with("cvdns.toml", format!("{before}{listen}\n{after}"))
}

fn written() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    files().write(dir.path(), 5300);
    dir
}

fn nsid(daemon: &Daemon) -> String {
    let mut dig = tools::tool("dig");
    dig.args(["@127.0.0.1", "-p", &daemon.port().to_string(), "+nsid", "clam.example", "SOA"]);
    let out = tools::output(&mut dig);
    let line = out.lines().find(|line| line.starts_with("; NSID: ")).expect("an NSID").to_owned();
    line.split('"').nth(1).expect("the name").to_owned()
}

#[test]
fn addresses_and_nsid_beat_the_file_and_a_reload_keeps_them() {
    let port = ports::free();
    let arguments = format!("--listen 127.0.0.1:{port} --listen '[::1]:{port}' --nsid line");
    let daemon = Daemon::start_in(written(), port, "", &arguments);
    assert_eq!(nsid(&daemon), "line");
    let config = fs::read_to_string(daemon.path().join("cvdns.toml")).expect("a file");
    let config =
        config.replace("nsid = \"ns1\"", "nsid = \"file\"").replace("192.0.2.1", "192.0.2.2");
    daemon.write_file("cvdns.toml", &config);
    let before = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(before, &["reloaded "]);
    assert_eq!(nsid(&daemon), "line");
    // What the file says of addresses does not wait for a restart: it is not used.
    assert!(!daemon.log()[before..].contains("restart"), "{}", daemon.log());
}

#[test]
fn variables_beat_the_file_and_options_beat_variables() {
    let port = ports::free();
    let export =
        format!("export CVDNS_LISTEN='127.0.0.1:{port}, [::1]:{port}' CVDNS_NSID=variable;");
    assert_eq!(nsid(&Daemon::start_in(written(), port, &export, "")), "variable");
    let port = ports::free();
    let export = "export CVDNS_LISTEN='192.0.2.1:53' CVDNS_NSID=variable;";
    let arguments = format!("--listen '127.0.0.1:{port} [::1]:{port}' --nsid line");
    assert_eq!(nsid(&Daemon::start_in(written(), port, export, &arguments)), "line");
}

/// `check` reads what `serve` would be given.
#[test]
fn mistakes_are_reported_by_check_too() {
    let dir = written();
    let long = "n".repeat(129);
    for (arguments, code, expected) in [
        (
            &["check", "--listen", "127.0.0.1:53", "--listen", "127.0.0.1:53"][..],
            1,
            "error: 127.0.0.1:53 is named twice\n--> --listen (CVDNS_LISTEN)\n = help: keep \
             one\n\n",
        ),
        (
            &["check", "--nsid", &long],
            1,
            "error: 129 octets are too many\n--> --nsid (CVDNS_NSID)\n = help: write 1 to \
             128 characters on one line, such as ns1\n\n",
        ),
        (
            &["serve", "--listen", "127.0.0.1"],
            2,
            "error: invalid value '127.0.0.1' for '--listen <ADDR:PORT>': \"127.0.0.1\": expected \
             an address and a port such as 192.0.2.1:53, [2001:db8::1]:53 or 0.0.0.0:53\n\n\
             For more information, try '--help'.\n",
        ),
    ] {
        let (status, _, error) = run(dir.path(), arguments);
        // Warnings of the small example may follow.
        assert_eq!(status, Some(code), "{arguments:?}");
        assert!(error.starts_with(expected), "{arguments:?}\n{error}\n--- expected:\n{expected}");
    }
    let mut check = cvdns(dir.path(), &["check"]);
    check.envs([("CVDNS_LISTEN", ""), ("CVDNS_NSID", ""), ("CVDNS_CONFIG", "")]);
    assert_eq!(said(&mut check).0, Some(0), "empty variables are none");
    let mut check = cvdns(dir.path(), &["check"]);
    check.env("CVDNS_CONFIG", "other.toml");
    let (code, _, error) = said(&mut check);
    assert!(code == Some(1) && error.contains("cannot read other.toml"), "{error}");
    // The option beats the variable.
    check.args(["--config", "cvdns.toml"]);
    assert_eq!(said(&mut check).0, Some(0));
}

/// Without `cvdns.toml` in the working directory, that of `/etc/cvdns` is read.
#[test]
fn the_system_has_a_configuration_too() {
    let dir = written();
    let script = "mount -t tmpfs none /etc && mkdir /etc/cvdns && cp -r \"$1\"/. /etc/cvdns && \
                  cd \"$2\" && exec \"$0\" check";
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--mount", "sh", "-c"]).stdin(Stdio::null());
    let can = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).output();
    if !can.is_ok_and(|done| done.status.success()) {
        let name = "the_system_has_a_configuration_too";
        leave_out(name, "no mount namespace can be created", false);
        return;
    }
    let elsewhere = tempfile::tempdir().expect("a directory");
    unshare.arg(script).arg(env!("CARGO_BIN_EXE_cvdns")).arg(dir.path()).arg(elsewhere.path());
    for variable in ["CVDNS_CONFIG", "CVDNS_LISTEN", "CVDNS_NSID"] {
        unshare.env_remove(variable);
    }
    let (code, out, error) = said(&mut unshare);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("/etc/cvdns/cvdns.toml can be served: "), "{out}");
    // Without either, the message names both.
    let (code, _, error) = run(elsewhere.path(), &["check"]);
    assert!(code == Some(1) && error.contains("or else /etc/cvdns/cvdns.toml"), "{error}");
}
