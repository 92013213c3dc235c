//! The keys by which zones are signed, while the clock goes on.

use jiff::Timestamp;
use tracing::info;

use super::ServerState;
use crate::logging::log_problems;
use cvdns_core::problem::Problems;

impl ServerState {
    /// Has zones signed with other keys once the moments of these say so.
    pub(super) fn follow_keys(&mut self, now: Timestamp) {
        let mut problems = Problems::default();
        let changed = self.loaded.follow_keys(now, &mut problems);
        log_problems(&problems);
        if changed.is_empty() {
            return;
        }
        for zone in changed {
            info!(zone = %zone, "the keys of the zone {zone} change by their moments");
        }
        self.compile_again(now);
    }
}
