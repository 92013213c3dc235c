//! Algorithms of signatures.

use std::fmt;

/// An algorithm by which zones are signed here. The signatures of both have 64 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Algorithm {
    /// ECDSA on the curve P-256 with SHA-256 (RFC 6605).
    EcdsaP256Sha256 = 13,
    /// Ed25519 (RFC 8080).
    Ed25519 = 15,
}

impl Algorithm {
    /// All algorithms, the default first.
    pub const ALL: [Self; 2] = [Self::EcdsaP256Sha256, Self::Ed25519];

    /// The algorithm with this number in the registry of DNSSEC; `None` if zones are not signed by
    /// it here.
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.number() == number)
    }

    /// Its number in the registry of DNSSEC.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Its mnemonic in that registry, as BIND's tools write it.
    pub const fn mnemonic(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ECDSAP256SHA256",
            Self::Ed25519 => "ED25519",
        }
    }

    /// Length of its public keys in octets (RFC 6605 section 4, RFC 8080 section 3).
    pub const fn public_key_length(self) -> usize {
        match self {
            Self::EcdsaP256Sha256 => 64,
            Self::Ed25519 => 32,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mnemonic())
    }
}
