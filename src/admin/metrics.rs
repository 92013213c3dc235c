//! The metrics, read off what is in force whenever they are asked for.

mod page;
mod state;
mod traffic;

use std::fmt::Error;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::View;

use page::Page;

/// Makes them.
#[derive(Debug)]
pub(super) struct Metrics(pub View);

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut page = Page(encoder);
        let View { snapshots, tallies, queries, reclaimer, condition, log, .. } = &self.0;
        let now = Timestamp::now();
        // Answers are read before what was received, so that there are never more of them.
        page.answered(&reclaimer.stats())?;
        page.queries(queries)?;
        page.sockets(tallies)?;
        page.log(log.counts())?;
        let condition = condition.load();
        page.program(&condition)?;
        page.feed(&condition, now)?;
        let snapshot = snapshots.load();
        page.record(&snapshot, &condition, now)?;
        page.mirrors(&snapshot)?;
        page.reports(&snapshot.static_data.download_reports.reports())
    }
}
