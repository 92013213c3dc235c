//! Data of DS and CDS records.

use cvdns_core::dnssec::Dnskey;
use cvdns_core::wire::name::Name;
use ring::digest::{Context, SHA256, SHA384};

/// How the key is digested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum DigestType {
    /// SHA-256 (RFC 4509).
    #[default]
    Sha256 = 2,
    /// SHA-384 (RFC 6605 section 2).
    Sha384 = 4,
}

impl DigestType {
    /// Both types.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha384];
}

/// The data of the DS record of a zone's key (RFC 4034 section 5.1).
pub fn ds(zone: &Name, key: &Dnskey, digest: DigestType) -> Vec<u8> {
    let mut context = Context::new(match digest {
        DigestType::Sha256 => &SHA256,
        DigestType::Sha384 => &SHA384,
    });
    context.update(zone.to_lower().wire());
    context.update(&key.rdata());
    let mut rdata = key.tag().to_be_bytes().to_vec();
    rdata.extend([key.algorithm.number(), digest as u8]);
    rdata.extend_from_slice(context.finish().as_ref());
    rdata
}
