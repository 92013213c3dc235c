//! Numbers of the registries, and rdata in wire form.

use super::name;
use std::net::{Ipv4Addr, Ipv6Addr};

pub const A: u16 = 1;
pub const NS: u16 = 2;
pub const CNAME: u16 = 5;
pub const SOA: u16 = 6;
pub const PTR: u16 = 12;
pub const HINFO: u16 = 13;
pub const MX: u16 = 15;
pub const TXT: u16 = 16;
pub const AAAA: u16 = 28;
pub const SRV: u16 = 33;
pub const DNAME: u16 = 39;
pub const OPT: u16 = 41;
pub const DS: u16 = 43;
pub const DNSKEY: u16 = 48;
pub const ANY: u16 = 255;
pub const CAA: u16 = 257;

pub const IN: u16 = 1;
pub const CH: u16 = 3;

pub const NOERROR: u16 = 0;
pub const FORMERR: u16 = 1;
pub const SERVFAIL: u16 = 2;
pub const NXDOMAIN: u16 = 3;
pub const NOTIMP: u16 = 4;
pub const REFUSED: u16 = 5;
pub const YXDOMAIN: u16 = 6;
pub const BADVERS: u16 = 16;
pub const BADCOOKIE: u16 = 23;

/// EDNS option codes.
pub const NSID: u16 = 3;
pub const ECS: u16 = 8;
pub const COOKIE: u16 = 10;
pub const EDE: u16 = 15;

pub fn a(address: &str) -> Vec<u8> {
    address.parse::<Ipv4Addr>().expect("an IPv4 address").octets().to_vec()
}

pub fn aaaa(address: &str) -> Vec<u8> {
    address.parse::<Ipv6Addr>().expect("an IPv6 address").octets().to_vec()
}

/// A character-string for each of `strings` (RFC 1035, 3.3.14).
pub fn txt(strings: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for string in strings {
        out.push(u8::try_from(string.len()).expect("at most 255 octets"));
        out.extend_from_slice(string);
    }
    out
}

pub fn soa(mname: &str, rname: &str, numbers: [u32; 5]) -> Vec<u8> {
    let mut out = name::wire(mname);
    out.extend(name::wire(rname));
    for number in numbers {
        out.extend(number.to_be_bytes());
    }
    out
}

/// An EDNS Client Subnet option's data (RFC 7871, 6), with whatever values the test wants.
pub fn ecs(family: u16, source: u8, scope: u8, address: &[u8]) -> Vec<u8> {
    let mut out = family.to_be_bytes().to_vec();
    out.push(source);
    out.push(scope);
    out.extend_from_slice(address);
    out
}

/// The number of a type's mnemonic, or of `TYPEnnn` (RFC 3597, 5).
pub fn number(mnemonic: &str) -> u16 {
    if let Some(number) = mnemonic.strip_prefix("TYPE") {
        return number.parse().expect("TYPE and a number");
    }
    let known = [
        ("A", A),
        ("NS", NS),
        ("CNAME", CNAME),
        ("SOA", SOA),
        ("PTR", PTR),
        ("HINFO", HINFO),
        ("MINFO", 14),
        ("MX", MX),
        ("TXT", TXT),
        ("RP", 17),
        ("AFSDB", 18),
        ("AAAA", AAAA),
        ("LOC", 29),
        ("SRV", SRV),
        ("NAPTR", 35),
        ("KX", 36),
        ("CERT", 37),
        ("DNAME", DNAME),
        ("APL", 42),
        ("DS", DS),
        ("SSHFP", 44),
        ("DNSKEY", 48),
        ("TLSA", 52),
        ("OPENPGPKEY", 61),
        ("SVCB", 64),
        ("HTTPS", 65),
        ("EUI48", 108),
        ("ANY", ANY),
        ("URI", 256),
        ("CAA", CAA),
        ("NULL", 10),
        ("WKS", 11),
        ("X25", 19),
        ("ISDN", 20),
        ("RT", 21),
        ("NSAP", 22),
        ("NSAP-PTR", 23),
        ("SIG", 24),
        ("KEY", 25),
        ("PX", 26),
        ("GPOS", 27),
        ("NXT", 30),
        ("EID", 31),
        ("NIMLOC", 32),
        ("ATMA", 34),
        ("A6", 38),
        ("SINK", 40),
        ("RRSIG", 46),
        ("NSEC", 47),
        ("NSEC3", 50),
        ("DHCID", 49),
        ("SMIMEA", 53),
        ("HIP", 55),
        ("NINFO", 56),
        ("RKEY", 57),
        ("TALINK", 58),
        ("CDS", 59),
        ("CDNSKEY", 60),
        ("CSYNC", 62),
        ("DSYNC", 66),
        ("HHIT", 67),
        ("BRID", 68),
        ("SPF", 99),
        ("UINFO", 100),
        ("UID", 101),
        ("GID", 102),
        ("UNSPEC", 103),
        ("NID", 104),
        ("L32", 105),
        ("L64", 106),
        ("LP", 107),
        ("EUI64", 109),
        ("AVC", 258),
        ("DOA", 259),
        ("AMTRELAY", 260),
        ("RESINFO", 261),
        ("WALLET", 262),
        ("TA", 32768),
        ("DLV", 32769),
    ];
    let found = known.iter().find(|(name, _)| *name == mnemonic);
    found.unwrap_or_else(|| panic!("no number known for {mnemonic}")).1
}
