//! Ethernet frames, against the rules written down a second time (RFC 768, 791, 8200).
//!
//! Octet 0: bits 0 and 1 the checksums of the IPv4 header and of the datagram are made right, bit 2
//! that of the datagram is left to the interface. Then the length of the answer and the largest
//! packet; the rest is the frame.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use cvdns_net::xdp::frame::{FrameRefusal, Query, Received, read, write_reply};

use super::octets::Octets;

/// Octets of a frame's place in memory.
const ROOM: usize = 2048;

/// The frame is read as the rules say, and what is written back is an answer to its sender.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let (how, length, mtu) = (octets.u8(), octets.u16(), octets.u16());
    let mut frame = octets.slice(ROOM).to_vec();
    repair(&mut frame, how);
    let expected = plain(&frame);
    match read(&frame) {
        Received::Query(query) => {
            let found = (query.client, query.server, query.message.clone());
            assert_eq!(Ok(found), expected);
            answer(&frame, &query, usize::from(length) % ROOM, usize::from(mtu));
        }
        Received::Refused(refusal) => assert_eq!(Err(refusal), expected),
    }
}

/// Makes checksums right, which fuzzing would hardly find.
fn repair(frame: &mut [u8], how: u8) {
    let is_v4 = frame.get(12) == Some(&0x08);
    if how & 1 == 1 && is_v4 && frame.len() >= 34 {
        frame[24..26].fill(0);
        let sum = !sum(&frame[14..34]);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
    }
    let (start, addresses) = if is_v4 { (34, 26..34) } else { (54, 22..54) };
    if how & 6 == 0 || frame.len() < start + 8 {
        return;
    }
    let length = [frame[start + 4], frame[start + 5]];
    let pseudo = [&frame[addresses], &[0, 17], &length].concat();
    frame[start + 6..start + 8].fill(0);
    let end = frame.len().min(start + usize::from(u16::from_be_bytes(length)));
    let datagram = frame.get(start..end).unwrap_or_default();
    let made = if how & 4 == 4 { sum(&pseudo) } else { !sum(&[&pseudo, datagram].concat()) };
    let made = if made == 0 { 0xffff } else { made };
    frame[start + 6..start + 8].copy_from_slice(&made.to_be_bytes());
}

/// The sum of 16-bit words (RFC 1071 section 1).
fn sum(octets: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for word in octets.chunks(2) {
        sum += u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or_default());
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).expect("a word")
}

type Datagram = (SocketAddr, SocketAddr, Range<usize>);

/// The rules, one after the other.
fn plain(frame: &[u8]) -> Result<Datagram, FrameRefusal> {
    let at = |place: usize| frame.get(place).copied().ok_or(FrameRefusal::Length);
    let two =
        |place: usize| Ok::<_, FrameRefusal>(u16::from_be_bytes([at(place)?, at(place + 1)?]));
    let kind = two(12)?;
    if at(0)? % 2 == 1 || at(6)? % 2 == 1 {
        return Err(FrameRefusal::Address);
    }
    let (start, is_v4) = match kind {
        0x0800 => (34, true),
        0x86dd => (54, false),
        _ => return Err(FrameRefusal::Unsupported),
    };
    at(start + 7)?;
    let is_plain = if is_v4 {
        at(14)? == 0x45 && two(20)? % 0x4000 == 0 && at(23)? == 17
    } else {
        at(14)? / 16 == 6 && at(20)? == 17
    };
    if !is_plain {
        return Err(FrameRefusal::Unsupported);
    }
    if is_v4 && sum(&frame[14..34]) != 0xffff {
        return Err(FrameRefusal::Checksum);
    }
    let packet_end = if is_v4 { 14 + usize::from(two(16)?) } else { 54 + usize::from(two(18)?) };
    let length = usize::from(two(start + 4)?);
    if length < 8 || start + length > packet_end || packet_end > frame.len() {
        return Err(FrameRefusal::Length);
    }
    let (addresses, size) = if is_v4 { (26..34, 4) } else { (22..54, 16) };
    let [from, to] = [&frame[addresses.clone()][..size], &frame[addresses.clone()][size..]].map(ip);
    if !is_somebody(from) || from == to {
        return Err(FrameRefusal::Address);
    }
    let pseudo = [&frame[addresses], &[0, 17], &frame[start + 4..start + 6]].concat();
    let whole = [&pseudo, &frame[start..start + length]].concat();
    let checksum = two(start + 6)?;
    let is_intact = match checksum {
        0 => is_v4,
        checksum => sum(&whole) == 0xffff || checksum == sum(&pseudo),
    };
    if !is_intact {
        return Err(FrameRefusal::Checksum);
    }
    let (client, server) = ((from, two(start)?).into(), (to, two(start + 2)?).into());
    Ok((client, server, start + 8..start + length))
}

fn ip(octets: &[u8]) -> IpAddr {
    match <[u8; 4]>::try_from(octets) {
        Ok(octets) => Ipv4Addr::from(octets).into(),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(octets).expect("an address")).into(),
    }
}

/// Whether a packet can come from there.
fn is_somebody(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let number = address.to_bits();
            !matches!(number >> 24, 0 | 127 | 224..=239) && number != u32::MAX
        }
        IpAddr::V6(address) => {
            let number = address.to_bits();
            number > 1 && number >> 120 != 0xff && number >> 32 != 0xffff
        }
    }
}

/// Writes an answer into the frame and reads it as its receiver does.
fn answer(frame: &[u8], query: &Query, length: usize, mtu: usize) {
    let start = query.message.start;
    let mut buffer = frame.to_vec();
    buffer.resize(ROOM, 0xee);
    let message: Vec<u8> = (0..length).map(|number| (number * 7 + mtu) as u8).collect();
    let fits = start + length <= ROOM && start + length <= 14 + mtu;
    if let Some(place) = buffer.get_mut(start..start + length) {
        place.copy_from_slice(&message);
    }
    let written = write_reply(&mut buffer, query, length, mtu);
    assert_eq!(written, fits.then_some((start + length).max(60)));
    let Some(end) = written else { return };
    let sent = &buffer[..end];
    let expected =
        Query { client: query.server, server: query.client, message: start..start + length };
    assert_eq!(&sent[..6], &frame[6..12], "to the station that asked");
    assert_eq!(&sent[6..12], &frame[..6], "from the station that was asked");
    assert_eq!(&sent[12..14], &frame[12..14]);
    assert!(sent[start + length..].iter().all(|octet| *octet == 0), "other octets leave");
    assert_eq!(&sent[start..start + length], &message);
    assert_ne!(&sent[start - 2..start], &[0, 0], "no checksum");
    // An answer comes from where the query went, which can be an address that nobody answers.
    if is_somebody(query.server.ip()) {
        assert_eq!(plain(sent), Ok((expected.client, expected.server, expected.message)));
    }
}
