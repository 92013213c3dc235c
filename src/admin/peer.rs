//! Who sends requests.

use std::fmt;
use std::net::SocketAddr;

/// The other end of a connection to the admin listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// A program of this machine, over a Unix socket. The mode of its file has decided that it may
    /// use it.
    Account {
        /// The user id.
        user_id: u32,
    },
    /// Whoever has this address.
    Tcp(SocketAddr),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account { user_id } => write!(f, "user id {user_id}"),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}
