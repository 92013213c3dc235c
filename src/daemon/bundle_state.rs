//! The bundle of zone files that is followed.

use super::followed_document::{FollowedDocument, SerialDocument};
use crate::load::{BundleSource, SignedBundle};

/// The bundle in force, and what is wrong with the one that is published.
pub(super) type FollowedBundle = FollowedDocument<BundleSource, SignedBundle>;

/// What is to be done about a bundle that was fetched.
#[derive(Debug)]
pub(super) enum FetchedBundle {
    /// Nothing: it is in force, or it is refused.
    Settled,
    /// It is refused now, and may be taken when it is fetched again.
    Undecided,
    /// Its files are to be read.
    Offered(SignedBundle),
}

impl SerialDocument for SignedBundle {
    const NAME: (&'static str, &'static str) = ("bundle", "is");

    fn serial(&self) -> u64 {
        self.bundle.serial
    }

    fn content(&self) -> &[u8] {
        &self.octets
    }

    fn signature(&self) -> Option<&[u8]> {
        self.signature.as_deref()
    }
}
