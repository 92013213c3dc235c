//! IPv4 addresses that are embedded in IPv6 addresses.

use std::net::{IpAddr, Ipv4Addr};

/// First and last IPv4-mapped address, `::ffff:0:0/96` (RFC 4291 section 2.5.5.2).
pub(super) const IPV4_MAPPED: (u128, u128) = (0xffff << 32, (0x1_0000 << 32) - 1);
/// First and last 6to4 address, `2002::/16` (RFC 3056 section 2).
pub(super) const SIX_TO_FOUR: (u128, u128) = (0x2002 << 112, (0x2003 << 112) - 1);

/// The IPv4 address that `address` is or embeds, with the length in bits of the prefix before it (0
/// for a plain IPv4 address); `Err` has any other IPv6 address.
#[inline]
pub(super) fn ipv4_of(address: IpAddr) -> Result<(u32, u8), u128> {
    let bits = match address {
        IpAddr::V4(address) => return Ok((address.to_bits(), 0)),
        IpAddr::V6(address) => address.to_bits(),
    };
    if bits >> 32 == 0xffff {
        return Ok((bits as u32, 96));
    }
    if bits >> 112 == 0x2002 {
        return Ok(((bits >> 80) as u32, 16));
    }
    Err(bits)
}

/// The IPv4 address that an IPv6 address embeds, as [`ipv4_of`] finds it; else the address itself.
pub(super) fn embedded_v4(address: IpAddr) -> IpAddr {
    ipv4_of(address).map_or(address, |(bits, _)| Ipv4Addr::from_bits(bits).into())
}
