//! Raw exchanges over UDP and TCP, IPv4 and IPv6.

use super::PATIENCE;
use super::packet::Query;
use super::place;
use super::reply::Reply;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp4,
    Udp6,
    Tcp4,
    Tcp6,
}

pub const ALL: [Transport; 4] =
    [Transport::Udp4, Transport::Udp6, Transport::Tcp4, Transport::Tcp6];
pub const UDP: [Transport; 2] = [Transport::Udp4, Transport::Udp6];
pub const TCP: [Transport; 2] = [Transport::Tcp4, Transport::Tcp6];

impl Transport {
    pub fn is_udp(self) -> bool {
        matches!(self, Self::Udp4 | Self::Udp6)
    }

    pub fn ip(self) -> IpAddr {
        place::server(matches!(self, Self::Udp4 | Self::Tcp4))
    }
}

/// A client of the server on a loopback port.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    pub port: u16,
}

impl Client {
    pub fn ask(self, transport: Transport, query: &Query) -> Reply {
        let bytes = self.exchange(transport, &query.build());
        let bytes = bytes.unwrap_or_else(|| panic!("no answer over {transport:?} to {query:?}"));
        Reply::parse(&bytes)
    }

    /// Sends `message` and returns the next message that comes, if any does.
    pub fn exchange(self, transport: Transport, message: &[u8]) -> Option<Vec<u8>> {
        if transport.is_udp() {
            let socket = self.udp(transport.ip());
            socket.send(message).expect("a datagram sent");
            receive(&socket)
        } else {
            let mut stream = self.tcp(transport.ip());
            send(&mut stream, message);
            read(&mut stream)
        }
    }

    pub fn udp(self, ip: IpAddr) -> UdpSocket {
        place::enter(self.port);
        let socket = UdpSocket::bind(SocketAddr::new(place::client(ip), 0)).expect("a socket");
        socket.connect(SocketAddr::new(ip, self.port)).expect("a route");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket
    }

    pub fn tcp(self, ip: IpAddr) -> TcpStream {
        place::enter(self.port);
        let stream = TcpStream::connect(SocketAddr::new(ip, self.port)).expect("a TCP connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        stream
    }
}

/// The next datagram, or `None` when none comes.
pub fn receive(socket: &UdpSocket) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 65_535];
    match whole(|| socket.recv(&mut buffer)) {
        Ok(length) => {
            buffer.truncate(length);
            Some(buffer)
        }
        Err(error) if is_silence(error.kind()) => None,
        Err(error) => panic!("receiving: {error}"),
    }
}

/// Reads once more where the process was stopped and goes on: a read with a timeout is interrupted
/// by that although nobody handles a signal (signal(7)).
fn whole(mut read: impl FnMut() -> std::io::Result<usize>) -> std::io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Waits for what comes next on a stream: true when the server has closed it, by an orderly end or,
/// if it left bytes unread, by a reset.
pub fn is_closed(stream: &mut TcpStream) -> bool {
    match whole(|| stream.read(&mut [0])) {
        Ok(octets) => octets == 0,
        Err(error) => matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
    }
}

pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut out = super::packet::length(message).to_vec();
    out.extend_from_slice(message);
    out
}

pub fn send(stream: &mut TcpStream, message: &[u8]) {
    stream.write_all(&framed(message)).expect("a message sent");
}

/// The next message of a TCP stream, or `None` when the server closes or stays silent.
pub fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    let mut message = Vec::new();
    let got = stream.read_exact(&mut length).and_then(|()| {
        message.resize(usize::from(u16::from_be_bytes(length)), 0);
        stream.read_exact(&mut message)
    });
    match got {
        Ok(()) => Some(message),
        Err(error) if is_silence(error.kind()) => None,
        Err(error) => panic!("reading: {error}"),
    }
}

fn is_silence(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
    )
}
