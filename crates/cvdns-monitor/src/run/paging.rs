//! Has the pages written beside the feed.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::warn;

use crate::MonitorInputs;
use crate::coordinator::Coordinator;
use crate::metrics;
use crate::page::{Pages, Seen, Setting, Status};
use cvdns_core::health::Feed;
use cvdns_io::read_optional_text;

/// Most octets of the metrics of an earlier run. 10,000 mirrors have about 3 MB.
const MAX_METRICS: u64 = 64 << 20;

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
        let pages = match before {
            Some(before) => {
                before.pages.look(Arc::clone(&setting));
                Ok(before.pages)
            }
            None => Pages::start(written_before(&inputs.state)),
        };
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

/// The time of the feed by which an earlier run last wrote all pages, in Unix seconds; 0 if none
/// did.
fn written_before(state: &Path) -> i64 {
    let earlier = read_optional_text(&metrics::path(state), MAX_METRICS).ok().flatten();
    earlier.map_or(0, |earlier| metrics::pages_written(&earlier))
}
