//! The metrics, collected from the running server at each request.

mod encoder;
mod state;
mod traffic;

use std::fmt::Error;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::ServerView;

use encoder::MetricsEncoder;

/// Collects all metrics.
#[derive(Debug)]
pub(super) struct MetricsCollector(pub ServerView);

impl Collector for MetricsCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut encoder = MetricsEncoder(encoder);
        let ServerView { snapshots, tallies, queries, ledger, condition, log, .. } = &self.0;
        let now = Timestamp::now();
        // Answers are read before received queries, so that they never exceed them.
        encoder.answered(&ledger.answered())?;
        encoder.queries(queries)?;
        encoder.sockets(tallies)?;
        encoder.log(log.counts())?;
        let condition = condition.load();
        encoder.program(&condition)?;
        encoder.feed(&condition, now)?;
        let snapshot = snapshots.load();
        encoder.record(&snapshot, &condition, now)?;
        encoder.mirrors(&snapshot)?;
        encoder.reports(&snapshot.static_data.download_reports.reports())
    }
}
