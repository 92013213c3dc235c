//! How NATS is reached.

use std::path::PathBuf;

use super::names::Bucket;
use super::server_url::ServerUrl;

/// How NATS is reached, and where in it the documents are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The servers, of which one is used at a time. Others that they tell of are not used.
    pub servers: Vec<ServerUrl>,
    /// A file that says who connects: NATS credentials (`.creds`), the seed of a user's nkey, or a
    /// line `user:password`. It is read at every connect.
    pub credentials: Option<PathBuf>,
    /// A PEM file of the authorities that may certify servers. Without it, those that the system
    /// trusts may. It is read at every connect.
    pub ca_file: Option<PathBuf>,
    /// The bucket of the documents.
    pub bucket: Bucket,
    /// What the connection is called in lists of the server.
    pub name: String,
}
