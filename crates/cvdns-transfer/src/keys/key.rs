//! A key.

use std::fmt;

use cvdns_core::wire::name::Name;
use ring::hmac;

use super::Algorithm;

/// A secret that two servers share, with the name by which messages refer to it. What is shown of
/// it never has the secret.
#[derive(Clone)]
pub struct Key {
    /// The name, in lower case.
    name: Name,
    algorithm: Algorithm,
    secret: hmac::Key,
}

impl Key {
    /// A key of this name.
    pub fn new(name: &Name, algorithm: Algorithm, secret: &[u8]) -> Self {
        Self { name: name.to_lower(), algorithm, secret: hmac::Key::new(algorithm.hmac(), secret) }
    }

    /// The name, in lower case.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Begins a signature.
    pub(crate) fn context(&self) -> hmac::Context {
        hmac::Context::with_key(&self.secret)
    }
}

impl fmt::Debug for Key {
    /// Name and algorithm: never the secret, which logs could show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {})", self.name, self.algorithm)
    }
}
