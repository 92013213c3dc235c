//! The frames of a workload's queries.

use crate::queries::Numbers;
use crate::query_set::QuerySet;

use super::lab::{CLIENT_MAC, CLIENTS, SERVER, SERVER_MAC};

/// Number of different frames, a power of two.
pub const COUNT: usize = 1 << 16;

/// Frames of equal length.
pub struct Frames {
    pub all: Vec<Vec<u8>>,
    pub octets: usize,
    /// Octets of a query.
    pub query: usize,
}

impl Frames {
    /// The first queries of a set, each from one of so many clients, with right checksums. They
    /// must be of one length, as programs copy so many octets.
    pub fn of(queries: &QuerySet, clients: u32) -> Self {
        let mut numbers = Numbers(23);
        let frame = |number| {
            let mut message = queries.packet(queries.entry(number)).to_vec();
            message[..2].copy_from_slice(&(numbers.next() as u16).to_be_bytes());
            let client = numbers.below(clients as usize) as u16;
            frame(&message, client, 1024 + numbers.below(64_000) as u16)
        };
        let all: Vec<Vec<u8>> = (0..COUNT).map(frame).collect();
        let octets = all[0].len();
        assert!(all.iter().all(|frame| frame.len() == octets), "queries of several lengths");
        Self { all, octets, query: octets - 42 }
    }
}

/// A query over IPv4 and Ethernet.
fn frame(message: &[u8], client: u16, port: u16) -> Vec<u8> {
    let length = (8 + message.len()) as u16;
    let mut ip = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0];
    ip[2..4].copy_from_slice(&(20 + length).to_be_bytes());
    let [high, low] = client.to_be_bytes();
    let [a, b, ..] = CLIENTS.octets();
    let addresses = [&[a, b, high, low][..], &SERVER.octets()].concat();
    ip.extend(&addresses);
    let checksum = !sum(&[&ip]);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    let mut udp = [port.to_be_bytes(), 53_u16.to_be_bytes(), length.to_be_bytes(), [0, 0]].concat();
    let checksum = !sum(&[&addresses, &[0, 17], &length.to_be_bytes(), &udp, message]);
    let checksum = if checksum == 0 { 0xffff } else { checksum };
    udp[6..].copy_from_slice(&checksum.to_be_bytes());
    [&SERVER_MAC, &CLIENT_MAC, &[0x08, 0x00][..], &ip, &udp, message].concat()
}

/// The sum of 16-bit words (RFC 1071). All parts but the last have an even number of octets.
fn sum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for word in parts.iter().flat_map(|part| part.chunks(2)) {
        sum += u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
