//! The metrics, read off what is in force whenever they are asked for.

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, MetricEncoder};
use prometheus_client::metrics::MetricType;

use super::View;
use crate::release::Announced;
use crate::snapshot::Snapshot;
use crate::snapshot::pings::{Outcome, Reports};

/// Makes them.
#[derive(Debug)]
pub(super) struct Metrics(pub View);

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut page = Page(encoder);
        let View { snapshots, tallies, condition, .. } = &self.0;
        let version = [([("version", env!("CARGO_PKG_VERSION"))], 1u64)];
        page.gauges("build_info", "1, for the version of the program", version)?;
        let counters = tallies.read();
        let (udp, tcp) = (counters.udp, counters.tcp);
        let by_transport = |udp, tcp| [([("transport", "udp")], udp), ([("transport", "tcp")], tcp)];
        let [received, answered] = [(udp.received, tcp.received), (udp.answered, tcp.answered)];
        page.counters(
            "queries_received",
            "Datagrams, and queries over TCP",
            by_transport(received.0, received.1),
        )?;
        page.counters("answers_sent", "Answers that were sent", by_transport(answered.0, answered.1))?;
        let condition = condition.load();
        let refusals = condition.refusals.iter().map(|(reason, count)| ([("reason", *reason)], *count));
        page.counters("feed_errors", "Looks at the feed that brought none to take, by reason", refusals)?;
        let held = condition.held.as_ref().map_or(0, |held| held.serial);
        page.gauge("feed_held_serial", "Serial of the feed that is held back; 0: none is", held)?;
        let overrides = condition.overrides as u64;
        page.gauge("overrides_in_force", "Overrides of the operator that are in force", overrides)?;
        if let Some(feed) = &condition.feed {
            page.gauge("feed_serial", "Serial of the feed in force", feed.serial)?;
            let generated = feed.generated.as_second();
            page.gauge(
                "feed_generated_timestamp_seconds",
                "When the feed in force was generated",
                generated,
            )?;
            page.gauge("feed_fresh", "1: the feed in force is younger than max-age", i64::from(feed.fresh))?;
        }
        let snapshot = snapshots.load();
        let available = snapshot.live.announced().is_some() && !snapshot.live.has_expired();
        page.gauge("record_available", "1: there is a record to answer", i64::from(available))?;
        let unusable = condition.unusable_files as u64;
        page.gauge("record_files_unusable", "Files of the record that cannot be used", unusable)?;
        if let Some(announced) = snapshot.live.announced() {
            page.record(announced)?;
        }
        page.mirrors(&snapshot)?;
        page.reports(&snapshot.frame.pings.reports())
    }
}

/// The metrics as they are written.
struct Page<'e>(DescriptorEncoder<'e>);

impl Page<'_> {
    /// What is announced, and why.
    fn record(&mut self, announced: &Announced) -> Result<(), Error> {
        let databases =
            || announced.release.databases().map(|(name, version)| ([("database", name)], version));
        self.gauges("record_version", "Version that the record announces", databases())?;
        let gates = || announced.gates.iter().map(|gate| ([("database", gate.database)], gate));
        let released = gates().map(|(labels, gate)| (labels, gate.released));
        self.gauges("record_released_version", "Version that the release has", released)?;
        let held = gates().map(|(labels, gate)| (labels, gate.held.ratio()));
        let help = "Share of the usable mirrors' capacity that holds the announced version";
        self.gauges("record_held_ratio", help, held)?;
        let held = gates().map(|(labels, gate)| (labels, gate.released_held.ratio()));
        let help = "Share of the usable mirrors' capacity that holds the released version";
        self.gauges("record_released_held_ratio", help, held)?;
        let quorum = gates().map(|(labels, gate)| (labels, gate.quorum.ratio()));
        self.gauges("record_quorum_ratio", "Share that it takes to announce a version", quorum)?;
        self.gauge("record_stamp_timestamp_seconds", "Stamp of the record", announced.stamp)
    }

    /// How the mirrors stand beside it.
    fn mirrors(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let live = &snapshot.live;
        let expired = i64::from(live.has_expired());
        self.gauge("record_expired", "1: the record is too old to be answered, SERVFAIL", expired)?;
        let lagging = live.lagging() as u64;
        self.gauge("mirrors_lagging", "Mirrors that work and are too far behind the record", lagging)?;
        let settling = live.settling() as u64;
        self.gauge("mirrors_settling", "Mirrors that are out for changing state too often", settling)?;
        let lagging = live.lagging_paths() as u64;
        self.gauge("paths_lagging", "Paths, over all limits, that have only such mirrors", lagging)?;
        let open = live.fail_open() as u64;
        self.gauge("paths_fail_open", "Paths, over all limits, that have no mirror that works", open)
    }

    /// Download reports of old clients. Their labels are hosts of the fleet, whatever is asked.
    fn reports(&mut self, reports: &Reports) -> Result<(), Error> {
        let mut mirrors = reports.mirrors.clone();
        let Outcome { succeeded, failed } = reports.other;
        // A mirror could be called that.
        let other = mirrors.entry("other".to_owned()).or_default();
        (other.succeeded, other.failed) = (other.succeeded + succeeded, other.failed + failed);
        let all = mirrors.iter().flat_map(|(host, outcome)| {
            let labels = |outcome| [("mirror", host.as_str()), ("outcome", outcome)];
            [(labels("success"), outcome.succeeded), (labels("failure"), outcome.failed)]
        });
        self.counters("ping_reports", "Download reports, by mirror and outcome", all)?;
        let malformed = reports.malformed;
        self.counters(
            "ping_reports_malformed",
            "Queries at ping names that report nothing",
            [([], malformed)],
        )
    }

    fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        value: impl EncodeGaugeValue + Copy,
    ) -> Result<(), Error> {
        self.describe(name, help, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn gauges<'l, const N: usize, V: EncodeGaugeValue>(
        &mut self,
        name: &'static str,
        help: &'static str,
        values: impl IntoIterator<Item = Labelled<'l, N, V>>,
    ) -> Result<(), Error> {
        let mut metric = self.describe(name, help, MetricType::Gauge)?;
        values.into_iter().try_for_each(|(labels, value)| metric.encode_family(&labels)?.encode_gauge(&value))
    }

    fn counters<'l, const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        values: impl IntoIterator<Item = Labelled<'l, N, u64>>,
    ) -> Result<(), Error> {
        let mut metric = self.describe(name, help, MetricType::Counter)?;
        values.into_iter().try_for_each(|(labels, value)| {
            metric.encode_family(&labels)?.encode_counter::<[(&str, &str); 0], _, u64>(&value, None)
        })
    }

    fn describe(
        &mut self,
        name: &'static str,
        help: &'static str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'_>, Error> {
        self.0.encode_descriptor(name, help, None, kind)
    }
}

/// A value with its labels.
type Labelled<'l, const N: usize, V> = ([(&'l str, &'l str); N], V);
