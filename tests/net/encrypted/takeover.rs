//! A server is replaced (`cvdns serve --replace`) while clients ask over encrypted transports.

use super::Encrypted;
use super::load::Load;

/// Clients of TLS, QUIC and HTTPS go on through three servers in turn: no connection is cut off, no
/// answer is wrong, and every handshake is finished by one of the two.
#[test]
fn servers_are_replaced_without_an_error() {
    let mut server = Encrypted::replaceable();
    let load = Load::start(&server);
    for _ in 0..3 {
        load.go_on(20);
        let (status, log) = server.daemon.replace();
        assert_eq!(status.code(), Some(0), "{log}");
        load.go_on(20);
    }
    load.end();
}
