//! How long resolvers may not know a key: a zone-signing key is in the zone before it signs (RFC
//! 6781 section 4.1.1.1).

use cvdns_core::dnssec::Algorithm;
use jiff::{SignedDuration, Timestamp};

use crate::key_set::{KeyDuty, KeyRole, KeySet};
use crate::signing::KEY_TTL;
use crate::timing::KeyTiming;
use crate::zone_key::ZoneKey;

/// A zone-signing key that signs although resolvers may have the set of keys without it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EarlyKey<'k> {
    pub key: &'k ZoneKey,
    /// Since when it is in the zone.
    pub published: Timestamp,
    /// From when every resolver knows it.
    pub known: Timestamp,
}

impl KeySet {
    /// How long resolvers keep the set of keys: the largest TTL that a file of a key has.
    pub fn ttl(&self) -> SignedDuration {
        let ttl = self.keys.iter().filter_map(|key| key.ttl).max().unwrap_or(KEY_TTL);
        SignedDuration::from_secs(i64::from(ttl))
    }

    /// Whether a key of this algorithm signs the zone at a moment, so that resolvers have a set of
    /// keys with it.
    pub fn is_signed_by(&self, algorithm: Algorithm, now: Timestamp) -> bool {
        let signs = |(key, duty): (&ZoneKey, _)| signs_visibly(key, duty, algorithm);
        self.keys.iter().zip(self.at(now)).any(signs)
    }

    /// The zone-signing key of an algorithm that was published first of those that sign, if no
    /// resolver that asked for the keys before has it, and nothing else signs the zone.
    pub(crate) fn early_key(&self, algorithm: Algorithm, now: Timestamp) -> Option<EarlyKey<'_>> {
        let all = self.keys.iter().zip(self.at(now));
        let signers: Vec<_> =
            all.clone().filter(|(key, duty)| signs_visibly(key, *duty, algorithm)).collect();
        if signers.iter().any(|(_, duty)| duty.role != KeyRole::Zsk) {
            return None;
        }
        let key = signers.into_iter().map(|(key, _)| key).min_by_key(|key| since(&key.timing))?;
        let published = since(&key.timing)?;
        // The keys of a zone that was not signed before are in no cache.
        let mut others = all.filter(|(_, duty)| duty.is_published);
        let had_others =
            others.any(|(other, _)| since(&other.timing).is_none_or(|at| at < published));
        let known = published.checked_add(self.ttl()).ok()?;
        (had_others && now < known).then_some(EarlyKey { key, published, known })
    }
}

fn signs_visibly(key: &ZoneKey, duty: KeyDuty, algorithm: Algorithm) -> bool {
    key.dnskey.algorithm == algorithm && duty.signs_zone && duty.is_published
}

/// Since when a key is in the zone; `None` if its files do not say.
fn since(timing: &KeyTiming) -> Option<Timestamp> {
    timing.publish.or(timing.created)
}
