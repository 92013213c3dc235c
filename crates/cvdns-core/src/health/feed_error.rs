//! The reasons to refuse a feed.

use std::fmt;

use jiff::Timestamp;

use super::{FeedFault, SignatureFault};
use crate::problem::clock::AHEAD;

/// Most octets of a feed. No list of mirrors is larger.
pub const MAX_FEED_SIZE: usize = 16 << 20;

/// Why a feed is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedError {
    /// It is larger than [`MAX_FEED_SIZE`]; its size in octets.
    TooLarge(usize),
    /// It is not JSON of the feed format.
    Syntax(FeedFault),
    /// Its serial is lower than the one in force.
    SerialBehind {
        /// Serial of the refused feed.
        offered: u64,
        /// Serial of the feed in force.
        in_force: u64,
    },
    /// It has the serial in force, but other content.
    SerialReused(u64),
    /// It was generated more than [`MAX_AHEAD`](crate::problem::clock::MAX_AHEAD) after now.
    FromTheFuture(Timestamp),
    /// It has no signature, but `public-key` requires one.
    Unsigned,
    /// Its signature is not valid.
    WrongSignature(SignatureFault),
}

impl FeedError {
    /// Metrics label of the error.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "too-large",
            Self::Syntax(_) => "syntax",
            Self::SerialBehind { .. } => "serial-behind",
            Self::SerialReused(_) => "serial-reused",
            Self::FromTheFuture(_) => "future",
            Self::Unsigned => "unsigned",
            Self::WrongSignature(_) => "signature",
        }
    }
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(size) => {
                write!(f, "{size} octets are more than the 16 MiB that a feed may have")
            }
            Self::Syntax(fault) => write!(f, "{fault}"),
            Self::SerialBehind { offered, in_force } => {
                write!(f, "serial {offered} is lower than {in_force}, the one in force")
            }
            Self::SerialReused(serial) => {
                write!(
                    f,
                    "serial {serial} is in force with other content: a new feed needs a higher serial"
                )
            }
            Self::FromTheFuture(generated) => {
                write!(f, "it was generated at {generated}, {AHEAD}")
            }
            Self::Unsigned => {
                write!(
                    f,
                    "it has no signature, but `public-key` requires one: sign it with `minisign -S`"
                )
            }
            Self::WrongSignature(what) => write!(f, "its signature is not valid: {what}"),
        }
    }
}

impl std::error::Error for FeedError {}
