//! Asks a live server.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

use cvdns_core::wire::MAX_MESSAGE;

use super::packet::Answer;
use crate::cli::output::Failure;

/// A server that is asked.
pub(super) struct Server {
    /// As it was named.
    pub name: String,
    address: SocketAddr,
}

/// The port of DNS.
const PORT: u16 = 53;

/// How long one try waits, and how many there are.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: usize = 3;

impl Server {
    /// Finds a server's address.
    pub(super) fn find(name: &str) -> Result<Self, Failure> {
        let address = if let Ok(address) = name.parse::<SocketAddr>() {
            Some(address)
        } else if let Ok(ip) = name.parse::<IpAddr>() {
            Some(SocketAddr::new(ip, PORT))
        } else {
            let (host, port) = match name.rsplit_once(':') {
                Some((host, port)) => {
                    let port = port.parse().map_err(|_| {
                        Failure::new(format!("\"{port}\" is no port: expected HOST or HOST:PORT"))
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

    /// The answer to a query: by UDP, and by TCP when it does not fit.
    pub(super) fn ask(&self, query: &[u8]) -> Result<Vec<u8>, Failure> {
        let failed = |error: std::io::Error| {
            let words = match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => "no answer came".to_owned(),
                _ => error.to_string(),
            };
            Failure::new(format!("cannot ask {} ({}): {words}", self.name, self.address))
        };
        let octets = self.by_udp(query).map_err(failed)?;
        if Answer::read(&octets)?.truncated {
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
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut buffer = vec![0; MAX_MESSAGE];
        let mut outcome = Err(ErrorKind::TimedOut.into());
        for _ in 0..TRIES {
            socket.send(query)?;
            outcome = socket
                .recv(&mut buffer)
                .map(|length| buffer.get(..length).unwrap_or_default().to_vec());
            match &outcome {
                Ok(octets) if octets.get(..2) == query.get(..2) => break,
                // An answer to something else.
                Ok(_) => outcome = Err(ErrorKind::TimedOut.into()),
                Err(_) => {}
            }
        }
        outcome
    }

    fn by_tcp(&self, query: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
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
