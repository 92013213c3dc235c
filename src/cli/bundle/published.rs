//! A bundle in NATS, as a command sees it.

use std::path::Path;

use crate::cli::nats::{self, missing};
use crate::cli::output::Failure;
use crate::load::{BundleSource, NatsPublishing};
use cvdns_core::bundle::{BUNDLE_NAME, is_bundle_name};
use cvdns_core::health::Keys;

/// A bundle in NATS, by the configuration of whoever publishes.
pub(super) struct PublishedBundle {
    pub source: BundleSource,
    pub keys: Keys,
    /// What the configuration says of publishing.
    pub publishing: NatsPublishing,
}

impl PublishedBundle {
    pub(super) fn of(name: &str, config: &Path) -> Result<Self, Failure> {
        let publishing = nats::publishing(config)?;
        let place = publishing.place.clone().ok_or_else(|| missing(config))?;
        let keys = publishing.keys.clone().ok_or_else(|| {
            Failure::new("servers would refuse the bundle: write `public-key` in [feed]")
        })?;
        Ok(Self { source: BundleSource { name: name.to_owned(), place }, keys, publishing })
    }
}

/// The name of a bundle.
pub(super) fn name(text: &str) -> Result<String, String> {
    if is_bundle_name(text) { Ok(text.to_owned()) } else { Err(format!("write {BUNDLE_NAME}")) }
}
