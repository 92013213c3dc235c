//! What the kernel says of its interfaces and their addresses (rtnetlink(7)).
//!
//! The messages are few and simple, and what is needed of them is less: attributes that are not
//! known are skipped, so that newer kernels may say more.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{bind, recv, send, socket_with};

/// A connection to the kernel.
pub(super) struct Netlink {
    socket: OwnedFd,
    /// The number of the last question, which its answer repeats: one that came too late is not
    /// taken for that to the next question.
    asked: Cell<u32>,
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub index: u32,
    pub name: String,
    /// Its hardware address, as long as the interface has one.
    pub mac: Vec<u8>,
    /// Most octets of an IP packet.
    pub mtu: u32,
    /// Whether it is of the type of Ethernet (`ARPHRD_ETHER`).
    pub is_ethernet: bool,
    pub is_up: bool,
    pub is_loopback: bool,
    /// Receive queues that it could have.
    pub queues: u32,
    /// What it is made of, such as `vlan` or `veth`; empty for hardware.
    pub kind: String,
    /// The interface that it is a part of, such as a bridge; 0 for none.
    pub master: u32,
    /// The interface below it; 0 for none.
    pub below: u32,
    /// The XDP program that is attached; 0 for none.
    pub program: u32,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkAddress {
    /// Index of the interface.
    pub link: u32,
    pub address: IpAddr,
    /// An address of its network: the same one, or that of the other end of a link with two ends.
    pub network: IpAddr,
    /// Bits of that network's prefix.
    pub prefix: u8,
    /// Whether it may be used. It may not while the kernel looks for duplicates (RFC 4862 section
    /// 5.4), nor after one was found.
    pub is_usable: bool,
}

/// Types of messages (linux/netlink.h, linux/rtnetlink.h).
const ERROR: u16 = 2;
const DONE: u16 = 3;
const NEW_LINK: u16 = 16;
const DELETED_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
/// Flags of a request: it is one, and all are wanted (`NLM_F_REQUEST`, `NLM_F_DUMP`).
const REQUEST: u16 = 1;
const ALL: u16 = 0x300;
/// Octets of the header of a message and of an attribute.
const HEADER: usize = 16;
const ATTRIBUTE: usize = 4;
/// Changes of links and addresses (`RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV6_IFADDR`).
const CHANGES: u32 = 0x1 | 0x10 | 0x100;
/// Most notices that are read at once.
const MAX_NOTICES: usize = 1000;
/// Octets that the kernel may send at once.
const BUFFER: usize = 1 << 16;
/// How long the kernel may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

impl Netlink {
    /// A connection for questions.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn open() -> io::Result<Self> {
        Self::connect(0)
    }

    /// A connection that tells of every change of a link or an address.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn of_changes() -> io::Result<Self> {
        Self::connect(CHANGES)
    }

    fn connect(groups: u32) -> io::Result<Self> {
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        // The protocol `NETLINK_ROUTE` is 0.
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, groups))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { socket, asked: Cell::default() })
    }

    /// All interfaces.
    ///
    /// # Errors
    /// Those of the system, or when the kernel does not answer.
    pub(super) fn links(&self) -> io::Result<Vec<Link>> {
        // `struct ifinfomsg` of no interface in particular.
        self.list(GET_LINK, &[0; 16], NEW_LINK, link)
    }

    /// All addresses of all interfaces.
    ///
    /// # Errors
    /// As of [`Self::links`].
    pub(super) fn addresses(&self) -> io::Result<Vec<LinkAddress>> {
        self.list(GET_ADDRESS, &[0; 8], NEW_ADDRESS, address)
    }

    /// Asks for a list and reads all of it.
    fn list<T>(
        &self,
        kind: u16,
        body: &[u8],
        wanted: u16,
        read: fn(&[u8]) -> Option<T>,
    ) -> io::Result<Vec<T>> {
        let length = HEADER.saturating_add(body.len()) as u32;
        let mut message = length.to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend((REQUEST | ALL).to_ne_bytes());
        let number = self.asked.get().wrapping_add(1);
        self.asked.set(number);
        message.extend(number.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(body);
        send(&self.socket, &message, SendFlags::empty())?;
        let (mut found, mut buffer) = (Vec::new(), vec![0; BUFFER]);
        loop {
            let (_, length) = recv(&self.socket, buffer.as_mut_slice(), RecvFlags::empty())?;
            let mut rest = buffer.get(..length).unwrap_or_default();
            while let Some((Message { kind, number: of, body }, next)) = message_in(rest) {
                match kind {
                    _ if of != number => {}
                    DONE => return Ok(found),
                    ERROR => return error_in(body).map_or(Ok(found), Err),
                    kind if kind == wanted => found.extend(read(body)),
                    _ => {}
                }
                rest = next;
            }
        }
    }

    /// Waits for a change for so long. Returns the indices of links that were deleted; `None` if
    /// nothing has changed. What else it is has to be asked for: the kernel drops notices when
    /// there are too many.
    pub(super) fn wait_for_change(&self, limit: Duration) -> Option<Vec<u32>> {
        let _ = set_socket_timeout(&self.socket, Timeout::Recv, Some(limit));
        let (mut deleted, mut buffer) = (Vec::new(), vec![0; BUFFER]);
        let mut flags = RecvFlags::empty();
        for read in 0..MAX_NOTICES {
            match recv(&self.socket, buffer.as_mut_slice(), flags) {
                Ok((_, length)) => {
                    deleted.extend(deleted_in(buffer.get(..length).unwrap_or_default()));
                }
                Err(Errno::NOBUFS) => {}
                Err(_) => return (read > 0).then_some(deleted),
            }
            flags = RecvFlags::DONTWAIT;
        }
        Some(deleted)
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A message of the kernel.
struct Message<'m> {
    kind: u16,
    /// That of the question.
    number: u32,
    body: &'m [u8],
}

/// Splits the first message off what follows.
fn message_in(octets: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let length = u32_at(octets, 0)? as usize;
    let (kind, number) = (u16_at(octets, 4)?, u32_at(octets, 8)?);
    let body = octets.get(HEADER..length)?;
    let next = octets.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((Message { kind, number, body }, next))
}

/// The index of the link that a notice says is gone. One that leaves a bridge has a notice of the
/// same type, of the bridge's family.
fn deleted_in(notice: &[u8]) -> Option<u32> {
    let (message, _) = message_in(notice)?;
    let is_deleted = message.kind == DELETED_LINK && message.body.first() == Some(&0);
    is_deleted.then(|| u32_at(message.body, 4)).flatten()
}

/// The error of a message of that type; `None` if it confirms.
fn error_in(body: &[u8]) -> Option<io::Error> {
    let number = u32_at(body, 0)?.cast_signed();
    (number != 0).then(|| io::Error::from_raw_os_error(number.saturating_neg()))
}

/// The attributes behind a header of so many octets.
fn attributes(body: &[u8], header: usize) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = body.get(header..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        // The upper two bits say how it is written.
        let kind = u16_at(rest, 2)? & 0x3fff;
        let value = rest.get(ATTRIBUTE..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Reads a link: `struct ifinfomsg` and its attributes (`IFLA_…` in `linux/if_link.h`).
fn link(body: &[u8]) -> Option<Link> {
    let flags = u32_at(body, 8)?;
    let mut link = Link {
        index: u32_at(body, 4)?,
        is_ethernet: u16_at(body, 2)? == libc::ARPHRD_ETHER,
        is_up: flags & libc::IFF_UP.cast_unsigned() != 0,
        is_loopback: flags & libc::IFF_LOOPBACK.cast_unsigned() != 0,
        ..Link::default()
    };
    for (kind, value) in attributes(body, 16) {
        let number = || u32_at(value, 0).unwrap_or_default();
        match kind {
            1 => value.clone_into(&mut link.mac),
            3 => link.name = text(value),
            4 => link.mtu = number(),
            5 => link.below = number(),
            10 => link.master = number(),
            18 => {
                let kind = attributes(value, 0).find(|(kind, _)| *kind == 1);
                link.kind = kind.map(|(_, value)| text(value)).unwrap_or_default();
            }
            32 => link.queues = number(),
            // `IFLA_XDP_PROG_ID`, and the three of its modes.
            43 => {
                let programs = attributes(value, 0).filter(|(kind, _)| (4..=7).contains(kind));
                let programs = programs.filter_map(|(_, value)| u32_at(value, 0));
                link.program = programs.max().unwrap_or_default();
            }
            _ => {}
        }
    }
    Some(link)
}

/// Reads an address: `struct ifaddrmsg` and its attributes (`IFA_…` in `linux/if_addr.h`).
fn address(body: &[u8]) -> Option<LinkAddress> {
    let mut flags = u32::from(*body.get(2)?);
    let (mut local, mut other) = (None, None);
    for (kind, value) in attributes(body, 8) {
        match kind {
            1 => other = ip(value),
            2 => local = ip(value),
            8 => flags = u32_at(value, 0)?,
            _ => {}
        }
    }
    let is_usable = flags & (libc::IFA_F_TENTATIVE | libc::IFA_F_DADFAILED) == 0;
    let (link, prefix) = (u32_at(body, 4)?, *body.get(1)?);
    let (address, network) = (local.or(other)?, other.or(local)?);
    Some(LinkAddress { link, address, network, prefix, is_usable })
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).ok().map(|octets| Ipv4Addr::from(octets).into());
    let v6 = || <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).into());
    v4.or_else(v6)
}

/// Text up to the zero at its end.
fn text(octets: &[u8]) -> String {
    let text = octets.split(|octet| *octet == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

fn u32_at(octets: &[u8], place: usize) -> Option<u32> {
    octets.get(place..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

fn u16_at(octets: &[u8], place: usize) -> Option<u16> {
    octets.get(place..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_as_it_always_is() {
        let netlink = Netlink::open().unwrap();
        let links = netlink.links().unwrap();
        let lo = links.iter().find(|link| link.name == "lo").unwrap();
        assert!(lo.is_loopback && !lo.is_ethernet, "{lo:?}");
        assert_eq!((lo.index, lo.program), (1, 0), "{lo:?}");
        // One question after the other has an answer of its own.
        assert!(netlink.addresses().unwrap().iter().all(|own| own.link > 0));
        assert_eq!(netlink.links().unwrap().iter().find(|link| link.index == 1), Some(lo));
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        let netlink = Netlink::open().unwrap();
        assert!(!netlink.links().unwrap().is_empty());
        for length in 0..40 {
            let octets = vec![0xff; length];
            assert!(message_in(&octets).is_none());
            let _ = (link(&octets), address(&octets), error_in(&octets));
            let zeros = vec![0; length];
            assert!(attributes(&zeros, 0).next().is_none());
        }
    }
}
