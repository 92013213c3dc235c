//! Which address commands take, and what they say if there is none.

use std::fs;
use std::os::unix::net::UnixListener;

use super::{Controlled, cvdns, files};
use crate::support::daemon::Daemon;
use crate::support::http::{self, To};

/// The socket comes first; without it, TCP with the token.
#[test]
fn commands_take_the_socket_and_else_tcp_with_the_token() {
    let server = Controlled::start("token-file = \"admin.token\"");
    let all = [&["status"][..], &["reload"], &["log-level", "info"]];
    for arguments in all {
        let (code, _, error) = server.cvdns(arguments);
        assert_eq!((code, error.contains("cvdns: ")), (Some(0), false), "{arguments:?} {error}");
    }
    // Over the socket no token is needed: a wrong one in the file is none of its concern.
    let path = server.daemon.path().join("admin.token");
    fs::write(&path, "another token, with blanks").expect("written");
    assert_eq!(server.cvdns(&["log-level", "info"]).0, Some(0));
    fs::write(&path, http::TOKEN).expect("written");
    // Its file is gone: TCP.
    fs::remove_file(server.socket()).expect("removed");
    for arguments in all {
        let (code, _, error) = server.cvdns(arguments);
        assert_eq!(code, Some(0), "{arguments:?} {error}");
    }
    fs::remove_file(&path).expect("removed");
    let (code, _, error) = server.cvdns(&["log-level", "info"]);
    assert!(
        code == Some(1) && error.contains("cannot present the token of `token-file`"),
        "{error}"
    );
    // Reading needs none.
    assert_eq!(server.cvdns(&["status"]).0, Some(0));
}

#[test]
fn over_tcp_without_a_token_the_server_says_what_to_do() {
    let server = Controlled::start("");
    fs::remove_file(server.socket()).expect("removed");
    for arguments in [&["reload"][..], &["log-level", "info"]] {
        let (code, _, error) = server.cvdns(arguments);
        assert_eq!(code, Some(1));
        assert!(error.starts_with("cvdns: changes over TCP need a token"), "{error}");
    }
}

/// Only a socket: Prometheus has no address, and commands need none.
#[test]
fn one_address_may_be_a_socket_alone() {
    let (files, port) = files("");
    let config = files.text("cvdns.toml").replace(
        &format!("[\"unix:run/admin.sock\", \"127.0.0.1:{port}\"]"),
        "\"unix:admin.sock\"",
    );
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    let (code, out, error) = cvdns(&daemon, &["reload"]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    let path = daemon.path().join("admin.sock");
    let answer = http::request(To::Socket(&path), "GET", "/metrics", &[], "").expect("an answer");
    assert_eq!(answer.status, 200);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let (files, _) = files("");
    files.write(dir.path(), crate::support::ports::free());
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
        let done = command.args(arguments).current_dir(dir.path()).output().expect("cvdns");
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    for arguments in [&["status"][..], &["reload"], &["log-level", "info"], &["feed", "accept"]] {
        let (code, error) = run(arguments);
        assert_eq!(code, Some(1), "{error}");
        assert!(
            error.contains(
                "the server at unix:run/admin.sock (`listen` in [admin]) does not answer: No such \
                 file or directory (os error 2); is it running? If it is, the file of its socket \
                 was removed"
            ),
            "{error}"
        );
    }
    // Something else listens there.
    fs::create_dir(dir.path().join("run")).expect("a directory");
    let listener = UnixListener::bind(dir.path().join("run/admin.sock")).expect("a listener");
    let other = std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            use std::io::{Read, Write};
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n");
        }
    });
    let (code, error) = run(&["status"]);
    assert!(code == Some(1) && error.contains("is not a cvdns server of this version"), "{error}");
    other.join().expect("the thread");
    assert_eq!(run(&["reload", "now"]).0, Some(2));
    assert_eq!(run(&["log-level"]).0, Some(2));
}
