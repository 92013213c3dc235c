//! A server with secondaries is replaced by another process (`cvdns serve --replace`).

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread::{sleep, spawn};
use std::time::Duration;

use super::following::change;
use super::secondaries::{AXFR, Program, SECRET, served_serial, signed};
use super::wicked::{connected, large_files};
use super::{all_must_follow, scene_of, status};
use crate::support::client::{framed, read};
use crate::support::daemon::{Daemon, Files};
use crate::support::fixture::{self, feed, states};
use crate::support::ports;
use crate::support::reply::Reply;
use crate::support::rr;
use crate::support::tools::{output, tool};

/// With a socket of takeovers, and this admin port.
fn replaceable(files: Files, admin: u16) -> Files {
    let config = files
        .text("cvdns.toml")
        .replace("[server]\n", "[server]\ntakeover = \"run/takeover.sock\"\n");
    assert!(config.contains("takeover"), "{config}");
    let config = format!("{config}[admin]\nlisten = \"127.0.0.1:{admin}\"\n");
    files.with("cvdns.toml", config)
}

/// Asks for a zone's serial all the time, and fails where it goes back but during a takeover: then
/// both servers answer, and the new one may still have the version before.
struct SerialWatch {
    is_over: Arc<AtomicBool>,
    /// How often a takeover has begun or ended: an odd number during one.
    turns: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    thread: std::thread::JoinHandle<()>,
}

impl SerialWatch {
    fn start(port: u16) -> Self {
        let (is_over, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let turns = Arc::<AtomicUsize>::default();
        let (over, count, turn) = (is_over.clone(), asked.clone(), turns.clone());
        let thread = spawn(move || {
            let mut newest = served_serial(port, fixture::ORIGIN);
            while !over.load(SeqCst) {
                let before = turn.load(SeqCst);
                let now = served_serial(port, fixture::ORIGIN);
                let is_takeover = before % 2 == 1 || turn.load(SeqCst) != before;
                if now.wrapping_sub(newest) < 1 << 31 {
                    newest = now;
                } else {
                    assert!(is_takeover, "{now} after {newest}");
                }
                count.fetch_add(1, SeqCst);
            }
        });
        Self { is_over, turns, asked, thread }
    }

    /// A takeover begins, or has ended.
    fn turn(&self) {
        self.turns.fetch_add(1, SeqCst);
    }

    fn stop(self) -> usize {
        self.is_over.store(true, SeqCst);
        self.thread.join().expect("no serial went back");
        self.asked.load(SeqCst)
    }
}

/// Serials, differences, and what each secondary has go on. Whatever changes meanwhile arrives.
#[test]
fn secondaries_do_not_notice_a_takeover() {
    let admin = ports::free();
    let (mut daemon, secondaries) = scene_of("127.0.0.1", |files| replaceable(files, admin));
    all_must_follow(&daemon, &secondaries);
    let watch = SerialWatch::start(daemon.port());
    for round in 1..=4u64 {
        let before = change(&daemon, 10 * round + 1);
        // Both processes see this one, at whatever moment.
        let out = states(&[("fr1.example", "down")]);
        daemon.write_feed(&feed(1_000 + 10 * round + 2, &out));
        watch.turn();
        let (exit, log) = daemon.replace();
        assert_eq!(exit.code(), Some(0), "{log}");
        daemon.until("the feed is in force", || {
            served_serial(daemon.port(), fixture::ORIGIN) != before
        });
        watch.turn();
        let after = change(&daemon, 10 * round + 4);
        all_must_follow(&daemon, &secondaries);
        // The new one has the differences from the versions of the one before.
        let mut dig = tool("dig");
        let program = Program::Named;
        let key = format!("{}:{}:{SECRET}", program.algorithm(), program.key());
        dig.args(["@127.0.0.1", "-p", &daemon.port().to_string(), "-y", &key, fixture::ORIGIN]);
        let said = output(dig.args([&format!("IXFR={before}"), "+noall", "+answer"]));
        // RFC 1995 section 4: a difference begins and ends with SOA records of its own.
        let soas = said.lines().filter(|line| line.contains("SOA")).count();
        assert!(soas >= 4, "no differences from {before} to {after}:\n{said}");
        daemon.until("it knows what all have", || {
            let status = status(admin);
            let all = status["secondaries"].as_array().expect("secondaries").clone();
            let zones = |of: &serde_json::Value| of["zones"].as_array().expect("zones").clone();
            all.len() == 3
                && all.iter().flat_map(zones).all(|zone| zone["current"] == true)
                && all.iter().all(|of| zones(of).len() >= 2)
        });
    }
    assert!(watch.stop() > 100);
}

/// The records of a transfer from this connection, message by message; `None` if the connection
/// ends before the last one. `pause` comes before each further message.
fn records(connection: &mut TcpStream, mut pause: impl FnMut()) -> Option<Vec<(u16, Vec<u8>)>> {
    let mut records: Vec<(u16, Vec<u8>)> = Vec::new();
    loop {
        let reply = Reply::walk(&read(connection)?).expect("well formed");
        assert_eq!(reply.rcode(), rr::NOERROR);
        records.extend(reply.answer.into_iter().map(|record| (record.rtype, record.rdata)));
        if records.len() > 1 && records.last().is_some_and(|(rtype, _)| *rtype == rr::SOA) {
            return Some(records);
        }
        pause();
    }
}

/// Who is in the middle of a transfer sees the connection end, before the last SOA record, and gets
/// the zone whole from the new process, with the serial that it had begun with.
#[test]
fn a_transfer_that_is_under_way_is_begun_again() {
    let admin = ports::free();
    let mut daemon = Daemon::start(&replaceable(large_files(), admin));
    let port = daemon.port();
    let before = served_serial(port, "large.example");
    let request = framed(&signed("large.example", AXFR));
    let mut connection = connected([127, 0, 0, 1].into(), port);
    connection.write_all(&request).expect("sent");
    let (begun, has_begun) = mpsc::channel();
    let reader = spawn(move || {
        // Slowly, so that it does not end before the takeover, but not so slowly that it would be
        // given up.
        records(&mut connection, || {
            let _ = begun.send(());
            sleep(Duration::from_millis(50));
        })
    });
    has_begun.recv().expect("a message");
    let (exit, log) = daemon.replace();
    assert_eq!(exit.code(), Some(0), "{log}");
    assert_eq!(reader.join().expect("an orderly end"), None);
    assert_eq!(served_serial(port, "large.example"), before);
    let mut again = connected([127, 0, 0, 1].into(), port);
    again.write_all(&request).expect("sent");
    let records = records(&mut again, || {}).expect("a whole transfer");
    assert_eq!(records.len(), 120_004);
    assert_eq!(records[0], records[120_003], "one version from the beginning to the end");
    daemon.until("the new process knows", || {
        let status = status(admin);
        let zones = status["secondaries"][0]["zones"].as_array().expect("zones").clone();
        zones.iter().any(|zone| zone["zone"] == "large.example" && zone["current"] == true)
    });
}
