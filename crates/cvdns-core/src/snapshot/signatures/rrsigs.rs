//! RRSIG records as octets.

use super::store::SignatureStore;
use crate::dnssec::{
    Covered, Lifetime, SIGNATURE, Signature, SigningKey, Validity, ZoneSigning, head, signed_octets,
};
use crate::wire::{class, rtype};

/// Octets of a record between its owner and its RDATA: type, class, TTL, RDLENGTH.
pub(super) const FIXED: usize = 10;

/// RRSIG records of one `RRset`, each without its owner: type, class, TTL, RDLENGTH, RDATA. All
/// have the same length.
#[derive(Debug, Clone, Copy)]
pub struct Rrsigs<'s> {
    octets: &'s [u8],
    count: u16,
}

/// Signs what belongs to a zone.
pub(super) struct Signer<'s> {
    /// The zone's name in wire form.
    pub origin: &'s [u8],
    pub signing: &'s ZoneSigning,
    pub store: &'s SignatureStore,
    /// Unix seconds.
    pub now: i64,
}

/// What the signatures of sets with the same owner and type have in common.
#[derive(Debug)]
pub(super) struct SignatureHeads {
    /// RDATA up to the signature, one for each key.
    heads: Box<[Box<[u8]>]>,
    pub lifetime: Lifetime,
}

impl<'s> Rrsigs<'s> {
    /// RRSIG records from their octets.
    pub fn new(octets: &'s [u8], count: u16) -> Self {
        Self { octets, count }
    }

    /// How many there are.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Their TTL in seconds: that of what they cover.
    pub fn ttl(&self) -> u32 {
        // Type and class precede it.
        let ttl = self.octets.get(4..8).and_then(|ttl| ttl.try_into().ok());
        ttl.map_or(0, u32::from_be_bytes)
    }

    /// Each record without its owner.
    pub fn records(&self) -> impl Iterator<Item = &'s [u8]> + use<'s> {
        let length = self.octets.len().checked_div(self.count.into()).unwrap_or_default();
        self.octets.chunks_exact(length.max(1))
    }

    /// The signature of each record.
    pub(super) fn signatures(&self) -> impl Iterator<Item = &'s [u8]> + use<'s> {
        self.records()
            .filter_map(|record| record.last_chunk::<SIGNATURE>())
            .map(Signature::as_slice)
    }

    /// RDATA of each record.
    pub fn rdatas(&self) -> impl Iterator<Item = &'s [u8]> + use<'s> {
        self.records().filter_map(|record| record.get(FIXED..))
    }
}

impl SignatureHeads {
    pub(super) fn new(
        keys: &[SigningKey],
        covered: &Covered<'_>,
        origin: &[u8],
        validity: &Validity,
    ) -> Self {
        let of_key = |key: &SigningKey| {
            let (algorithm, tag) = (key.dnskey.algorithm.number(), key.dnskey.tag());
            head(covered, algorithm, tag, origin, validity).into()
        };
        Self { heads: keys.iter().map(of_key).collect(), lifetime: validity.lifetime() }
    }

    /// The head of each key.
    pub(super) fn heads(&self) -> impl Iterator<Item = &[u8]> {
        self.heads.iter().map(|head| &**head)
    }

    /// The head of the key with this number.
    pub(super) fn head(&self, number: usize) -> Option<&[u8]> {
        self.heads.get(number).map(|head| &**head)
    }
}

impl Signer<'_> {
    pub(super) fn validity(&self, covered: &Covered<'_>) -> Validity {
        Validity::at(self.now, self.signing.validity, covered.owner, covered.rtype)
    }

    /// Signs a set by all keys of the zone, or if it is a set of keys, by those that sign these.
    /// Appends RRSIG records without owners to `out`. Returns how many, and for how long they are
    /// good.
    pub(super) fn sign<'d>(
        &self,
        covered: &Covered<'_>,
        rdatas: &(impl Iterator<Item = &'d [u8]> + Clone),
        out: &mut Vec<u8>,
    ) -> (u16, Lifetime) {
        let keys = match covered.rtype {
            rtype::DNSKEY | rtype::CDS | rtype::CDNSKEY => {
                if let Some(signed) = self.foreign(covered, out) {
                    return signed;
                }
                &self.signing.key_set_keys
            }
            _ => &self.signing.zone_keys,
        };
        let validity = self.validity(covered);
        let heads = SignatureHeads::new(keys, covered, self.origin, &validity);
        let mut count = 0;
        for (key, head) in keys.iter().zip(heads.heads()) {
            let octets = signed_octets(head, covered, rdatas.clone());
            if let Some(signature) = self.store.sign(key, &octets) {
                put(out, covered.ttl, head, &signature);
                count += 1;
            }
        }
        (count, validity.lifetime())
    }

    /// Signatures that were made elsewhere. `None` if there are none of this type.
    fn foreign(&self, covered: &Covered<'_>, out: &mut Vec<u8>) -> Option<(u16, Lifetime)> {
        let (mut count, mut lifetime) = (0, Lifetime::ENDLESS);
        for foreign in self.signing.foreign.iter().filter(|of| of.covered == covered.rtype) {
            let (rdata, signature) = foreign.rdata.split_last_chunk::<SIGNATURE>()?;
            put(out, covered.ttl, rdata, signature);
            count += 1;
            // Type, algorithm, labels and TTL precede it. It is a number of 32 bits; whoever keeps
            // a signature until 2106 is early enough then.
            let expiration = rdata.get(8..12).and_then(|octets| octets.try_into().ok());
            let expiration = i64::from(expiration.map_or(0, u32::from_be_bytes));
            lifetime = lifetime.and(Lifetime { expiration, ..Lifetime::ENDLESS });
        }
        (count > 0).then_some((count, lifetime))
    }
}

/// Appends an RRSIG record without its owner. Its TTL is that of what it covers (RFC 4034
/// section 3).
pub(super) fn put(out: &mut Vec<u8>, ttl: u32, head: &[u8], signature: &Signature) {
    out.extend(fixed(rtype::RRSIG, ttl, head.len() + SIGNATURE));
    out.extend_from_slice(head);
    out.extend_from_slice(signature);
}

/// What is between the owner of a record in class IN and its RDATA of so many octets: type, class,
/// TTL in seconds, RDLENGTH.
pub fn fixed(rtype: u16, ttl: u32, length: usize) -> [u8; FIXED] {
    let [type1, type0] = rtype.to_be_bytes();
    let [class1, class0] = class::IN.to_be_bytes();
    let [ttl3, ttl2, ttl1, ttl0] = ttl.to_be_bytes();
    let [length1, length0] = (length as u16).to_be_bytes();
    [type1, type0, class1, class0, ttl3, ttl2, ttl1, ttl0, length1, length0]
}
