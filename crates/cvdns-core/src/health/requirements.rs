//! What a feed requires of the data that is otherwise compiled from files alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::geo::area::Area;

/// What static data must be compiled for, so that a feed can be in force. It changes rarely, and
/// static data is compiled again when it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedRequirements {
    /// Names of the release's databases beyond those that every release has, each of which gets a
    /// domain name of its own.
    pub databases: BTreeSet<String>,
    /// Countries and continents whose clients are never answered a mirror, by its host (`not-for`).
    pub not_for: BTreeMap<String, BTreeSet<Area>>,
}
