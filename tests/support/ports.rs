//! Free loopback ports.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports of one process.
const BLOCK: u16 = 1_000;

/// A port that is free for UDP and TCP on 127.0.0.1 and `::1`. It lies below the ephemeral range,
/// so that no client socket of a test that runs beside takes it before the server binds, and in the
/// block of this process, so that no other run of tests does.
pub fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    static FIRST: LazyLock<(u16, TcpListener)> = LazyLock::new(block);
    let (first, _) = &*FIRST;
    loop {
        // The first is the block's own.
        let port = first + 1 + NEXT.fetch_add(1, Ordering::Relaxed) % (BLOCK - 1);
        if is_free(port) {
            return port;
        }
    }
}

/// The first port of a block that no other process has, and what says so as long as this one lives.
fn block() -> (u16, TcpListener) {
    let firsts = (10_000..32_000).step_by(BLOCK.into());
    let taken = |first| Some((first, TcpListener::bind((Ipv4Addr::LOCALHOST, first)).ok()?));
    firsts.into_iter().find_map(taken).expect("22 processes run tests here already")
}

/// Whether nobody listens on this port.
pub fn is_free(port: u16) -> bool {
    ["127.0.0.1", "::1"].iter().all(|ip| {
        let address = SocketAddr::new(ip.parse().expect("an address"), port);
        TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
    })
}
