//! Builds queries for all benchmarks, and random numbers to choose them.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each benchmark uses its own part")]

#[path = "../../tests/support/numbers.rs"]
mod numbers;

use std::net::IpAddr;

pub use numbers::Numbers;

pub const A: u16 = 1;
pub const TXT: u16 = 16;
pub const AAAA: u16 = 28;

/// Number of different queries of a benchmark without sockets.
pub const SET: usize = 4096;

/// The OPT record of a query.
#[derive(Clone, Copy)]
pub enum Edns {
    /// No OPT.
    None,
    /// OPT with a payload size of 1232 octets.
    Plain,
    /// The same with the client's subnet: a /24 or a /56.
    Subnet(IpAddr),
    /// The same with the client's part of a cookie (RFC 7873).
    Cookie,
}

/// One kind of query that is measured without sockets.
pub struct Kind {
    pub label: &'static str,
    pub set: Vec<Vec<u8>>,
}

/// Every kind of answer, each with so many queries that no branch predictor learns them.
pub fn kinds() -> Vec<Kind> {
    let kind = |label, one: fn(&mut Numbers) -> Vec<u8>| Kind { label, set: set_of(one) };
    vec![
        kind("record", |_| query("current.cvd.clamav.net", TXT, Edns::None)),
        kind("db.XY", of_country),
        kind("db.local, ECS IPv4", with_v4),
        kind("db.local, ECS IPv6", with_v6),
        kind("download report", |numbers| query(&report(numbers), A, Edns::None)),
        kind("NXDOMAIN", |numbers| {
            query(&format!("x{}.clamav.net", numbers.next()), A, Edns::None)
        }),
    ]
}

/// A query as freshclam 0.97.1 to 0.101 sends it, for a mirror of the example or another host.
fn report(numbers: &mut Numbers) -> String {
    let address = 0xc000_0200 + (numbers.next() & 0xff);
    format!("daily.{}.105.1.0.{address:08X}.ping.clamav.net", 25_000 + numbers.below(1000))
}

pub fn set_of(mut one: impl FnMut(&mut Numbers) -> Vec<u8>) -> Vec<Vec<u8>> {
    let mut numbers = Numbers(1);
    (0..SET).map(|_| one(&mut numbers)).collect()
}

pub fn with_v4(numbers: &mut Numbers) -> Vec<u8> {
    query("db.local.clamav.net", A, Edns::Subnet(IpAddr::V4(numbers.v4().into())))
}

pub fn with_v6(numbers: &mut Numbers) -> Vec<u8> {
    query("db.local.clamav.net", A, Edns::Subnet(IpAddr::V6(numbers.v6().into())))
}

pub fn of_country(numbers: &mut Numbers) -> Vec<u8> {
    of_country_with(numbers, Edns::None)
}

pub fn of_country_with(numbers: &mut Numbers, edns: Edns) -> Vec<u8> {
    const CODES: [&str; 12] =
        ["de", "us", "fr", "jp", "br", "uk", "au", "za", "in", "li", "aq", "cn"];
    query(&format!("db.{}.clamav.net", numbers.one_of(&CODES)), A, edns)
}

/// A query with a fixed id.
pub fn query(name: &str, qtype: u16, edns: Edns) -> Vec<u8> {
    let mut bytes =
        vec![0x2a, 0x17, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(!matches!(edns, Edns::None))];
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(qtype.to_be_bytes());
    bytes.extend([0, 1]);
    let options = match edns {
        Edns::None => return bytes,
        Edns::Plain => Vec::new(),
        Edns::Cookie => vec![0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8],
        Edns::Subnet(IpAddr::V4(address)) => subnet(1, 24, &address.octets()),
        Edns::Subnet(IpAddr::V6(address)) => subnet(2, 56, &address.octets()),
    };
    bytes.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, options.len() as u8]);
    bytes.extend(options);
    bytes
}

/// The ECS option (RFC 7871 section 6).
fn subnet(family: u8, prefix: u8, address: &[u8]) -> Vec<u8> {
    let octets = address.get(..usize::from(prefix / 8)).unwrap();
    let mut option = vec![0, 8, 0, octets.len() as u8 + 4, 0, family, prefix, 0];
    option.extend(octets);
    option
}
