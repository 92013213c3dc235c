//! Encrypted transports in the status.

use std::sync::atomic::Ordering::Relaxed;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::view::EncryptedView;
use cvdns_core::explain::format::age;
use cvdns_core::problem::plural;
use cvdns_net::{Tallies, Transport};

/// Encrypted transports, and the certificate that they show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptedStatus {
    /// Those that have an address.
    pub transports: Vec<EncryptedTransport>,
    /// When the certificate expires, or did.
    pub certificate_expires: Timestamp,
}

/// An encrypted transport, with counts since the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptedTransport {
    /// `tls`, `quic` or `https`.
    pub transport: String,
    /// Its addresses with their ports.
    pub addresses: Vec<String>,
    /// Received queries.
    pub queries: u64,
    /// Answered ones.
    pub answered: u64,
    /// Open connections, those whose handshake is under way included.
    pub connections: u64,
    /// Handshakes that failed, or did not end in time.
    pub failed_handshakes: u64,
}

impl EncryptedStatus {
    pub(super) fn of(view: &EncryptedView, tallies: &Tallies) -> Self {
        let transports = tallies.encrypted().map(|(transport, counted)| EncryptedTransport {
            transport: transport.label().to_owned(),
            addresses: addresses(view, transport),
            queries: counted.received,
            answered: counted.answered,
            connections: counted.open(),
            failed_handshakes: counted.handshake_failures,
        });
        let expiry = Timestamp::from_second(view.certificate_expiry.load(Relaxed));
        Self {
            transports: transports.filter(|transport| !transport.addresses.is_empty()).collect(),
            certificate_expires: expiry.unwrap_or(Timestamp::MAX),
        }
    }

    /// Lines for people, at this moment.
    pub(super) fn lines(&self, now: Timestamp) -> Vec<String> {
        let mut lines: Vec<String> = self.transports.iter().map(EncryptedTransport::line).collect();
        let (left, expiry) =
            (self.certificate_expires.duration_since(now).as_secs(), self.certificate_expires);
        lines.push(if left > 0 {
            format!("the certificate expires at {expiry:.0} (in {})", age(left))
        } else {
            format!("the certificate EXPIRED at {expiry:.0}")
        });
        lines
    }
}

impl EncryptedTransport {
    fn line(&self) -> String {
        let Self { transport, addresses, queries, answered, connections, failed_handshakes } = self;
        let of = |count: u64, what: &str| plural(count as usize, what, &format!("{what}s"));
        let failed = match failed_handshakes {
            0 => String::new(),
            failed => format!("; {} failed", of(*failed, "handshake")),
        };
        format!(
            "{transport} on {}: {}, {answered} answered ({} open now){failed}",
            addresses.join(", "),
            plural(*queries as usize, "query", "queries"),
            of(*connections, "connection")
        )
    }
}

fn addresses(view: &EncryptedView, of: Transport) -> Vec<String> {
    let those = view.addresses.iter().filter(|(transport, _)| *transport == of);
    those.map(|(_, address)| address.to_string()).collect()
}
