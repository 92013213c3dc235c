//! Extended DNS errors (RFC 8914) that go with answers.

use std::borrow::Cow;

/// An extended DNS error as it is sent: INFO-CODE, then EXTRA-TEXT (RFC 8914 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedError<'e>(pub &'e [u8]);

/// The text of two errors.
macro_rules! too_old {
    () => {
        "the record is too old: nothing renews it"
    };
}

impl ExtendedError<'static> {
    /// 0, Other: the query's client subnet option is malformed.
    pub const BAD_SUBNET: Self = Self(b"\0\x00malformed client subnet (RFC 7871 section 6)");
    /// 0, Other: diagnostic names have used up their share of time.
    pub const BUSY: Self = Self(b"\0\x00too many diagnostic queries: ask again in a moment");
    /// 3, Stale Answer: the addresses of mirrors that are not known to work.
    pub const OPEN: Self = Self(b"\0\x03no mirror of the path is usable: answered as if all were");
    /// 3, Stale Answer: the addresses of mirrors that lag behind the record.
    pub const LAGGING: Self =
        Self(b"\0\x03no mirror of the path holds the record: answered with those least behind");
    /// 3, Stale Answer: a record that is too old, but is answered (`on-stale`).
    pub const STALE: Self = Self(concat!("\0\x03", too_old!()).as_bytes());
    /// 14, Not Ready: no release is known yet.
    pub const NOT_READY: Self = Self(b"\0\x0eno release is known yet");
    /// 14, Not Ready: the zone was never transferred from its primary.
    pub const NOT_TRANSFERRED: Self = Self(b"\0\x0ethe zone has not been transferred yet");
    /// 18, Prohibited: the client may not ask for diagnostic names.
    pub const PROHIBITED: Self = Self(b"\0\x12diagnostic names are for local clients (explain)");
    /// 21, Not Supported: signatures without what they cover.
    pub const SIGNATURES_ALONE: Self =
        Self(b"\0\x15signatures are answered with what they cover: ask for that (+dnssec)");
    /// 24, Invalid Data: the record is too old to be answered.
    pub const EXPIRED: Self = Self(concat!("\0\x18", too_old!()).as_bytes());
    /// 24, Invalid Data, whose example in RFC 8914 section 4.25 this is: the zone is expired.
    pub const ZONE_EXPIRED: Self = Self(b"\0\x18the zone is expired: no primary confirms it");
}

impl<'e> ExtendedError<'e> {
    /// Size of the option in octets, option code and length included.
    pub fn size(&self) -> usize {
        4 + self.0.len()
    }

    /// EXTRA-TEXT.
    pub fn text(&self) -> Cow<'e, str> {
        String::from_utf8_lossy(self.0.get(2..).unwrap_or_default())
    }
}
