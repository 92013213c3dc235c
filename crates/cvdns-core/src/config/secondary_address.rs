//! Where secondary servers ask from, and where they are notified.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

/// Port of DNS.
const PORT: u16 = 53;

/// The address of a secondary server (`address` in `[[transfer.secondary]]`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SecondaryAddress {
    /// A server that is notified at this address and port, and asks from the address.
    Server(SocketAddr),
    /// Servers of a network, none of which is notified.
    Network(IpNet),
}

impl SecondaryAddress {
    /// Whether it has this address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let canonical = address.to_canonical();
        match self {
            Self::Server(server) => server.ip().to_canonical() == canonical,
            Self::Network(network) => network.contains(&canonical) || network.contains(&address),
        }
    }

    /// Where it is notified; `None` for a network.
    pub fn notified(&self) -> Option<SocketAddr> {
        match self {
            Self::Server(server) => {
                let mut server = *server;
                server.set_ip(server.ip().to_canonical());
                Some(server)
            }
            Self::Network(_) => None,
        }
    }
}

impl FromStr for SecondaryAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Server(SocketAddr::new(address, PORT)));
        }
        if let Ok(server) = text.parse::<SocketAddr>() {
            if server.port() == 0 {
                return Err(format!("\"{text}\": nothing listens on port 0"));
            }
            return Ok(Self::Server(server));
        }
        let network: IpNet =
            text.parse().map_err(|_| format!("\"{text}\" is neither an address nor a network"))?;
        if network.addr() == network.network() {
            return Ok(Self::Network(network));
        }
        Err(format!("{network} has bits beyond its prefix; {} has not", network.trunc()))
    }
}

impl fmt::Display for SecondaryAddress {
    /// As it is written; port 53 is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(server) if server.port() == PORT => server.ip().fmt(f),
            Self::Server(server) => server.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_networks_are_read_as_people_write_them() {
        for (text, shown, notified) in [
            ("192.0.2.53", "192.0.2.53", Some("192.0.2.53:53")),
            ("192.0.2.53:53", "192.0.2.53", Some("192.0.2.53:53")),
            ("2001:db8::53", "2001:db8::53", Some("[2001:db8::53]:53")),
            ("[2001:db8::53]:5353", "[2001:db8::53]:5353", Some("[2001:db8::53]:5353")),
            ("192.0.2.0/24", "192.0.2.0/24", None),
        ] {
            let address: SecondaryAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(address.notified(), notified.map(|at| at.parse().unwrap()));
        }
        for text in ["", "ns1.example", "192.0.2.53:0", "192.0.2.1/24", "192.0.2.0/33", "[::1]"] {
            assert!(text.parse::<SecondaryAddress>().is_err(), "{text}");
        }
    }

    /// A socket for both families shows IPv4 clients as IPv6 addresses.
    #[test]
    fn an_address_is_the_same_in_both_families() {
        let server: SecondaryAddress = "192.0.2.53".parse().unwrap();
        assert!(server.contains("192.0.2.53".parse().unwrap()));
        assert!(server.contains("::ffff:192.0.2.53".parse().unwrap()));
        assert!(!server.contains("192.0.2.54".parse().unwrap()));
        let network: SecondaryAddress = "2001:db8::/32".parse().unwrap();
        assert!(network.contains("2001:db8::1".parse().unwrap()));
        assert!(!network.contains("192.0.2.53".parse().unwrap()));
        let mapped: SecondaryAddress = "::ffff:192.0.2.53".parse().unwrap();
        assert!(mapped.contains("192.0.2.53".parse().unwrap()));
        assert_eq!(mapped.notified(), Some("192.0.2.53:53".parse().unwrap()));
    }
}
