//! The DNS wire format: names, incoming queries, EDNS with client subnet and cookie, TSIG, the
//! records of any message, and a writer of messages.

pub mod cookie;
pub mod edns;
pub mod lower;
pub mod name;
pub mod query;
pub mod records;
pub mod tsig;
pub mod writer;

pub use records::lifetime;

/// RR types with special treatment in answers (IANA "Domain Name System (DNS) Parameters").
pub mod rtype {
    #![allow(missing_docs)] // The names are those of the IANA registry.
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const PTR: u16 = 12;
    pub const HINFO: u16 = 13;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const DNAME: u16 = 39;
    pub const OPT: u16 = 41;
    pub const DS: u16 = 43;
    pub const RRSIG: u16 = 46;
    pub const NSEC: u16 = 47;
    pub const DNSKEY: u16 = 48;
    pub const NSEC3: u16 = 50;
    pub const NSEC3PARAM: u16 = 51;
    pub const CDS: u16 = 59;
    pub const CDNSKEY: u16 = 60;
    pub const TKEY: u16 = 249;
    pub const TSIG: u16 = 250;
    pub const IXFR: u16 = 251;
    pub const AXFR: u16 = 252;
    pub const MAILB: u16 = 253;
    pub const MAILA: u16 = 254;
    pub const ANY: u16 = 255;
}

/// Classes (RFC 1035 section 3.2.4).
pub mod class {
    /// The Internet.
    pub const IN: u16 = 1;
    /// CHAOS: questions about the server itself.
    pub const CH: u16 = 3;
}

/// Response codes (RFC 1035 section 4.1.1, RFC 2136 section 2.2, RFC 6891 section 9).
pub mod rcode {
    #![allow(missing_docs)] // The names are those of the IANA registry.
    pub const NOERROR: u16 = 0;
    pub const FORMERR: u16 = 1;
    pub const SERVFAIL: u16 = 2;
    pub const NXDOMAIN: u16 = 3;
    pub const NOTIMP: u16 = 4;
    pub const REFUSED: u16 = 5;
    pub const YXDOMAIN: u16 = 6;
    /// The signature is not accepted (RFC 8945 section 5.2).
    pub const NOTAUTH: u16 = 9;
    /// An unknown version of EDNS. The upper eight bits of the code are in the OPT record.
    pub const BADVERS: u16 = 16;
    /// The cookie is not valid (RFC 7873 section 5.2.3).
    pub const BADCOOKIE: u16 = 23;
}

/// Length of the message header in octets (RFC 1035 section 4.1.1).
pub const HEADER: usize = 12;
/// Length of the longest message in octets. Over TCP, a length of two octets precedes each message
/// (RFC 1035 section 4.2.2).
pub const MAX_MESSAGE: usize = 65_535;

/// Reads the big-endian 16-bit number at offset `at`; `None` if `bytes` ends before it does.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_be_bytes)
}
