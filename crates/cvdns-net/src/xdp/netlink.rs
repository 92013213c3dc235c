//! What the kernel says of its interfaces and their addresses (rtnetlink(7)).
//!
//! The messages are few and simple, and what is needed of them is less: attributes that are not
//! known are skipped, so that newer kernels may say more.

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
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
/// Flags of a request: it is one, and all are wanted (`NLM_F_REQUEST`, `NLM_F_DUMP`).
const REQUEST: u16 = 1;
const ALL: u16 = 0x300;
/// Octets of the header of a message and of an attribute.
const HEADER: usize = 16;
const ATTRIBUTE: usize = 4;
/// Changes of links (`RTMGRP_LINK`).
const LINK_CHANGES: u32 = 1;
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

    /// A connection that tells of every change of a link.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn of_changes() -> io::Result<Self> {
        Self::connect(LINK_CHANGES)
    }

    fn connect(groups: u32) -> io::Result<Self> {
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        // The protocol `NETLINK_ROUTE` is 0.
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, groups))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { socket })
    }

    /// All interfaces.
    ///
    /// # Errors
    /// Those of the system, or when the kernel does not answer.
    pub(super) fn links(&self) -> io::Result<Vec<Link>> {
        // `struct ifinfomsg` of no interface in particular.
        self.ask(GET_LINK, ALL, &[0; 16], NEW_LINK, link)
    }

    /// The interface with this index; `None` if there is none.
    ///
    /// # Errors
    /// As of [`Self::links`].
    pub(super) fn link(&self, index: u32) -> io::Result<Option<Link>> {
        let mut request = [0; 16];
        if let Some(place) = request.get_mut(4..8) {
            place.copy_from_slice(&index.to_ne_bytes());
        }
        match self.ask(GET_LINK, 0, &request, NEW_LINK, link) {
            Ok(links) => Ok(links.into_iter().find(|link| link.index == index)),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All addresses of all interfaces.
    ///
    /// # Errors
    /// As of [`Self::links`].
    pub(super) fn addresses(&self) -> io::Result<Vec<LinkAddress>> {
        self.ask(GET_ADDRESS, ALL, &[0; 8], NEW_ADDRESS, address)
    }

    /// Sends a request and reads all of its answer.
    fn ask<T>(
        &self,
        kind: u16,
        flags: u16,
        body: &[u8],
        wanted: u16,
        read: fn(&[u8]) -> Option<T>,
    ) -> io::Result<Vec<T>> {
        let length = HEADER.saturating_add(body.len()) as u32;
        let mut message = length.to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend((REQUEST | flags).to_ne_bytes());
        message.extend([0; 8]);
        message.extend(body);
        send(&self.socket, &message, SendFlags::empty())?;
        let (mut found, mut buffer) = (Vec::new(), vec![0; BUFFER]);
        loop {
            let (_, length) = recv(&self.socket, buffer.as_mut_slice(), RecvFlags::empty())?;
            let mut rest = buffer.get(..length).unwrap_or_default();
            while let Some((kind, body, next)) = message_in(rest) {
                match kind {
                    DONE => return Ok(found),
                    ERROR => return error_in(body).map_or(Ok(found), Err),
                    kind if kind == wanted => found.extend(read(body)),
                    _ => {}
                }
                rest = next;
            }
            // An answer that is no list is one message.
            if flags & ALL == 0 && !found.is_empty() {
                return Ok(found);
            }
        }
    }

    /// Waits for a change for so long, and returns whether there was one. What it is has to be
    /// asked for: the kernel drops notices when there are too many.
    pub(super) fn wait_for_change(&self, limit: Duration) -> bool {
        let _ = set_socket_timeout(&self.socket, Timeout::Recv, Some(limit));
        let mut buffer = [0; 4096];
        match recv(&self.socket, buffer.as_mut_slice(), RecvFlags::empty()) {
            Ok(_) | Err(Errno::NOBUFS) => true,
            Err(_) => false,
        }
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Splits the first message off: its type, its body, and what follows.
fn message_in(octets: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32_at(octets, 0)? as usize;
    let kind = u16_at(octets, 4)?;
    let body = octets.get(HEADER..length)?;
    let next = octets.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, body, next))
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
        assert_eq!(netlink.link(1).unwrap().as_ref(), Some(lo));
        assert_eq!(netlink.link(i32::MAX.cast_unsigned()).unwrap(), None);
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
