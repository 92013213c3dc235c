//! Queries, octet by octet.

use super::{name, rr};
use std::fmt;

pub const QR: u16 = 0x8000;
pub const AA: u16 = 0x0400;
pub const TC: u16 = 0x0200;
pub const RD: u16 = 0x0100;
pub const RA: u16 = 0x0080;
pub const AD: u16 = 0x0020;
pub const CD: u16 = 0x0010;

/// A query with one question. Its fields are what will be sent, however wrong.
#[derive(Clone)]
pub struct Query {
    pub id: u16,
    pub flags: u16,
    pub name: Vec<u8>,
    pub qtype: u16,
    pub qclass: u16,
    pub edns: Option<Opt>,
}

impl Query {
    pub fn new(name: &str, qtype: u16) -> Self {
        Self { id: next_id(), flags: 0, name: name::wire(name), qtype, qclass: rr::IN, edns: None }
    }

    pub fn flags(mut self, flags: u16) -> Self {
        self.flags |= flags;
        self
    }

    pub fn opcode(self, opcode: u16) -> Self {
        self.flags(opcode << 11)
    }

    pub fn class(mut self, class: u16) -> Self {
        self.qclass = class;
        self
    }

    /// EDNS version 0 with this payload size.
    pub fn edns(mut self, size: u16) -> Self {
        self.edns = Some(Opt { size, ..Opt::default() });
        self
    }

    pub fn opt(mut self, change: impl FnOnce(&mut Opt)) -> Self {
        change(self.edns.get_or_insert_with(Opt::default));
        self
    }

    pub fn option(self, code: u16, data: &[u8]) -> Self {
        self.opt(|opt| opt.options.push((code, data.to_vec())))
    }

    /// An ECS option with the fewest address octets that hold `source` bits (RFC 7871, 6).
    pub fn subnet(self, net: &str) -> Self {
        let (address, source) = net.split_once('/').expect("address/length");
        let source: u8 = source.parse().expect("a prefix length");
        let (family, octets) = match address.parse().expect("an address") {
            std::net::IpAddr::V4(v4) => (1, v4.octets().to_vec()),
            std::net::IpAddr::V6(v6) => (2, v6.octets().to_vec()),
        };
        let octets = &octets[..usize::from(source).div_ceil(8)];
        self.option(rr::ECS, &rr::ecs(family, source, 0, octets))
    }

    pub fn question(&self) -> Vec<u8> {
        let mut out = self.name.clone();
        out.extend(self.qtype.to_be_bytes());
        out.extend(self.qclass.to_be_bytes());
        out
    }

    pub fn build(&self) -> Vec<u8> {
        let opt = self.edns.as_ref().map(Opt::build);
        let mut out = header(self.id, self.flags, [1, 0, 0, u16::from(opt.is_some())]);
        out.extend(self.question());
        out.extend(opt.unwrap_or_default());
        out
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, flags, name, qtype, qclass, edns } = self;
        let name = name::text(name);
        write!(f, "query {id} flags {flags:#06x} {name} TYPE{qtype} class{qclass} {edns:02x?}")
    }
}

/// The OPT pseudo-record (RFC 6891, 6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opt {
    pub size: u16,
    pub rcode_high: u8,
    pub version: u8,
    /// DO and the Z bits.
    pub flags: u16,
    pub options: Vec<(u16, Vec<u8>)>,
}

pub const DO: u16 = 0x8000;

impl Default for Opt {
    fn default() -> Self {
        Self { size: 1232, rcode_high: 0, version: 0, flags: 0, options: Vec::new() }
    }
}

impl Opt {
    pub fn build(&self) -> Vec<u8> {
        let mut rdata = Vec::new();
        for (code, data) in &self.options {
            rdata.extend(code.to_be_bytes());
            rdata.extend(length(data));
            rdata.extend_from_slice(data);
        }
        let mut out = vec![0];
        out.extend(rr::OPT.to_be_bytes());
        out.extend(self.size.to_be_bytes());
        out.extend([self.rcode_high, self.version]);
        out.extend(self.flags.to_be_bytes());
        out.extend(length(&rdata));
        out.extend(rdata);
        out
    }

    pub fn option(&self, code: u16) -> Option<&[u8]> {
        self.options.iter().find(|(c, _)| *c == code).map(|(_, data)| data.as_slice())
    }
}

pub fn header(id: u16, flags: u16, counts: [u16; 4]) -> Vec<u8> {
    [id, flags, counts[0], counts[1], counts[2], counts[3]]
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .collect()
}

pub fn length(data: &[u8]) -> [u8; 2] {
    u16::try_from(data.len()).expect("at most 65535 octets").to_be_bytes()
}

/// Ids differ within a process, so that a late answer is never taken for the next one.
pub fn next_id() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0x1001);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
