//! Where notifications are sent from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address from which a server at `to` is notified: an address of its family that this server
/// listens on, as secondaries compare it with that of their primary. Loopback goes with loopback.
/// Without one, the system chooses.
pub(super) fn source(listen: &[SocketAddr], to: IpAddr) -> SocketAddr {
    let fits = |address: &&SocketAddr| {
        let own = address.ip();
        !own.is_unspecified()
            && own.is_ipv4() == to.is_ipv4()
            && own.is_loopback() == to.is_loopback()
    };
    match listen.iter().find(fits) {
        // Any port: 53 is taken, and answers are recognised by the port as well.
        Some(address) => {
            let mut address = *address;
            address.set_port(0);
            address
        }
        None => any(to),
    }
}

/// No address of the family in particular.
pub(super) fn any(to: IpAddr) -> SocketAddr {
    match to {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_one_that_is_listened_on() {
        let listen: Vec<SocketAddr> =
            ["127.0.0.1:53", "0.0.0.0:54", "192.0.2.1:53", "[2001:db8::1]:53"]
                .map(|address| address.parse().unwrap())
                .into();
        for (to, expected) in [
            ("198.51.100.7", "192.0.2.1:0"),
            ("127.0.0.9", "127.0.0.1:0"),
            ("2001:db8::7", "[2001:db8::1]:0"),
            ("::1", "[::]:0"),
        ] {
            assert_eq!(source(&listen, to.parse().unwrap()), expected.parse().unwrap());
        }
        assert_eq!(source(&[], "192.0.2.9".parse().unwrap()), "0.0.0.0:0".parse().unwrap());
    }
}
