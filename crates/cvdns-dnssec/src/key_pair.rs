//! Private keys.

use std::fmt;

use cvdns_core::dnssec::{Algorithm, Dnskey, PrivateKey, SIGNATURE, Signature};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};

use crate::verify::{point, verify};

/// Length of private keys in octets, of every algorithm.
const SECRET: usize = 32;

/// Where the private key lies in what *ring* generates for P-256, and behind it the public key
/// (RFC 5958 and RFC 5915 without parameters). Both are checked to belong together.
const P256_SECRET_AT: usize = 36;

/// Signs. What is shown of it never has the private key.
pub struct KeyPair {
    dnskey: Dnskey,
    inner: Inner,
}

enum Inner {
    P256(Box<EcdsaKeyPair>, SystemRandom),
    Ed25519(Ed25519KeyPair),
}

/// Why there is no key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairError {
    /// The private key has more octets than keys of the algorithm.
    Length,
    /// The private key is not that of the public key.
    Mismatch,
    /// The system has no random numbers.
    NoRandomNumbers,
}

impl KeyPair {
    /// Puts the private key to its public key. Some tools leave out octets of zero at its start.
    ///
    /// # Errors
    /// When both do not belong together.
    pub fn new(dnskey: &Dnskey, secret: &[u8]) -> Result<Self, PairError> {
        let mut whole = [0; SECRET];
        let start = SECRET.checked_sub(secret.len()).ok_or(PairError::Length)?;
        whole.get_mut(start..).ok_or(PairError::Length)?.copy_from_slice(secret);
        let mismatch = |_| PairError::Mismatch;
        let inner = match dnskey.algorithm {
            Algorithm::EcdsaP256Sha256 => {
                let random = SystemRandom::new();
                let public = point(&dnskey.public_key);
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    &whole,
                    &public,
                    &random,
                );
                Inner::P256(Box::new(pair.map_err(mismatch)?), random)
            }
            Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&whole, &dnskey.public_key);
                Inner::Ed25519(pair.map_err(mismatch)?)
            }
        };
        let pair = Self { dnskey: dnskey.clone(), inner };
        let probe = b"cvdns";
        let signature = pair.sign(probe).ok_or(PairError::NoRandomNumbers)?;
        if verify(dnskey, probe, &signature) { Ok(pair) } else { Err(PairError::Mismatch) }
    }

    /// Makes a new key with these flags. Returns its private key as well.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate(algorithm: Algorithm, flags: u16) -> Result<(Self, Box<[u8]>), PairError> {
        let random = SystemRandom::new();
        let (secret, public_key): (Vec<u8>, Vec<u8>) = match algorithm {
            Algorithm::EcdsaP256Sha256 => {
                generate_p256(&random).ok_or(PairError::NoRandomNumbers)?
            }
            Algorithm::Ed25519 => {
                let mut seed = [0; SECRET];
                random.fill(&mut seed).map_err(|_| PairError::NoRandomNumbers)?;
                let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
                let pair = pair.map_err(|_| PairError::Mismatch)?;
                (seed.to_vec(), pair.public_key().as_ref().to_vec())
            }
        };
        let dnskey = Dnskey { flags, algorithm, public_key: public_key.into() };
        Ok((Self::new(&dnskey, &secret)?, secret.into()))
    }

    /// The public key.
    pub fn dnskey(&self) -> &Dnskey {
        &self.dnskey
    }
}

/// A private key and its public key.
fn generate_p256(random: &SystemRandom) -> Option<(Vec<u8>, Vec<u8>)> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random).ok()?;
    let octets = document.as_ref();
    let secret = octets.get(P256_SECRET_AT..P256_SECRET_AT + SECRET)?;
    let public = octets.last_chunk::<64>()?;
    Some((secret.to_vec(), public.to_vec()))
}

impl PrivateKey for KeyPair {
    fn sign(&self, octets: &[u8]) -> Option<Signature> {
        match &self.inner {
            Inner::P256(pair, random) => {
                let signature = pair.sign(random, octets).ok()?;
                signature.as_ref().first_chunk::<SIGNATURE>().copied()
            }
            Inner::Ed25519(pair) => pair.sign(octets).as_ref().first_chunk::<SIGNATURE>().copied(),
        }
    }
}

impl fmt::Debug for KeyPair {
    /// Algorithm and key tag: never the private key, which logs could show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({} {})", self.dnskey.algorithm, self.dnskey.tag())
    }
}

impl fmt::Display for PairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "the private key has more than 32 octets",
            Self::Mismatch => "the private key is not that of the public key",
            Self::NoRandomNumbers => "the system has no random numbers",
        })
    }
}
