//! EDNS(0) (RFC 6891) and the client subnet option (RFC 7871).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::u16_at;

/// Option codes (IANA "DNS EDNS0 Option Codes").
pub mod option {
    /// Name server identifier (RFC 5001).
    pub const NSID: u16 = 3;
    /// EDNS client subnet (RFC 7871).
    pub const ECS: u16 = 8;
    /// Extended DNS error (RFC 8914).
    pub const EDE: u16 = 15;
}

/// What a query's OPT record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// Largest UDP answer that the client takes, in octets; at least 512 (RFC 6891 section 6.2.3).
    pub udp_size: u16,
    /// Version; only 0 is known (RFC 6891 section 6.1.3).
    pub version: u8,
    /// DNSSEC OK, copied into the answer (RFC 3225 section 3).
    pub dnssec_ok: bool,
    /// Whether the server's identifier was asked for (RFC 5001).
    pub nsid: bool,
    /// The client subnet, checked.
    pub ecs: Option<ClientSubnet>,
}

/// A client subnet as a query carried it (RFC 7871 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientSubnet {
    /// 1 IPv4, 2 IPv6, 0 with an empty address: the client does not want to be placed.
    pub family: u16,
    /// SOURCE PREFIX-LENGTH, in bits.
    pub source: u8,
    /// The address, left-aligned; the bits after `source` are zero.
    octets: [u8; 16],
}

/// The record or an option in it is malformed: FORMERR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Edns {
    /// Reads an OPT record from its CLASS, TTL and RDATA fields. With `use_ecs` off, client subnets are passed over unread.
    ///
    /// # Errors
    /// When an option is cut off or a client subnet breaks RFC 7871.
    pub fn parse(class: u16, ttl: [u8; 4], rdata: &[u8], use_ecs: bool) -> Result<Self, Malformed> {
        let [_, version, flags, _] = ttl;
        let mut edns =
            Self { udp_size: class.max(512), version, dnssec_ok: flags & 0x80 != 0, nsid: false, ecs: None };
        // Options of another version cannot be understood: its answer is BADVERS whatever they hold.
        if version == 0 {
            edns.parse_options(rdata, use_ecs)?;
        }
        Ok(edns)
    }

    fn parse_options(&mut self, mut rest: &[u8], use_ecs: bool) -> Result<(), Malformed> {
        while !rest.is_empty() {
            let code = u16_at(rest, 0).ok_or(Malformed)?;
            let length = usize::from(u16_at(rest, 2).ok_or(Malformed)?);
            let data = rest.get(4..4 + length).ok_or(Malformed)?;
            rest = rest.get(4 + length..).unwrap_or_default();
            match code {
                option::NSID => self.nsid = true,
                option::ECS if use_ecs => {
                    if self.ecs.is_some() {
                        return Err(Malformed);
                    }
                    self.ecs = Some(ClientSubnet::parse(data)?);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl ClientSubnet {
    /// Reads the option's data; a query's scope must be 0, the address as short as the prefix allows and without stray
    /// bits (RFC 7871 section 6).
    ///
    /// # Errors
    /// When any of that does not hold, or the family is neither IPv4, IPv6 nor the empty 0.
    pub fn parse(data: &[u8]) -> Result<Self, Malformed> {
        let [f1, f0, source, scope, address @ ..] = data else { return Err(Malformed) };
        let family = u16::from_be_bytes([*f1, *f0]);
        let bits = match family {
            0 => 0,
            1 => 32,
            2 => 128,
            _ => return Err(Malformed),
        };
        if *source > bits || *scope != 0 || address.len() != usize::from(source.div_ceil(8)) {
            return Err(Malformed);
        }
        let mut octets = [0; 16];
        octets.get_mut(..address.len()).ok_or(Malformed)?.copy_from_slice(address);
        let spare = (8 - source % 8) % 8;
        if address.last().is_some_and(|last| last & ((1 << spare) - 1) != 0) {
            return Err(Malformed);
        }
        Ok(Self { family, source: *source, octets })
    }

    /// The address to look up; none for /0, which asks to use the resolver's own (RFC 7871 section 7.1.2).
    pub fn address(&self) -> Option<IpAddr> {
        let [a, b, c, d, ..] = self.octets;
        match (self.family, self.source) {
            (_, 0) => None,
            (1, _) => Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
            _ => Some(IpAddr::V6(Ipv6Addr::from(self.octets))),
        }
    }

    /// The address octets as they stand in the option: as many as SOURCE PREFIX-LENGTH needs.
    pub fn address_octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.source.div_ceil(8))).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_is_checked_as_rfc_7871_section_6_says() {
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
            assert_eq!(ClientSubnet::parse(data), Err(Malformed), "{data:?}");
        }
    }

    #[test]
    fn source_zero_has_no_address() {
        assert_eq!(ClientSubnet::parse(&[0, 1, 0, 0]).unwrap().address(), None);
        let subnet = ClientSubnet::parse(&[0, 1, 20, 0, 198, 51, 96]).unwrap();
        assert_eq!(subnet.address(), Some("198.51.96.0".parse().unwrap()));
        assert_eq!(subnet.address_octets(), [198, 51, 96]);
    }
}
