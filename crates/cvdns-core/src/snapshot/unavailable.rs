//! Zones without data that may be answered.

/// Why a zone that is configured has no data to answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unavailable {
    /// It was never transferred from its primary.
    NotTransferred,
    /// It is expired: for longer than EXPIRE of its SOA record no primary has confirmed it (RFC
    /// 1034 section 4.3.5).
    Expired,
}
