//! The algorithms of keys.

use std::fmt;

use ring::hmac;

/// How messages are signed (RFC 8945 section 6). MD5, SHA-1 and SHA-224 are left out: nobody needs
/// them any more, and the RFC advises against the first two.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Algorithm {
    /// hmac-sha256.
    Sha256,
    /// hmac-sha384.
    Sha384,
    /// hmac-sha512.
    Sha512,
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name without a final dot.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "hmac-sha256",
            Self::Sha384 => "hmac-sha384",
            Self::Sha512 => "hmac-sha512",
        }
    }

    /// The name as a domain name in wire form and lower case, as it is signed.
    pub(crate) fn wire(self) -> &'static [u8] {
        match self {
            Self::Sha256 => b"\x0bhmac-sha256\0",
            Self::Sha384 => b"\x0bhmac-sha384\0",
            Self::Sha512 => b"\x0bhmac-sha512\0",
        }
    }

    /// Length of a signature in octets.
    pub fn length(self) -> usize {
        self.hmac().digest_algorithm().output_len()
    }

    /// Length in octets of the shortest signature that may be accepted at all (RFC 8945 section
    /// 5.2.2.1).
    pub(crate) fn shortest(self) -> usize {
        (self.length() / 2).max(10)
    }

    pub(crate) fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
