//! RRSIG records that were made elsewhere.

use cvdns_core::dnssec::Dnskey;
use cvdns_core::wire::name::{Name, wire_length};

use crate::verify::verify;

/// Octets of the data before the signer's name.
const HEAD: usize = 18;

/// Class IN.
const IN: [u8; 2] = [0, 1];

/// The data of an RRSIG record (RFC 4034 section 3.1).
#[derive(Debug, Clone)]
pub(crate) struct Rrsig<'r> {
    pub covered: u16,
    pub algorithm: u8,
    pub labels: u8,
    pub original_ttl: u32,
    /// Seconds since 1970, modulo 2^32.
    pub expiration: u32,
    /// Likewise.
    pub inception: u32,
    pub tag: u16,
    pub signer: Name,
    signature: &'r [u8],
    /// What comes before the signer.
    head: &'r [u8],
}

impl<'r> Rrsig<'r> {
    pub(crate) fn parse(rdata: &'r [u8]) -> Option<Self> {
        let (head, rest) = rdata.split_at_checked(HEAD)?;
        let (signer, signature) = rest.split_at_checked(wire_length(rest)?)?;
        let [c1, c0, algorithm, labels, numbers @ .., t1, t0] = head else { return None };
        let ([ttl, expiration, inception], []) = numbers.as_chunks::<4>() else { return None };
        Some(Self {
            covered: u16::from_be_bytes([*c1, *c0]),
            algorithm: *algorithm,
            labels: *labels,
            original_ttl: u32::from_be_bytes(*ttl),
            expiration: u32::from_be_bytes(*expiration),
            inception: u32::from_be_bytes(*inception),
            tag: u16::from_be_bytes([*t1, *t0]),
            signer: Name::from_wire(signer).ok()?,
            signature,
            head,
        })
    }

    /// Whether the signature over a set was made by this key (RFC 4034 section 3.1.8.1). `rdatas`
    /// is the set's data in canonical order, of a type without names in it.
    pub(crate) fn is_by(&self, key: &Dnskey, owner: &Name, rdatas: &[&[u8]]) -> bool {
        let mut octets = self.head.to_vec();
        octets.extend_from_slice(self.signer.to_lower().wire());
        let owner = owner.to_lower();
        for rdata in rdatas {
            let Ok(length) = u16::try_from(rdata.len()) else { return false };
            octets.extend_from_slice(owner.wire());
            octets.extend(self.covered.to_be_bytes());
            octets.extend(IN);
            octets.extend(self.original_ttl.to_be_bytes());
            octets.extend(length.to_be_bytes());
            octets.extend_from_slice(rdata);
        }
        verify(key, &octets, self.signature)
    }
}

/// The number of labels of a name, as the Labels field counts them: without the root.
pub(crate) fn labels(name: &Name) -> u8 {
    let names = std::iter::successors(Some(name.clone()), Name::parent);
    u8::try_from(names.count().saturating_sub(1)).unwrap_or(u8::MAX)
}
