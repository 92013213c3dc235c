//! A server that documents are got from, as far as the sandbox has to know.

/// A server that documents are got from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedServer {
    /// Its TCP port.
    pub port: u16,
    /// Whether its host is a name, which has to be resolved, and no address.
    pub has_name: bool,
    /// Whether that is over TLS.
    pub is_secure: bool,
}
