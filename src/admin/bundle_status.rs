//! What the admin address shows of the bundle of zone files.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::view::BundleCondition;

/// The bundle in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleStatus {
    /// Its name.
    pub name: String,
    /// Where in NATS it comes from.
    pub source: String,
    /// Its serial.
    pub serial: u64,
    /// When it was made.
    pub generated: Timestamp,
    /// Number of its files.
    pub files: usize,
    /// Since when this server answers by it.
    pub since: Timestamp,
    /// Whether the bundle that is published could be had last time, and can be used.
    pub usable: bool,
    /// Failed attempts to get another one since the start, by reason.
    pub refused: BTreeMap<String, u64>,
}

impl BundleStatus {
    pub(super) fn of(condition: &BundleCondition) -> Self {
        let refused =
            condition.refusals.iter().map(|(reason, count)| ((*reason).to_owned(), *count));
        Self {
            name: condition.name.clone(),
            source: condition.source.clone(),
            serial: condition.serial,
            generated: condition.generated,
            files: condition.files,
            since: condition.since,
            usable: condition.is_usable,
            refused: refused.collect(),
        }
    }
}
