//! Makes the frame of a query that of its answer.

use std::net::SocketAddr;

use super::checksum::Sum;
use super::{ETHERNET, IPV4, IPV4_HEADERS, IPV6, IPV6_HEADERS, PROTOCOL_UDP, Query, UDP};

/// Shortest frame in octets, without its check sequence (IEEE 802.3).
const SHORTEST_FRAME: usize = 60;

/// Octets of a message's header (RFC 1035 section 4.1.1).
const HEADER: usize = 12;

/// Hops that an answer may take, as many as Linux gives its packets.
const HOPS: u8 = 64;

/// Makes the frame of a query the frame of its answer, which has `length` octets and stands where
/// the query stood. Returns the new length of the frame. `None` means that the packet would have
/// more than `mtu` octets, or that `frame` has no room for it: nothing must be sent then.
///
/// The answer goes back to the station that sent the query. Its checksums are always computed. The
/// packet asks not to be fragmented, so that nobody can put fragments of his own in (RFC 9715), and
/// needs no identification (RFC 6864 section 4.1). A short frame is filled up with zeros here:
/// whoever fills it later could take octets of an earlier frame.
#[inline]
#[must_use]
pub fn write_reply(frame: &mut [u8], query: &Query, length: usize, mtu: usize) -> Option<usize> {
    let end = match query.client {
        SocketAddr::V4(_) => over_ipv4(frame, length, mtu)?,
        SocketAddr::V6(_) => over_ipv6(frame, length, mtu)?,
    };
    if end < SHORTEST_FRAME {
        frame.get_mut(end..SHORTEST_FRAME)?.fill(0);
    }
    Some(end.max(SHORTEST_FRAME))
}

fn over_ipv4(frame: &mut [u8], length: usize, mtu: usize) -> Option<usize> {
    let (headers, message) = frame.split_first_chunk_mut::<IPV4_HEADERS>()?;
    let message = message.get(..length)?;
    let datagram = u16::try_from(UDP + length).ok()?;
    let packet = u16::try_from(IPV4 + UDP + length).ok().filter(|it| usize::from(*it) <= mtu)?;
    // Sums of what was received, which swapping does not change: reading again what was just
    // written in other pieces would make the processor wait.
    let (addresses, ports) = (Sum::of(&headers[26..34]), Sum::of(&headers[34..38]));
    swap::<6>(&mut headers[..12]);
    let [high, low] = packet.to_be_bytes();
    // No service class, no identification, the flag "don't fragment".
    let mut fields = [0x45, 0, high, low, 0, 0, 0x40, 0, HOPS, PROTOCOL_UDP, 0, 0];
    let checksum = Sum::of(&fields).and(addresses).checksum();
    fields[10..].copy_from_slice(&checksum);
    headers[ETHERNET..26].copy_from_slice(&fields);
    swap::<4>(&mut headers[26..34]);
    swap::<2>(&mut headers[34..38]);
    headers[38..40].copy_from_slice(&datagram.to_be_bytes());
    let checksum = udp_checksum(addresses.and(ports), message, datagram);
    headers[40..42].copy_from_slice(&checksum);
    Some(IPV4_HEADERS + length)
}

fn over_ipv6(frame: &mut [u8], length: usize, mtu: usize) -> Option<usize> {
    let (headers, message) = frame.split_first_chunk_mut::<IPV6_HEADERS>()?;
    let message = message.get(..length)?;
    let datagram = u16::try_from(UDP + length).ok().filter(|it| IPV6 + usize::from(*it) <= mtu)?;
    let addresses_and_ports = Sum::of(&headers[22..58]);
    swap::<6>(&mut headers[..12]);
    let [high, low] = datagram.to_be_bytes();
    // No traffic class, no flow.
    headers[14..22].copy_from_slice(&[0x60, 0, 0, 0, high, low, PROTOCOL_UDP, HOPS]);
    swap::<16>(&mut headers[22..54]);
    swap::<2>(&mut headers[54..58]);
    headers[58..60].copy_from_slice(&[high, low]);
    let checksum = udp_checksum(addresses_and_ports, message, datagram);
    headers[60..62].copy_from_slice(&checksum);
    Some(IPV6_HEADERS + length)
}

/// The checksum of a datagram of this length, whose addresses and ports have this sum.
fn udp_checksum(addresses_and_ports: Sum, message: &[u8], length: u16) -> [u8; 2] {
    // The length stands in the pseudo-header, and in the header once more.
    let lengths = addresses_and_ports.and_number(length).and_number(length);
    // The message's header was just written, in small pieces: it is summed up apart, so that the
    // rest does not wait for it.
    let (header, rest) = message.split_at(message.len().min(HEADER));
    let sum = lengths.and(Sum::of(header)).and(Sum::of(rest));
    let sum = sum.and_number(u16::from(PROTOCOL_UDP));
    match sum.checksum() {
        // Zero would say that there is none (RFC 768).
        [0, 0] => [0xff, 0xff],
        checksum => checksum,
    }
}

/// Swaps source and destination, which stand side by side and have `SIZE` octets each: as whole
/// pieces, which are read and written at once.
fn swap<const SIZE: usize>(octets: &mut [u8]) {
    let Some((source, rest)) = octets.split_first_chunk_mut::<SIZE>() else { return };
    if let Some(destination) = rest.first_chunk_mut::<SIZE>() {
        std::mem::swap(source, destination);
    }
}
