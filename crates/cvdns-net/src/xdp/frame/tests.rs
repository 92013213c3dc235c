use proptest::prelude::*;

use super::*;
use FrameRefusal::{Address, Checksum, Length, Unsupported};

/// A query for db.de.clamav.net A and its answer without records, captured from Linux sockets on
/// a pair of virtual interfaces that leave no checksum to each other.
const QUERY_4: &str = "0200000000020200000000010800\
    4500003e51bc4000401164b4c0000209c0000235126700350\
    02a4d361a2b0000000100000000000002646202646506636c616d6176036e65740000010001";
const ANSWER_4: &str = "0200000000010200000000020800\
    4500003eb8e140004011fd8ec0000235c0000209003512670\
    02ac9351a2b8400000100000000000002646202646506636c616d6176036e65740000010001";
const QUERY_6: &str = "02000000000202000000000186dd\
    600075e0002a114020010db800000000000000000000000920010db80000000000000000000000531267003500\
    2a75a71a2b0000000100000000000002646202646506636c616d6176036e65740000010001";
const ANSWER_6: &str = "02000000000102000000000286dd\
    600e2d8d002a114020010db800000000000000000000005320010db80000000000000000000000090035126700\
    2af1a61a2b8400000100000000000002646202646506636c616d6176036e65740000010001";

fn octets(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u8> = hexadecimal.bytes().filter(|digit| *digit != b' ').collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// The sum of 16-bit words, as RFC 1071 section 1 describes it.
fn plain_sum(octets: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for word in octets.chunks(2) {
        sum += u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or_default());
        if sum > 0xffff {
            sum -= 0xffff;
        }
    }
    u16::try_from(sum).unwrap()
}

/// The pseudo-header of a frame's datagram (RFC 768; RFC 8200 section 8.1).
fn pseudo_header(frame: &[u8]) -> Vec<u8> {
    let (addresses, length) = if frame[12] == 0x08 { (26..34, 38..40) } else { (22..54, 58..60) };
    [&frame[addresses], &[0, 17], &frame[length]].concat()
}

/// Writes both checksums anew, after a change.
fn seal(frame: &mut [u8]) {
    let (datagram, checksum) = if frame[12] == 0x08 { (34, 40) } else { (54, 60) };
    if frame[12] == 0x08 {
        frame[24..26].fill(0);
        let sum = !plain_sum(&frame[14..34]);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
    }
    frame[checksum..checksum + 2].fill(0);
    let length = usize::from(u16::from_be_bytes([frame[checksum - 2], frame[checksum - 1]]));
    let end = frame.len().min(datagram + length);
    let covered = [&pseudo_header(frame), &frame[datagram..end]].concat();
    let sum = match !plain_sum(&covered) {
        0 => 0xffff,
        sum => sum,
    };
    frame[checksum..checksum + 2].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn frames_of_linux_are_read() {
    for (frame, client, server, start) in [
        (QUERY_4, "192.0.2.9:4711", "192.0.2.53:53", 42),
        (QUERY_6, "[2001:db8::9]:4711", "[2001:db8::53]:53", 62),
        (ANSWER_4, "192.0.2.53:53", "192.0.2.9:4711", 42),
        (ANSWER_6, "[2001:db8::53]:53", "[2001:db8::9]:4711", 62),
    ] {
        let frame = octets(frame);
        let (client, server) = (client.parse().unwrap(), server.parse().unwrap());
        let query = Query { client, server, message: start..frame.len() };
        assert_eq!(read(&frame), Received::Query(query));
    }
}

/// The answer is that of a socket, but for what identifies fragments and flows.
#[test]
fn answers_are_those_of_linux() {
    for (query, answer) in [(QUERY_4, ANSWER_4), (QUERY_6, ANSWER_6)] {
        let (mut frame, mut expected) = (octets(query), octets(answer));
        let Received::Query(query) = read(&frame) else { panic!("no query") };
        let start = query.message.start;
        frame[start + 2] = 0x84;
        let length = query.message.len();
        assert_eq!(write_reply(&mut frame, &query, length, 1500), Some(expected.len()));
        if start == 42 {
            expected[18..20].fill(0);
        } else {
            expected[15..18].fill(0);
        }
        seal(&mut expected);
        assert_eq!(frame, expected);
    }
}

/// Octets that are changed in a frame, at their place, and why it is refused then. Checksums are
/// right afterwards, but where they are what is changed.
const REFUSED: &[(&str, usize, &str, FrameRefusal)] = &[
    (QUERY_4, 0, "ff", Address),        // to all stations
    (QUERY_4, 0, "01005e", Address),    // to a group
    (QUERY_4, 6, "01", Address),        // from a group
    (QUERY_4, 12, "8100", Unsupported), // VLAN tag (IEEE 802.1Q)
    (QUERY_4, 12, "0806", Unsupported), // ARP
    (QUERY_4, 12, "86dd", Unsupported), // IPv4 said to be IPv6
    (QUERY_4, 12, "003e", Unsupported), // length instead of type (IEEE 802.3)
    (QUERY_4, 14, "46", Unsupported),   // options
    (QUERY_4, 14, "44", Unsupported),   // header too short
    (QUERY_4, 14, "65", Unsupported),   // version 6
    (QUERY_4, 20, "2000", Unsupported), // first fragment
    (QUERY_4, 20, "0001", Unsupported), // a later one
    (QUERY_4, 20, "1000", Unsupported), // one far behind
    (QUERY_4, 23, "06", Unsupported),   // TCP
    (QUERY_4, 16, "003f", Length),      // packet longer than the frame
    (QUERY_4, 16, "ffff", Length),
    (QUERY_4, 16, "003d", Length), // packet shorter than the datagram
    (QUERY_4, 16, "0000", Length),
    (QUERY_4, 38, "002b", Length), // datagram longer than the packet
    (QUERY_4, 38, "ffff", Length),
    (QUERY_4, 38, "0007", Length), // datagram shorter than its header
    (QUERY_4, 38, "0000", Length),
    (QUERY_4, 24, "64b5", Checksum),
    (QUERY_4, 40, "4d37", Checksum),
    (QUERY_4, 40, "ffff", Checksum),
    (QUERY_4, 26, "00000000", Address),
    (QUERY_4, 26, "00010203", Address), // this network (RFC 1122)
    (QUERY_4, 26, "7f000001", Address), // loopback
    (QUERY_4, 26, "e00000fb", Address), // multicast
    (QUERY_4, 26, "c0000235", Address), // its own destination
    (QUERY_4, 26, "ffffffff", Address), // broadcast
    (QUERY_6, 0, "3333", Address),
    (QUERY_6, 12, "0800", Unsupported), // IPv6 said to be IPv4
    (QUERY_6, 14, "50", Unsupported),   // version 5
    (QUERY_6, 18, "002b", Length),
    (QUERY_6, 18, "0029", Length),
    (QUERY_6, 18, "0000", Length),    // jumbogram (RFC 2675)
    (QUERY_6, 20, "00", Unsupported), // options of each hop
    (QUERY_6, 20, "2b", Unsupported), // routing header
    (QUERY_6, 20, "2c", Unsupported), // fragment
    (QUERY_6, 20, "3c", Unsupported), // options of the destination
    (QUERY_6, 58, "002b", Length),
    (QUERY_6, 58, "0007", Length),
    (QUERY_6, 58, "0000", Length),
    (QUERY_6, 60, "75a8", Checksum),
    (QUERY_6, 60, "0000", Checksum), // none (RFC 8200 section 8.1)
    (QUERY_6, 22, "00000000000000000000000000000000", Address),
    (QUERY_6, 22, "00000000000000000000000000000001", Address),
    (QUERY_6, 22, "00000000000000000000ffffc0000209", Address), // IPv4-mapped
    (QUERY_6, 22, "20010db8000000000000000000000053", Address), // its own destination
    (QUERY_6, 22, "ff0200000000000000000000000000fb", Address),
];

#[test]
fn what_no_socket_would_get_is_refused() {
    for (frame, at, new, expected) in REFUSED {
        let (mut frame, new) = (octets(frame), octets(new));
        frame[*at..*at + new.len()].copy_from_slice(&new);
        if *expected != Checksum {
            seal(&mut frame);
        }
        assert_eq!(read(&frame), Received::Refused(*expected), "{new:02x?} at {at}");
    }
}

#[test]
fn what_a_socket_would_get_too_is_read() {
    for (frame, at, new) in [
        (QUERY_4, 15, "b8"),       // service class
        (QUERY_4, 18, "0000"),     // identification
        (QUERY_4, 20, "0000"),     // may be fragmented
        (QUERY_4, 20, "c000"),     // the flag of RFC 3514
        (QUERY_4, 22, "00"),       // no hop left
        (QUERY_4, 26, "f0000001"), // former class E
        (QUERY_4, 34, "0000"),     // port 0, which `SourceFilter` refuses
        (QUERY_6, 14, "6fffffff"), // class and flow
        (QUERY_6, 21, "00"),
        (QUERY_6, 22, "fe800000000000000000000000000001"),
    ] {
        let (mut frame, new) = (octets(frame), octets(new));
        frame[at..at + new.len()].copy_from_slice(&new);
        seal(&mut frame);
        assert!(matches!(read(&frame), Received::Query(_)), "{new:02x?} at {at}");
    }
    // No checksum (RFC 768), and the one that the interface was to complete.
    let mut frame = octets(QUERY_4);
    frame[40..42].fill(0);
    assert!(matches!(read(&frame), Received::Query(_)));
    for (query, checksum) in [(QUERY_4, 40), (QUERY_6, 60)] {
        let mut frame = octets(query);
        let partial = plain_sum(&pseudo_header(&frame));
        frame[checksum..checksum + 2].copy_from_slice(&partial.to_be_bytes());
        assert!(matches!(read(&frame), Received::Query(_)));
    }
}

/// Octets behind the datagram belong to nobody (RFC 9868 section 4).
#[test]
fn what_follows_the_datagram_is_ignored() {
    for (query, packet, length, message) in [(QUERY_4, 16, 38, 42), (QUERY_6, 18, 58, 62)] {
        let mut frame = octets(query);
        let end = frame.len() - 4;
        frame[length + 1] -= 4;
        seal(&mut frame);
        let Received::Query(read_query) = read(&frame) else { panic!("refused") };
        assert_eq!(read_query.message, message..end);
        frame[packet + 1] -= 4;
        seal(&mut frame);
        frame.extend([0xff; 30]);
        assert_eq!(read(&frame), Received::Query(read_query));
    }
}

#[test]
fn an_answer_must_fit() {
    for (query, headers) in [(QUERY_4, 28), (QUERY_6, 48)] {
        let mut frame = octets(query);
        let Received::Query(query) = read(&frame) else { panic!("refused") };
        frame.resize(2048, 0xee);
        let most = 1500 - headers;
        let mut write = |room: usize, length| write_reply(&mut frame[..room], &query, length, 1500);
        assert_eq!(write(2048, most + 1), None);
        assert_eq!(write(2048, most), Some(1514));
        assert_eq!(write(1514, most), Some(1514));
        assert_eq!(write(1513, most), None);
        assert_eq!(write(2048, usize::MAX), None);
        assert_eq!(write_reply(&mut frame, &query, 2048, 70_000), None);
        let mut frame = vec![0; 70_000];
        assert_eq!(
            write_reply(&mut frame, &query, 65_536 - headers, 70_000).is_none(),
            headers == 28
        );
        assert_eq!(write_reply(&mut frame, &query, 65_528, 70_000), None);
    }
}

/// What the frame held before does not leave the machine.
#[test]
fn short_answers_are_filled_up_with_zeros() {
    let mut frame = octets(QUERY_4);
    let Received::Query(query) = read(&frame) else { panic!("refused") };
    assert_eq!(write_reply(&mut frame[..59], &query, 12, 1500), None);
    let mut frame = octets(QUERY_4);
    assert_eq!(write_reply(&mut frame, &query, 12, 1500), Some(60));
    assert_eq!(frame[54..60], [0; 6]);
    let Received::Query(answer) = read(&frame[..60]) else { panic!("refused") };
    assert_eq!(answer.message, 42..54);
}

proptest! {
    /// Changing an octet of a frame changes nothing that the server acts on, or the frame is
    /// refused.
    #[test]
    fn a_damaged_frame_is_refused(
        is_v4: bool, at: prop::sample::Index, flip in 1_u8.., length in 0_usize..80,
    ) {
        let mut frame = octets(if is_v4 { QUERY_4 } else { QUERY_6 });
        let headers = if is_v4 { 42 } else { 62 };
        frame.resize(headers + length, 0xa5);
        let datagram = u16::try_from(8 + length).unwrap();
        let packet = if is_v4 { datagram + 20 } else { datagram };
        let place = if is_v4 { 16 } else { 18 };
        frame[place..place + 2].copy_from_slice(&packet.to_be_bytes());
        frame[headers - 4..headers - 2].copy_from_slice(&datagram.to_be_bytes());
        seal(&mut frame);
        let whole = read(&frame);
        prop_assert!(matches!(&whole, Received::Query(query) if query.message.len() == length));
        let at = at.index(frame.len());
        frame[at] ^= flip;
        // One in 65,536 changes makes the checksum one that is left to the interface, or none.
        if at >= 14 {
            let left = plain_sum(&pseudo_header(&frame)).to_be_bytes();
            prop_assume!(![left, [0, 0]].contains(&[frame[headers - 2], frame[headers - 1]]));
        }
        let damaged = read(&frame);
        prop_assert!(damaged == whole || matches!(damaged, Received::Refused(_)), "{at}");
    }

    /// No frame makes it panic, and a message lies within its frame.
    #[test]
    fn any_octets_are_read(
        is_v4: bool, tail: Vec<u8>, cut: prop::sample::Index,
        changes in prop::collection::vec((0_usize..70, any::<u8>()), 0..6),
    ) {
        let mut frame = octets(if is_v4 { QUERY_4 } else { QUERY_6 });
        frame.extend(tail);
        for (at, new) in changes {
            frame[at] = new;
        }
        frame.truncate(cut.index(frame.len() + 1));
        if let Received::Query(query) = read(&frame) {
            prop_assert!(frame.get(query.message).is_some());
        }
    }

    /// The sum is that of a plain loop over words.
    #[test]
    fn the_sum_is_that_of_words(octets in prop::collection::vec(any::<u8>(), 0..2000), number: u16) {
        let [high, low] = number.to_be_bytes();
        let expected = plain_sum(&[&[high, low], &octets[..]].concat());
        let sum = checksum::Sum::of(&octets).and_number(number);
        // Zero has two forms.
        prop_assert_eq!(u16::from_be_bytes(sum.octets()) % 0xffff, expected % 0xffff);
        prop_assert_eq!(sum.checksum(), (!u16::from_be_bytes(sum.octets())).to_be_bytes());
    }

    /// Whoever gets the answer sees it come from where the query went, with right checksums.
    #[test]
    fn a_reply_is_a_frame_back(is_v4: bool, message in prop::collection::vec(any::<u8>(), 0..1400)) {
        let mut frame = octets(if is_v4 { QUERY_4 } else { QUERY_6 });
        let Received::Query(query) = read(&frame) else { panic!("refused") };
        frame.resize(2048, 0xee);
        let start = query.message.start;
        frame[start..start + message.len()].copy_from_slice(&message);
        let length = write_reply(&mut frame, &query, message.len(), 1500).unwrap();
        let answer = Query {
            client: query.server,
            server: query.client,
            message: start..start + message.len(),
        };
        prop_assert_eq!(read(&frame[..length]), Received::Query(answer));
        prop_assert_ne!(&frame[start - 2..start], &[0, 0]);
        let end = start + message.len();
        let sealed = [&pseudo_header(&frame), &frame[start - 8..end]].concat();
        prop_assert_eq!(plain_sum(&sealed), 0xffff);
        prop_assert_eq!(&frame[start..end], &message[..]);
    }
}
