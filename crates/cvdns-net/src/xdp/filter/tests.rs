//! The program in the kernel against the rules, written down a second time.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use super::super::attachment::Maps;
use super::super::bpf;
use super::{Action, MAX_ENDPOINTS};

const MAC: [u8; 6] = [0x02, 0xfe, 0x80, 0xff, 0x00, 0x53];
const OTHER_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 1];

/// Addresses whose octets have sign bits and are alike; ports likewise.
fn endpoints() -> Vec<SocketAddr> {
    let of = |address: &str| address.parse().unwrap();
    [
        "192.0.2.53:53",
        "192.0.2.54:53",
        "255.1.2.255:65535",
        "192.0.2.53:5300",
        "[2001:db8::53]:53",
        "[2001:db8::54]:53",
        "[2001:db8:0:1::53]:53",
        "[ffff:ffff:ffff:fffe:ffff:ffff:ffff:fffe]:65535",
        "[2001:db8::53]:5300",
    ]
    .map(of)
    .to_vec()
}

/// What the program says, if there may be one here. It drops what it would hand to a socket, as
/// there is none.
struct Judge {
    program: OwnedFd,
    _maps: Maps,
}

impl Judge {
    /// `None`, with a note, where the system allows no programs.
    fn new(test: &str, endpoints: &[SocketAddr]) -> Option<Self> {
        let maps = match Maps::new(1) {
            Ok(maps) => maps,
            Err(error) => {
                let why = format!("bpf(2) is not allowed: {error}");
                let text = format!("\nLEFT OUT: {test} did not run: {why}\n");
                std::io::stderr().write_all(text.as_bytes()).unwrap();
                assert!(std::env::var_os("CI").is_none(), "{test} must run in CI: {why}");
                return None;
            }
        };
        maps.begin().unwrap();
        let program = maps.program(MAC, endpoints, Action::Drop).unwrap();
        Some(Self { program, _maps: maps })
    }

    fn takes(&self, frame: &[u8]) -> bool {
        let action = bpf::test_run(self.program.as_fd(), frame).unwrap();
        assert!(action == Action::Drop as u32 || action == Action::Pass as u32, "{action}");
        action == Action::Drop as u32
    }
}

/// The rules: what the server may take from the kernel.
fn is_for_server(frame: &[u8], endpoints: &[SocketAddr]) -> bool {
    let Some((ethernet, packet)) = frame.split_first_chunk::<14>() else { return false };
    let (to, protocol) = (&ethernet[..6], u16::from_be_bytes([ethernet[12], ethernet[13]]));
    // RFC 791 section 3.1 and RFC 8200 section 3: where a header says what is in it.
    let (header, is_plain_udp, destination) = match protocol {
        0x0800 if packet.len() >= 20 => {
            let (version, words) = (packet[0] >> 4, packet[0] & 15);
            let is_fragment = packet[6] & 0x20 != 0 || packet[6] & 0x1f != 0 || packet[7] != 0;
            let destination = <[u8; 4]>::try_from(&packet[16..20]).unwrap().into();
            let is_plain = version == 4 && words == 5 && !is_fragment && packet[9] == 17;
            (20, is_plain, destination)
        }
        0x86dd if packet.len() >= 40 => {
            let destination = <[u8; 16]>::try_from(&packet[24..40]).unwrap().into();
            (40, packet[0] >> 4 == 6 && packet[6] == 17, destination)
        }
        _ => return false,
    };
    let Some((udp, _)) = packet[header..].split_first_chunk::<8>() else { return false };
    let port = u16::from_be_bytes([udp[2], udp[3]]);
    to == MAC && is_plain_udp && endpoints.contains(&SocketAddr::new(destination, port))
}

/// A frame with a query of 17 octets to this address.
fn frame(to: SocketAddr) -> Vec<u8> {
    let mut frame = [MAC, OTHER_MAC].concat();
    match to.ip() {
        std::net::IpAddr::V4(address) => {
            frame.extend([8, 0, 0x45, 0, 0, 45, 0x12, 0x34, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1]);
            frame.extend(address.octets());
        }
        std::net::IpAddr::V6(address) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 25, 17, 64]);
            frame.extend("2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets());
            frame.extend(address.octets());
        }
    }
    frame.extend([0x99, 0x99]);
    frame.extend(to.port().to_be_bytes());
    frame.extend([0, 25, 0, 0]);
    frame.extend(b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\0\0\x02\0\x01");
    frame
}

/// The frame with other octets at a place.
fn with(mut frame: Vec<u8>, place: usize, octets: &[u8]) -> Vec<u8> {
    frame[place..place + octets.len()].copy_from_slice(octets);
    frame
}

#[test]
fn queries_for_the_server_are_taken_and_nothing_else() {
    let endpoints = endpoints();
    let Some(judge) = Judge::new("queries_for_the_server_are_taken", &endpoints) else { return };
    for endpoint in &endpoints {
        let frame = frame(*endpoint);
        assert!(judge.takes(&frame), "{endpoint}");
        let headers = frame.len() - 17;
        assert!(judge.takes(&frame[..headers]), "{endpoint}: no message");
        for length in 14..headers {
            assert!(!judge.takes(&frame[..length]), "{endpoint}: {length} octets");
        }
    }
    let (v4, v6) = (|| frame(endpoints[0]), || frame(endpoints[4]));
    let vlan = |frame: Vec<u8>| [&frame[..12], &[0x81, 0, 0, 10], &frame[12..]].concat();
    let extended = |next: u8| {
        let frame = with(v6(), 20, &[next]);
        [&frame[..54], &[17, 0, 1, 4, 0, 0, 0, 0], &frame[54..]].concat()
    };
    for (what, frame) in [
        ("another address of the link", with(v4(), 0, &OTHER_MAC)),
        ("broadcast", with(v4(), 0, &[0xff; 6])),
        ("IPv4 multicast", with(v4(), 0, &[1, 0, 0x5e, 0, 0, 1])),
        ("IPv6 multicast", with(v6(), 0, &[0x33, 0x33, 0, 0, 0, 1])),
        ("ARP", with(v4(), 12, &[8, 6])),
        ("IPv6 in a frame of IPv4", with(v6(), 12, &[8, 0])),
        ("IPv4 in a frame of IPv6", with(v4(), 12, &[0x86, 0xdd])),
        ("VLAN", vlan(v4())),
        ("VLAN with IPv6", vlan(v6())),
        ("provider VLAN", with(vlan(v4()), 12, &[0x88, 0xa8])),
        ("IPv4 options", with(v4(), 14, &[0x46])),
        ("a header too short", with(v4(), 14, &[0x44])),
        ("version 6 in IPv4", with(v4(), 14, &[0x65])),
        ("version 4 in IPv6", with(v6(), 14, &[0x40])),
        ("a first fragment", with(v4(), 20, &[0x20, 0])),
        ("a later fragment", with(v4(), 20, &[0, 1])),
        ("a far fragment", with(v4(), 20, &[0x1f, 0xff])),
        ("TCP", with(v4(), 23, &[6])),
        ("UDP-Lite", with(v4(), 23, &[136])),
        ("TCP over IPv6", with(v6(), 20, &[6])),
        ("hop-by-hop options", extended(0)),
        ("a routing header", extended(43)),
        ("an IPv6 fragment", extended(44)),
        ("destination options", extended(60)),
        ("an address one off", with(v4(), 33, &[55])),
        ("an IPv6 address one off", with(v6(), 53, &[0x52])),
        ("an address of another network", with(v6(), 38, &[0x20, 0x02])),
        ("a port one off", with(v4(), 37, &[54])),
        ("a port with its octets swapped", with(v4(), 36, &[53, 0])),
        ("an IPv6 port one off", with(v6(), 57, &[52])),
        ("a port of another address", with(frame(endpoints[1]), 36, &5300_u16.to_be_bytes())),
        ("an answer to the server", with(with(v4(), 34, &[0, 53]), 36, &[0x99, 0x99])),
    ] {
        assert!(!judge.takes(&frame), "{what}");
        assert!(!is_for_server(&frame, &endpoints), "{what}: the rules");
    }
    // Neither length nor checksum are the program's concern, nor the flag against fragments.
    for frame in
        [with(v4(), 16, &[0xff; 2]), with(v4(), 20, &[0x40, 0]), with(v4(), 20, &[0x80, 0])]
    {
        assert!(judge.takes(&frame));
    }
}

#[test]
fn mutated_frames_are_judged_by_the_rules() {
    let endpoints = endpoints();
    let Some(judge) = Judge::new("mutated_frames_are_judged_by_the_rules", &endpoints) else {
        return;
    };
    // SplitMix64: the same frames every time.
    let mut state = 1_u64;
    let mut below = |limit: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % limit as u64).unwrap()
    };
    let mut taken = 0;
    for turn in 0..100_000 {
        let mut mutated = frame(endpoints[below(endpoints.len())]);
        // Most changes in the headers, as nothing else matters.
        for _ in 0..below(4) {
            let place = below(mutated.len().min(62));
            match below(4) {
                0 => mutated[place] ^= 1 << below(8),
                1 => mutated[place] = u8::try_from(below(256)).unwrap(),
                2 => drop(mutated.remove(place)),
                _ => mutated.insert(place, [0, 0x45, 0x60, 17, 53, 0x81][below(6)]),
            }
        }
        if below(8) == 0 {
            mutated.truncate(14 + below(mutated.len() - 13));
        }
        let expected = is_for_server(&mutated, &endpoints);
        taken += u32::from(expected);
        assert_eq!(judge.takes(&mutated), expected, "frame {turn}: {mutated:02x?}");
    }
    // Both outcomes were tried.
    assert!((20_000..80_000).contains(&taken), "{taken}");
}

#[test]
fn as_many_addresses_as_there_may_be_are_taken() {
    let endpoints: Vec<SocketAddr> = (0..MAX_ENDPOINTS as u16)
        .map(|number| SocketAddr::new([0x2001, 0xdb8, 0, 0, 0, 0, 0, number].into(), 53))
        .collect();
    let Some(judge) = Judge::new("as_many_addresses_as_there_may_be", &endpoints) else { return };
    for endpoint in &endpoints {
        assert!(judge.takes(&frame(*endpoint)), "{endpoint}");
    }
}

#[test]
fn nothing_is_taken_before_the_server_begins() {
    let endpoints = endpoints();
    let Some(judge) = Judge::new("nothing_is_taken_before", &endpoints) else { return };
    let maps = Maps::new(1).unwrap();
    let program = maps.program(MAC, &endpoints, Action::Drop).unwrap();
    let waiting = Judge { program, _maps: maps };
    let frame = frame(endpoints[0]);
    assert!(judge.takes(&frame) && !waiting.takes(&frame));
}
