//! The `[rate-limit]` section.

use super::keys::rate_limit as keys;
use crate::abuse::{Networks, RateLimit};
use crate::problem::table::Table;

pub(super) fn read(mut table: Table<'_>) -> RateLimit {
    let exempt = table.list(&keys::EXEMPT).unwrap_or_default();
    let networks: Vec<_> = exempt.into_iter().map(|network| network.value).collect();
    let limit = RateLimit {
        mode: table.value(&keys::MODE),
        responses_per_second: table.value(&keys::RESPONSES_PER_SECOND),
        slip: table.value(&keys::SLIP),
        exempt: Networks::new(&networks),
    };
    table.finish();
    limit
}

impl Default for RateLimit {
    /// The limit of a configuration that says nothing of it.
    fn default() -> Self {
        Self {
            mode: keys::MODE.preset(),
            responses_per_second: keys::RESPONSES_PER_SECOND.preset(),
            slip: keys::SLIP.preset(),
            exempt: Networks::default(),
        }
    }
}
