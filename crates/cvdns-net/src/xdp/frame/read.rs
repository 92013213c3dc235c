//! Reads queries out of frames.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::checksum::Sum;
use super::{
    ETHERNET, FrameRefusal, IPV4, IPV4_HEADERS, IPV6, IPV6_HEADERS, PROTOCOL_UDP, Query, Received,
    UDP,
};

/// Reads a frame. What follows the datagram in it is ignored, as a socket ignores it: Ethernet
/// fills short frames up, and other octets may follow the datagram within its packet (RFC 9868).
#[inline]
pub fn read(frame: &[u8]) -> Received {
    match datagram(frame) {
        Ok(query) => Received::Query(query),
        Err(refusal) => Received::Refused(refusal),
    }
}

fn datagram(frame: &[u8]) -> Result<Query, FrameRefusal> {
    let ethernet = frame.first_chunk::<ETHERNET>().ok_or(FrameRefusal::Length)?;
    // The bit of groups, in which no machine sends (IEEE 802 section 8.2.2).
    if (ethernet[0] | ethernet[6]) & 1 == 1 {
        return Err(FrameRefusal::Address);
    }
    match [ethernet[12], ethernet[13]] {
        [0x08, 0x00] => over_ipv4(frame),
        [0x86, 0xdd] => over_ipv6(frame),
        _ => Err(FrameRefusal::Unsupported),
    }
}

fn over_ipv4(frame: &[u8]) -> Result<Query, FrameRefusal> {
    let headers = frame.first_chunk::<IPV4_HEADERS>().ok_or(FrameRefusal::Length)?;
    // Whether more fragments follow, and the place of this one.
    let fragment = number([headers[20], headers[21]]) & 0x3fff;
    if headers[14] != 0x45 || fragment != 0 || headers[23] != PROTOCOL_UDP {
        return Err(FrameRefusal::Unsupported);
    }
    if !Sum::of(&headers[ETHERNET..ETHERNET + IPV4]).is_valid() {
        return Err(FrameRefusal::Checksum);
    }
    let packet = usize::from(number([headers[16], headers[17]]));
    let length = number([headers[38], headers[39]]);
    let end = end_of(frame, ETHERNET + IPV4, ETHERNET + packet, length)?;
    let from = Ipv4Addr::new(headers[26], headers[27], headers[28], headers[29]);
    let to = Ipv4Addr::new(headers[30], headers[31], headers[32], headers[33]);
    // 0.0.0.0/8 is nobody's address (RFC 1122 section 3.2.1.3), and the address that was asked is
    // this machine's own.
    let is_nobody = from.octets()[0] == 0 || from.is_loopback() || from == to;
    if is_nobody || from.is_multicast() || from.is_broadcast() {
        return Err(FrameRefusal::Address);
    }
    // Addresses and datagram.
    let covered = frame.get(26..end).ok_or(FrameRefusal::Length)?;
    let checksum = [headers[40], headers[41]];
    // Zero means that the sender computed none (RFC 768).
    if checksum != [0, 0] && !is_intact::<8>(covered, length, checksum) {
        return Err(FrameRefusal::Checksum);
    }
    Ok(Query {
        client: SocketAddrV4::new(from, number([headers[34], headers[35]])).into(),
        server: SocketAddrV4::new(to, number([headers[36], headers[37]])).into(),
        message: IPV4_HEADERS..end,
    })
}

fn over_ipv6(frame: &[u8]) -> Result<Query, FrameRefusal> {
    let headers = frame.first_chunk::<IPV6_HEADERS>().ok_or(FrameRefusal::Length)?;
    if headers[14] >> 4 != 6 || headers[20] != PROTOCOL_UDP {
        return Err(FrameRefusal::Unsupported);
    }
    let payload = usize::from(number([headers[18], headers[19]]));
    let length = number([headers[58], headers[59]]);
    let end = end_of(frame, ETHERNET + IPV6, ETHERNET + IPV6 + payload, length)?;
    let [from, to] = [&headers[22..38], &headers[38..54]].map(address);
    // An address of IPv4 in the form of IPv6 is never on a network (RFC 6890 section 2.2.3).
    let is_nobody = from.to_ipv4_mapped().is_some() || from.is_unspecified() || from.is_loopback();
    if is_nobody || from.is_multicast() || from == to {
        return Err(FrameRefusal::Address);
    }
    let covered = frame.get(22..end).ok_or(FrameRefusal::Length)?;
    let checksum = [headers[60], headers[61]];
    // Datagrams over IPv6 must have one (RFC 8200 section 8.1).
    if checksum == [0, 0] || !is_intact::<32>(covered, length, checksum) {
        return Err(FrameRefusal::Checksum);
    }
    let socket = |address, port| SocketAddr::from(SocketAddrV6::new(address, port, 0, 0));
    Ok(Query {
        client: socket(from, number([headers[54], headers[55]])),
        server: socket(to, number([headers[56], headers[57]])),
        message: IPV6_HEADERS..end,
    })
}

/// The end of a datagram that begins at `start` and says that it is so long. Its packet says that
/// it ends at `packet_end`.
fn end_of(
    frame: &[u8],
    start: usize,
    packet_end: usize,
    length: u16,
) -> Result<usize, FrameRefusal> {
    let end = start + usize::from(length);
    if usize::from(length) < UDP || end > packet_end || packet_end > frame.len() {
        return Err(FrameRefusal::Length);
    }
    Ok(end)
}

/// Whether a datagram has the right checksum, or the one that a sender on this machine, or in a
/// virtual one, leaves to its interface: the sum of the pseudo-header alone. `covered` are both
/// addresses, `ADDRESSES` octets in all, and the datagram.
fn is_intact<const ADDRESSES: usize>(covered: &[u8], length: u16, checksum: [u8; 2]) -> bool {
    let with_rest = |sum: Sum| sum.and_number(u16::from(PROTOCOL_UDP)).and_number(length);
    with_rest(Sum::of(covered)).is_valid()
        || covered
            .first_chunk::<ADDRESSES>()
            .is_some_and(|addresses| with_rest(Sum::of(addresses)).octets() == checksum)
}

fn number(octets: [u8; 2]) -> u16 {
    u16::from_be_bytes(octets)
}

fn address(octets: &[u8]) -> Ipv6Addr {
    octets.first_chunk::<16>().copied().unwrap_or_default().into()
}
