//! Where a server and its clients are: on loopback addresses. Tests of AF_XDP have another file in
//! this place, in which they are in namespaces of their own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;

/// The place of one server.
pub struct Place;

impl Place {
    /// The place of the server with this port.
    pub fn of(_port: u16) -> Self {
        Self
    }
}

/// The server's address of this family.
pub fn server(is_v4: bool) -> IpAddr {
    if is_v4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

/// The address of clients of a server's address.
pub fn client(server: IpAddr) -> IpAddr {
    server
}

/// Addresses of a client and of a server on wildcards.
pub fn pairs() -> [[&'static str; 2]; 3] {
    [["127.0.0.1", "127.0.0.2"], ["127.0.0.3", "127.0.0.4"], ["::1", "::1"]]
}

/// The networks of the clients, of IPv4 and IPv6.
pub fn networks() -> [&'static str; 2] {
    ["127.0.0.0/8", "::1/128"]
}

/// The configuration of a server in this place, given that on loopback addresses.
pub fn config(config: String) -> String {
    config
}

/// Brings this thread to where the clients of the server with this port are.
pub fn enter(_port: u16) {}

/// Whether UDP carries answers that are longer than a packet.
pub fn fragments() -> bool {
    true
}

/// The server as a command.
pub fn cvdns(_port: u16) -> Command {
    Command::new(env!("CARGO_BIN_EXE_cvdns"))
}

/// What the log of a server says when it serves.
pub fn serves() -> &'static [&'static str] {
    // Lines are written in their order, by a thread of their own. The last of the start names the
    // last address.
    &["answering on [::"]
}
