//! Remembers signatures, so that nothing is signed twice.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::dnssec::{Signature, SigningKey};

/// The signatures that were made, by what they cover. A new snapshot takes over from it whatever it
/// has in common with the ones before.
#[derive(Debug, Default)]
pub struct SignatureStore {
    known: Mutex<HashMap<u128, Known>>,
    /// How many signatures were made.
    made: AtomicU64,
    /// How many could not be made.
    failed: AtomicU64,
    /// The moment in Unix seconds for which is signed now.
    now: AtomicI64,
    /// When signatures were forgotten last.
    swept: AtomicI64,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    signature: Signature,
    /// The moment in Unix seconds for which it was used last.
    used: i64,
}

/// The first octets of a signature, by which it is told apart from others: they look random,
/// whatever the algorithm.
pub(super) type SignatureMark = [u8; 8];

/// The mark of a signature.
pub(super) fn mark(signature: &[u8]) -> Option<SignatureMark> {
    signature.first_chunk().copied()
}

/// For how long a signature is kept that nobody uses, in seconds: a mirror that was down for a
/// while is signed already when it comes back, and the next day's order is signed before midnight.
const KEPT: i64 = 3 * 3600;

impl SignatureStore {
    /// A store without signatures.
    pub fn new() -> Self {
        Self::default()
    }

    /// The signature of these octets by a key, if it was made before.
    pub fn find(&self, key: &SigningKey, octets: &[u8]) -> Option<Signature> {
        let now = self.now.load(Ordering::Relaxed);
        let mut known = self.lock();
        let found = known.get_mut(&fingerprint(key, octets))?;
        found.used = now;
        Some(found.signature)
    }

    /// The signature of these octets by a key, which is made if it is not known. `None` if the
    /// system has no random numbers for it.
    pub fn sign(&self, key: &SigningKey, octets: &[u8]) -> Option<Signature> {
        if let Some(known) = self.find(key, octets) {
            return Some(known);
        }
        let Some(signature) = key.private.sign(octets) else {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        self.made.fetch_add(1, Ordering::Relaxed);
        let used = self.now.load(Ordering::Relaxed);
        self.lock().insert(fingerprint(key, octets), Known { signature, used });
        Some(signature)
    }

    /// Begins to sign for a moment, in Unix seconds. Signatures that were not used for a long time
    /// are forgotten, but for those in force: whoever takes over whole tables of them does not ask
    /// for each.
    pub(super) fn begin(&self, now: i64, in_force: impl FnOnce() -> HashSet<SignatureMark>) {
        self.now.store(now, Ordering::Relaxed);
        if now.saturating_sub(self.swept.load(Ordering::Relaxed)) < KEPT / 4 {
            return;
        }
        self.swept.store(now, Ordering::Relaxed);
        let in_force = in_force();
        self.lock().retain(|_, known| {
            if mark(&known.signature).is_some_and(|mark| in_force.contains(&mark)) {
                known.used = now;
            }
            known.used.saturating_add(KEPT) >= now
        });
    }

    /// Signs for a moment in Unix seconds, and forgets nothing.
    pub(super) fn advance(&self, now: i64) {
        self.now.fetch_max(now, Ordering::Relaxed);
    }

    /// How many signatures were made since the start.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// How many signatures could not be made since the start.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// How many signatures are known.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether no signature is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u128, Known>> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A number by which nothing but the same octets and the same key are found. What is signed comes
/// from the operator and the coordinator; 128 bits do not meet by chance.
fn fingerprint(key: &SigningKey, octets: &[u8]) -> u128 {
    use std::hash::Hasher;
    let mut hasher = SipHasher24::new();
    hasher.write(&key.dnskey.public_key);
    hasher.write(octets);
    hasher.finish128().as_u128()
}
