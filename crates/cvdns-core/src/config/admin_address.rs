//! An address of the admin listener.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// An address of the admin listener.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AdminAddress {
    /// An address and a TCP port.
    Tcp(SocketAddr),
    /// The path of a Unix socket, as written: relative to the configuration.
    Unix(String),
}

/// What a path is marked with.
const UNIX: &str = "unix:";

impl FromStr for AdminAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(UNIX) {
            Some("") => Err("there is no path after `unix:`"),
            Some(path) if path.contains('\0') => Err("the path has an octet 0"),
            Some(path) => Ok(Self::Unix(path.to_owned())),
            None => text.parse().map(Self::Tcp).map_err(|_| "this is not an address and a port"),
        }
    }
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{path}"),
        }
    }
}
