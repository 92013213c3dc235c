//! TCP on loopback: RFC 7766 and what peers do to a server that keeps to it.

use super::echo;

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use cvdns_net::{TcpLimits, UdpMode};
use echo::{
    Gate, PATIENCE, TestServer, answer, ask, assert_closed, framed, query, read_message, tcp_client,
};
use socket2::{Domain, Socket, Type};

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(60);

/// Limits that no test runs into by accident.
fn patient() -> TcpLimits {
    TcpLimits {
        connections: 100,
        per_client: 100,
        first_query: LONG,
        idle: LONG,
        message: LONG,
        write: LONG,
    }
}

/// RFC 7766 section 6.2.1.1.
#[test]
fn answers_pipelined_queries() {
    let server = TestServer::tcp(patient());
    let mut client = tcp_client(server.address());
    let queries: Vec<u8> = (0..1000).flat_map(|id| framed(&query(id, "pipelined"))).collect();
    client.write_all(&queries).unwrap();
    for id in 0..1000 {
        assert_eq!(read_message(&mut client), answer(id, "pipelined"));
    }
    server.wait_for(|counters| counters.tcp.received == 1000 && counters.tcp.answered == 1000);
}

/// RFC 7766 section 8: a message may come in any number of segments.
#[test]
fn puts_dripping_bytes_together() {
    let server = TestServer::tcp(patient());
    let mut client = tcp_client(server.address());
    client.set_nodelay(true).unwrap();
    for byte in [framed(&query(1, "drip")), framed(&query(2, "drop"))].concat() {
        client.write_all(&[byte]).unwrap();
        std::thread::yield_now();
    }
    assert_eq!(read_message(&mut client), answer(1, "drip"));
    assert_eq!(read_message(&mut client), answer(2, "drop"));
}

#[test]
fn takes_and_gives_the_longest_messages() {
    let server = TestServer::tcp(patient());
    let mut client = tcp_client(server.address());
    let mut longest = query(5, "long");
    longest.resize(65_535, 7);
    client.write_all(&framed(&longest)).unwrap();
    longest[2] |= 0x80;
    assert_eq!(read_message(&mut client), longest);
    client.write_all(&framed(&query(6, "big"))).unwrap();
    assert_eq!(read_message(&mut client).len(), 65_535);
    ask(&mut client, 7);
}

/// RFC 7766 section 6.2.4: what was asked before a half-close is still answered.
#[test]
fn answers_after_a_half_close() {
    let server = TestServer::tcp(patient());
    let mut client = tcp_client(server.address());
    client.write_all(&[framed(&query(1, "a")), framed(&query(2, "b"))].concat()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_message(&mut client), answer(1, "a"));
    assert_eq!(read_message(&mut client), answer(2, "b"));
    assert_closed(&mut client);
}

/// RFC 7766 section 6.2.3.
#[test]
fn closes_idle_connections() {
    // Longer than this machine may need for the query.
    let server = TestServer::tcp(TcpLimits { idle: 8 * SHORT, ..patient() });
    let mut asked = tcp_client(server.address());
    ask(&mut asked, 1);
    assert_closed(&mut asked);
    server.wait_for(|counters| counters.tcp.idle_timeouts == 1);
}

/// However much of it comes, and however steadily: it must be whole in time.
#[test]
fn closes_connections_without_a_first_query() {
    let server = TestServer::tcp(TcpLimits { first_query: 8 * SHORT, ..patient() });
    let (mut silent, mut drips) = (tcp_client(server.address()), tcp_client(server.address()));
    for octet in framed(&query(1, "never-ending")).into_iter().take(5) {
        drips.write_all(&[octet]).unwrap();
    }
    assert_closed(&mut silent);
    assert_closed(&mut drips);
    server.wait_for(|counters| counters.tcp.first_query_timeouts == 2);
}

#[test]
fn closes_over_a_message_that_does_not_end() {
    let server = TestServer::tcp(TcpLimits { message: SHORT, ..patient() });
    let mut client = tcp_client(server.address());
    let mut bytes = framed(&query(1, "tcp"));
    bytes.extend([0, 40, 1]);
    client.write_all(&bytes).unwrap();
    assert_eq!(read_message(&mut client), answer(1, "tcp"));
    assert_closed(&mut client);
    server.wait_for(|counters| counters.tcp.message_timeouts == 1);
}

#[test]
fn closes_over_lengths_that_cannot_be() {
    for length in [0, 11] {
        let server = TestServer::tcp(patient());
        let mut client = tcp_client(server.address());
        client.write_all(&[framed(&query(1, "tcp")), vec![0, length]].concat()).unwrap();
        assert_eq!(read_message(&mut client), answer(1, "tcp"));
        assert_closed(&mut client);
        server.wait_for(|counters| counters.tcp.malformed == 1);
    }
}

#[test]
fn the_longest_idle_connection_makes_room() {
    let server = TestServer::tcp(TcpLimits { connections: 2, ..patient() });
    let (mut first, mut second) = (tcp_client(server.address()), tcp_client(server.address()));
    server.wait_for(|counters| counters.tcp.accepted == 2);
    let mut third = tcp_client(server.address());
    assert_closed(&mut first);
    ask(&mut second, 2);
    ask(&mut third, 3);
    server.wait_for(|counters| counters.tcp.evicted == 1);
}

/// A client at an address of its own. On Linux all of 127.0.0.0/8 are addresses of this machine.
#[cfg(target_os = "linux")]
fn client_from(source: [u8; 4], server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a query and the beginning of the next one, so that the connection is busy. Returns the
/// rest.
fn keep_busy(client: &mut TcpStream) -> Vec<u8> {
    let next = framed(&query(2, "next"));
    let (head, tail) = next.split_at(5);
    client.write_all(&[&framed(&query(1, "tcp")), head].concat()).unwrap();
    // Its answer tells that the start of the next message was read too.
    assert_eq!(read_message(client), answer(1, "tcp"));
    tail.to_vec()
}

#[test]
fn idle_connections_of_a_client_go_before_busy_ones() {
    let server = TestServer::tcp(TcpLimits { connections: 2, ..patient() });
    let mut busy = tcp_client(server.address());
    let tail = keep_busy(&mut busy);
    let mut idle = tcp_client(server.address());
    ask(&mut idle, 1);
    ask(&mut tcp_client(server.address()), 2);
    assert_closed(&mut idle);
    busy.write_all(&tail).unwrap();
    assert_eq!(read_message(&mut busy), answer(2, "next"));
    server.wait_for(|counters| counters.tcp.evicted == 1 && counters.tcp.refused == 0);
}

#[test]
fn a_client_has_no_more_connections_than_its_share() {
    let server = TestServer::tcp(TcpLimits { per_client: 2, ..patient() });
    let (mut first, mut second) = (tcp_client(server.address()), tcp_client(server.address()));
    server.wait_for(|counters| counters.tcp.accepted == 2);
    assert_closed(&mut tcp_client(server.address()));
    server.wait_for(|counters| counters.tcp.refused == 1);
    ask(&mut first, 1);
    ask(&mut second, 2);
    drop(first);
    server.wait_for(|counters| counters.tcp.closed == 1);
    ask(&mut tcp_client(server.address()), 3);
}

/// One address holds all seats by connections that are never idle for long. What it does costs
/// itself, and nobody else.
#[cfg(target_os = "linux")]
#[test]
fn a_client_that_holds_all_seats_keeps_nobody_out() {
    const SEATS: usize = 40;
    let limits = TcpLimits { connections: SEATS, per_client: 1000, ..patient() };
    let server = TestServer::tcp(limits);
    let flood = || client_from([127, 0, 0, 1], server.address());
    let mut hostile: Vec<TcpStream> = (0..SEATS).map(|_| flood()).collect();
    for connection in &mut hostile {
        keep_busy(connection);
    }
    // Of its network, of another one, and of others again while it comes back.
    for source in [[127, 0, 0, 2], [127, 0, 1, 1], [127, 0, 2, 1], [127, 1, 0, 1]] {
        let mut client = client_from(source, server.address());
        ask(&mut client, 1);
        for _ in 0..SEATS {
            let mut again = flood();
            keep_busy(&mut again);
            hostile.push(again);
        }
        ask(&mut client, 2);
        hostile.push(client);
    }
    let counters = server.counters().tcp;
    assert_eq!(counters.refused, 0);
    assert!(counters.evicted > 0 && counters.open() <= SEATS as u64 + 64, "{counters:?}");
}

/// A peer that reads nothing has its answers taken from it, too.
#[cfg(target_os = "linux")]
#[test]
fn a_connection_that_waits_for_its_reader_makes_room() {
    let server = TestServer::tcp(TcpLimits { connections: 2, ..patient() });
    let mut deaf = client_from([127, 0, 0, 1], server.address());
    deaf.set_write_timeout(Some(SHORT)).unwrap();
    let queries: Vec<u8> = (0..1000).flat_map(|id| framed(&query(id, "big"))).collect();
    // It does not take all.
    let _ = deaf.write_all(&queries);
    let mut second = client_from([127, 0, 0, 1], server.address());
    keep_busy(&mut second);
    ask(&mut client_from([127, 0, 1, 1], server.address()), 1);
    server.wait_for(|counters| counters.tcp.evicted == 1);
    ask(&mut client_from([127, 0, 2, 1], server.address()), 1);
}

#[test]
fn closes_on_a_peer_that_does_not_read() {
    let server = TestServer::tcp(TcpLimits { write: SHORT, ..patient() });
    let mut client = tcp_client(server.address());
    let queries: Vec<u8> = (0..1000).flat_map(|id| framed(&query(id, "big"))).collect();
    // It may fail: that is the point.
    let _ = client.write_all(&queries);
    server.wait_for(|counters| counters.tcp.write_timeouts == 1);
    ask(&mut tcp_client(server.address()), 1);
}

#[test]
fn silence_and_panics_stay_with_their_connection() {
    let server = TestServer::tcp(patient());
    let (mut silent, mut unlucky) = (tcp_client(server.address()), tcp_client(server.address()));
    silent.write_all(&framed(&query(1, "silence"))).unwrap();
    ask(&mut silent, 2);
    unlucky.write_all(&framed(&query(1, "panic"))).unwrap();
    assert_closed(&mut unlucky);
    ask(&mut silent, 3);
    server.wait_for(|counters| counters.tcp.panics == 1 && counters.tcp.dropped == 1);
}

/// The connection has its first query in hand when the stop comes, and has read none of the others.
#[test]
fn a_stop_answers_what_was_received() {
    let gate = Gate::default();
    let mut server =
        TestServer::start_with(&["127.0.0.1:0"], 1, UdpMode::Auto, patient(), &gate.echo());
    let (mut client, mut idle) = (tcp_client(server.address()), tcp_client(server.address()));
    ask(&mut idle, 1);
    gate.close();
    client.write_all(&framed(&query(0, "last"))).unwrap();
    gate.until_one_is_held();
    let queries: Vec<u8> = (1..100).flat_map(|id| framed(&query(id, "last"))).collect();
    client.write_all(&queries).unwrap();
    let counters = server.stop_and(|| gate.open());
    for id in 0..100 {
        assert_eq!(read_message(&mut client), answer(id, "last"));
    }
    assert_closed(&mut client);
    assert_closed(&mut idle);
    assert_eq!(counters.tcp.answered, 101);
}
