//! DNS client for the live server that `--server` names.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

use super::packet::DecodedAnswer;
use crate::cli::output::Failure;
use cvdns_core::wire::MAX_MESSAGE;

/// The server and its address.
pub(super) struct LiveServer {
    /// The command-line argument.
    pub name: String,
    address: SocketAddr,
}

/// The port of DNS (RFC 1035 section 4.2).
const PORT: u16 = 53;

/// How long one attempt waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// UDP queries that are sent at most.
const ATTEMPTS: usize = 3;

impl LiveServer {
    /// Resolves `HOST`, `HOST:PORT` or an address; without a port it is 53.
    pub(super) fn find(name: &str) -> Result<Self, Failure> {
        let address = if let Ok(address) = name.parse::<SocketAddr>() {
            Some(address)
        } else if let Ok(ip) = name.parse::<IpAddr>() {
            Some(SocketAddr::new(ip, PORT))
        } else {
            let (host, port) = match name.rsplit_once(':') {
                Some((host, port)) => {
                    let port = port.parse().map_err(|_| {
                        Failure::new(format!(
                            "\"{port}\" is not a port: expected HOST or HOST:PORT"
                        ))
                    })?;
                    (host, port)
                }
                None => (name, PORT),
            };
            let found = (host, port).to_socket_addrs();
            found
                .map_err(|error| Failure::new(format!("cannot find the server {name}: {error}")))?
                .next()
        };
        let address =
            address.ok_or_else(|| Failure::new(format!("the server {name} has no address")))?;
        Ok(Self { name: name.to_owned(), address })
    }

    /// Sends a query over UDP, and over TCP if the answer is truncated.
    pub(super) fn ask(&self, query: &[u8]) -> Result<Vec<u8>, Failure> {
        let failed = |error: std::io::Error| {
            let reason = match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => "no answer in time".to_owned(),
                _ => error.to_string(),
            };
            Failure::new(format!("cannot query {} ({}): {reason}", self.name, self.address))
        };
        let octets = self.by_udp(query).map_err(failed)?;
        if DecodedAnswer::read(&octets)?.truncated {
            self.by_tcp(query).map_err(failed)
        } else {
            Ok(octets)
        }
    }

    fn by_udp(&self, query: &[u8]) -> std::io::Result<Vec<u8>> {
        let any: IpAddr = if self.address.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(self.address)?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        let mut buffer = vec![0; MAX_MESSAGE];
        let mut outcome = Err(ErrorKind::TimedOut.into());
        for _ in 0..ATTEMPTS {
            socket.send(query)?;
            outcome = socket
                .recv(&mut buffer)
                .map(|length| buffer.get(..length).unwrap_or_default().to_vec());
            match &outcome {
                Ok(octets) if octets.get(..2) == query.get(..2) => break,
                // An answer to another query.
                Ok(_) => outcome = Err(ErrorKind::TimedOut.into()),
                Err(_) => {}
            }
        }
        outcome
    }

    fn by_tcp(&self, query: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let mut message = (query.len() as u16).to_be_bytes().to_vec();
        message.extend(query);
        stream.write_all(&message)?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    }
}
