//! All keys of a zone, and what each of them does at a moment.

use std::fmt;

use cvdns_core::dnssec::Algorithm;
use cvdns_core::wire::name::Name;
use jiff::Timestamp;

use crate::zone_key::ZoneKey;

/// The keys of a zone.
#[derive(Debug, Clone)]
pub struct KeySet {
    /// The zone.
    pub zone: Name,
    /// Its keys.
    pub keys: Vec<ZoneKey>,
}

/// What a key signs (RFC 6781 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    /// The sets of keys: a key-signing key.
    Ksk,
    /// Everything else: a zone-signing key.
    Zsk,
    /// Everything: a combined signing key.
    Csk,
    /// The set of keys, to say that nobody is to trust it (RFC 5011).
    Revoked,
}

/// What a key does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "a key does some of these things")]
pub struct KeyDuty {
    /// Its role. A key with the SEP flag is combined where the zone has no other key of its
    /// algorithm that signs everything else.
    pub role: KeyRole,
    /// Whether its DNSKEY record is in the zone.
    pub is_published: bool,
    /// Whether it is to sign by its moments.
    pub is_active: bool,
    /// Whether it signs the sets of keys. Needs the private key.
    pub signs_keys: bool,
    /// Whether it signs all other sets. Needs the private key.
    pub signs_zone: bool,
    /// Whether CDS and CDNSKEY records tell the parent of it.
    pub is_synced: bool,
}

impl KeySet {
    /// What each key does at a moment, in the order of the keys.
    pub fn at(&self, now: Timestamp) -> Vec<KeyDuty> {
        self.keys.iter().map(|key| self.duty(key, now)).collect()
    }

    /// The first moment after `now` at which a key begins or ends something.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.keys.iter().filter_map(|key| key.timing.next_change(now)).min()
    }

    /// Whether a key without the SEP flag signs for this algorithm.
    fn has_zsk(&self, algorithm: Algorithm, now: Timestamp) -> bool {
        self.keys.iter().any(|key| {
            let dnskey = &key.dnskey;
            let is_zsk = !dnskey.is_key_signing() && !dnskey.is_revoked();
            is_zsk
                && dnskey.algorithm == algorithm
                && key.private.is_some()
                && key.timing.is_active(now)
        })
    }

    fn duty(&self, key: &ZoneKey, now: Timestamp) -> KeyDuty {
        let dnskey = &key.dnskey;
        let role = if dnskey.is_revoked() {
            KeyRole::Revoked
        } else if !dnskey.is_key_signing() {
            KeyRole::Zsk
        } else if self.has_zsk(dnskey.algorithm, now) {
            KeyRole::Ksk
        } else {
            KeyRole::Csk
        };
        let is_published = key.timing.is_published(now);
        let is_active = key.timing.is_active(now);
        let can_sign = is_active && key.private.is_some();
        let is_of_keys = matches!(role, KeyRole::Ksk | KeyRole::Csk);
        // A key that is revoked has to sign the set that says so (RFC 5011 section 2.1).
        let revokes = role == KeyRole::Revoked && is_published && key.private.is_some();
        KeyDuty {
            role,
            is_published,
            is_active,
            signs_keys: can_sign && is_of_keys || revokes,
            signs_zone: can_sign && matches!(role, KeyRole::Zsk | KeyRole::Csk),
            is_synced: can_sign && is_published && is_of_keys && key.timing.is_synced(now),
        }
    }
}

impl fmt::Display for KeyRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ksk => "KSK",
            Self::Zsk => "ZSK",
            Self::Csk => "CSK",
            Self::Revoked => "revoked",
        })
    }
}
