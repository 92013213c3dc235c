//! What stands in for NATS in a build without the feature `nats`.

use std::fmt;
use std::path::{Path, PathBuf};

use cvdns_core::config::Config;
use cvdns_core::problem::Problems;

use super::feed_server::FeedServer;
use super::nats_document::{CarriedDocument, NatsDocument};

/// Where in NATS documents are: there is no such place in this build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NatsPlace {}

impl NatsPlace {
    /// `None`. That a configuration has `[nats]` is an error.
    pub(super) fn of(_: &Path, config: &Config, problems: &mut Problems) -> Option<Self> {
        let server = config.nats.as_ref()?.servers.first()?;
        let what = "[nats] cannot be used: this cvdns was built without NATS";
        let help = "take the section out, or build with the default features";
        problems.error(server.location.clone(), what, help);
        None
    }

    pub(super) fn servers(&self) -> Vec<FeedServer> {
        match *self {}
    }

    /// The files that are read at each connect.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::empty()
    }

    /// Whether a file names the authorities that may certify servers, and not the system.
    pub fn has_own_authorities(&self) -> bool {
        match *self {}
    }

    /// Gets a document once, with its signature.
    ///
    /// # Errors
    /// It never returns, as there is no such place.
    pub fn read(&self, _: &NatsDocument) -> Result<Option<CarriedDocument>, String> {
        match *self {}
    }
}

impl fmt::Display for NatsPlace {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
