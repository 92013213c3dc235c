//! Data of DNSKEY records.

use super::algorithm::Algorithm;

/// Zone Key flag (RFC 4034 section 2.1.1).
const ZONE_KEY: u16 = 0x0100;

/// Secure Entry Point flag (RFC 4034 section 2.1.1): a key that signs keys.
const SECURE_ENTRY_POINT: u16 = 0x0001;

/// Revoke flag (RFC 5011 section 2.1).
const REVOKE: u16 = 0x0080;

/// The only valid value of the Protocol field (RFC 4034 section 2.1.2).
const PROTOCOL: u8 = 3;

/// The data of a DNSKEY record (RFC 4034 section 2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dnskey {
    /// Flags.
    pub flags: u16,
    /// Algorithm.
    pub algorithm: Algorithm,
    /// The public key.
    pub public_key: Box<[u8]>,
}

impl Dnskey {
    /// The flags of a key that signs the records of a zone.
    pub const ZONE_SIGNING: u16 = ZONE_KEY;

    /// The flags of a key that signs keys, to which the parent's DS record refers.
    pub const KEY_SIGNING: u16 = ZONE_KEY | SECURE_ENTRY_POINT;

    /// Reads RDATA. `None` if it is no key of a zone by which zones are signed here.
    pub fn parse(rdata: &[u8]) -> Option<Self> {
        let [flags1, flags0, PROTOCOL, number, public_key @ ..] = rdata else { return None };
        let (flags, algorithm) =
            (u16::from_be_bytes([*flags1, *flags0]), Algorithm::of_number(*number)?);
        let is_key = flags & ZONE_KEY != 0 && public_key.len() == algorithm.public_key_length();
        is_key.then(|| Self { flags, algorithm, public_key: public_key.into() })
    }

    /// RDATA.
    pub fn rdata(&self) -> Vec<u8> {
        let [flags1, flags0] = self.flags.to_be_bytes();
        let mut rdata = vec![flags1, flags0, PROTOCOL, self.algorithm.number()];
        rdata.extend_from_slice(&self.public_key);
        rdata
    }

    /// The key tag.
    pub fn tag(&self) -> u16 {
        key_tag(&self.rdata())
    }

    /// Whether the key signs keys (SEP).
    pub fn is_key_signing(&self) -> bool {
        self.flags & SECURE_ENTRY_POINT != 0
    }

    /// Whether the key is revoked (RFC 5011).
    pub fn is_revoked(&self) -> bool {
        self.flags & REVOKE != 0
    }
}

/// The key tag of the data of a DNSKEY record (RFC 4034 appendix B).
pub fn key_tag(rdata: &[u8]) -> u16 {
    let add = |sum: u32, pair: &[u8]| match pair {
        [high, low] => sum.wrapping_add(u32::from(u16::from_be_bytes([*high, *low]))),
        [high] => sum.wrapping_add(u32::from(*high) << 8),
        _ => sum,
    };
    let sum = rdata.chunks(2).fold(0, add);
    (sum.wrapping_add(sum >> 16) & 0xffff) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8080 section 6.1, the first example: a key with the tag 3613.
    const PUBLIC_KEY: [u8; 32] = [
        0x97, 0x4d, 0x96, 0xa2, 0x2d, 0x22, 0x4b, 0xc0, 0x1a, 0xdb, 0x91, 0x50, 0x91, 0x47, 0x7d,
        0x44, 0xcc, 0xd9, 0x1c, 0x9a, 0x41, 0xa1, 0x14, 0x30, 0x01, 0x01, 0x17, 0xd5, 0x2c, 0x59,
        0x24, 0x0e,
    ];

    #[test]
    fn the_tag_of_the_example_of_rfc_8080() {
        let key = Dnskey {
            flags: Dnskey::KEY_SIGNING,
            algorithm: Algorithm::Ed25519,
            public_key: PUBLIC_KEY.into(),
        };
        assert_eq!(key.tag(), 3613);
        assert_eq!(Dnskey::parse(&key.rdata()), Some(key));
    }
}
