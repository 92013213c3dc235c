//! The documents that are carried through NATS.

use cvdns_core::bundle::MAX_BUNDLE_SIZE;
use cvdns_core::health::{MAX_FEED_SIZE, MAX_OVERRIDES};
use cvdns_core::report::MAX_REPORT_SIZE;

/// A document that is carried through NATS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NatsDocument {
    /// The feed, with its signature.
    Feed,
    /// The overrides of all servers, with their signature.
    Overrides,
    /// The report of the monitor of this name, with its signature.
    Report(String),
    /// The bundle of this name, with its signature.
    Bundle(String),
}

/// The octets of a document, and its signature if it has one.
pub(super) type CarriedDocument = (Vec<u8>, Option<Vec<u8>>);

impl NatsDocument {
    /// What it is called, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::Overrides => "overrides",
            Self::Report(_) => "report",
            Self::Bundle(_) => "bundle",
        }
    }

    /// Most octets that it may have.
    pub fn limit(&self) -> usize {
        match self {
            Self::Feed => MAX_FEED_SIZE,
            Self::Overrides => MAX_OVERRIDES,
            Self::Report(_) => MAX_REPORT_SIZE,
            Self::Bundle(_) => MAX_BUNDLE_SIZE,
        }
    }
}
