//! What the header of an answer says, and why.

use cvdns_core::decision::Outcome;
use cvdns_core::snapshot::extended_error::ExtendedError;
use cvdns_core::snapshot::fallback::FallbackLevel;
use cvdns_core::snapshot::{Snapshot, Unavailable};
use cvdns_core::wire::rcode;

/// 21, Not Supported: what cvdns answers by itself only.
pub(crate) const SIGNED: ExtendedError<'static> =
    ExtendedError(b"\0\x15this server has no signatures of the zone: ask another one");

/// 21, Not Supported: diagnostic names.
pub(crate) const DIAGNOSTIC: ExtendedError<'static> =
    ExtendedError(b"\0\x15this server has no diagnostic names");

/// RCODE, AA bit and extended error of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verdict<'s> {
    /// RCODE, including the bits that go into the OPT record (RFC 6891 section 6.1.3).
    pub rcode: u16,
    /// The AA bit.
    pub authoritative: bool,
    /// Extended DNS error (RFC 8914).
    pub error: Option<ExtendedError<'s>>,
}

impl<'s> Verdict<'s> {
    /// An RCODE without the AA bit.
    pub(crate) fn code(rcode: u16) -> Self {
        Self { rcode, authoritative: false, error: None }
    }

    /// An RCODE without the AA bit, and why.
    pub(crate) fn because(rcode: u16, error: ExtendedError<'s>) -> Self {
        Self { error: Some(error), ..Self::code(rcode) }
    }

    /// An RCODE of the zone that the name is in.
    fn of_zone(rcode: u16) -> Self {
        Self { authoritative: true, ..Self::code(rcode) }
    }

    /// An RCODE of the zone that the name is in, and why.
    fn of_zone_because(rcode: u16, error: ExtendedError<'s>) -> Self {
        Self { authoritative: true, ..Self::because(rcode, error) }
    }

    /// What an outcome at the end of a chain means. AA refers to the first owner name, which is the
    /// question's (RFC 1035 section 4.1.1), wherever a chain leads.
    pub(crate) fn of_chain(snapshot: &'s Snapshot, outcome: &Outcome<'s>) -> Self {
        Self { authoritative: true, ..Self::of(snapshot, outcome) }
    }

    /// What an outcome means at the question's own name.
    pub(crate) fn of(snapshot: &'s Snapshot, outcome: &Outcome<'s>) -> Self {
        match outcome {
            Outcome::NotOurs => Self::code(rcode::REFUSED),
            Outcome::NotReady => Self::of_zone_because(rcode::SERVFAIL, ExtendedError::NOT_READY),
            Outcome::Expired => Self::of_zone_because(rcode::SERVFAIL, ExtendedError::EXPIRED),
            Outcome::SignaturesAlone => {
                Self::because(rcode::REFUSED, ExtendedError::SIGNATURES_ALONE)
            }
            Outcome::Unavailable(Unavailable::NotTransferred) => {
                Self::because(rcode::SERVFAIL, ExtendedError::NOT_TRANSFERRED)
            }
            Outcome::Unavailable(Unavailable::Expired) => {
                Self::because(rcode::SERVFAIL, ExtendedError::ZONE_EXPIRED)
            }
            Outcome::Broken => Self::code(rcode::SERVFAIL),
            Outcome::TooLong => Self::of_zone(rcode::YXDOMAIN),
            Outcome::NxDomain => Self::of_zone(rcode::NXDOMAIN),
            // A referral is the answer of another zone (RFC 1034 section 4.3.2).
            Outcome::Referral(_) => Self::code(rcode::NOERROR),
            Outcome::Text { stale: true, .. } => {
                Self::of_zone_because(rcode::NOERROR, ExtendedError::STALE)
            }
            Outcome::Pool { rule, path, answer, ipv6, .. } => {
                let error = match answer.windows(*ipv6).fallback {
                    FallbackLevel::Near => None,
                    FallbackLevel::Further => {
                        snapshot.dynamic_data.extended_error(*rule, *path, *ipv6).map(ExtendedError)
                    }
                    FallbackLevel::Lagging => Some(ExtendedError::LAGGING),
                    FallbackLevel::Open => Some(ExtendedError::OPEN),
                };
                Self { error, ..Self::of_zone(rcode::NOERROR) }
            }
            Outcome::Static { .. }
            | Outcome::Text { .. }
            | Outcome::DownloadReport { .. }
            | Outcome::Nsec
            | Outcome::MinimalAny
            | Outcome::NoData
            | Outcome::NoAddresses { .. }
            | Outcome::NoSuchType { .. }
            | Outcome::ChainEnds => Self::of_zone(rcode::NOERROR),
        }
    }
}
