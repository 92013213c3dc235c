//! The primaries of all zones, as the event loop follows them.

use super::check::Checked;
use super::notify_listener::NotifyListener;
use super::schedule::Verdict;
use super::threads::Secondary;
use crate::load::Loaded;

/// Follows the primaries of all zones.
pub(crate) struct Primaries {
    /// `None` if nobody's primaries are followed: whoever only exports leaves that to the server.
    listener: Option<NotifyListener>,
    /// `None` if no zone has a primary.
    secondary: Option<Secondary>,
}

impl Primaries {
    /// Follows none, whatever the configuration says.
    pub(crate) fn of_nobody() -> Self {
        Self { listener: None, secondary: None }
    }

    /// Follows those of the configuration, and has NOTIFY answered.
    pub(crate) fn start(listener: NotifyListener, loaded: &Loaded) -> Self {
        let mut primaries = Self { listener: Some(listener), secondary: None };
        primaries.restart(loaded);
        primaries
    }

    /// Follows those of a configuration that was read again. All zones are checked at once.
    pub(crate) fn restart(&mut self, loaded: &Loaded) {
        let Some(listener) = &self.listener else { return };
        // The threads of before end.
        self.secondary = None;
        self.secondary = Secondary::start(loaded);
        listener.follow(loaded, self.secondary.as_ref());
    }

    /// Waits for the next result; for ever if there is none. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Checked {
        match &mut self.secondary {
            Some(secondary) => secondary.next().await,
            None => std::future::pending().await,
        }
    }

    /// Notes what became of a result.
    pub(crate) fn settle(&self, verdict: Verdict) {
        if let Some(secondary) = &self.secondary {
            secondary.settle(verdict);
        }
    }
}
