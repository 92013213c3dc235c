//! How templates show values: as methods, which a template can call on values and on references.

use askama::filters::Safe;
use cvdns_core::health::{MirrorCondition, State};
use jiff::Timestamp;

use crate::{format, text};

/// Moments in templates.
pub(crate) trait ShowMoment {
    /// The moment as an element that machines can read.
    fn time(&self) -> Safe<String>;
    /// See [`format::rfc3339`].
    fn rfc3339(&self) -> String;
}

impl ShowMoment for Timestamp {
    fn time(&self) -> Safe<String> {
        let (machine, shown) = (format::rfc3339(*self), format::moment(*self));
        Safe(format!("<time datetime=\"{machine}\">{shown}</time>"))
    }

    fn rfc3339(&self) -> String {
        format::rfc3339(*self)
    }
}

/// States in templates.
pub(crate) trait ShowState {
    /// The state as a coloured word.
    fn mark(&self) -> Safe<String>;
}

impl ShowState for State {
    fn mark(&self) -> Safe<String> {
        MirrorCondition::from(*self).mark()
    }
}

impl ShowState for MirrorCondition {
    fn mark(&self) -> Safe<String> {
        Safe(format!("<span class=\"state {self}\">{self}</span>"))
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

/// Parts of a whole that may not be known, in templates.
pub(crate) trait ShowKnown {
    /// See [`format::percent`].
    fn percent(&self) -> Safe<String>;
}

impl ShowKnown for Option<f64> {
    fn percent(&self) -> Safe<String> {
        Safe(match self {
            // "<0.01 %" is the only one with markup.
            Some(part) => format::percent(*part).replace('<', "&lt;"),
            None => "<span class=\"unknown\">not known</span>".to_owned(),
        })
    }
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
