//! Panics, which are defects of cvdns: one at a query costs that query, and any other ends the
//! process with a message, as a part of it would never work again.

use super::echo;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cvdns_net::{Endpoint, MakeResponder, Responder, TcpLimits, Transport, UdpMode};
use echo::{Echo, Gate, TestServer, answer, assert_udp_echo, query, receive, udp_client};

/// Panics when it is made, refreshed or asked, as [`Fault`] says.
struct Faulty {
    fault: Fault,
    /// Whether it has answered.
    warm: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// It panics in every refresh after the first answer.
    Refresh,
    /// A second one of a UDP socket cannot be made; the first panics at a query.
    Remake,
    /// None can be made for a connection.
    Connection,
}

const FAULTS: [Fault; 3] = [Fault::Refresh, Fault::Remake, Fault::Connection];

impl Responder for Faulty {
    fn refresh(&mut self) {
        assert!(!(self.fault == Fault::Refresh && self.warm), "a refresh, as the test wants");
    }

    fn respond(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        of: SocketAddr,
        by: Transport,
    ) -> Option<usize> {
        self.warm = true;
        Echo.respond(buffer, length, of, by)
    }
}

#[derive(Clone)]
struct MakeFaulty {
    fault: Fault,
    made: Arc<AtomicUsize>,
}

impl MakeResponder for MakeFaulty {
    type Responder = Faulty;

    fn make(&self, endpoint: Endpoint) -> Faulty {
        let fault = self.fault;
        let is_connection = matches!(endpoint, Endpoint::Connection(_));
        assert!(!(fault == Fault::Connection && is_connection), "a connection, as the test wants");
        let again = self.made.fetch_add(1, SeqCst) > 0;
        assert!(!(fault == Fault::Remake && again), "a second one, as the test wants");
        Faulty { fault, warm: false }
    }
}

/// Set in a process that is meant to end: number of the fault, and how UDP is served.
const HOW: &str = "CVDNS_TEST_FAULT";

#[test]
fn a_panic_outside_of_a_query_ends_the_process_and_says_where() {
    for fault in FAULTS {
        for mode in ["Auto", "Portable"] {
            let how = format!("{fault:?} {mode}");
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "panics::in_a_process_that_panics", "--ignored", "--nocapture"])
                .env(HOW, &how)
                .output()
                .unwrap();
            assert_eq!(output.status.signal(), Some(6), "{how}: SIGABRT: {output:?}");
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            let part = match (fault, mode) {
                (Fault::Connection, _) => "the TCP listener of 127.0.0.1:",
                (_, "Auto") => "the thread cvdns-udp-0-127.0.0.1:",
                _ => "UDP task 0 of 127.0.0.1:",
            };
            let end = said.lines().find(|line| line.contains("the process ends"));
            assert!(end.is_some_and(|end| end.contains(part)), "{how}: {said}");
        }
    }
}

#[test]
#[ignore = "run by a_panic_outside_of_a_query_ends_the_process_and_says_where"]
fn in_a_process_that_panics() {
    let Ok(how) = std::env::var(HOW) else { return };
    tracing_subscriber::fmt().with_ansi(false).init();
    let (fault, mode) = how.split_once(' ').unwrap();
    let fault = FAULTS.into_iter().find(|known| format!("{known:?}") == fault).unwrap();
    let mode = if mode == "Auto" { UdpMode::Auto } else { UdpMode::Portable };
    let make = MakeFaulty { fault, made: Arc::default() };
    let server = TestServer::start_with(&["127.0.0.1:0"], 1, mode, TcpLimits::default(), &make);
    assert_udp_echo(server.address());
    let client = udp_client(server.address());
    match fault {
        Fault::Refresh => client.send(&query(1, "any")).map(drop).unwrap(),
        Fault::Remake => client.send(&query(1, "panic")).map(drop).unwrap(),
        Fault::Connection => drop(echo::tcp_client(server.address())),
    }
    // The process ends while this waits, if only at the refresh that comes when nothing is asked: a
    // query that comes together with the one before it is answered first.
    std::thread::sleep(echo::PATIENCE);
}

/// Holds back the first query of a batch, and panics when it reads a batch in which a query asks
/// for that.
struct ReadsAhead<R>(R);

impl<R: Responder> Responder for ReadsAhead<R> {
    fn refresh(&mut self) {}

    fn respond(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        of: SocketAddr,
        by: Transport,
    ) -> Option<usize> {
        self.0.respond(buffer, length, of, by)
    }

    fn read_batch<'q>(&mut self, queries: impl Iterator<Item = Option<(&'q [u8], SocketAddr)>>) {
        for (message, _) in queries.flatten() {
            assert!(!message[13..].starts_with(b"panic"), "as the query asked");
        }
    }
}

/// Queries of a batch are read together. The one that cannot be read is the only one lost.
#[test]
fn a_panic_while_a_batch_is_read_costs_one_query() {
    let gate = Gate::default();
    let echo = gate.echo();
    let make = move || ReadsAhead(echo.make(Endpoint::Socket(0)));
    let limits = TcpLimits::default();
    let server = TestServer::start_with(&["127.0.0.1:0"], 1, UdpMode::Auto, limits, &make);
    let client = udp_client(server.address());
    gate.close();
    client.send(&query(0, "first")).unwrap();
    gate.until_one_is_held();
    // All of these are in the socket when the worker comes back to it.
    for id in 1..=40 {
        client.send(&query(id, if id == 20 { "panic" } else { "good" })).unwrap();
    }
    gate.open();
    let answers: HashSet<_> = (0..40).map(|_| receive(&client)).collect();
    let good = (1..=40).filter(|id| *id != 20).map(|id| answer(id, "good"));
    assert_eq!(answers, good.chain([answer(0, "first")]).collect());
    assert_udp_echo(server.address());
    // Once when the batch was read, and once when the query was answered.
    server.wait_for(|counters| counters.udp.panics == 2);
}
