//! A sample of the answers.

use std::net::SocketAddr;

use cvdns_core::answer::Transport;

/// An answer that was chosen, which includes its question.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) octets: Box<[u8]>,
    pub(super) client: SocketAddr,
    pub(super) transport: Transport,
}
