//! New servers that cannot serve: the running one goes on, and both say why.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::super::support::client::ALL;
use super::super::support::daemon::Daemon;
use super::super::support::left_out::leave_out;
use super::super::support::packet::Query;
use super::super::support::{PATIENCE, fixture, rr, tools};
use super::{SOCKET, files};

/// It answers over every transport, and can be replaced.
fn assert_well(daemon: &mut Daemon) {
    for transport in ALL {
        daemon.client().ask(transport, &Query::new("www.clam.example", rr::A));
    }
    let (status, log) = daemon.replace();
    assert_eq!(status.code(), Some(0), "{log}");
}

/// A program that speaks the protocol by hand: a head of length and number of descriptors, then
/// JSON.
struct Speaker(UnixStream);

impl Speaker {
    fn connect(daemon: &Daemon) -> Self {
        let stream = UnixStream::connect(daemon.path().join(SOCKET)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    fn say(&mut self, message: &str) {
        let head = [message.len() as u32, 0].map(u32::to_be_bytes).concat();
        self.0.write_all(&[&head, message.as_bytes()].concat()).unwrap();
    }

    fn hear(&mut self) -> String {
        let mut head = [0; 8];
        self.0.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let mut message = vec![0; length as usize];
        self.0.read_exact(&mut message).unwrap();
        String::from_utf8(message).unwrap()
    }
}

const HELLO: &str = r#"{"hello":{"protocol":1,"version":"9.9.9","process":99}}"#;

#[test]
fn bad_input_and_addresses_that_cannot_be_had_change_nothing() {
    let (files, _) = files();
    let mut daemon = Daemon::start(&files);
    let config = std::fs::read_to_string(daemon.path().join("cvdns.toml")).unwrap();
    let foreign = config.replace("listen = [\"127", "listen = [\"192.0.2.1:53\", \"127");
    let missing = config.replace("clam.toml", "none.toml");
    for (bad, words) in [(foreign, "192.0.2.1:53"), (missing, "none.toml")] {
        daemon.write_file("cvdns.toml", &bad);
        let before = daemon.log().len();
        let (status, said) = daemon.fail_to_replace();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains(words), "{said}");
        daemon.wait_for_log(before, &["not replaced", words, "this server goes on"]);
    }
    daemon.write_file("cvdns.toml", "not a configuration");
    assert_eq!(daemon.fail_to_replace().0.code(), Some(1));
    daemon.write_file("cvdns.toml", &config);
    assert_well(&mut daemon);
}

#[test]
fn without_the_key_and_without_a_server() {
    let daemon = Daemon::start(&fixture::files());
    let (status, said) = daemon.fail_to_replace();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("takeover = "), "{said}");
    drop(daemon);

    // A server that was killed leaves its socket behind.
    let (files, _) = files();
    let mut daemon = Daemon::start(&files);
    daemon.kill();
    assert!(daemon.path().join(SOCKET).exists());
    daemon.start_again_replacing();
    daemon.wait_for_log(0, &["no server runs at", "starts as usual"]);
    assert_well(&mut daemon);
}

#[test]
fn a_server_of_another_version_is_refused_by_either_side() {
    let (files, _) = files();
    let mut daemon = Daemon::start(&files);
    let mut speaker = Speaker::connect(&daemon);
    speaker.say(&HELLO.replace("\"protocol\":1", "\"protocol\":2"));
    let refusal = speaker.hear();
    assert!(refusal.contains("refused") && refusal.contains("version 2"), "{refusal}");
    daemon.wait_for_log(0, &["not replaced: cvdns 9.9.9 (process 99) hands over by version 2"]);
    assert_well(&mut daemon);

    // A running server of another version.
    daemon.kill();
    let path = daemon.path().join(SOCKET);
    std::fs::remove_file(&path).unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    let answering = std::thread::spawn(move || {
        let mut speaker = Speaker(listener.accept().unwrap().0);
        assert!(speaker.hear().contains("hello"));
        speaker.say(
            r#"{"offer":{"greeting":{"protocol":2,"version":"9.9.9","process":99},
               "cookie_secret":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"feed":null,"sockets":0}}"#,
        );
        speaker
    });
    let (status, said) = daemon.fail_to_replace();
    answering.join().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("cvdns 9.9.9 (process 99) hands over by version 2"), "{said}");
}

/// A new server that dies with the sockets in its hands, one that says nothing, and one that says
/// nonsense.
#[test]
fn a_new_server_that_dies_or_hangs_changes_nothing() {
    let (files, _) = files();
    let mut daemon = Daemon::start(&files);
    let mut speaker = Speaker::connect(&daemon);
    speaker.say(HELLO);
    assert!(speaker.hear().contains("\"offer\""));
    assert!(speaker.hear().contains("\"sockets\""));
    drop(speaker);
    daemon.wait_for_log(0, &["cvdns 9.9.9 (process 99) does not come to serve: it ended"]);

    let mut speaker = Speaker::connect(&daemon);
    speaker.say("{\"nonsense\":{}}");
    daemon.wait_for_log(0, &["said nothing of use (it says what is not understood"]);
    let mut speaker = Speaker::connect(&daemon);
    speaker.say(&HELLO.replace("9.9.9", "\\u001b[31m"));
    speaker.hear();
    speaker.say("{\"failed\":\"one\\ntwo\"}");
    daemon.wait_for_log(0, &["cannot serve: one\\ntwo"]);

    let silent = Speaker::connect(&daemon);
    daemon.wait_for_log(0, &["said nothing of use (it did not answer in time)"]);
    drop(silent);
    assert_well(&mut daemon);
}

/// A real new server that is killed while it takes over, at different moments.
#[test]
fn a_new_server_that_is_killed_leaves_one_that_answers() {
    let (files, _) = files();
    let mut daemon = Daemon::start(&files);
    for delay in [0, 5, 20, 50] {
        let mut new = Command::new(env!("CARGO_BIN_EXE_cvdns"))
            .args(["serve", "--replace", "--config"])
            .arg(daemon.path().join("cvdns.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let before = daemon.log().len();
        let greeted = format!("(process {}) is about to replace this server", new.id());
        daemon.until("it is greeted", || daemon.log()[before..].contains(&greeted));
        std::thread::sleep(std::time::Duration::from_millis(delay));
        new.kill().unwrap();
        new.wait().unwrap();
        let is_replaced = || daemon.log()[before..].contains("replaced by cvdns");
        let is_on = || daemon.log()[before..].contains("this server goes on");
        daemon.until("it knows", || is_replaced() || is_on());
        if is_replaced() {
            // The new server had taken over before it was killed: there is none now.
            daemon.kill();
            daemon.start_again();
        }
        for transport in ALL {
            daemon.client().ask(transport, &Query::new("www.clam.example", rr::A));
        }
    }
    assert_well(&mut daemon);
}

#[test]
fn another_account_may_not_take_over() {
    if !nix::unistd::geteuid().is_root() {
        let name = "another_account_may_not_take_over";
        return leave_out(name, "only root can be another account", true);
    }
    let (files, _) = files();
    let mut daemon = Daemon::start(&files);
    let readable = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    readable(daemon.path(), 0o755);
    readable(&daemon.path().join("run"), 0o755);
    let program = std::env::temp_dir().join(format!("cvdns-takeover-{}", std::process::id()));
    std::fs::copy(env!("CARGO_BIN_EXE_cvdns"), &program).unwrap();
    readable(&program, 0o755);
    let replace = || {
        let output = Command::new(&program)
            .args(["serve", "--replace", "--config"])
            .arg(daemon.path().join("cvdns.toml"))
            .uid(65_534)
            .gid(65_534)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = replace();
    assert!(code == Some(1) && said.contains("cannot be reached"), "{code:?} {said}");
    // Even if somebody opens the socket to all.
    readable(&daemon.path().join(SOCKET), 0o666);
    let (code, said) = replace();
    assert!(code == Some(1) && said.contains("account 65534 may not replace"), "{code:?} {said}");
    daemon.wait_for_log(0, &["not replaced: account 65534 may not replace this server"]);
    std::fs::remove_file(&program).unwrap();
    assert_well(&mut daemon);
}

/// Another running server that names the same socket is told, and serves.
#[test]
fn a_live_socket_is_left_alone() {
    let (files, _) = files();
    let mut first = Daemon::start(&files);
    let path = first.path().join(SOCKET);
    let config = files.text("cvdns.toml").replace(SOCKET, path.to_str().unwrap());
    let config = config[..config.find("\n[admin]").unwrap()].to_owned();
    let second = Daemon::start(&files.clone().with("cvdns.toml", config));
    second.wait_for_log(0, &["another running server has it", "cannot replace this server"]);
    assert!(second.terminate().success());
    assert_well(&mut first);
    tools::signal(first.pid(), "HUP");
}
