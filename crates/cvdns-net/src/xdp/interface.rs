//! Whether an interface can be served by AF_XDP, and what must be known of it for that.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};

use cvdns_core::problem::plural;

use super::channels;
use super::filter::MAX_ENDPOINTS;
use super::memory::{FRAME_SIZE, HEADROOM};
use super::netlink::{Link, LinkAddress, Netlink};
use super::sources::ImpossibleSources;

/// An interface that can be served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interface {
    pub name: String,
    pub index: u32,
    pub mac: [u8; 6],
    /// Most octets of an IP packet.
    pub mtu: u32,
    /// Receive queues in use.
    pub queues: u32,
    /// The listen addresses that belong to it. A wildcard is there as each address of its family.
    pub endpoints: Vec<SocketAddr>,
    /// How many more there are than [`MAX_ENDPOINTS`].
    pub more_endpoints: usize,
    /// Sources whose queries get no answer.
    pub impossible: ImpossibleSources,
    /// The XDP program that is attached; 0 for none. After the set-up it is this server's.
    pub program: u32,
    /// What it is made of, such as `veth`; empty for hardware.
    pub kind: String,
}

/// Octets of an Ethernet header.
const ETHERNET: usize = 14;

/// Most octets of an IP packet: a frame must fit into its place in memory.
pub(super) const MAX_MTU: u32 = (FRAME_SIZE - HEADROOM - ETHERNET) as u32;

/// Least octets of an IP packet: what every IPv6 link has (RFC 8200 section 5), so that all answers
/// of the usual size (1,232 octets) fit.
const MIN_MTU: u32 = 1280;

/// Most queues that are served. Each has a thread and 4 MiB of locked memory; further ones go to
/// the ordinary sockets.
pub(super) const MAX_QUEUES: u32 = 64;

/// What the system says.
pub(super) struct System {
    netlink: Netlink,
    links: Vec<Link>,
    addresses: Vec<LinkAddress>,
}

impl System {
    /// Asks for all interfaces and addresses.
    ///
    /// # Errors
    /// Those of the system, for people.
    pub(super) fn ask() -> Result<Self, String> {
        let ask = || {
            let netlink = Netlink::open()?;
            let (links, addresses) = (netlink.links()?, netlink.addresses()?);
            io::Result::Ok(Self { netlink, links, addresses })
        };
        ask().map_err(|error| format!("the kernel does not tell its interfaces: {error}"))
    }

    /// Asks again.
    ///
    /// # Errors
    /// Those of the system. Nothing is changed then.
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        let (links, addresses) = (self.netlink.links()?, self.netlink.addresses()?);
        (self.links, self.addresses) = (links, addresses);
        Ok(())
    }

    /// The interface with this index.
    pub(super) fn link(&self, index: u32) -> Option<&Link> {
        self.links.iter().find(|link| link.index == index)
    }

    /// Whether an interface has an address that it may use.
    pub(super) fn has(&self, link: &Link, address: IpAddr) -> bool {
        let is_it = |own: &LinkAddress| own.link == link.index && own.address == address;
        self.addresses.iter().any(|own| is_it(own) && own.is_usable)
    }

    /// The receive queues that an interface uses; `None` if its driver does not tell.
    pub(super) fn queues(&self, link: &Link) -> Option<u32> {
        channels::receive_queues(&self.netlink, &link.name).ok().filter(|queues| *queues > 0)
    }

    /// The interface with this name, with those of the listen addresses that it has.
    ///
    /// # Errors
    /// Why it cannot be served and what to do, in a line.
    pub(super) fn interface(&self, name: &str, listen: &[SocketAddr]) -> Result<Interface, String> {
        let Some(link) = self.links.iter().find(|link| link.name == name) else {
            let names: Vec<_> = self.links.iter().map(|link| link.name.as_str()).collect();
            return Err(format!("there is no such interface (there are {})", names.join(", ")));
        };
        let mac = self.check_kind(link)?;
        if !link.is_up {
            return Err(format!("it is down: `ip link set {name} up`"));
        }
        if link.mtu > MAX_MTU {
            return Err(format!(
                "its MTU of {} octets is over {MAX_MTU}, the most that AF_XDP can take here: `ip link set {name} \
                 mtu 1500`",
                link.mtu
            ));
        }
        if link.mtu < MIN_MTU {
            return Err(format!("its MTU of {} octets is under {MIN_MTU}", link.mtu));
        }
        self.check_vlans(link)?;
        let (endpoints, more_endpoints) = self.endpoints(link, listen);
        if endpoints.is_empty() {
            return Err(format!(
                "it has none of the addresses of `listen`: `ip address show {name}`"
            ));
        }
        Ok(Interface {
            name: name.to_owned(),
            index: link.index,
            mac,
            mtu: link.mtu,
            queues: self.queues(link).unwrap_or(link.queues).max(1),
            endpoints,
            more_endpoints,
            impossible: ImpossibleSources::of(link.index, &self.addresses),
            program: link.program,
            kind: link.kind.clone(),
        })
    }

    /// The MAC address of an interface that may be served by what it is.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn check_kind(&self, link: &Link) -> Result<[u8; 6], String> {
        if link.kind == "vlan" {
            let below = self.links.iter().find(|other| other.index == link.below);
            let below = below.map(|below| format!(" ({})", below.name)).unwrap_or_default();
            return Err(format!(
                "it is a VLAN of another interface{below}: AF_XDP takes untagged frames only"
            ));
        }
        if let Some(master) = self.links.iter().find(|other| other.index == link.master) {
            return Err(format!("it is a part of {}, which has its packets", master.name));
        }
        let mac = <[u8; 6]>::try_from(link.mac.as_slice());
        match mac {
            Ok(mac) if link.is_ethernet && !link.is_loopback => Ok(mac),
            _ => Err("it is no Ethernet interface".to_owned()),
        }
    }

    /// Where the card takes tags out of frames, those of VLANs look like others.
    ///
    /// # Errors
    /// When that may be so.
    pub(super) fn check_vlans(&self, link: &Link) -> Result<(), String> {
        let above = |other: &&Link| other.kind == "vlan" && other.below == link.index;
        let Some(vlan) = self.links.iter().find(above) else { return Ok(()) };
        let name = &link.name;
        match channels::takes_tags_out(&self.netlink, name) {
            Ok(false) => Ok(()),
            _ => Err(format!(
                "it carries the VLAN {}, and takes the tags out of frames: `ethtool -K {name} rxvlan off`, or move \
                 the VLAN to another interface",
                vlan.name
            )),
        }
    }

    /// Those of the listen addresses that the interface has, and how many there are beyond them.
    fn endpoints(&self, link: &Link, listen: &[SocketAddr]) -> (Vec<SocketAddr>, usize) {
        let own = self.addresses.iter().filter(|own| own.link == link.index && own.is_usable);
        let own: Vec<IpAddr> = own.map(|own| own.address).filter(is_served).collect();
        let mut endpoints = Vec::new();
        for listen in listen {
            let (wanted, port) = (listen.ip(), listen.port());
            let of_family = |own: &&IpAddr| own.is_ipv4() == wanted.is_ipv4();
            let is_it = |own: &&IpAddr| wanted.is_unspecified() || **own == wanted;
            let found = own.iter().filter(of_family).filter(is_it);
            endpoints.extend(found.map(|address| SocketAddr::new(*address, port)));
        }
        let mut seen = HashSet::new();
        endpoints.retain(|endpoint| seen.insert(*endpoint));
        let more = endpoints.len().saturating_sub(MAX_ENDPOINTS);
        let mut endpoints = in_turn(endpoints);
        endpoints.truncate(MAX_ENDPOINTS);
        endpoints.sort_unstable();
        (endpoints, more)
    }
}

impl Interface {
    /// What is left to the ordinary sockets as there is too much of it, for people; `None` if
    /// nothing is.
    pub(super) fn more_endpoints(&self) -> Option<String> {
        (self.more_endpoints > 0).then(|| {
            let more = plural(self.more_endpoints, "address with a port", "addresses with ports");
            format!("{more} are left to the ordinary sockets, as at most {MAX_ENDPOINTS} are taken")
        })
    }
}

/// Endpoints of IPv4 and IPv6 in turn, each family in its order.
fn in_turn(endpoints: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (v4, v6): (Vec<_>, Vec<_>) = endpoints.into_iter().partition(SocketAddr::is_ipv4);
    let mut placed: Vec<_> = v4.into_iter().enumerate().chain(v6.into_iter().enumerate()).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, endpoint)| endpoint).collect()
}

/// Link-local addresses are left to the kernel: an answer to one needs to know the interface.
fn is_served(address: &IpAddr) -> bool {
    let is_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_loopback(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_loopback(),
    };
    !is_local && !address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The system knows none with this name.
    const NAME: &str = "cvdns-none";

    fn system(links: Vec<Link>, addresses: &[(u32, &str)]) -> System {
        let of = |(link, address): &(u32, &str)| LinkAddress {
            link: *link,
            address: address.parse().unwrap(),
            network: address.parse().unwrap(),
            prefix: 24,
            is_usable: true,
        };
        let addresses = addresses.iter().map(of).collect();
        System { netlink: Netlink::open().unwrap(), links, addresses }
    }

    fn eth0() -> Link {
        Link {
            index: 2,
            name: NAME.to_owned(),
            mac: vec![2, 0, 0, 0, 0, 2],
            mtu: 1500,
            is_ethernet: true,
            is_up: true,
            queues: 4,
            ..Link::default()
        }
    }

    fn listen(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn an_interface_is_served_at_those_listen_addresses_that_it_has() {
        let own = [
            (2, "192.0.2.53"),
            (2, "192.0.2.54"),
            (3, "192.0.2.55"),
            (2, "2001:db8::53"),
            (2, "fe80::2"),
            (2, "169.254.0.2"),
        ];
        let system = system(vec![eth0()], &own);
        for (configured, expected) in [
            (&["192.0.2.53:53", "192.0.2.55:53"][..], &["192.0.2.53:53"][..]),
            (&["0.0.0.0:53"], &["192.0.2.53:53", "192.0.2.54:53"]),
            (&["[::]:5300", "192.0.2.54:53"], &["192.0.2.54:53", "[2001:db8::53]:5300"]),
            (&["192.0.2.54:53", "192.0.2.54:53"], &["192.0.2.54:53"]),
        ] {
            let interface = system.interface(NAME, &listen(configured)).unwrap();
            assert_eq!(interface.endpoints, listen(expected), "{configured:?}");
            assert_eq!((interface.queues, interface.mac), (4, [2, 0, 0, 0, 0, 2]));
        }
        let reason = system.interface(NAME, &listen(&["192.0.2.1:53"])).unwrap_err();
        assert!(reason.contains("none of the addresses"), "{reason}");
    }

    #[test]
    fn too_many_endpoints_are_taken_in_turn_and_the_rest_is_counted() {
        let v4: Vec<_> = (0..100).map(|number| format!("192.0.2.{number}")).collect();
        let v6: Vec<_> = (0..40).map(|number| format!("2001:db8::{number:x}")).collect();
        let own: Vec<_> = v4.iter().chain(&v6).map(|address| (2, address.as_str())).collect();
        let system = system(vec![eth0()], &own);
        // The first ones of `listen` come first.
        let all = listen(&["192.0.2.99:53", "192.0.2.99:53", "0.0.0.0:53", "[::]:53"]);
        let interface = system.interface(NAME, &all).unwrap();
        let taken = |is_v4| interface.endpoints.iter().filter(move |it| it.is_ipv4() == is_v4);
        assert_eq!((taken(true).count(), taken(false).count()), (32, 32));
        assert!(interface.endpoints.contains(&all[0]) && interface.endpoints.is_sorted());
        let words = interface.more_endpoints().unwrap();
        assert!(words.starts_with("76 addresses with ports are left"), "{words}");
        let few = system.interface(NAME, &listen(&["0.0.0.0:53", "[2001:db8::1]:53"])).unwrap();
        assert!(few.endpoints.contains(&"[2001:db8::1]:53".parse().unwrap()));
        assert_eq!((few.endpoints.len(), few.more_endpoints), (64, 37));
        let none = system.interface(NAME, &listen(&["[::]:53"])).unwrap();
        assert_eq!(none.more_endpoints(), None);
    }

    #[test]
    fn what_cannot_be_served_says_why() {
        let vlan = |name: &str, below| Link {
            index: 7,
            name: name.to_owned(),
            kind: "vlan".to_owned(),
            below,
            ..eth0()
        };
        let of = |change: fn(&mut Link)| {
            let mut link = eth0();
            change(&mut link);
            vec![link]
        };
        for (links, words) in [
            (vec![], "no such interface"),
            (of(|link| link.is_up = false), "`ip link set cvdns-none up`"),
            (of(|link| link.mtu = MAX_MTU + 1), "MTU"),
            (of(|link| link.mtu = 1279), "MTU"),
            (of(|link| link.is_ethernet = false), "Ethernet"),
            (of(|link| link.is_loopback = true), "Ethernet"),
            (of(|link| link.mac.clear()), "Ethernet"),
            (vec![vlan(NAME, 3), Link { index: 3, name: "eth7".to_owned(), ..eth0() }], "eth7"),
            (vec![eth0(), vlan("eth0.10", 2)], "eth0.10"),
            (
                vec![
                    Link { master: 9, ..eth0() },
                    Link { index: 9, name: "br0".to_owned(), ..eth0() },
                ],
                "br0",
            ),
        ] {
            let system = system(links, &[(2, "192.0.2.53")]);
            let reason = system.interface(NAME, &listen(&["0.0.0.0:53"])).unwrap_err();
            assert!(reason.contains(words) && !reason.contains('\n'), "{words}: {reason}");
        }
    }
}
