//! Connections that come and go leave nothing behind.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::doh::post;
use super::doq::{Client, query};
use super::{Encrypted, ask_tls, tls};
use crate::support::client::framed;
use crate::support::memory::Memory;
use crate::support::{PATIENCE, rr};

/// MiB that may come and go: buffers of threads, and what the C library keeps.
const SLACK: u64 = 8;

/// MiB that the server holds, without the pages of its own file.
fn resident(server: &Encrypted) -> u64 {
    Memory::of(server.daemon.pid()).anonymous >> 10
}

/// So many connections in turn over each of TLS, QUIC and HTTPS, each with a handshake and a query.
fn connect(server: &Encrypted, count: usize) {
    let soa = query("clam.example", rr::SOA).build();
    for _ in 0..count {
        let mut stream = tls(server.dot, &[b"dot"]).expect("connected");
        assert!(ask_tls(&mut stream, &soa).is_some());
    }
    for _ in 0..count.div_ceil(100) {
        // An endpoint keeps what it has closed for a while.
        let client = Client::new(b"doq");
        for _ in 0..100 {
            let connection = client.connect(server.doq).expect("connected");
            assert!(client.exchange(&connection, &framed(&soa)).is_some());
            connection.close(0u32.into(), b"");
        }
        client.runtime.block_on(client.endpoint.wait_idle());
    }
    for _ in 0..count {
        assert_eq!(post(server.doh, "application/dns-message", &soa).status, 200);
    }
}

fn stays_flat(count: usize) {
    let server = Encrypted::start();
    // Threads and tickets are made by the first ones.
    connect(&server, 300);
    let before = resident(&server);
    for round in 1..=4 {
        connect(&server, count / 4);
        let deadline = Instant::now() + PATIENCE;
        while resident(&server) > before + SLACK {
            let now = resident(&server);
            assert!(Instant::now() < deadline, "{round}: {now} MiB, {before} before");
            sleep(Duration::from_millis(100));
        }
        eprintln!(
            "{} connections each: {} MiB, {before} before",
            count / 4 * round,
            resident(&server)
        );
    }
}

#[test]
fn connections_in_turn_leave_nothing_behind() {
    stays_flat(400);
}

#[test]
#[ignore = "takes a minute or more (docs/performance.md)"]
fn ten_thousand_connections_in_turn_over_each_transport_leave_nothing_behind() {
    stays_flat(10_000);
}
