//! What a server hands over of AF_XDP (`[xdp]`): for each interface a description, and the
//! descriptors of its program's link and of two maps.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};

use cvdns_net::{XdpDescription, XdpHandover, XdpMode};

/// What a program at an interface is made for, as a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct OfferedInterface {
    interface: u32,
    is_generic: bool,
    queues: u32,
    mac: [u8; 6],
    endpoints: Vec<SocketAddr>,
    first: u32,
}

impl OfferedInterface {
    pub(super) fn of(handover: &XdpHandover) -> Self {
        let XdpDescription { interface, mode, queues, mac, endpoints, first } =
            handover.description.clone();
        Self { interface, is_generic: mode == XdpMode::Generic, queues, mac, endpoints, first }
    }

    /// With its descriptors, which are taken from those that were received, with the indices of
    /// their interfaces. `None` if they are not there.
    pub(super) fn with(self, received: &mut Vec<(u32, OwnedFd)>) -> Option<XdpHandover> {
        let Self { interface, is_generic, queues, mac, endpoints, first } = self;
        let mut next = || {
            let place = received.iter().position(|(of, _)| *of == interface)?;
            Some(received.remove(place).1)
        };
        let (link, sockets, control) = (next()?, next()?, next()?);
        let mode = if is_generic { XdpMode::Generic } else { XdpMode::Native };
        let description = XdpDescription { interface, mode, queues, mac, endpoints, first };
        Some(XdpHandover { description, link, sockets, control })
    }
}

/// The descriptors of an interface with its index, in the order in which they are sent.
pub(super) fn descriptors(handover: &XdpHandover) -> impl Iterator<Item = (u32, BorrowedFd<'_>)> {
    let XdpHandover { description, link, sockets, control } = handover;
    let interface = description.interface;
    [link, sockets, control].map(|part| (interface, part.as_fd())).into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn what_is_handed_over_arrives() {
        let file = || OwnedFd::from(tempfile::tempfile().unwrap());
        let of = |interface, mode| XdpHandover {
            description: XdpDescription {
                interface,
                mode,
                queues: 2,
                mac: [2, 0, 0, 0, 0, 1],
                endpoints: vec!["192.0.2.53:53".parse().unwrap()],
                first: 2,
            },
            link: file(),
            sockets: file(),
            control: file(),
        };
        let handed = [of(3, XdpMode::Native), of(4, XdpMode::Generic)];
        let copy = |(interface, part): (u32, BorrowedFd<'_>)| {
            (interface, part.try_clone_to_owned().unwrap())
        };
        let mut received: Vec<_> = handed.iter().flat_map(descriptors).map(copy).collect();
        let places: Vec<_> = received.iter().map(|(_, part)| part.as_raw_fd()).collect();
        for (handed, places) in handed.iter().zip(places.chunks(3)) {
            let text = serde_json::to_string(&OfferedInterface::of(handed)).unwrap();
            let offered: OfferedInterface = serde_json::from_str(&text).unwrap();
            let taken = offered.with(&mut received).unwrap();
            assert_eq!(taken.description, handed.description);
            let parts = [&taken.link, &taken.sockets, &taken.control].map(AsRawFd::as_raw_fd);
            assert_eq!(parts, places);
        }
        assert!(OfferedInterface::of(&handed[0]).with(&mut received).is_none());
    }
}
