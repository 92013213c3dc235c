//! Signatures of the addresses that a name may be answered with.

use std::sync::{Arc, OnceLock};

use super::address_sets::AddressSets;
use super::rrsigs::{SignatureHeads, Signer};
use super::store::SignatureStore;
use crate::dnssec::{
    Covered, Lifetime, SIGNATURE, Signature, SigningKey, ZoneSigning, signed_octets,
};

/// The signatures of one name and type along one path: a place for each set of addresses, which is
/// filled before it is asked for, or when it is.
#[derive(Debug)]
pub(super) struct PoolTable {
    sets: Arc<AddressSets>,
    heads: SignatureHeads,
    signing: Arc<ZoneSigning>,
    owner: Box<[u8]>,
    rtype: u16,
    /// The TTL of the name in seconds. Answers may have a lower one.
    ttl: u32,
    /// For each set one place for each key.
    places: Box<[OnceLock<Signature>]>,
}

impl PoolTable {
    /// A table without signatures.
    pub(super) fn new(
        covered: &Covered<'_>,
        sets: Arc<AddressSets>,
        signing: &Arc<ZoneSigning>,
        signer: &Signer<'_>,
    ) -> Self {
        let validity = signer.validity(covered);
        let heads = SignatureHeads::new(&signing.zone_keys, covered, signer.origin, &validity);
        let places = (0..sets.count() * signing.zone_keys.len()).map(|_| OnceLock::new());
        let Covered { owner, rtype, ttl } = *covered;
        let places = places.collect();
        let owner = owner.into();
        Self { sets, heads, signing: signing.clone(), owner, rtype, ttl, places }
    }

    /// The same with the signatures that are known already.
    pub(super) fn with_known(self, store: &SignatureStore) -> Self {
        for number in 0..self.places.len() {
            let Some((key, octets, place)) = self.place(number) else { continue };
            if let Some(known) = store.find(key, &octets) {
                // It was empty: nobody else has the table yet.
                let _ = place.set(known);
            }
        }
        self
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether the table holds for these sets, this TTL and these keys at this moment.
    pub(super) fn is_for(
        &self,
        sets: &Arc<AddressSets>,
        covered: &Covered<'_>,
        signing: &Arc<ZoneSigning>,
        now: i64,
    ) -> bool {
        Arc::ptr_eq(&self.sets, sets)
            && self.ttl == covered.ttl
            && self.rtype == covered.rtype
            && *self.owner == *covered.owner
            && Arc::ptr_eq(&self.signing, signing)
            && now <= self.heads.lifetime.renewal
    }

    /// For how long the signatures are good.
    pub(super) fn lifetime(&self) -> Lifetime {
        self.heads.lifetime
    }

    /// How many places there are, and how many of them are empty.
    pub(super) fn places(&self) -> (usize, usize) {
        let empty = self.places.iter().filter(|place| place.get().is_none()).count();
        (self.places.len(), empty)
    }

    /// Signs for a place if it is empty. Returns whether it was.
    pub(super) fn fill(&self, number: usize, store: &SignatureStore) -> bool {
        let Some((key, octets, place)) = self.place(number) else { return false };
        if place.get().is_some() {
            return false;
        }
        if let Some(signature) = store.sign(key, &octets) {
            // Somebody who met the empty place may have been faster: then that one counts.
            let _ = place.set(signature);
        }
        true
    }

    /// The RDATA of the signatures of a window up to the signature, and the signature, which is
    /// made if there is none yet. The iterator ends early if the system has no random numbers.
    #[inline]
    pub(super) fn signatures(
        &self,
        window: usize,
    ) -> impl Iterator<Item = (&[u8], &[u8; SIGNATURE])> {
        let keys = self.signing.zone_keys.len();
        let first = self.sets.of_window(window).map(|set| set * keys);
        let numbers = first.into_iter().flat_map(move |first| first..first + keys);
        let heads = self.heads.heads();
        numbers.zip(heads).map_while(|(number, head)| {
            let place = self.places.get(number)?;
            let signature = match place.get() {
                Some(signature) => signature,
                None => self.sign_now(number)?,
            };
            Some((head, signature))
        })
    }

    /// Signs while a client waits: it takes some 20 µs, and happens once for each place.
    #[cold]
    #[inline(never)]
    fn sign_now(&self, number: usize) -> Option<&Signature> {
        let (key, octets, place) = self.place(number)?;
        let signature = key.private.sign(&octets)?;
        Some(place.get_or_init(|| signature))
    }

    /// The key of a place, what is signed there, and the place.
    fn place(&self, number: usize) -> Option<(&SigningKey, Vec<u8>, &OnceLock<Signature>)> {
        let keys = &self.signing.zone_keys;
        let (set, key) = (number.checked_div(keys.len())?, number.checked_rem(keys.len())?);
        let place = self.places.get(number)?;
        let covered = Covered { owner: &self.owner, rtype: self.rtype, ttl: self.ttl };
        let octets = signed_octets(self.heads.head(key)?, &covered, self.sets.addresses(set));
        Some((keys.get(key)?, octets, place))
    }

    /// The signatures that were made.
    pub(super) fn made(&self) -> impl Iterator<Item = &[u8]> {
        self.places.iter().filter_map(|place| place.get()).map(Signature::as_slice)
    }

    /// How many octets the places take.
    pub(super) fn octets(&self) -> usize {
        self.places.len() * size_of::<OnceLock<Signature>>()
    }
}
