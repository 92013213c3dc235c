//! Frames that no kernel has made: what they are answered with, octet by octet, and which get no
//! answer at all. `wire.py` sends and receives them.

use crate::support::client::Transport;
use crate::support::daemon::Daemon;
use crate::support::lab::{
    CLIENT, CLIENTS_CARD, CLIENTS_MAC, MAC, SECOND, SERVER, at_clients, by_sockets, hex,
};
use crate::support::packet::Query;
use crate::support::{fixture, place, rr};
use std::fmt::Write as _;
use std::net::IpAddr;

/// A datagram on its way to the server, with headers as they should be.
struct Packet {
    ip: Vec<u8>,
    udp: Vec<u8>,
}

const CLIENT_PORT: u16 = 40_000;

impl Packet {
    fn new(from: &str, to: &str, ports: [u16; 2], message: &[u8]) -> Self {
        let length = u16::try_from(8 + message.len()).unwrap();
        let [from, to]: [IpAddr; 2] = [from, to].map(|ip| ip.parse().unwrap());
        let ip = match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let total = (20 + length).to_be_bytes();
                let head = [0x45, 0, total[0], total[1], 0x12, 0x34, 0, 0, 64, 17, 0, 0];
                [&head[..], &from.octets(), &to.octets()].concat()
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let payload = length.to_be_bytes();
                let head = [0x60, 0, 0, 0, payload[0], payload[1], 17, 64];
                [&head[..], &from.octets(), &to.octets()].concat()
            }
            _ => unreachable!(),
        };
        let udp = [ports[0], ports[1], length, 0].map(u16::to_be_bytes).concat();
        Self { ip, udp: [udp, message.to_vec()].concat() }.summed()
    }

    /// With other octets of the IP header, whose checksum is right again.
    fn ip(mut self, place: usize, octets: &[u8]) -> Self {
        self.ip[place..place + octets.len()].copy_from_slice(octets);
        self.summed()
    }

    /// With other octets of the UDP header, whose checksum is right again.
    fn udp(mut self, place: usize, octets: &[u8]) -> Self {
        self.udp[place..place + octets.len()].copy_from_slice(octets);
        self.summed()
    }

    /// With another checksum of the datagram.
    fn sum(mut self, octets: [u8; 2]) -> Self {
        self.udp[6..8].copy_from_slice(&octets);
        self
    }

    fn is_v4(&self) -> bool {
        self.ip[0] >> 4 == 4
    }

    /// Both checksums (RFC 791, 768, 8200).
    fn summed(mut self) -> Self {
        let addresses = if self.is_v4() { 12..20 } else { 8..40 };
        if self.is_v4() {
            self.ip[10..12].fill(0);
            let sum = checksum(&self.ip);
            self.ip[10..12].copy_from_slice(&sum);
        }
        self.udp[6..8].fill(0);
        let pseudo = [&self.ip[addresses], &[0, 17], &self.udp[4..6], &self.udp].concat();
        let sum = checksum(&pseudo);
        self.udp[6..8].copy_from_slice(if sum == [0, 0] { &[0xff, 0xff] } else { &sum });
        self
    }

    fn frame(&self) -> Vec<u8> {
        let kind: [u8; 2] = if self.is_v4() { [8, 0] } else { [0x86, 0xdd] };
        [&MAC[..], &CLIENTS_MAC, &kind, &self.ip, &self.udp].concat()
    }
}

fn checksum(octets: &[u8]) -> [u8; 2] {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    let mut sum: u32 = octets.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    (!(sum as u16)).to_be_bytes()
}

/// Sends frames to a server, one after the other, and returns the frames that each is answered
/// with.
fn exchange(server: &Daemon, frames: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    let probe = Query { id: 0xffff, ..Query::new("www.clam.example", rr::A) }.build();
    let probe = Packet::new(CLIENT[0], SERVER[0], [CLIENT_PORT, server.port()], &probe).frame();
    let mut lines = String::new();
    for frame in std::iter::once(&probe).chain(frames) {
        writeln!(lines, "{}", hex(frame)).unwrap();
    }
    let file = server.path().join("frames");
    std::fs::write(&file, lines).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/xdp/wire.py");
    let command = format!("python3 {script} {CLIENTS_CARD} < {}", file.display());
    let printed = at_clients(server.port(), &command);
    let octets = |line: &str| -> Vec<u8> {
        let pairs = line.as_bytes().chunks(2);
        pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    };
    let mut answers = vec![Vec::new()];
    for line in printed.lines() {
        if line == "." {
            answers.push(Vec::new());
        } else {
            answers.last_mut().unwrap().push(octets(line));
        }
    }
    assert_eq!(answers.pop(), Some(Vec::new()));
    assert_eq!(answers.len(), frames.len());
    answers
}

/// A server whose card has one queue, so that frames stay in their order. `None` if there are no
/// namespaces.
fn server() -> Option<Daemon> {
    place::set_kind("1 native");
    place::is_lab().then(|| Daemon::start(&fixture::files()))
}

#[test]
fn answers_are_those_of_sockets_in_frames_to_whoever_asked() {
    let Some(server) = server() else { return };
    let port = server.port();
    let ([s4, s6], [c4, c6]) = (SERVER, CLIENT);
    let names = ["www.clam.example", "db.de.clam.example", "none.clam.example", "."];
    for name in names {
        let query = Query::new(name, rr::A).edns(1232);
        let message = query.build();
        let v4 = || Packet::new(c4, s4, [CLIENT_PORT, port], &message);
        let v6 = || Packet::new(c6, s6, [CLIENT_PORT, port], &message);
        let mut padded = v4().frame();
        padded.resize(padded.len() + 18, 0xaa);
        let mut padded6 = v6().frame();
        padded6.resize(padded6.len() + 7, 0xaa);
        let frames = [
            ("IPv4", v4().frame()),
            ("IPv6", v6().frame()),
            ("padding of Ethernet", padded),
            ("padding of Ethernet, IPv6", padded6),
            ("no checksum", v4().sum([0, 0]).frame()),
            ("do not fragment", v4().ip(6, &[0x40, 0]).frame()),
            ("TTL 1", v4().ip(8, &[1]).frame()),
            ("a traffic class", v4().ip(1, &[0xb8]).frame()),
            ("a traffic class and a flow label", v6().ip(0, &[0x6b, 0x81, 0x23, 0x45]).frame()),
            ("a hop limit of 1", v6().ip(7, &[1]).frame()),
        ];
        // Answers may differ in the order of addresses: each is compared by what is always there.
        let before = by_sockets(port);
        let sent: Vec<_> = frames.iter().map(|(_, frame)| frame.clone()).collect();
        let answers = exchange(&server, &sent);
        assert_eq!(by_sockets(port), before, "sockets had nothing to do");
        let by_tcp = server.client().exchange(Transport::Tcp4, &message).unwrap();
        for ((what, frame), answers) in frames.iter().zip(answers) {
            let [answer] = &answers[..] else { panic!("{name}, {what}: {answers:02x?}") };
            let is_v4 = frame[12] == 8;
            let (addresses, headers) = if is_v4 { (26..34, 42) } else { (22..54, 62) };
            assert_eq!(answer[..6], frame[6..12], "{what}: to whom");
            assert_eq!(answer[6..12], frame[..6], "{what}: from whom");
            assert_eq!(answer[12..14], frame[12..14], "{what}");
            let swapped = |range: std::ops::Range<usize>| {
                let middle = range.start + range.len() / 2;
                [&frame[middle..range.end], &frame[range.start..middle]].concat()
            };
            assert_eq!(answer[addresses.clone()], swapped(addresses), "{what}: addresses");
            assert_eq!(answer[headers - 8..headers - 4], swapped(headers - 8..headers - 4));
            let hops = if is_v4 { answer[22] } else { answer[21] };
            assert_eq!(hops, 64, "{what}");
            let length = answer.len() - headers;
            assert_eq!(length, by_tcp.len(), "{name}, {what}: the answer's length");
            assert_eq!(answer[headers..headers + 12], by_tcp[..12], "{what}: the header");
            if name != "db.de.clam.example" {
                assert_eq!(answer[headers..], by_tcp[..], "{name}, {what}: the answer");
            }
        }
    }
}

#[test]
fn frames_that_lie_get_no_answer() {
    let Some(server) = server() else { return };
    let port = server.port();
    let ([s4, s6], [c4, c6]) = (SERVER, CLIENT);
    let message = Query::new("www.clam.example", rr::A).build();
    let v4 = || Packet::new(c4, s4, [CLIENT_PORT, port], &message);
    let v6 = || Packet::new(c6, s6, [CLIENT_PORT, port], &message);
    let from = |address: &str, source: u16| {
        let to = if address.contains(':') { s6 } else { s4 };
        Packet::new(address, to, [source, port], &message).frame()
    };
    let bad_header = {
        let mut packet = v4();
        packet.ip[10] ^= 1;
        packet.frame()
    };
    let cut = |packet: Packet, octets: usize| {
        let frame = packet.frame();
        frame[..frame.len() - octets].to_vec()
    };
    let tagged = |frame: Vec<u8>| [&frame[..12], &[0x81, 0, 0, 10], &frame[12..]].concat();
    let answer = {
        let mut message = message.clone();
        message[2] |= 0x80;
        Packet::new(c4, s4, [CLIENT_PORT, port], &message).frame()
    };
    let frames = [
        ("a wrong checksum", v4().sum([0x12, 0x34]).frame()),
        ("a wrong checksum, IPv6", v6().sum([0x12, 0x34]).frame()),
        ("no checksum, IPv6", v6().sum([0, 0]).frame()),
        ("a wrong checksum of the header", bad_header),
        ("longer than the packet", v4().udp(4, &[1, 0]).frame()),
        ("longer than the packet, IPv6", v6().udp(4, &[1, 0]).frame()),
        ("shorter than a header", v4().udp(4, &[0, 7]).frame()),
        ("shorter than a header, IPv6", v6().udp(4, &[0, 7]).frame()),
        ("a packet longer than its frame", v4().ip(2, &[1, 0]).frame()),
        ("a packet longer than its frame, IPv6", v6().ip(4, &[1, 0]).frame()),
        ("a packet shorter than its headers", v4().ip(2, &[0, 27]).frame()),
        ("a packet shorter than its headers, IPv6", v6().ip(4, &[0, 7]).frame()),
        ("cut off", cut(v4(), 1)),
        ("cut off, IPv6", cut(v6(), 1)),
        ("a fragment", v4().ip(6, &[0x20, 0]).frame()),
        ("a VLAN", tagged(v4().frame())),
        ("a VLAN, IPv6", tagged(v6().frame())),
        ("from the server itself", from(s4, port)),
        ("from the server itself, IPv6", from(s6, port)),
        ("from another port of the server", from(s4, CLIENT_PORT)),
        ("from another port of the server, IPv6", from(s6, CLIENT_PORT)),
        ("from the server's second address", from(SECOND[0], CLIENT_PORT)),
        ("from the server's second address, IPv6", from(SECOND[1], CLIENT_PORT)),
        // Made of the MAC address (RFC 4291 appendix A).
        ("from the server's link-local address", from("fe80::ff:fe00:2", CLIENT_PORT)),
        ("from all of the network", from("198.18.0.255", CLIENT_PORT)),
        ("from the network", from("198.18.0.0", CLIENT_PORT)),
        ("from loopback", from("127.0.0.1", CLIENT_PORT)),
        ("from loopback, IPv6", from("::1", CLIENT_PORT)),
        ("from nobody", from("0.0.0.0", CLIENT_PORT)),
        ("from nobody, IPv6", from("::", CLIENT_PORT)),
        ("from a group", from("224.0.0.251", CLIENT_PORT)),
        ("from a group, IPv6", from("ff02::fb", CLIENT_PORT)),
        ("from all", from("255.255.255.255", CLIENT_PORT)),
        ("from port 0", from(c4, 0)),
        ("from port 0, IPv6", from(c6, 0)),
        ("from the port of an echo", from(c4, 7)),
        ("from the port of an echo, IPv6", from(c6, 7)),
        ("an answer", answer),
        ("no message", Packet::new(c4, s4, [CLIENT_PORT, port], &[]).frame()),
        ("half a header", Packet::new(c4, s4, [CLIENT_PORT, port], &message[..6]).frame()),
    ];
    let sent: Vec<_> = frames.iter().map(|(_, frame)| frame.clone()).collect();
    for ((what, _), answers) in frames.iter().zip(exchange(&server, &sent)) {
        assert!(answers.is_empty(), "{what}: {answers:02x?}");
    }
    // None of them has harmed anything.
    let [answers] = &exchange(&server, &[v6().frame()])[..] else { unreachable!() };
    assert_eq!(answers.len(), 1);
}
