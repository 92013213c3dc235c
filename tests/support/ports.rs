//! Free loopback ports.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// A port that is free for UDP and TCP on 127.0.0.1 and `::1`. It lies below the ephemeral range, so that no
/// client socket of a test that runs beside takes it before the server binds.
pub fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another run of the tests on this machine starts elsewhere.
    let start = u16::try_from(std::process::id() % 1000).expect("below 1000") * 20;
    loop {
        let port = 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 22_000;
        if is_free(port) {
            return port;
        }
    }
}

fn is_free(port: u16) -> bool {
    ["127.0.0.1", "::1"].iter().all(|ip| {
        let address = SocketAddr::new(ip.parse().expect("an address"), port);
        TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
    })
}
