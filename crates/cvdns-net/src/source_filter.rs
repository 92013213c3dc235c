//! Which datagrams get no answer because of their addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// Tells queries that nobody real sends by their addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct SourceFilter {
    /// The server's own addresses.
    own: Arc<[SocketAddr]>,
}

/// Why a datagram gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its source has port 0 or is not an IP address.
    NoReturnAddress,
    /// An answer would be answered in turn, so that two machines keep each other busy.
    Loop,
    /// It was sent to or from more than one machine.
    NotUnicast,
}

/// Ports of services that answer whatever is sent to them (RFC 862, 867, 865, 864, 868). Whoever
/// sends a query in their name has them and the server keep each other busy. No client asks from
/// there: systems give ports from 1024 on, and resolvers choose among these too.
const ANSWERING_PORTS: [u16; 5] = [7, 13, 17, 19, 37];

impl SourceFilter {
    /// A filter for a server with these addresses.
    pub(super) fn new(own: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self { own: own.into_iter().collect() }
    }

    /// Why a datagram from `client` gets no answer. `destination` is the address that it was sent
    /// to, if known.
    #[inline]
    pub(super) fn refuse(
        &self,
        client: SocketAddr,
        destination: Option<IpAddr>,
    ) -> Option<Refusal> {
        if client.port() == 0 {
            return Some(Refusal::NoReturnAddress);
        }
        if client.port() < 64 && ANSWERING_PORTS.contains(&client.port()) {
            return Some(Refusal::Loop);
        }
        let is_own = |own: &SocketAddr| {
            own.port() == client.port()
                && (own.ip() == client.ip()
                    || own.ip().is_unspecified() && destination == Some(client.ip()))
        };
        if self.own.iter().any(is_own) {
            return Some(Refusal::Loop);
        }
        let is_group =
            |address: IpAddr| address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST);
        let is_many = is_group(client.ip()) || destination.is_some_and(is_group);
        is_many.then_some(Refusal::NotUnicast)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_real_sends_is_refused() {
        let own = ["192.0.2.53:53", "[2001:db8::53]:5300", "0.0.0.0:54"];
        let filter = SourceFilter::new(own.map(|own| own.parse().unwrap()));
        let none: Option<&str> = None;
        for (client, destination, expected) in [
            ("198.51.100.1:1024", none, None),
            ("198.51.100.1:53", none, None),
            ("198.51.100.1:0", none, Some(Refusal::NoReturnAddress)),
            ("198.51.100.1:6", none, None),
            ("198.51.100.1:7", none, Some(Refusal::Loop)),
            ("198.51.100.1:13", none, Some(Refusal::Loop)),
            ("198.51.100.1:17", none, Some(Refusal::Loop)),
            ("[2001:db8::1]:19", none, Some(Refusal::Loop)),
            ("198.51.100.1:37", none, Some(Refusal::Loop)),
            ("192.0.2.53:53", none, Some(Refusal::Loop)),
            ("192.0.2.53:5300", none, None),
            ("[2001:db8::53]:5300", none, Some(Refusal::Loop)),
            ("192.0.2.53:54", none, None),
            ("192.0.2.54:54", Some("192.0.2.54"), Some(Refusal::Loop)),
            ("192.0.2.54:54", Some("192.0.2.53"), None),
            ("192.0.2.54:55", Some("192.0.2.54"), None),
            ("224.0.0.251:5353", none, Some(Refusal::NotUnicast)),
            ("255.255.255.255:5353", none, Some(Refusal::NotUnicast)),
            ("[ff02::1]:5353", none, Some(Refusal::NotUnicast)),
            ("198.51.100.1:5353", Some("224.0.0.251"), Some(Refusal::NotUnicast)),
            ("[2001:db8::1]:5353", Some("ff02::fb"), Some(Refusal::NotUnicast)),
            ("198.51.100.1:5353", Some("255.255.255.255"), Some(Refusal::NotUnicast)),
        ] {
            let destination = destination.map(|address| address.parse().unwrap());
            let refused = filter.refuse(client.parse().unwrap(), destination);
            assert_eq!(refused, expected, "{client} to {destination:?}");
        }
    }
}
