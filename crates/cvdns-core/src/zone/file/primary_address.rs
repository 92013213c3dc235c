//! The address of a primary, with a port if that is not the one of DNS.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// The port of DNS (RFC 1035 section 4.2).
const DNS: u16 = 53;

/// The address of a primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrimaryAddress(pub SocketAddr);

impl FromStr for PrimaryAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS));
        let address = address.or_else(|_| text.parse()).map_err(|_| "this is no address")?;
        if address.port() == 0 {
            return Err("nobody listens on port 0");
        }
        if address.ip().is_unspecified() || address.ip().is_multicast() {
            return Err("this is not the address of a host");
        }
        Ok(Self(address))
    }
}

impl fmt::Display for PrimaryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.port() == DNS { self.0.ip().fmt(f) } else { self.0.fmt(f) }
    }
}
