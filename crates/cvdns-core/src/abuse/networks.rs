//! A set of networks.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks, as ranges of addresses that are searched by halving.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks {
    /// First and last address of each range, in ascending order, apart from each other.
    ipv4: Vec<(u32, u32)>,
    ipv6: Vec<(u128, u128)>,
}

impl Networks {
    /// The set of these networks, which may overlap.
    pub fn new(networks: &[IpNet]) -> Self {
        let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
        for network in networks {
            match network {
                IpNet::V4(net) => ipv4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => ipv6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Self { ipv4: merged(ipv4), ipv6: merged(ipv6) }
    }

    /// Whether an address is in one of the networks.
    #[inline]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => is_within(&self.ipv4, address.to_bits()),
            IpAddr::V6(address) => is_within(&self.ipv6, address.to_bits()),
        }
    }
}

/// Sorts ranges and joins those that overlap: of two networks one contains the other.
fn merged<N: Copy + Ord>(mut ranges: Vec<(N, N)>) -> Vec<(N, N)> {
    ranges.sort_unstable();
    let mut apart: Vec<(N, N)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match apart.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            _ => apart.push((first, last)),
        }
    }
    apart
}

fn is_within<N: Copy + Ord>(ranges: &[(N, N)], address: N) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after
        .checked_sub(1)
        .and_then(|before| ranges.get(before))
        .is_some_and(|(_, last)| address <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network() -> impl Strategy<Value = IpNet> {
        let address = prop_oneof![
            any::<[u8; 4]>().prop_map(|octets| IpAddr::from(octets.map(|octet| octet & 0x83))),
            any::<[u8; 16]>().prop_map(|octets| IpAddr::from(octets.map(|octet| octet & 0x81))),
        ];
        (address, 0u8..=128).prop_map(|(address, length)| {
            let length = if address.is_ipv4() { length.min(32) } else { length };
            IpNet::new(address, length).unwrap().trunc()
        })
    }

    proptest! {
        #[test]
        fn an_address_is_in_the_set_if_it_is_in_a_network(
            nets in prop::collection::vec(network(), 0..12),
            others in prop::collection::vec(network(), 1..12),
        ) {
            let set = Networks::new(&nets);
            for net in nets.iter().chain(&others) {
                for address in [net.addr(), net.network(), net.broadcast()] {
                    let expected = nets.iter().any(|net| net.contains(&address));
                    prop_assert_eq!(set.contains(address), expected, "{} {:?}", address, nets);
                }
            }
        }
    }
}
