//! The reasons to refuse a bundle.

use std::fmt;

use jiff::Timestamp;

use crate::health::FeedFault;
use crate::problem::clock::{AHEAD, is_ahead};

use super::Bundle;

/// Most octets of a bundle. A fleet of 10,000 mirrors has about 2 MB.
pub const MAX_BUNDLE_SIZE: usize = 32 << 20;

/// Why a bundle is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BundleError {
    /// It is larger than [`MAX_BUNDLE_SIZE`]; its size in octets.
    TooLarge(usize),
    /// It is not JSON of the format of bundles.
    Syntax(FeedFault),
    /// It is another bundle than the one that is asked for.
    OtherName {
        /// The name that it has.
        found: String,
        /// The name of the bundle that is asked for.
        expected: String,
    },
    /// It was made more than [`MAX_AHEAD`](crate::problem::clock::MAX_AHEAD) after now.
    FromTheFuture(Timestamp),
}

impl BundleError {
    /// Label of the error in metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "too-large",
            Self::Syntax(_) => "syntax",
            Self::OtherName { .. } => "other-name",
            Self::FromTheFuture(_) => "future",
        }
    }
}

impl Bundle {
    /// Checks that this is the bundle of a name, and not of the future: its serial would shut out
    /// those that come until then.
    ///
    /// # Errors
    /// If it has another name, or was made more than 5 minutes after `now`.
    pub fn expected(&self, name: &str, now: Timestamp) -> Result<(), BundleError> {
        if self.name != name {
            let (found, expected) = (self.name.clone(), name.to_owned());
            return Err(BundleError::OtherName { found, expected });
        }
        if is_ahead(self.generated, now) {
            return Err(BundleError::FromTheFuture(self.generated));
        }
        Ok(())
    }
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(size) => {
                write!(f, "{size} octets are more than the 32 MiB that a bundle may have")
            }
            Self::Syntax(fault) => fault.fmt(f),
            Self::OtherName { found, expected } => {
                write!(f, "it is the bundle {found:?}, not {expected:?}")
            }
            Self::FromTheFuture(generated) => write!(f, "it was made at {generated}, {AHEAD}"),
        }
    }
}

impl std::error::Error for BundleError {}
