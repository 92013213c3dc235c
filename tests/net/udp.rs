//! UDP on loopback, in both modes.

use super::echo;

use std::collections::HashSet;
use std::net::SocketAddr;

use cvdns_net::{Listeners, TcpLimits, UdpMode};
use echo::{Gate, TestServer, answer, assert_udp_echo, query, receive, udp_client};

const MODES: [UdpMode; 2] = [UdpMode::Auto, UdpMode::Portable];

fn start(addresses: &[&str], workers: usize, mode: UdpMode) -> TestServer {
    TestServer::start(addresses, workers, mode, TcpLimits::default())
}

#[test]
fn answers_over_ipv4_and_ipv6() {
    for mode in MODES {
        let mut server = start(&["127.0.0.1:0", "[::1]:0"], 2, mode);
        for address in server.addresses.clone() {
            assert_udp_echo(address);
        }
        let counters = server.stop().udp;
        assert_eq!((counters.received, counters.answered), (2, 2), "{mode:?}");
    }
}

/// The client's socket is connected: it hears no answer that leaves from another address.
#[test]
fn a_wildcard_answers_from_the_address_that_was_asked() {
    let server = start(&["0.0.0.0:0", "[::]:0"], 2, UdpMode::Auto);
    let (v4, v6) = (server.addresses[0].port(), server.addresses[1].port());
    for address in [format!("127.0.0.2:{v4}"), format!("127.9.9.9:{v4}"), format!("[::1]:{v6}")] {
        assert_udp_echo(address.parse().unwrap());
    }
}

/// The kernel spreads clients over the sockets by their addresses: new ones come until each socket
/// has had some.
#[test]
fn all_workers_answer() {
    for mode in MODES {
        let server = start(&["127.0.0.1:0"], 4, mode);
        let sockets = server.sockets().len();
        assert_eq!(sockets, 4);
        let answered = || server.sockets().iter().filter(|socket| socket.udp.answered > 0).count();
        for _ in 0..2_000 {
            if answered() == sockets {
                break;
            }
            assert_udp_echo(server.address());
        }
        server.wait_for(|counters| counters.udp.received == counters.udp.answered);
        assert_eq!(answered(), sockets, "{mode:?}: {:?}", server.sockets());
    }
}

#[test]
fn loses_none_of_ten_thousand() {
    for (mode, window) in [(UdpMode::Auto, 200), (UdpMode::Portable, 50)] {
        let mut server = start(&["127.0.0.1:0"], 2, mode);
        let client = udp_client(server.address());
        for first in (0..10_000).step_by(usize::from(window)) {
            let ids: HashSet<u16> = (first..first + window).collect();
            for &id in &ids {
                client.send(&query(id, "burst")).unwrap();
            }
            let answers: HashSet<_> = ids.iter().map(|_| receive(&client)).collect();
            assert_eq!(answers, ids.iter().map(|&id| answer(id, "burst")).collect());
        }
        let counters = server.stop().udp;
        assert_eq!((counters.received, counters.answered), (10_000, 10_000), "{mode:?}");
    }
}

/// A worker has the first query in hand when the stop comes, and has read none of the others: what
/// it answers of these it reads after the stop.
#[test]
fn a_stop_answers_what_was_received() {
    for mode in MODES {
        let gate = Gate::default();
        let mut server =
            TestServer::start_with(&["127.0.0.1:0"], 2, mode, TcpLimits::default(), &gate.echo());
        let client = udp_client(server.address());
        gate.close();
        client.send(&query(0, "last")).unwrap();
        gate.until_one_is_held();
        for id in 1..150 {
            client.send(&query(id, "last")).unwrap();
        }
        let counters = server.stop_and(|| gate.open()).udp;
        let answers: HashSet<_> = (0..150).map(|_| receive(&client)).collect();
        assert_eq!(answers, (0..150).map(|id| answer(id, "last")).collect(), "{mode:?}");
        assert_eq!(counters.answered, 150);
    }
}

#[test]
fn a_panic_costs_one_query_and_no_worker() {
    for mode in MODES {
        let server = start(&["127.0.0.1:0"], 1, mode);
        let client = udp_client(server.address());
        for label in ["before", "panic", "silence", "after"] {
            client.send(&query(1, label)).unwrap();
        }
        let answers = HashSet::from([receive(&client), receive(&client)]);
        assert_eq!(answers, HashSet::from([answer(1, "before"), answer(1, "after")]), "{mode:?}");
        assert_udp_echo(server.address());
        server.wait_for(|counters| counters.udp.panics == 1 && counters.udp.dropped >= 1);
    }
}

/// RFC 768: 65,507 octets are the most that a datagram holds over IPv4.
#[test]
fn the_longest_datagram_is_answered() {
    for mode in MODES {
        let server = start(&["127.0.0.1:0"], 1, mode);
        let client = udp_client(server.address());
        for length in [4096, 4097, 65_507] {
            let mut longest = query(3, "long");
            longest.resize(length, 0);
            client.send(&longest).unwrap();
            longest[2] |= 0x80;
            assert_eq!(receive(&client), longest, "{mode:?}");
        }
    }
}

#[test]
fn all_addresses_that_cannot_be_had_are_told() {
    let server = start(&["127.0.0.1:0"], 1, UdpMode::Auto);
    let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let foreign: SocketAddr = "192.0.2.1:0".parse().unwrap();
    let errors =
        Listeners::bind(&[server.address(), free, foreign], 1, UdpMode::Auto, false).unwrap_err();
    let addresses: Vec<_> = errors.iter().map(|error| error.address).collect();
    assert_eq!(addresses, [server.address(), foreign]);
}

/// Set where a server that hangs ends no other test: how it serves.
const HANGS: &str = "CVDNS_TEST_HANGS";

/// A query that is answered for ever ends the process, which its supervisor starts again, and the
/// log says why.
#[test]
fn a_worker_that_hangs_ends_the_process() {
    use std::os::unix::process::ExitStatusExt;
    for how in ["Auto", "Portable", "Tcp"] {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "udp::in_a_process_that_hangs", "--ignored", "--nocapture"])
            .env(HANGS, how)
            .output()
            .unwrap();
        assert_eq!(output.status.signal(), Some(6), "{how}: SIGABRT: {output:?}");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(
            said.contains("one batch of queries for over a second of CPU time"),
            "{how}: {said}"
        );
    }
}

/// Never returns, where the query asks for that.
struct Stuck;
impl cvdns_net::Responder for Stuck {
    fn refresh(&mut self) {}

    fn respond(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        of: SocketAddr,
        by: cvdns_net::Transport,
    ) -> Option<usize> {
        while buffer[13..].starts_with(b"hang") {
            std::hint::spin_loop();
        }
        echo::Echo.respond(buffer, length, of, by)
    }
}

#[test]
#[ignore = "run by a_worker_that_hangs_ends_the_process"]
fn in_a_process_that_hangs() {
    let Some(how) = std::env::var_os(HANGS) else { return };
    tracing_subscriber::fmt().init();
    let mode = MODES.into_iter().find(|mode| how == *format!("{mode:?}")).unwrap_or(UdpMode::Auto);
    let server = TestServer::start_with(&["127.0.0.1:0"], 1, mode, TcpLimits::default(), &|| Stuck);
    assert_udp_echo(server.address());
    if how == "Tcp" {
        let mut client = echo::tcp_client(server.address());
        echo::ask(&mut client, 7);
        std::io::Write::write_all(&mut client, &echo::framed(&query(1, "hang"))).unwrap();
        echo::read_message(&mut client);
    }
    let client = udp_client(server.address());
    client.send(&query(1, "hang")).unwrap();
    receive(&client);
}
