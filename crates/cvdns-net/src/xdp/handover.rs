//! What a server hands to the one that replaces it, for an interface.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use super::status::XdpMode;

/// The program of an interface and its maps, as descriptors.
#[derive(Debug)]
pub struct XdpHandover {
    /// What they are made for.
    pub description: XdpDescription,
    /// The link of the program.
    pub link: OwnedFd,
    /// The map of sockets.
    pub sockets: OwnedFd,
    /// The map of the value that says which sockets are in use.
    pub control: OwnedFd,
}

/// What a program is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XdpDescription {
    /// The index of the interface.
    pub interface: u32,
    /// How it is attached.
    pub mode: XdpMode,
    /// The queues that are served.
    pub queues: u32,
    /// The MAC address of the interface.
    pub mac: [u8; 6],
    /// The addresses and ports whose queries it takes.
    pub endpoints: Vec<SocketAddr>,
    /// The place of the first queue's socket in the map: 0, or the number of queues.
    pub first: u32,
}

#[cfg(target_os = "linux")]
impl XdpDescription {
    /// What differs from another one, for people.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        let differences = [
            (self.interface != other.interface, "the interface was made anew"),
            (self.mode != other.mode, "`mode` in [xdp] has changed"),
            (self.queues != other.queues, "the number of queues has changed"),
            (self.mac != other.mac, "the MAC address has changed"),
            (
                self.endpoints != other.endpoints,
                "`listen` or the interface's addresses have changed",
            ),
        ];
        differences.into_iter().find(|(differs, _)| *differs).map(|(_, what)| what)
    }
}
