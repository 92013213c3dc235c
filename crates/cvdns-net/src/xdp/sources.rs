//! Sources that no query from the network can have.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::netlink::LinkAddress;

/// Addresses that nobody else sends from: those of this machine, and of the interface's IPv4
/// networks that of all hosts and the lowest one (RFC 1122 section 3.2.1.3). The kernel's sockets
/// answer none of them over the network. They are taken when the interface is set up, so that
/// addresses that come later are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ImpossibleSources {
    /// In their order, IPv4 as mapped addresses (RFC 4291 section 2.5.5.2).
    sorted: Arc<[u128]>,
}

impl ImpossibleSources {
    /// Those at the interface with this index, by the addresses of all interfaces.
    pub(super) fn of(link: u32, addresses: &[LinkAddress]) -> Self {
        let mut sorted = Vec::new();
        for own in addresses {
            // On another link, a link-local address may be anybody's (RFC 4291 section 2.5.6).
            if own.link == link || !is_link_local(own.address) {
                sorted.push(number(own.address));
            }
            if let (true, IpAddr::V4(network)) = (own.link == link, own.network) {
                sorted.extend(ends(network, own.prefix).into_iter().flatten());
            }
        }
        sorted.sort_unstable();
        sorted.dedup();
        Self { sorted: sorted.into() }
    }

    /// Whether a source is one of them.
    #[inline]
    pub(super) fn contains(&self, source: IpAddr) -> bool {
        self.sorted.binary_search(&number(source)).is_ok()
    }
}

/// The lowest and the highest address of a network, if these are no hosts' (RFC 3021).
fn ends(network: Ipv4Addr, prefix: u8) -> Option<[u128; 2]> {
    if prefix > 30 {
        return None;
    }
    let hosts = u32::MAX.checked_shr(prefix.into())?;
    let lowest = network.to_bits() & !hosts;
    Some([lowest, lowest | hosts].map(|end| number(Ipv4Addr::from_bits(end).into())))
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[inline]
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(link: u32, address: &str, prefix: u8) -> LinkAddress {
        let address = address.parse().unwrap();
        LinkAddress { link, address, network: address, prefix, is_usable: true }
    }

    #[test]
    fn this_machine_and_the_ends_of_its_networks_are_impossible() {
        let addresses = [
            own(2, "192.0.2.53", 25),
            own(2, "198.51.100.6", 31),
            own(2, "203.0.113.9", 32),
            own(2, "2001:db8::53", 64),
            own(2, "fe80::2", 64),
            own(3, "192.0.2.200", 25),
            own(3, "fe80::3", 64),
            LinkAddress { network: "10.0.0.1".parse().unwrap(), ..own(2, "10.9.9.9", 30) },
        ];
        let sources = ImpossibleSources::of(2, &addresses);
        for (source, expected) in [
            ("192.0.2.53", true),
            ("192.0.2.0", true),
            ("192.0.2.127", true),
            ("192.0.2.1", false),
            ("192.0.2.128", false),
            ("192.0.2.200", true),
            ("192.0.2.255", false),
            ("198.51.100.6", true),
            ("198.51.100.7", false),
            ("203.0.113.9", true),
            ("203.0.113.8", false),
            ("10.9.9.9", true),
            ("10.0.0.3", true),
            ("10.0.0.1", false),
            ("2001:db8::53", true),
            ("2001:db8::", false),
            ("fe80::2", true),
            ("fe80::3", false),
        ] {
            assert_eq!(sources.contains(source.parse().unwrap()), expected, "{source}");
        }
        assert!(!ImpossibleSources::default().contains("192.0.2.53".parse().unwrap()));
        let all = ImpossibleSources::of(2, &[own(2, "192.0.2.1", 0)]);
        assert!(all.contains("255.255.255.255".parse().unwrap()));
    }
}
