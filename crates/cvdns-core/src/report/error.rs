//! The reasons to refuse a report.

use std::fmt;

use jiff::Timestamp;

use crate::health::{FeedError, FeedFault};
use crate::problem::clock::AHEAD;

/// Most octets of a report. 20,000 addresses have about 4 MB.
pub const MAX_REPORT_SIZE: usize = 16 << 20;

/// Why a report is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportError {
    /// It cannot be read or fetched, for this reason.
    Unread(String),
    /// It is larger than [`MAX_REPORT_SIZE`]; its size in octets.
    TooLarge(usize),
    /// It is not JSON of the report format.
    Syntax(FeedFault),
    /// It is not signed by the member's key.
    Signature(FeedError),
    /// It is the report of another monitor.
    OtherMonitor {
        /// The monitor that the report names.
        found: String,
        /// The monitor whose report it should be.
        expected: String,
    },
    /// Its serial is lower than the one in force.
    SerialBehind {
        /// Serial of the refused report.
        offered: u64,
        /// Serial of the report in force.
        in_force: u64,
    },
    /// It has the serial in force, but other content.
    SerialReused(u64),
    /// It was generated more than [`MAX_AHEAD`](crate::problem::clock::MAX_AHEAD) after now.
    FromTheFuture(Timestamp),
}

impl ReportError {
    /// All metrics labels.
    pub const REASONS: [&str; 9] = [
        "unread",
        "too-large",
        "syntax",
        "unsigned",
        "signature",
        "other-monitor",
        "serial-behind",
        "serial-reused",
        "future",
    ];

    /// Metrics label of the error.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unread(_) => "unread",
            Self::TooLarge(_) => "too-large",
            Self::Syntax(_) => "syntax",
            Self::Signature(FeedError::Unsigned) => "unsigned",
            Self::Signature(_) => "signature",
            Self::OtherMonitor { .. } => "other-monitor",
            Self::SerialBehind { .. } => "serial-behind",
            Self::SerialReused(_) => "serial-reused",
            Self::FromTheFuture(_) => "future",
        }
    }
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(what) => f.write_str(what),
            Self::TooLarge(size) => {
                write!(f, "{size} octets are more than the 16 MiB that a report may have")
            }
            Self::Syntax(fault) => fault.fmt(f),
            Self::Signature(error) => error.fmt(f),
            Self::OtherMonitor { found, expected } => {
                write!(
                    f,
                    "it is the report of {found:?}, not of {expected:?}: the `name` in [monitor] \
                     there must be the `name` of the member here"
                )
            }
            Self::SerialBehind { offered, in_force } => {
                write!(f, "serial {offered} is lower than {in_force}, the one in force")
            }
            Self::SerialReused(serial) => write!(
                f,
                "serial {serial} is in force with other content: do two monitors have this name?"
            ),
            Self::FromTheFuture(generated) => write!(f, "it was generated at {generated}, {AHEAD}"),
        }
    }
}

impl std::error::Error for ReportError {}
