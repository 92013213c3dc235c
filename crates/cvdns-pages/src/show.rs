//! How templates show values: as methods, which a template can call on values and on references.

use jiff::Timestamp;

use crate::{format, text};

/// Moments in templates.
pub(crate) trait ShowMoment {
    /// See [`format::moment`].
    fn moment(&self) -> String;
    /// See [`format::rfc3339`].
    fn rfc3339(&self) -> String;
    /// See [`format::day`].
    fn day(&self) -> String;
}

impl ShowMoment for Timestamp {
    fn moment(&self) -> String {
        format::moment(*self)
    }

    fn rfc3339(&self) -> String {
        format::rfc3339(*self)
    }

    fn day(&self) -> String {
        format::day(*self)
    }
}

/// Foreign text in templates.
pub(crate) trait ShowText {
    /// See [`text::host`].
    fn as_host(&self) -> String;
    /// See [`text::reason`].
    fn as_reason(&self) -> String;
}

impl ShowText for str {
    fn as_host(&self) -> String {
        text::host(self)
    }

    fn as_reason(&self) -> String {
        text::reason(self)
    }
}

/// Parts of a whole in templates.
pub(crate) trait ShowPart {
    /// See [`format::percent`].
    fn percent(&self) -> String;
}

impl ShowPart for f64 {
    fn percent(&self) -> String {
        format::percent(*self)
    }
}

/// Numbers in templates.
pub(crate) trait ShowNumber {
    /// See [`format::number`].
    fn number(&self) -> String;
    /// See [`format::rate`].
    fn rate(&self) -> String;
}

impl ShowNumber for u64 {
    fn number(&self) -> String {
        format::number(*self)
    }

    fn rate(&self) -> String {
        format::rate(*self)
    }
}

impl ShowNumber for u32 {
    fn number(&self) -> String {
        format::number(u64::from(*self))
    }

    fn rate(&self) -> String {
        format::rate(u64::from(*self))
    }
}
