//! Zones that are signed by keys of their own.

use std::sync::Arc;
use std::time::Duration;

use cvdns_core::dnssec::{Algorithm, Dnskey, SigningKey, ZoneSigning};
use cvdns_core::problem::Location;
use cvdns_core::snapshot::inputs::Inputs;
use cvdns_core::wire::name::Name;
use cvdns_core::zone::records::ResourceRecord;
use cvdns_dnssec::{DigestType, KeyPair, ds};

use super::names::DnsName;
use super::rrsets::{CDNSKEY, CDS, DNSKEY};
use super::verified::Trust;

/// How long signatures are valid: 14 days.
pub(super) const VALIDITY: Duration = Duration::from_secs(14 * 86_400);

/// TTL of the records of keys in seconds.
const KEY_TTL: u32 = 3600;

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signs {
    Keys,
    Zone,
    Both,
}

/// The keys of a zone: their algorithms and what they sign.
pub(super) type Scheme = &'static [(Algorithm, Signs)];

const P256: Algorithm = Algorithm::EcdsaP256Sha256;
const ED25519: Algorithm = Algorithm::Ed25519;

pub(super) const P256_CSK: Scheme = &[(P256, Signs::Both)];
pub(super) const ED25519_CSK: Scheme = &[(ED25519, Signs::Both)];
pub(super) const P256_SPLIT: Scheme = &[(P256, Signs::Keys), (P256, Signs::Zone)];
pub(super) const TWO_ALGORITHMS: Scheme =
    &[(P256, Signs::Keys), (P256, Signs::Zone), (ED25519, Signs::Keys), (ED25519, Signs::Zone)];

/// New keys of a zone.
pub(super) fn signing(origin: &Name, scheme: Scheme) -> ZoneSigning {
    let mut signing = ZoneSigning {
        key_records: Vec::new(),
        zone_keys: Vec::new(),
        key_set_keys: Vec::new(),
        foreign: Vec::new(),
        validity: VALIDITY,
    };
    for (algorithm, signs) in scheme {
        let flags = match signs {
            Signs::Zone => Dnskey::ZONE_SIGNING,
            Signs::Keys | Signs::Both => Dnskey::KEY_SIGNING,
        };
        let pair = KeyPair::generate(*algorithm, flags).unwrap().0;
        let key = SigningKey { dnskey: pair.dnskey().clone(), private: Arc::new(pair) };
        signing.key_records.push(record(origin, DNSKEY, key.dnskey.rdata()));
        if *signs != Signs::Zone {
            let digest = ds(origin, &key.dnskey, DigestType::Sha256);
            signing.key_records.push(record(origin, CDS, digest));
            signing.key_records.push(record(origin, CDNSKEY, key.dnskey.rdata()));
            signing.key_set_keys.push(key.clone());
        }
        if *signs != Signs::Keys {
            signing.zone_keys.push(key);
        }
    }
    signing
}

pub(super) fn record(origin: &Name, rtype: u16, rdata: Vec<u8>) -> ResourceRecord {
    let (owner, location) = (origin.clone(), Location::file("keys"));
    ResourceRecord { owner, rtype, ttl: KEY_TTL, rdata: rdata.into(), location }
}

/// Gives keys to the zones that are to be signed. Returns whom a validator trusts then.
pub(super) fn sign(
    inputs: &mut Inputs,
    scheme: Scheme,
    is_signed: impl Fn(&DnsName) -> bool,
) -> Trust {
    let mut trust = Trust::default();
    for zone in inputs.zones.iter_mut().flat_map(|input| &mut input.zones) {
        let origin = zone.records.origin.clone();
        let name = DnsName::of_wire(origin.wire()).0;
        if is_signed(&name) {
            let signing = signing(&origin, scheme);
            trust.keys.insert(name, public_keys(&signing));
            zone.signing = Some(Arc::new(signing));
        } else {
            trust.unsigned.push(name);
        }
    }
    trust
}

/// RDATA of the DNSKEY records.
pub(super) fn public_keys(signing: &ZoneSigning) -> Vec<Vec<u8>> {
    let keys = signing.key_records.iter().filter(|record| record.rtype == DNSKEY);
    keys.map(|record| record.rdata.to_vec()).collect()
}
