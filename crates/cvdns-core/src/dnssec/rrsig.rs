//! What a signature covers (RFC 4034 section 3).

use super::validity::Validity;
use crate::wire::class;
use crate::wire::lower::labels;
use crate::wire::name::MAX_NAME;
use crate::wire::name::lowered;
use crate::zone::records::canonical;

/// An `RRset` that is to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Covered<'r> {
    /// Its owner in lower-case wire form, as in the zone: with the asterisk label of a wildcard.
    pub owner: &'r [u8],
    /// Its type.
    pub rtype: u16,
    /// Its TTL in seconds. It may be served with a lower one (RFC 4034 section 3.1.4).
    pub ttl: u32,
}

/// RDATA of an RRSIG record without its signature (RFC 4034 section 3.1).
pub fn head(
    covered: &Covered<'_>,
    algorithm: u8,
    tag: u16,
    signer: &[u8],
    validity: &Validity,
) -> Vec<u8> {
    let mut head = Vec::with_capacity(18 + signer.len());
    head.extend(covered.rtype.to_be_bytes());
    head.extend([algorithm, label_count(covered.owner)]);
    head.extend(covered.ttl.to_be_bytes());
    // Times are numbers of 32 bits that are compared by serial arithmetic (section 3.1.5).
    for moment in [validity.expiration, validity.inception] {
        let [.., b3, b2, b1, b0] = moment.to_be_bytes();
        head.extend([b3, b2, b1, b0]);
    }
    head.extend(tag.to_be_bytes());
    let mut lower = [0; MAX_NAME];
    head.extend_from_slice(lowered(signer, &mut lower));
    head
}

/// The octets that are signed: the head, and each record in canonical form and order (RFC 4034
/// sections 3.1.8.1, 6.2 and 6.3).
pub fn signed_octets<'d>(
    head: &[u8],
    covered: &Covered<'_>,
    rdatas: impl Iterator<Item = &'d [u8]>,
) -> Vec<u8> {
    let mut rdatas: Vec<_> = rdatas.map(|rdata| canonical(covered.rtype, rdata)).collect();
    rdatas.sort_unstable();
    rdatas.dedup();
    let mut octets = head.to_vec();
    for rdata in rdatas {
        octets.extend_from_slice(covered.owner);
        octets.extend(covered.rtype.to_be_bytes());
        octets.extend(class::IN.to_be_bytes());
        octets.extend(covered.ttl.to_be_bytes());
        octets.extend((rdata.len() as u16).to_be_bytes());
        octets.extend_from_slice(&rdata);
    }
    octets
}

/// The Labels field: labels of the owner without the root and a first asterisk label (RFC 4034
/// section 3.1.3).
fn label_count(owner: &[u8]) -> u8 {
    let wildcard = usize::from(owner.starts_with(b"\x01*"));
    (labels(owner) - wildcard.min(labels(owner))) as u8
}
