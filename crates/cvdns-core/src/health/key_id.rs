//! IDs of minisign keys.

use std::fmt;

use domain::utils::base64;

/// The key ID in a public key and in the signatures made with its secret key. It shows which key
/// was meant, but proves nothing, as anyone can write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyId(u64);

impl KeyId {
    /// The key ID in a signature file.
    pub(super) fn of_signature(text: &str) -> Result<Self, NotAKey> {
        text.lines().nth(1).ok_or(NotAKey).and_then(Self::in_base64)
    }

    /// The key ID in a public key or signature of minisign in Base64. It follows the two octets
    /// that name the algorithm.
    pub(super) fn in_base64(text: &str) -> Result<Self, NotAKey> {
        let octets: Vec<u8> = base64::decode(text.trim_end()).map_err(|_| NotAKey)?;
        octets.get(2..10).ok_or(NotAKey).and_then(Self::of)
    }

    /// The key ID in these eight octets, in little-endian order.
    ///
    /// # Errors
    /// If there are not eight octets.
    pub fn of(octets: &[u8]) -> Result<Self, NotAKey> {
        octets.try_into().map(|octets| Self(u64::from_le_bytes(octets))).map_err(|_| NotAKey)
    }
}

impl fmt::Display for KeyId {
    /// As minisign writes it into the comments of keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

/// The text is not a minisign public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAKey;

impl fmt::Display for NotAKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a minisign public key")
    }
}
