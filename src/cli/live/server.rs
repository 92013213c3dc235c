//! The live server that `--server` names.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

use hickory_net::proto::op::Message;
use tokio::runtime::Runtime;

use super::client::{ask_whole, runtime};
use crate::cli::output::Failure;

/// The server and its address.
pub(in crate::cli) struct LiveServer {
    /// The command-line argument.
    pub name: String,
    address: SocketAddr,
    runtime: Runtime,
}

/// The port of DNS (RFC 1035 section 4.2).
pub(in crate::cli) const PORT: u16 = 53;

impl LiveServer {
    /// Resolves `HOST`, `HOST:PORT` or an address; without a port it is 53.
    pub(in crate::cli) fn find(name: &str) -> Result<Self, Failure> {
        Ok(Self { name: name.to_owned(), address: address(name)?, runtime: runtime()? })
    }

    /// Sends a query over UDP, and over TCP if the answer is truncated. Returns the octets of the
    /// answer.
    pub(in crate::cli) fn ask(&self, query: &Message) -> Result<Vec<u8>, Failure> {
        let answer = self.runtime.block_on(ask_whole(self.address, query));
        answer.map(|answer| answer.as_buffer().to_vec()).map_err(|reason| {
            Failure::new(format!("cannot query {} ({}): {reason}", self.name, self.address))
        })
    }
}

/// The address that an argument names: an address, `HOST` or `HOST:PORT`.
fn address(name: &str) -> Result<SocketAddr, Failure> {
    if let Some(address) = literal(name) {
        return Ok(address);
    }
    let (host, port) = match name.rsplit_once(':') {
        Some((host, port)) => {
            let port = port.parse().map_err(|_| {
                Failure::new(format!("\"{port}\" is not a port: expected HOST or HOST:PORT"))
            })?;
            (host, port)
        }
        None => (name, PORT),
    };
    let found = (host, port).to_socket_addrs();
    found
        .map_err(|error| Failure::new(format!("cannot find the server {name}: {error}")))?
        .next()
        .ok_or_else(|| Failure::new(format!("the server {name} has no address")))
}

/// The address that a text writes, with its port or else port 53; `None` if it is no address.
pub(in crate::cli) fn literal(text: &str) -> Option<SocketAddr> {
    let with_port = text.parse().ok();
    with_port.or_else(|| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, PORT)))
}
