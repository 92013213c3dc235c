//! EDNS(0) (RFC 6891), the client subnet option (RFC 7871) and the cookie option (RFC 7873).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::cookie::QueryCookie;
use super::records::Records;
use super::{rtype, u16_at};

/// Option codes (IANA "DNS EDNS0 Option Codes").
pub mod option {
    /// Name server identifier (RFC 5001).
    pub const NSID: u16 = 3;
    /// EDNS client subnet (RFC 7871).
    pub const ECS: u16 = 8;
    /// DNS cookie (RFC 7873).
    pub const COOKIE: u16 = 10;
    /// TCP keepalive: the idle timeout of a connection (RFC 7828).
    pub const KEEPALIVE: u16 = 11;
    /// Padding (RFC 7830).
    pub const PADDING: u16 = 12;
    /// Extended DNS error (RFC 8914).
    pub const EDE: u16 = 15;
}

/// Whether a message has an OPT record with the TCP keepalive option, be it well-formed or not.
pub fn has_keepalive(message: &[u8]) -> bool {
    let mut opts = Records::new(message).filter(|record| record.rtype == rtype::OPT);
    opts.any(|opt| has_option(opt.rdata, option::KEEPALIVE))
}

/// Contents of a query's OPT record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// Largest UDP answer that the client accepts, in octets; at least 512 (RFC 6891 section
    /// 6.2.3).
    pub udp_size: u16,
    /// Version; only version 0 is defined (RFC 6891 section 6.1.3).
    pub version: u8,
    /// The DO bit, which the answer repeats (RFC 3225 section 3).
    pub dnssec_ok: bool,
    /// Whether the query asks for the name server identifier (RFC 5001).
    pub nsid: bool,
    /// Whether the query has the TCP keepalive option.
    pub keepalive: Keepalive,
    /// Whether the query is padded (RFC 7830).
    pub padding: bool,
    /// The client subnet, which is well-formed.
    pub ecs: Option<ClientSubnet>,
    /// The cookie, which has a valid length. Without a cookie in the query, and if cookies are not
    /// honoured, `None`.
    pub cookie: Option<QueryCookie>,
}

/// The options that are honoured. Others are skipped unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Honoured {
    /// Client subnets (RFC 7871).
    pub ecs: bool,
    /// Cookies (RFC 7873).
    pub cookies: bool,
}

/// The TCP keepalive option of a query (RFC 7828). It has a meaning over TCP alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keepalive {
    /// There is none.
    Absent,
    /// It is empty, as it must be in a query (section 3.2.1).
    Asked,
    /// It has a value, which only an answer may have.
    Malformed,
}

/// The client subnet option of a query (RFC 7871 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientSubnet {
    /// FAMILY: 1 for IPv4, 2 for IPv6. Family 0 comes with an empty address: the client does not
    /// want its address to be used.
    pub family: u16,
    /// SOURCE PREFIX-LENGTH in bits.
    pub source: u8,
    /// The address, left-aligned; the bits after `source` are zero. Two words rather than octets,
    /// because the lookup follows within few cycles: a load of a whole word would stall on recent
    /// stores of single octets.
    halves: [u64; 2],
}

/// The malformed part of an OPT record. The answer is FORMERR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptError {
    /// The list of options: one is cut off.
    Options,
    /// The client subnet option.
    ClientSubnet,
    /// The cookie.
    Cookie,
}

impl Edns {
    /// Reads the CLASS and TTL fields of an OPT record; the options are still to be read.
    pub fn new(class: u16, ttl: [u8; 4]) -> Self {
        let [_, version, flags, _] = ttl;
        Self {
            udp_size: class.max(512),
            version,
            dnssec_ok: flags & 0x80 != 0,
            nsid: false,
            keepalive: Keepalive::Absent,
            padding: false,
            ecs: None,
            cookie: None,
        }
    }

    /// Reads the honoured options from the RDATA.
    ///
    /// # Errors
    /// If an option is cut off, a client subnet violates RFC 7871, or a cookie RFC 7873.
    pub fn read_options(&mut self, mut rest: &[u8], honoured: Honoured) -> Result<(), OptError> {
        // Options of another version may have any form. The answer is BADVERS whatever they hold,
        // with the server's identifier on request, so that users can tell which server sent it.
        if self.version != 0 {
            self.nsid = has_option(rest, option::NSID);
            return Ok(());
        }
        while !rest.is_empty() {
            let code = u16_at(rest, 0).ok_or(OptError::Options)?;
            let length = usize::from(u16_at(rest, 2).ok_or(OptError::Options)?);
            let data = rest.get(4..4 + length).ok_or(OptError::Options)?;
            rest = rest.get(4 + length..).unwrap_or_default();
            match code {
                option::NSID => self.nsid = true,
                option::KEEPALIVE if data.is_empty() && self.keepalive != Keepalive::Malformed => {
                    self.keepalive = Keepalive::Asked;
                }
                option::KEEPALIVE => self.keepalive = Keepalive::Malformed,
                option::PADDING => self.padding = true,
                option::ECS if honoured.ecs => {
                    if self.ecs.is_some() {
                        return Err(OptError::ClientSubnet);
                    }
                    self.ecs = Some(ClientSubnet::parse(data)?);
                }
                // Only the first counts (RFC 7873 section 5.2).
                option::COOKIE if honoured.cookies && self.cookie.is_none() => {
                    self.cookie = Some(QueryCookie::parse(data).ok_or(OptError::Cookie)?);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether this option is among them, up to the first that is cut off.
#[cold]
fn has_option(mut rest: &[u8], wanted: u16) -> bool {
    // Each iteration consumes at least four octets.
    while let Some((head, data)) = rest.split_first_chunk::<4>() {
        let [code1, code0, length1, length0] = *head;
        let Some(next) = data.get(usize::from(u16::from_be_bytes([length1, length0]))..) else {
            return false;
        };
        if u16::from_be_bytes([code1, code0]) == wanted {
            return true;
        }
        rest = next;
    }
    false
}

impl ClientSubnet {
    /// Reads the option's data. In a query SCOPE PREFIX-LENGTH must be 0, and the address must be
    /// as short as the prefix allows, without bits beyond it (RFC 7871 section 6).
    ///
    /// # Errors
    /// If the data breaks one of these rules, or if FAMILY is neither 1 nor 2, nor 0 with an empty
    /// address.
    pub fn parse(data: &[u8]) -> Result<Self, OptError> {
        let bad = OptError::ClientSubnet;
        let [f1, f0, source, scope, address @ ..] = data else { return Err(bad) };
        let family = u16::from_be_bytes([*f1, *f0]);
        let bits = match family {
            0 => 0,
            1 => 32,
            2 => 128,
            _ => return Err(bad),
        };
        if *source > bits || *scope != 0 || address.len() != usize::from(source.div_ceil(8)) {
            return Err(bad);
        }
        let spare = (8 - source % 8) % 8;
        if address.last().is_some_and(|last| last & ((1 << spare) - 1) != 0) {
            return Err(bad);
        }
        let (high, low) = address.split_at(address.len().min(8));
        Ok(Self { family, source: *source, halves: [left_aligned(high), left_aligned(low)] })
    }

    /// The address to look up. `None` for /0, with which the client asks for an answer made for the
    /// resolver's own address (RFC 7871 section 7.1.2).
    pub fn address(&self) -> Option<IpAddr> {
        let [high, low] = self.halves;
        match (self.family, self.source) {
            (_, 0) => None,
            (1, _) => Some(IpAddr::V4(Ipv4Addr::from_bits((high >> 32) as u32))),
            _ => Some(IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low)))),
        }
    }

    /// Length of the address in the option, in octets: as many as SOURCE PREFIX-LENGTH needs.
    pub fn address_length(&self) -> usize {
        usize::from(self.source.div_ceil(8))
    }

    /// The address, padded with zeros at its end.
    pub fn address_octets(&self) -> [u8; 16] {
        let [high, low] = self.halves;
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }
}

/// Up to eight octets as the most significant octets of a word.
fn left_aligned(octets: &[u8]) -> u64 {
    let shifts = (0..u64::BITS).rev().step_by(8).map(|top| top - 7);
    octets.iter().zip(shifts).fold(0, |word, (octet, shift)| word | u64::from(*octet) << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_subnets_follow_rfc_7871_section_6() {
        let ok: [&[u8]; 5] = [
            &[0, 1, 24, 0, 198, 51, 100],
            &[0, 1, 0, 0],
            &[0, 0, 0, 0],
            &[0, 2, 33, 0, 0x20, 1, 0x0d, 0xb8, 0x80],
            &[0, 1, 32, 0, 198, 51, 100, 1],
        ];
        for data in ok {
            assert!(ClientSubnet::parse(data).is_ok(), "{data:?}");
        }
        let bad: [&[u8]; 10] = [
            &[],
            &[0, 1, 24],
            &[0, 1, 24, 0, 198, 51],
            &[0, 1, 24, 0, 198, 51, 100, 0],
            &[0, 1, 33, 0, 198, 51, 100, 0, 0],
            &[0, 2, 129, 0],
            &[0, 1, 24, 24, 198, 51, 100],
            &[0, 1, 23, 0, 198, 51, 101],
            &[0, 3, 8, 0, 1],
            &[0, 0, 8, 0, 1],
        ];
        for data in bad {
            assert_eq!(ClientSubnet::parse(data), Err(OptError::ClientSubnet), "{data:?}");
        }
    }

    /// RFC 6891 section 6.1.3: the answer to another version is BADVERS, whatever the options hold.
    #[test]
    fn in_another_version_the_identifier_is_asked_for_by_a_whole_option() {
        let asks = |rdata: &[u8]| {
            let mut edns = Edns::new(1232, [0, 1, 0, 0]);
            edns.read_options(rdata, Honoured { ecs: true, cookies: true }).unwrap();
            edns.nsid
        };
        assert!(asks(&[0, 3, 0, 0]) && asks(&[0, 9, 0, 1, 7, 0, 3, 0, 0, 0]));
        assert!(!asks(&[0, 3, 0, 1]) && !asks(&[0, 9, 0, 9, 0, 3, 0, 0]) && !asks(&[0, 3, 0]));
    }

    #[test]
    fn source_zero_has_no_address() {
        assert_eq!(ClientSubnet::parse(&[0, 1, 0, 0]).unwrap().address(), None);
        let subnet = ClientSubnet::parse(&[0, 1, 20, 0, 198, 51, 96]).unwrap();
        assert_eq!(subnet.address(), Some("198.51.96.0".parse().unwrap()));
        assert_eq!(
            (subnet.address_length(), subnet.address_octets()[..4].to_vec()),
            (3, vec![198, 51, 96, 0])
        );
    }
}
