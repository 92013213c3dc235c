//! Binds the listen addresses, all of them before any is served.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::inherited::Inherited;
use super::inherited::SocketKind;
#[cfg(target_os = "linux")]
use super::steering::Steering;

/// The sockets of one listen address.
#[derive(Debug)]
pub(super) struct Bound {
    /// The address with its actual port.
    pub(super) address: SocketAddr,
    /// One socket for each worker.
    pub(super) udp: Vec<UdpSocket>,
    pub(super) tcp: TcpListener,
}

#[cfg(target_os = "linux")]
impl Bound {
    /// Undoes [`Self::steer`] of a process that had these sockets before.
    pub(super) fn unsteer(&self) {
        use std::os::fd::AsFd;

        // It fails where there is no program, as everywhere but on inherited sockets.
        if let Some(socket) = self.udp.first() {
            let option = libc::SO_DETACH_REUSEPORT_BPF;
            let _ = super::mmsg::set_option(socket.as_fd(), libc::SOL_SOCKET, option, 0);
        }
    }

    /// Makes the kernel pass each datagram to the worker of the core that handles it. Inherited
    /// sockets may be fewer than the cores, which then have no worker each, or more: further ones
    /// keep to no core.
    ///
    /// Call this before any socket is closed: the kernel numbers the sockets in the order of
    /// binding.
    ///
    /// # Errors
    /// When the kernel refuses the program.
    pub(super) fn steer(&self, steering: &Steering) -> Result<(), BindError> {
        use std::os::fd::AsFd;

        // The program of one socket applies to its whole group.
        let Some(socket) = self.udp.first() else { return Ok(()) };
        let program = steering.limited_to(self.udp.len()).program();
        super::mmsg::steer(socket.as_fd(), &program).map_err(|error| {
            let what = format!(
                "the kernel refuses to steer datagrams to {} cores ({error}); `affinity = true` needs Linux 4.5 \
                 and, for hundreds of cores with gaps between them, a higher `net.core.optmem_max`: otherwise \
                 remove it",
                steering.workers()
            );
            BindError { address: self.address, kind: SocketKind::Udp, source: io::Error::other(what) }
        })
    }
}

/// A listen address that could not be bound.
#[derive(Debug)]
pub struct BindError {
    /// The configured address.
    pub address: SocketAddr,
    /// What could not be bound.
    pub kind: SocketKind,
    /// Error of the system.
    pub source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, kind, source } = self;
        let kind = match kind {
            SocketKind::Udp => "UDP",
            SocketKind::Tcp => "TCP",
        };
        write!(f, "cannot listen on {address} ({kind}): {source}")?;
        match source.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "; another program has it, or it is listed twice (a wildcard takes in every address): \
                 `ss -lntup 'sport = :{}'` shows who",
                address.port()
            ),
            io::ErrorKind::PermissionDenied if address.port() < 1024 => {
                write!(f, "; ports under 1024 need root or CAP_NET_BIND_SERVICE")
            }
            io::ErrorKind::AddrNotAvailable => {
                write!(
                    f,
                    "; no interface of this machine has this address: `ip address` shows those it has"
                )
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Most connections that the kernel queues until they are accepted. Its own limit (somaxconn)
/// applies too.
const BACKLOG: i32 = 1024;

/// Requested size of socket buffers in octets. They hold what arrives while a worker is off its
/// core: some 4,000 datagrams at 100,000 queries a second and scheduling gaps of up to 40 ms; the
/// kernel counts about a kilobyte for each. `net.core.rmem_max` and `wmem_max` limit the size.
const BUFFER_SIZE: usize = 4 << 20;

/// Most attempts to find a port that is free for both TCP and UDP.
const PORT_TRIES: usize = 16;

/// Takes the inherited sockets of `address`, all of them, and binds what is missing: `workers` UDP
/// sockets if there are none, and a listener of TCP. A UDP socket more or less would move clients
/// to other sockets, and what waits in a socket that is closed is lost.
///
/// Whether a call waits for a datagram is a property of the socket, not of the process: while
/// another process serves it, that must stay, and with it the mode.
pub(super) fn adopt(
    address: SocketAddr,
    workers: usize,
    is_portable: bool,
    inherited: &mut Inherited,
) -> Result<Bound, BindError> {
    let (tcp, udp) = (inherited.take_tcp(address), inherited.take_udp(address));
    if tcp.is_none() && udp.is_empty() {
        return bind(address, workers);
    }
    let failed = |kind| move |source| BindError { address, kind, source };
    let tcp = match tcp {
        Some(tcp) => prepare_tcp(tcp.into()).map_err(failed(SocketKind::Tcp))?,
        None => bind_tcp(address).map_err(failed(SocketKind::Tcp))?,
    };
    let udp = if udp.is_empty() {
        bind_all_udp(address, workers)
    } else {
        if udp.len() != workers.max(1) {
            tracing::warn!(
                "{address} keeps its {} UDP workers, as sockets that are taken over are all served: `workers` \
                 ({workers} now) takes effect once the server is stopped and then started (`systemctl \
                 restart` keeps the sockets)",
                udp.len()
            );
        }
        let is_shared = inherited.is_shared();
        let prepare = |socket: UdpSocket| {
            let waits = !is_nonblocking(&socket)?;
            if is_shared && waits == is_portable {
                return Err(io::Error::other(
                    "the running server has another mode of UDP: `udp` can be changed by a restart only",
                ));
            }
            if !is_portable && !waits {
                socket.set_nonblocking(false)?;
            }
            prepare_udp(socket.into(), address)
        };
        udp.into_iter().map(prepare).collect()
    };
    Ok(Bound { address, udp: udp.map_err(failed(SocketKind::Udp))?, tcp })
}

/// Takes the inherited listener of `address`, or binds one. With port 0 the kernel chooses a port.
pub(super) fn adopt_tcp(
    address: SocketAddr,
    inherited: &mut Inherited,
) -> Result<(SocketAddr, TcpListener), BindError> {
    let listener = match inherited.take_tcp(address) {
        Some(listener) => prepare_tcp(listener.into()),
        None => bind_tcp(address),
    };
    let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
    bound.map_err(|source| BindError { address, kind: SocketKind::Tcp, source })
}

/// Takes the inherited UDP socket of `address`, or binds one that nobody shares.
pub(super) fn adopt_udp(
    address: SocketAddr,
    inherited: &mut Inherited,
) -> Result<(SocketAddr, UdpSocket), BindError> {
    let socket = match inherited.take_udp(address).pop() {
        Some(socket) => Ok(socket),
        None => UdpSocket::bind(address),
    };
    let bound = socket.and_then(|socket| {
        socket.set_nonblocking(true)?;
        Ok((socket.local_addr()?, socket))
    });
    bound.map_err(|source| BindError { address, kind: SocketKind::Udp, source })
}

/// Binds `address` with `workers` UDP sockets. With port 0 the kernel chooses a port, the same for
/// UDP and TCP.
pub(super) fn bind(address: SocketAddr, workers: usize) -> Result<Bound, BindError> {
    let mut tries = if address.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        tries = tries.saturating_sub(1);
        match bind_once(address, workers) {
            Err(error) if tries > 0 && error.source.kind() == io::ErrorKind::AddrInUse => {}
            result => return result.map_err(|error| BindError { address, ..error }),
        }
    }
}

fn bind_once(address: SocketAddr, workers: usize) -> Result<Bound, BindError> {
    let failed = |kind| move |source| BindError { address, kind, source };
    // TCP first, as its port is exclusive. With SO_REUSEPORT, a second server of the same user
    // would otherwise receive a share of the first one's datagrams before its start fails.
    let tcp = bind_tcp(address).map_err(failed(SocketKind::Tcp))?;
    let address = tcp.local_addr().map_err(failed(SocketKind::Tcp))?;
    let udp = bind_all_udp(address, workers).map_err(failed(SocketKind::Udp))?;
    Ok(Bound { address, udp, tcp })
}

/// Binds all sockets before any is read: the kernel spreads clients over the existing sockets, and
/// a datagram that waits in one of them stays there.
fn bind_all_udp(address: SocketAddr, workers: usize) -> io::Result<Vec<UdpSocket>> {
    (0..workers.max(1)).map(|_| bind_udp(address)).collect()
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for connections in TIME_WAIT.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    prepare_tcp(socket)
}

/// Sets what a listener needs and begins to listen, or listens on with the same queue.
fn prepare_tcp(socket: Socket) -> io::Result<TcpListener> {
    // Accepted connections inherit this. Answers are written as a whole, so Nagle's algorithm would
    // only delay them.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn is_nonblocking(socket: &UdpSocket) -> io::Result<bool> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};

    let flags = OFlag::from_bits_truncate(fcntl(socket, FcntlArg::F_GETFL)?);
    Ok(flags.contains(OFlag::O_NONBLOCK))
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    #[cfg(target_os = "linux")]
    socket.set_reuse_port(true)?;
    let socket = prepare_udp(socket, address)?;
    SockRef::from(&socket).bind(&address.into())?;
    Ok(socket)
}

/// Sets what a UDP socket of this address needs.
fn prepare_udp(socket: Socket, address: SocketAddr) -> io::Result<UdpSocket> {
    #[cfg(target_os = "linux")]
    set_linux_options(&socket, address)?;
    #[cfg(not(target_os = "linux"))]
    let _ = address;
    // Some systems refuse a size over their limit instead of reducing it. Their default is good
    // enough.
    let _ = socket.set_recv_buffer_size(BUFFER_SIZE);
    let _ = socket.set_send_buffer_size(BUFFER_SIZE);
    Ok(socket.into())
}

#[cfg(target_os = "linux")]
fn set_linux_options(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    use super::mmsg::set_option;
    use std::os::fd::AsFd;

    // Path MTU discovery is off: forged ICMP messages would make the kernel fragment answers, and
    // fragments can be forged in turn. Answers are small enough to need no fragments
    // (`edns-udp-size`). The option of IPv6 applies to IPv6 only.
    if address.is_ipv6() {
        set_option(
            socket.as_fd(),
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_OMIT,
        )?;
    } else {
        set_option(
            socket.as_fd(),
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_OMIT,
        )?;
    }
    // Packet info costs 0.2 µs per datagram. Only a wildcard socket needs it to answer from the
    // address that was queried.
    if address.ip().is_unspecified() {
        if address.is_ipv6() {
            set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
        } else {
            set_option(socket.as_fd(), libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn udp_and_tcp_share_the_port_that_the_kernel_chose() {
        let bound = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        assert_ne!(bound.address.port(), 0);
        assert_eq!(bound.udp.len(), 3);
        for socket in &bound.udp {
            assert_eq!(socket.local_addr().unwrap(), bound.address);
        }
    }

    #[test]
    fn a_second_server_on_the_same_port_is_told_so() {
        let first = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
        let error = bind(first.address, 1).unwrap_err().to_string();
        assert!(
            error.contains(&first.address.to_string()) && error.contains("another program"),
            "{error}"
        );
    }

    #[test]
    fn a_foreign_address_is_named_as_such() {
        let error = bind("192.0.2.1:0".parse().unwrap(), 1).unwrap_err().to_string();
        assert!(error.contains("192.0.2.1:0") && error.contains("no interface"), "{error}");
    }

    #[test]
    fn a_refused_port_says_what_it_takes() {
        let error = BindError {
            address: "127.0.0.1:53".parse().unwrap(),
            kind: SocketKind::Udp,
            source: io::ErrorKind::PermissionDenied.into(),
        };
        assert!(error.to_string().contains("CAP_NET_BIND_SERVICE"), "{error}");
    }
}
