//! Portable UDP: what its sockets drop and what they let pass. What is answered is the same as in
//! batches, which `tests/net/answers` and `tests/interop/static_zones` show.

use super::echo;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use cvdns_net::{Responder, TcpLimits, Transport, UdpMode};
use echo::{TestServer, query, receive, udp_client};

fn start() -> TestServer {
    TestServer::start(&["127.0.0.1:0"], 1, UdpMode::Portable, TcpLimits::default())
}

#[test]
fn the_responder_sees_every_octet_and_so_does_the_client() {
    let server = start();
    let client = udp_client(server.address());
    // Nothing of it decodes as DNS: that is for the responder to say.
    let mut garbage: Vec<u8> = (0..=255).cycle().take(1300).collect();
    client.send(&garbage).unwrap();
    garbage[2] |= 0x80;
    assert_eq!(receive(&client), garbage);
}

/// An answer longer than the buffer is none: see [`Responder::respond`].
#[test]
fn an_impossible_length_is_silence() {
    #[derive(Clone)]
    struct Boast;
    impl Responder for Boast {
        fn refresh(&mut self) {}

        fn respond(
            &mut self,
            buffer: &mut [u8],
            length: usize,
            _: SocketAddr,
            _: Transport,
        ) -> Option<usize> {
            Some(if length > 20 { buffer.len() + 1 } else { 5_000 })
        }
    }
    let limits = TcpLimits::default();
    let server = TestServer::start_with(&["127.0.0.1:0"], 1, UdpMode::Portable, limits, &|| Boast);
    let client = udp_client(server.address());
    client.send(&query(1, "a-longer-one")).unwrap();
    client.send(&[0; 12]).unwrap();
    assert!(receive(&client).len() > 4096);
    server.wait_for(|counters| counters.udp.dropped == 1 && counters.udp.answered == 1);
}

/// A batch shares one refresh, and an idle socket lets go of an old snapshot.
#[test]
fn refreshes_come_by_the_batch_and_when_nothing_comes() {
    #[derive(Clone, Default)]
    struct Counting(Arc<AtomicU64>);
    impl Responder for Counting {
        fn refresh(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }

        fn respond(
            &mut self,
            _: &mut [u8],
            length: usize,
            _: SocketAddr,
            _: Transport,
        ) -> Option<usize> {
            Some(length)
        }
    }
    let counting = Counting::default();
    let make = counting.clone();
    let limits = TcpLimits::default();
    let server =
        TestServer::start_with(&["127.0.0.1:0"], 1, UdpMode::Portable, limits, &move || {
            make.clone()
        });
    let client = udp_client(server.address());
    for id in 0..100 {
        client.send(&query(id, "burst")).unwrap();
    }
    for _ in 0..100 {
        receive(&client);
    }
    assert!(server.counters().udp.batches <= counting.0.load(SeqCst));
    let before = counting.0.load(SeqCst);
    let end = std::time::Instant::now() + echo::PATIENCE;
    while counting.0.load(SeqCst) < before + 2 {
        assert!(std::time::Instant::now() < end, "an idle socket never refreshes");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
