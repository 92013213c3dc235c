//! From an address to a small number (a path's) and the ECS scope for which it holds.
//!
//! The whole address space is cut into ranges of one number each, adjacent equal ones merged; the scope is the length of the
//! longest prefix around an address that lies in its range.

use std::net::IpAddr;

use super::steps::Steps;
use networks::Networks;
use trie::Trie;

mod networks;
#[cfg(test)]
mod tests;
mod trie;

/// Stands for IPv4's numbers.
const ELSEWHERE: u16 = u16::MAX;
/// Addresses that stand for the IPv4 address in them, first and last: IPv4-mapped (RFC 4291 section 2.5.5.2), 6to4
/// (RFC 3056).
const EMBEDDING: [(u128, u128); 2] =
    [(0xffff << 32, (0x1_0000 << 32) - 1), (0x2002 << 112, (0x2003 << 112) - 1)];

/// What an address maps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number.
    pub value: u16,
    /// Length in bits of the longest prefix around the address in which every address has that number.
    pub scope: u8,
}

/// Where a look-up goes on: places in one of the two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seek {
    low: u32,
    high: u32,
}

/// The table of all addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTable {
    v4: Trie,
    v6: Networks,
    /// Shortest scope of an IPv4 address: 0 means all addresses, IPv6 too (RFC 7871 section 7.3.1).
    least: u8,
}

impl ClientTable {
    /// Makes the table of numbers below 2^16 − 2.
    pub fn new(v4: &Steps<u32, u16>, mut v6: Steps<u128, u16>) -> Self {
        for (first, last) in EMBEDDING {
            v6.paint(first, last, ELSEWHERE);
        }
        let of_v6 = v6.iter().map(|(_, value)| *value).filter(|value| *value != ELSEWHERE);
        let mut values = v4.iter().map(|(_, value)| *value).chain(of_v6);
        let first = values.next().unwrap_or_default();
        let uniform = values.all(|value| value == first);
        if uniform {
            v6 = Steps::flat(first);
        }
        Self { v4: Trie::new(v4), v6: Networks::new(&v6), least: u8::from(!uniform) }
    }

    /// Looks an address up.
    pub fn get(&self, address: IpAddr) -> Place {
        self.found(address, self.seek(address))
    }

    /// The first half of a look-up: where its second half is going to read. Who looks several addresses up does all first
    /// halves first: then what one waits for in memory, all wait for together.
    pub fn seek(&self, address: IpAddr) -> Seek {
        match ipv4_of(address) {
            Ok((address, _)) => Seek { low: self.v4.seek(address), high: 0 },
            Err(address) => {
                let (low, high) = self.v6.seek(address);
                Seek { low, high }
            }
        }
    }

    /// The second half of a look-up of the same address. IPv4-mapped and 6to4 addresses stand where their IPv4 address
    /// stands, and no scope of another address reaches into them.
    pub fn found(&self, address: IpAddr, at: Seek) -> Place {
        match ipv4_of(address) {
            Ok((address, embedding)) => {
                let place = self.v4.found(address, at.low);
                let scope = match embedding {
                    0 => place.scope.max(self.least),
                    // The whole of an embedding prefix is claimed, and no more unless it is everything.
                    prefix => place.scope + if self.least == 0 { 0 } else { prefix },
                };
                Place { scope, ..place }
            }
            Err(address) => self.v6.found(address, (at.low, at.high)),
        }
    }

    /// How much memory it takes.
    pub fn octets(&self) -> usize {
        self.v4.octets() + self.v6.octets()
    }
}

/// The IPv4 address that an address is or stands for, and the length of the prefix behind which it is embedded; or the IPv6
/// address.
fn ipv4_of(address: IpAddr) -> Result<(u32, u8), u128> {
    let bits = match address {
        IpAddr::V4(address) => return Ok((address.to_bits(), 0)),
        IpAddr::V6(address) => address.to_bits(),
    };
    if bits >> 32 == 0xffff {
        return Ok((bits as u32, 96));
    }
    if bits >> 112 == 0x2002 {
        return Ok(((bits >> 80) as u32, 16));
    }
    Err(bits)
}
