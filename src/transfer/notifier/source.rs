//! Where notifications are sent from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address from which a server at `to` is notified: one of its family that this server listens
/// on, as secondaries compare it with that of their primary. That which the system has `chosen` for
/// the way there goes first; among several networks, others may not get there. Loopback goes with
/// loopback, and addresses of a link with such. Without one, the system chooses.
pub(super) fn source(listen: &[SocketAddr], to: IpAddr, chosen: Option<IpAddr>) -> SocketAddr {
    let fits = |address: &&SocketAddr| {
        let own = address.ip();
        !own.is_unspecified()
            && own.is_ipv4() == to.is_ipv4()
            && own.is_loopback() == to.is_loopback()
            && is_of_link(own) == is_of_link(to)
    };
    let is_chosen = |address: &&SocketAddr| chosen == Some(address.ip());
    let own = listen.iter().find(|address| fits(address) && is_chosen(address));
    match own.or_else(|| listen.iter().find(fits)) {
        // Any port: 53 is taken, and answers are recognised by the port as well.
        Some(address) => {
            let mut address = *address;
            address.set_port(0);
            address
        }
        None => any(to),
    }
}

/// Whether an address means something on one link alone (RFC 4291 section 2.5.6).
fn is_of_link(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
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
            "127.0.0.1:53 0.0.0.0:54 192.0.2.1:53 10.0.0.1:53 [fe80::1%3]:53 [2001:db8::1]:53 [fd00::1]:53"
                .split(' ')
                .map(|address| address.parse().unwrap())
                .collect();
        let from = |to: &str, chosen: &str| {
            source(&listen, to.parse().unwrap(), chosen.parse().ok()).to_string()
        };
        for (to, chosen, expected) in [
            ("198.51.100.7", "", "192.0.2.1:0"),
            ("198.51.100.7", "192.0.2.77", "192.0.2.1:0"),
            ("10.0.0.7", "10.0.0.1", "10.0.0.1:0"),
            ("127.0.0.9", "127.0.0.1", "127.0.0.1:0"),
            ("2001:db8::7", "", "[2001:db8::1]:0"),
            ("2001:db8::7", "2001:db8::99", "[2001:db8::1]:0"),
            ("fd00::7", "fd00::1", "[fd00::1]:0"),
            ("fe80::7", "fe80::1", "[fe80::1%3]:0"),
            ("::1", "::1", "[::]:0"),
        ] {
            assert_eq!(from(to, chosen), expected, "{to} {chosen}");
        }
        let none = source(&[], "192.0.2.9".parse().unwrap(), None);
        assert_eq!(none, "0.0.0.0:0".parse().unwrap());
    }
}
