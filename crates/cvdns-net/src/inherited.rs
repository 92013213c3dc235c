//! Sockets that an earlier process has opened: those of the running server, when this one replaces
//! it, or those that a service manager has kept or opened.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use socket2::{SockRef, Socket, Type};

/// Open sockets that wait to be served again. What nobody takes is closed when this is dropped.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<OpenSocket>,
    /// Whether another process still serves them.
    is_shared: bool,
}

/// What a socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketKind {
    /// A UDP socket.
    Udp,
    /// A listener of TCP.
    Tcp,
}

/// An open socket and what it is.
#[derive(Debug)]
pub struct OpenSocket {
    /// The address to which it is bound.
    pub address: SocketAddr,
    /// What it is.
    pub kind: SocketKind,
    /// Its number among the UDP sockets of that address, in the order of binding; 0 for TCP.
    pub number: usize,
    /// The socket itself.
    pub descriptor: OwnedFd,
}

impl OpenSocket {
    /// Looks at a descriptor. Its place among the UDP sockets of its address is told by the caller.
    ///
    /// # Errors
    /// When it is no bound UDP socket of IPv4 or IPv6 and no listener of TCP.
    pub fn examine(descriptor: OwnedFd, number: usize) -> io::Result<Self> {
        let socket = SockRef::from(&descriptor);
        let unfit = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
        let address = socket.local_addr()?.as_socket().ok_or_else(|| unfit("it has no address"))?;
        let kind = match socket.r#type()? {
            Type::DGRAM => SocketKind::Udp,
            Type::STREAM if is_listener(&socket) => SocketKind::Tcp,
            _ => return Err(unfit("it is neither a UDP socket nor a listener of TCP")),
        };
        if address.is_ipv6() && address.ip().is_unspecified() && !socket.only_v6()? {
            return Err(unfit("it takes IPv4 too (systemd: `BindIPv6Only=ipv6-only`)"));
        }
        let number = if kind == SocketKind::Udp { number } else { 0 };
        Ok(Self { address, kind, number, descriptor })
    }

    /// A name for stores of descriptors, which has no colon: `udp-0-127.0.0.1_53`.
    pub fn name(&self) -> String {
        let Self { address, kind, number, .. } = self;
        let address = address.to_string().replace(':', "_");
        match kind {
            SocketKind::Udp => format!("udp-{number}-{address}"),
            SocketKind::Tcp => format!("tcp-{address}"),
        }
    }
}

impl AsFd for OpenSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// The number within a name that [`OpenSocket::name`] has made; `None` for other names.
pub fn number_in_name(name: &str) -> Option<usize> {
    name.strip_prefix("udp-")?.split('-').next()?.parse().ok()
}

impl Inherited {
    /// Takes all that is left.
    pub fn take_rest(&mut self) -> Vec<OpenSocket> {
        std::mem::take(&mut self.sockets)
    }

    /// Adds a socket.
    pub fn add(&mut self, socket: OpenSocket) {
        self.sockets.push(socket);
    }

    /// Notes that another process still serves the sockets.
    pub fn set_shared(&mut self) {
        self.is_shared = true;
    }

    /// Whether another process still serves the sockets.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Takes the listener of TCP at this address, if there is one.
    pub fn take_tcp(&mut self, address: SocketAddr) -> Option<TcpListener> {
        self.take(address, SocketKind::Tcp).pop().map(TcpListener::from)
    }

    /// Takes all UDP sockets of this address, in the order of their numbers.
    pub(super) fn take_udp(&mut self, address: SocketAddr) -> Vec<UdpSocket> {
        self.take(address, SocketKind::Udp).into_iter().map(UdpSocket::from).collect()
    }

    fn take(&mut self, address: SocketAddr, kind: SocketKind) -> Vec<OwnedFd> {
        let is_wanted = |socket: &OpenSocket| socket.address == address && socket.kind == kind;
        let (mut taken, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.sockets).into_iter().partition(is_wanted);
        self.sockets = left;
        taken.sort_by_key(|socket| socket.number);
        taken.into_iter().map(|socket| socket.descriptor).collect()
    }
}

/// Linux tells. Elsewhere a socket that does not listen fails when it is served.
fn is_listener(socket: &Socket) -> bool {
    #[cfg(target_os = "linux")]
    {
        socket.is_listener().unwrap_or(false)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = socket;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_known_by_their_address_and_place() {
        let udp: Vec<UdpSocket> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let mut inherited = Inherited::default();
        for (number, socket) in [5, 3, 4].into_iter().zip(udp) {
            let mut socket = OpenSocket::examine(socket.into(), number).unwrap();
            socket.address = "127.0.0.1:53".parse().unwrap();
            assert_eq!(socket.name(), format!("udp-{number}-127.0.0.1_53"));
            assert_eq!(number_in_name(&socket.name()), Some(number));
            inherited.add(socket);
        }
        let ports = inherited
            .sockets
            .iter()
            .map(|socket| (socket.number, SockRef::from(&socket.descriptor).local_addr().unwrap()));
        let mut expected: Vec<_> = ports.collect();
        expected.sort_by_key(|(number, _)| *number);
        let address = "127.0.0.1:53".parse().unwrap();
        assert!(inherited.take_tcp(address).is_none());
        let taken = inherited.take_udp(address).into_iter();
        let taken = taken.map(|socket| socket.local_addr().unwrap());
        assert!(taken.eq(expected.into_iter().map(|(_, address)| address.as_socket().unwrap())));
        assert!(inherited.take_rest().is_empty());
        assert_eq!(number_in_name("tcp-127.0.0.1_53"), None);
    }

    #[test]
    fn what_cannot_be_served_is_refused() {
        let file = tempfile::tempfile().unwrap();
        assert!(OpenSocket::examine(file.into(), 0).is_err());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(OpenSocket::examine(stream.into(), 0).is_err());
        let both = Socket::new(socket2::Domain::IPV6, Type::DGRAM, None).unwrap();
        both.set_only_v6(false).unwrap();
        both.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        let error = OpenSocket::examine(both.into(), 0).unwrap_err().to_string();
        assert!(error.contains("ipv6-only"), "{error}");
    }
}
