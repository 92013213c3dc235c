//! The `[log]` section.

use super::keys::log as keys;
use crate::problem::table::{Placed, Table};

/// How much is logged (`[log]`).
#[derive(Debug, Clone)]
pub struct Log {
    /// A level of `tracing`.
    pub level: &'static str,
    /// Whether lines are JSON.
    pub json: bool,
    /// The share of the queries that are logged.
    pub query_sample: f64,
    /// The file that lines go to; `None`: standard error.
    pub file: Option<Placed<String>>,
}

impl Log {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let log = Self {
            level: table.value(&keys::LEVEL),
            json: table.value(&keys::FORMAT),
            query_sample: table.value(&keys::QUERY_SAMPLE),
            file: table.get(&keys::FILE),
        };
        table.finish();
        log
    }
}
