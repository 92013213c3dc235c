//! A query and its answer.

use std::net::SocketAddr;
use std::time::SystemTime;

use cvdns_core::answer::Transport;

/// A query and its answer that were chosen, as far as they are to be sent.
#[derive(Debug)]
pub struct Tapped {
    /// The query as it was received; `None` if queries are not sent.
    pub query: Option<Box<[u8]>>,
    /// The answer; `None` if there was none, or if answers are not sent.
    pub response: Option<Box<[u8]>>,
    /// Who asked.
    pub client: SocketAddr,
    /// Where the query was sent to, if known. The address may be a wildcard.
    pub server: Option<SocketAddr>,
    /// How the query came.
    pub transport: Transport,
    /// When the server began to answer.
    pub asked: SystemTime,
    /// When the answer was complete.
    pub answered: SystemTime,
}

impl Tapped {
    /// The number of dnstap messages that are made of it.
    pub fn messages(&self) -> u64 {
        u64::from(self.query.is_some()) + u64::from(self.response.is_some())
    }

    /// Octets of the DNS messages.
    pub(super) fn octets(&self) -> usize {
        let length =
            |message: &Option<Box<[u8]>>| message.as_ref().map_or(0, |octets| octets.len());
        length(&self.query).saturating_add(length(&self.response))
    }
}
