//! What a coordinator does after a signal.

use std::time::Duration;

use tracing::{error, info};

use super::Start;
use crate::MonitorInputs;

/// The time that `on-change` gets at the end for the changes that still wait.
const NOTIFY_GRACE: Duration = Duration::from_secs(10);

impl Start {
    /// Reads everything again; what is wrong changes nothing. Returns whether anything is new.
    pub(super) fn reloaded(&mut self, reload: &mut dyn FnMut() -> Option<MonitorInputs>) -> bool {
        match reload().map(|inputs| self.renew(inputs)) {
            Some(Ok(())) => {
                info!("reloaded; checking {} addresses", self.coordinator.targets.len());
                return true;
            }
            Some(Err(error)) => error!("not reloaded, what was read before goes on: {error}"),
            None => error!("not reloaded, what was read before goes on"),
        }
        false
    }

    /// Ends after a signal.
    pub(super) fn end(self) -> Result<(), String> {
        let saved = self.save();
        if let Some(pages) = self.pages {
            pages.abandon();
        }
        if let Some(notifier) = self.notifier {
            notifier.finish(NOTIFY_GRACE);
        }
        info!("stopped");
        saved
    }
}
