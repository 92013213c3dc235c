//! Verifies signatures.

use cvdns_core::dnssec::{Algorithm, Dnskey};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};

/// Begins the form of a point of a curve in which both coordinates are given (SEC 1 section 2.3.3);
/// DNSKEY records leave it out (RFC 6605 section 4).
pub(crate) const UNCOMPRESSED: u8 = 4;

/// Whether a signature over octets was made by this key.
pub fn verify(key: &Dnskey, octets: &[u8], signature: &[u8]) -> bool {
    match key.algorithm {
        Algorithm::EcdsaP256Sha256 => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point(&key.public_key))
                .verify(octets, signature)
        }
        Algorithm::Ed25519 => {
            UnparsedPublicKey::new(&ED25519, &key.public_key).verify(octets, signature)
        }
    }
    .is_ok()
}

/// The public key of P-256 as *ring* takes it.
pub(crate) fn point(public_key: &[u8]) -> Vec<u8> {
    [&[UNCOMPRESSED], public_key].concat()
}
