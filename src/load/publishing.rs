//! What a configuration says of publishing through NATS.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::NatsPlace;
use cvdns_core::config::Log;
use cvdns_core::health::Keys;
use cvdns_core::problem::Problems;
use cvdns_io::beside;

/// What a configuration says of publishing through NATS.
#[derive(Debug, Clone)]
pub struct NatsPublishing {
    /// Where documents are published; `None` if the configuration does not say.
    pub place: Option<NatsPlace>,
    /// The keys of which one must have signed what servers take.
    pub keys: Option<Keys>,
    /// The file of the feed that the coordinator writes.
    pub feed: Option<PathBuf>,
    /// How often it does so at least.
    pub publish_every: Duration,
    /// The secret key that the coordinator signs by.
    pub secret_key: Option<PathBuf>,
    /// What is logged.
    pub log: Log,
}

/// Reads what a configuration says of publishing through NATS. Returns `None` if it cannot be read.
pub fn nats_publishing(path: &Path, problems: &mut Problems) -> Option<NatsPublishing> {
    let config = super::config(path, problems)?;
    let place = NatsPlace::of(path, &config, problems);
    let file = config.feed.sources.iter().find(|source| !source.value.contains("://"));
    let feed = config.monitor.feed.as_ref().or(file);
    Some(NatsPublishing {
        place,
        feed: feed.map(|named| beside(path, &named.value)),
        publish_every: config.monitor.publish_every,
        secret_key: config.monitor.secret_key.as_ref().map(|named| beside(path, &named.value)),
        keys: config.feed.public_key,
        log: config.log,
    })
}
