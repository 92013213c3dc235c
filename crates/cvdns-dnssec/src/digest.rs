//! Data of DS and CDS records.

use cvdns_core::dnssec::Dnskey;
use cvdns_core::wire::name::Name;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384};

/// How the key is digested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum DigestType {
    /// SHA-1 (RFC 4034 section 5.1.4), which parents may still have and nobody should add.
    Sha1 = 1,
    /// SHA-256 (RFC 4509).
    #[default]
    Sha256 = 2,
    /// SHA-384 (RFC 6605 section 2).
    Sha384 = 4,
}

impl DigestType {
    /// All types that can be made.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha384];

    /// The type with this number in the registry; `None` if its digests cannot be made.
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|digest| *digest as u8 == number)
    }
}

/// The data of the DS record of a zone's key (RFC 4034 section 5.1).
pub fn ds(zone: &Name, key: &Dnskey, digest: DigestType) -> Vec<u8> {
    let mut rdata = key.tag().to_be_bytes().to_vec();
    rdata.extend([key.algorithm.number(), digest as u8]);
    rdata.extend(key_digest(zone, &key.rdata(), digest));
    rdata
}

/// The digest in a DS record of a key whose DNSKEY record has this data, of any algorithm (RFC 4034
/// section 5.1.4).
pub fn key_digest(zone: &Name, dnskey: &[u8], digest: DigestType) -> Vec<u8> {
    let mut context = Context::new(match digest {
        DigestType::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
        DigestType::Sha256 => &SHA256,
        DigestType::Sha384 => &SHA384,
    });
    context.update(zone.to_lower().wire());
    context.update(dnskey);
    context.finish().as_ref().to_vec()
}
