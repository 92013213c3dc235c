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

/// Addresses to be looked up together; kept by its user for its room.
#[derive(Debug, Clone, Default)]
pub struct Sought {
    v4: Vec<LookUp<u32>>,
    v6: Vec<LookUp<u128>>,
}

/// One of them. Each step of a look-up is taken for all before the next: the steps wait for memory, and short loops of
/// one step let the processor have many reads under way.
#[derive(Debug, Clone, Copy)]
struct LookUp<A> {
    address: A,
    /// What its user knows it by.
    number: usize,
    /// What the next step reads, in the terms of the table: a place, an entry, or from where up to where.
    at: (u32, u32),
    embedding: u8,
    place: Place,
}

impl Sought {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.v4.clear();
        self.v6.clear();
    }

    /// Adds an address, under a number that is its user's.
    pub fn push(&mut self, number: usize, address: IpAddr) {
        let (at, place) = ((0, 0), Place { value: 0, scope: 0 });
        match ipv4_of(address) {
            Ok((address, embedding)) => {
                self.v4.push(LookUp { address, number, at, embedding, place });
            }
            Err(address) => self.v6.push(LookUp { address, number, at, embedding: 0, place }),
        }
    }

    /// The numbers, in no order, and where their addresses were found.
    pub fn found(&self) -> impl Iterator<Item = (usize, Place)> {
        let v4 = self.v4.iter().map(|look_up| (look_up.number, look_up.place));
        v4.chain(self.v6.iter().map(|look_up| (look_up.number, look_up.place)))
    }
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
        match ipv4_of(address) {
            Ok((address, embedding)) => self.of_v4(self.v4.get(address), embedding),
            Err(address) => self.v6.get(address),
        }
    }

    /// Looks several addresses up, which costs less than one after the other.
    pub fn get_all(&self, sought: &mut Sought) {
        self.v4.get_all(&mut sought.v4);
        self.v6.get_all(&mut sought.v6);
        for look_up in &mut sought.v4 {
            look_up.place = self.of_v4(look_up.place, look_up.embedding);
        }
    }

    /// IPv4-mapped and 6to4 addresses stand where their IPv4 address stands, and no scope of another address reaches into them.
    fn of_v4(&self, place: Place, embedding: u8) -> Place {
        let scope = match embedding {
            0 => place.scope.max(self.least),
            // The whole of an embedding prefix is claimed, and no more unless it is everything.
            prefix => place.scope + if self.least == 0 { 0 } else { prefix },
        };
        Place { scope, ..place }
    }

    /// How much memory it takes.
    pub fn octets(&self) -> usize {
        self.v4.octets() + self.v6.octets()
    }
}

/// The IPv4 address that an address is or stands for, and the length of the prefix behind which it is embedded; or the IPv6
/// address.
pub(super) fn ipv4_of(address: IpAddr) -> Result<(u32, u8), u128> {
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
