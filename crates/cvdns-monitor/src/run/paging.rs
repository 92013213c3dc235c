//! Has the pages written beside the feed.

use std::sync::Arc;

use jiff::Timestamp;
use tracing::warn;

use crate::MonitorInputs;
use crate::coordinator::Coordinator;
use crate::page::{Pages, Seen, Setting, Status};
use cvdns_core::health::Feed;

/// The thread that writes pages, and what it needs beside feeds.
pub(super) struct Paging {
    pages: Pages,
    setting: Arc<Setting>,
}

impl Paging {
    /// The pages of a configuration, written by the thread of `before` if there is one; `None` if
    /// the configuration has none.
    pub(super) fn of(inputs: &MonitorInputs, before: Option<Self>) -> Option<Self> {
        let Some(page) = &inputs.page else {
            if let Some(before) = before {
                before.pages.abandon();
            }
            return None;
        };
        let setting = Arc::new(Setting {
            inputs: page.clone(),
            fleets: inputs.fleets.clone(),
            lag: inputs.lag,
            max_age: inputs.max_age,
            is_probe: inputs.settings.probe.is_some(),
            state: inputs.state.clone(),
        });
        let pages = before.map(|before| before.pages).map_or_else(Pages::start, Ok);
        match pages {
            Ok(pages) => Some(Self { pages, setting }),
            Err(error) => {
                warn!("there are no pages: cannot start a thread: {error}");
                None
            }
        }
    }

    /// Has the pages written by a feed.
    pub(super) fn show(&self, coordinator: &Coordinator, feed: Feed, now: Timestamp) {
        self.pages.offer(Seen {
            now,
            feed,
            frozen: coordinator.stored.frozen.clone(),
            rows: coordinator.rows(),
            setting: Arc::clone(&self.setting),
        });
    }

    /// Whether the history could not be read since this was last asked.
    pub(super) fn lacked_history(&self) -> bool {
        self.pages.lacked_history()
    }

    /// What has come of the pages so far.
    pub(super) fn status(&self) -> Status {
        self.pages.status()
    }

    /// Waits until the pages are written, and ends.
    pub(super) fn finish(self) -> Status {
        self.pages.finish()
    }

    /// Ends without waiting for more than a file.
    pub(super) fn abandon(self) {
        self.pages.abandon();
    }
}
