//! The Unix socket of the admin listener (unix(7)).

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Controlled, files};
use crate::support::daemon::Daemon;
use crate::support::http::{self, To};
use crate::support::{PATIENCE, ports, tools};

/// Owner and group may use it, whatever the umask; it goes when the server stops.
#[test]
fn its_file_is_for_owner_and_group_and_goes_with_the_server() {
    let server = Controlled::start("");
    let path = server.socket();
    let metadata = path.symlink_metadata().expect("the socket");
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o660);
    let directory = path.parent().expect("a directory").metadata().expect("the directory");
    assert_eq!(directory.mode() & 0o007, 0, "others may not even look");
    let log = server.daemon.log();
    assert!(
        log.contains(&format!("commands, metrics and health at unix:{}", path.display())),
        "{log}"
    );
    for (path, status) in [("/healthz", 200), ("/metrics", 200), ("/api/v1/nothing", 404)] {
        assert_eq!(server.over_socket("GET", path, "").status, status, "{path}");
    }
    let Controlled { daemon, .. } = server;
    let dir = daemon.path().to_owned();
    // Its directory goes with the daemon.
    tools::signal(daemon.pid(), "TERM");
    daemon.until("the socket removed", || !dir.join("run/admin.sock").exists());
    assert!(daemon.terminate().success());
}

/// A server that was killed leaves its file, and the next one replaces it. A live one is named.
#[test]
fn a_stale_file_is_replaced_and_a_live_server_is_named() {
    let (files, port) = files("");
    let mut daemon = Daemon::start(&files);
    let path = daemon.path().join("run/admin.sock");
    daemon.kill();
    assert!(path.exists(), "a server that was killed removes nothing");
    assert!(UnixStream::connect(&path).is_err());
    daemon.start_again();
    let healthy = |path: &Path| {
        http::request(To::Socket(path), "GET", "/healthz", &[], "").is_some_and(|a| a.status == 200)
    };
    assert!(healthy(&path));

    // Another server with the same socket, whose other addresses are free.
    let dir = tempfile::tempdir().expect("a directory");
    let config = files
        .text("cvdns.toml")
        .replace("unix:run/admin.sock", &format!("unix:{}", path.display()))
        .replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{}", ports::free()));
    files.clone().with("cvdns.toml", config).write(dir.path(), ports::free());
    let serve = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
        let command = command.arg("serve").current_dir(dir.path()).stderr(Stdio::piped());
        let output = command.output().expect("cvdns serve");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, error) = serve();
    let expected = format!(
        "cannot listen on {} (`listen` in [admin]): process {} (cvdns) listens there",
        path.display(),
        daemon.pid()
    );
    assert!(code == Some(1) && error.contains(&expected), "{expected}\n{error}");
    assert!(healthy(&path), "the live one goes on");

    // What is no socket is never removed.
    daemon.kill();
    std::fs::remove_file(&path).expect("removed");
    std::fs::write(&path, "precious").expect("a file");
    let (code, error) = serve();
    assert!(code == Some(1) && error.contains("there is a file that is not a socket"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), "precious");
    drop(dir);
}

/// A program that listens there and never accepts is alive as well.
#[test]
fn a_program_that_accepts_nothing_is_not_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let (files, _) = files("");
    files.write(dir.path(), ports::free());
    std::fs::create_dir(dir.path().join("run")).expect("a directory");
    let path = dir.path().join("run/admin.sock");
    let _listener = UnixListener::bind(&path).expect("a listener");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let output = command.arg("serve").current_dir(dir.path()).output().expect("cvdns serve");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(&format!("process {} (", std::process::id())), "{error}");
}

/// A command that is stopped while it waits for its answer (Ctrl-Z), and goes on, gets it.
#[test]
fn a_command_that_was_stopped_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let (files, _) = files("");
    files.write(dir.path(), ports::free());
    std::fs::create_dir(dir.path().join("run")).expect("a directory");
    let listener = UnixListener::bind(dir.path().join("run/admin.sock")).expect("a listener");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let command = command.arg("reload").current_dir(dir.path()).stderr(Stdio::piped());
    let child = command.spawn().expect("it runs");
    // The first connection only shows that somebody listens.
    drop(listener.accept().expect("a connection"));
    let (mut stream, _) = listener.accept().expect("another one");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).expect("a request");
        head.push(octet[0]);
    }
    let deadline = Instant::now() + PATIENCE;
    let until_it_is = |state: &str| {
        let stat = || std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("it");
        while !stat().rsplit(") ").next().expect("its state").starts_with(state) {
            assert!(Instant::now() < deadline, "{}", stat());
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    for (signal, before, after) in [("STOP", "S", "T"), ("CONT", "T", "S")] {
        until_it_is(before);
        tools::signal(child.id(), signal);
        until_it_is(after);
    }
    stream.write_all(b"HTTP/1.1 409 x\r\nContent-Length: 2\r\n\r\n{}").expect("answered");
    let error = child.wait_with_output().expect("its end").stderr;
    let error = String::from_utf8_lossy(&error);
    assert!(error.contains("is not a cvdns server of this version"), "{error}");
}

/// Whoever fills all seats over TCP takes none of those who come over the socket.
#[test]
fn its_connections_have_seats_of_their_own() {
    let server = Controlled::start("");
    let held: Vec<UnixStream> =
        (0..10).map(|_| UnixStream::connect(server.socket()).expect("a connection")).collect();
    let connect =
        || std::net::TcpStream::connect(("127.0.0.1", server.port)).expect("a connection");
    let flood: Vec<_> = (0..300).map(|_| connect()).collect();
    // As many as have seats are served; none of the ten went for one of the three hundred.
    assert_eq!(server.over_tcp("GET", "/healthz", &[], "").status, 200);
    for mut stream in held {
        use std::io::{Read, Write};
        stream.set_read_timeout(Some(crate::support::PATIENCE)).expect("a timeout");
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    }
    drop(flood);
}
