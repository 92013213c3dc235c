//! Collectors that are slow, gone or hostile: answers go on, and what is dropped is counted.

use super::collector::{Collector, Frame, finish};
use super::support;
use super::{counted, exchange, files};

use std::path::PathBuf;
use std::process::Command;

use support::client::{Transport, receive};
use support::daemon::Daemon;
use support::memory::Memory;
use support::packet::Query;
use support::prometheus::Page;
use support::{http, rr};
use tempfile::TempDir;

fn ask(daemon: &Daemon, times: usize) {
    let query = Query::new("db.de.clam.example", rr::A).build();
    let socket = daemon.client().udp([127, 0, 0, 1].into());
    for _ in 0..times {
        socket.send(&query).expect("sent");
        receive(&socket).expect("an answer");
    }
}

fn dropped(admin: u16, reason: &str) -> u64 {
    counted(admin, "messages_dropped_total", &[("reason", reason)])
}

/// A server, and where its collector is to listen.
struct Scene {
    daemon: Daemon,
    admin: u16,
    directory: TempDir,
}

impl Scene {
    /// A server that finds a collector when it starts.
    fn new(keys: &str) -> (Self, Collector) {
        let directory = tempfile::tempdir().expect("a directory");
        let collector = Collector::listen(&directory.path().join("tap.sock"));
        (Self::started(keys, directory), collector)
    }

    /// A server that finds none.
    fn alone(keys: &str) -> Self {
        Self::started(keys, tempfile::tempdir().expect("a directory"))
    }

    fn started(keys: &str, directory: TempDir) -> Self {
        let (files, admin) = files(keys);
        let socket = directory.path().join("tap.sock").display().to_string();
        let config = files.text("cvdns.toml").replace("tap.sock", &socket);
        Self { daemon: Daemon::start(&files.with("cvdns.toml", config)), admin, directory }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("tap.sock")
    }

    /// Waits until every message of all answered queries, of which each makes so many, is either
    /// sent or counted as dropped. Returns how many are sent, and dropped.
    fn settled(&self, each: u64) -> (u64, u64) {
        let mut found = (0, 0);
        self.daemon.until("all messages", || {
            let page = Page::of(self.admin);
            let sum = |name| page.sum(name, &[]) as u64;
            found = (
                sum("cvdns_dnstap_messages_sent_total"),
                sum("cvdns_dnstap_messages_dropped_total"),
            );
            found.0 + found.1 == each * sum("cvdns_answers_sent_total")
        });
        found
    }
}

/// A collector that reads nothing: every query is answered, memory has a limit, each message is
/// either sent or counted as dropped, and the log says so. When it reads at last, it gets whole
/// messages and a proper end.
#[test]
fn a_collector_that_does_not_read_holds_nothing_up() {
    let (scene, collector) = Scene::new("");
    let mut server = collector.agree();
    let Scene { daemon, admin, .. } = &scene;
    daemon.until("the collector", || counted(*admin, "connected", &[]) == 1);
    let memory = Memory::of(daemon.pid()).resident;
    ask(daemon, 14_000);
    assert!(dropped(*admin, "queue_full") > 1_000);
    let more = Memory::of(daemon.pid()).resident.saturating_sub(memory);
    assert!(more < 48 << 10, "{more} KiB more");
    daemon.wait_for_log(0, &["messages were dropped as too many waited for the collector"]);
    let output = status(daemon);
    assert!(output.contains("dnstap    to "), "{output}");
    // All that waited comes.
    let reading = std::thread::spawn(move || server.rest());
    let (sent, lost) = scene.settled(2);
    assert_eq!(lost, dropped(*admin, "queue_full"));
    // Once a minute at most.
    let said = daemon.log().matches("messages were dropped as too many").count();
    assert!(said <= 2, "{}", daemon.log());
    let lost = dropped(*admin, "queue_full");
    let Scene { daemon, directory, .. } = scene;
    let log = daemon.last_log();
    drop(directory);
    assert_eq!(reading.join().expect("a reader"), sent);
    // At the end, all that was dropped has been said.
    let said = log.lines().filter_map(|line| {
        line.split_once("dnstap: ")?
            .1
            .split_once(" messages were dropped as")?
            .0
            .parse::<u64>()
            .ok()
    });
    assert_eq!(said.sum::<u64>(), lost, "{log}");
}

/// A file that is no socket is named as such.
#[test]
fn what_is_no_socket_is_called_so() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("tap.sock"), "").expect("a file");
    let scene = Scene::started("", directory);
    scene.daemon.wait_for_log(0, &["dnstap: no collector at ", "it is no socket", "tries again"]);
}

fn status(daemon: &Daemon) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let output =
        command.arg("status").current_dir(daemon.path()).output().expect("the command ran");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A collector that restarts gets what was asked meanwhile, and nothing twice.
#[test]
fn a_collector_that_restarts_gets_the_rest() {
    let (scene, collector) = Scene::new("messages = [\"auth-query\"]");
    let mut server = collector.agree();
    let Scene { daemon, admin, .. } = &scene;
    ask(daemon, 10);
    let (sent, lost) = scene.settled(1);
    assert_eq!(lost, 0);
    for _ in 0..sent {
        assert!(matches!(server.frame(), Some(Frame::Data(_))));
    }
    drop((server, collector));
    daemon.until("the loss", || counted(*admin, "connected", &[]) == 0);
    daemon.wait_for_log(0, &["is gone: it closed the connection"]);
    ask(daemon, 10);
    let collector = Collector::listen(&scene.socket());
    let mut server = collector.agree();
    let reading = std::thread::spawn(move || server.rest());
    let (all, lost) = scene.settled(1);
    // On a machine that is very slow the pause is longer than messages wait.
    assert!(lost == 0 || lost == 10, "{lost}");
    assert_eq!(counted(*admin, "connections_total", &[]), 2);
    assert!(scene.daemon.terminate().success());
    assert_eq!(reading.join().expect("a reader"), all - sent);
}

/// Without a collector, queries are answered and messages are dropped at last; the API says so.
#[test]
fn without_a_collector_messages_are_dropped_and_counted() {
    let scene = Scene::alone("");
    let Scene { daemon, admin, .. } = &scene;
    daemon.wait_for_log(0, &["dnstap: no collector at ", "no such file", "tries again"]);
    daemon.until("drops", || {
        ask(daemon, 1);
        dropped(*admin, "no_collector") > 10
    });
    let (_, text) = http::get(*admin, "/api/v1/status");
    let status: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let dnstap = &status["dnstap"];
    assert_eq!((&dnstap["connected"], &dnstap["sent"]), (&false.into(), &0.into()));
    assert!(dnstap["dropped"].as_u64() > Some(10));
    assert!(dnstap["socket"].as_str().expect("a path").ends_with("/tap.sock"));
    assert!(self::status(daemon).contains("dnstap    NO collector at "));
    assert_eq!(daemon.log().matches("dnstap: no collector").count(), 1);
    let failures = counted(*admin, "connection_failures_total", &[]);
    assert!(failures > 1, "{failures}");
    assert!(scene.daemon.terminate().success());
}

/// Whatever a collector sends, queries are answered, and the server comes back to it.
#[test]
fn hostile_collectors_are_left() {
    let scene = Scene::alone("");
    let Scene { daemon, admin, .. } = &scene;
    let collector = Collector::listen(&scene.socket());
    // A control frame of 4 GiB.
    let mut server = collector.accept();
    server.say(&[&[0; 4][..], &[255; 4], &vec![7; 1 << 20]].concat());
    assert_eq!(server.frame(), None);
    daemon.wait_for_log(0, &["no collector at ", "a control frame of 4294967295 octets"]);
    ask(daemon, 10);
    // It agrees, and then talks without an end.
    let mut server = collector.agree();
    server.say(&[&finish()[..], &vec![7; 1 << 20]].concat());
    daemon.wait_for_log(0, &["it sends something while it should read"]);
    ask(daemon, 10);
    let mut server = collector.agree();
    let query = Query::new("db.de.clam.example", rr::A).build();
    exchange(daemon, Transport::Tcp6, &query, true);
    assert!(matches!(server.frame(), Some(Frame::Data(_))));
    assert!(counted(*admin, "connection_failures_total", &[]) >= 3);
    let reading = std::thread::spawn(move || server.rest());
    assert!(scene.daemon.terminate().success());
    assert!(reading.join().expect("a reader") > 0);
}

/// A server that is to stop does not wait for a collector that reads nothing and never says FINISH.
#[test]
fn a_stop_waits_for_no_collector() {
    let (scene, collector) = Scene::new("");
    let _server = collector.agree();
    ask(&scene.daemon, 3_000);
    assert!(scene.daemon.terminate().success());
}

/// A reload that changes a key says that it waits for a restart.
#[test]
fn a_reload_says_that_changes_need_a_restart() {
    let Scene { daemon, directory, .. } = Scene::alone("");
    let config = std::fs::read_to_string(daemon.path().join("cvdns.toml")).expect("a file");
    let before = daemon.log().len();
    daemon.write_file("cvdns.toml", &config.replace("tap.sock\"", "other.sock\"\nsample = 0.5"));
    daemon.sighup();
    daemon.wait_for_log(before, &["`socket` in [dnstap]", "`sample` in [dnstap]"]);
    drop(directory);
}
