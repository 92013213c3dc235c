//! Bundles that come through NATS, signed as feeds are.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::document_error::DocumentError;
use super::nats_document::NatsDocument;
use super::nats_place::NatsPlace;
use cvdns_core::bundle::Bundle;
use cvdns_core::health::Keys;

/// A bundle that passed all checks by itself.
#[derive(Debug, Clone)]
pub struct SignedBundle {
    /// What it has.
    pub bundle: Arc<Bundle>,
    /// The document, as it was signed.
    pub octets: Vec<u8>,
    /// Its signature; `None` if none is asked for.
    pub signature: Option<Vec<u8>>,
}

/// Where the bundle of a name comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleSource {
    /// The name of the bundle.
    pub name: String,
    /// Where it is.
    pub place: NatsPlace,
}

impl SignedBundle {
    /// Checks the octets that came as the bundle of this name: the signature, if `keys` are asked
    /// for, and what they say.
    ///
    /// # Errors
    /// When they are not signed by one of the keys, are no bundle of this name, or of the future.
    pub fn judge(
        name: &str,
        octets: Vec<u8>,
        signature: Option<Vec<u8>>,
        keys: Option<&Keys>,
        now: Timestamp,
    ) -> Result<Self, DocumentError> {
        if let Some(keys) = keys {
            keys.verify(&octets, signature.as_deref())
                .map_err(|error| DocumentError::new(error.reason(), error.to_string()))?;
        }
        let bundle = Bundle::parse(&octets).and_then(|it| it.expected(name, now).map(|()| it));
        let bundle =
            bundle.map_err(|error| DocumentError::new(error.reason(), error.to_string()))?;
        Ok(Self { bundle: Arc::new(bundle), octets, signature: keys.and(signature) })
    }
}

impl BundleSource {
    /// What it is in NATS.
    pub fn document(&self) -> NatsDocument {
        NatsDocument::Bundle(self.name.clone())
    }

    /// Gets the bundle that is published; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be had or used.
    pub fn fetch(
        &self,
        keys: Option<&Keys>,
        now: Timestamp,
    ) -> Result<Option<SignedBundle>, DocumentError> {
        let read = self.place.read(&self.document());
        let read =
            read.map_err(|what| DocumentError { reason: "unreadable", what, is_unread: true })?;
        let Some((octets, signature)) = read else { return Ok(None) };
        SignedBundle::judge(&self.name, octets, signature, keys, now).map(Some)
    }
}

impl fmt::Display for BundleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.place)
    }
}
