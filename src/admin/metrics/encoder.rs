//! Encodes families of metrics, or collects the values of counters.

use std::collections::HashMap;
use std::fmt::Error;

use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, MetricEncoder};
use prometheus_client::metrics::MetricType;

use crate::admin::counted::{Count, Counted, Series};

/// Encodes metrics in the order of its calls. Names are given without the prefix `cvdns_`, and
/// those of counters without `_total`.
pub(super) struct MetricsEncoder<'e, 'b> {
    sink: Sink<'e, 'b>,
    /// What servers counted that this one and its like have replaced. It is added to every counter.
    before: &'b Counted,
}

/// Where metrics go.
enum Sink<'e, 'b> {
    Page(DescriptorEncoder<'e>),
    /// Counters only.
    Counted(&'b mut Counted),
}

/// Labels and a value.
pub(super) type Labelled<'l, const N: usize, V> = ([(&'l str, &'l str); N], V);

impl<'e, 'b> MetricsEncoder<'e, 'b> {
    /// Writes a page.
    pub(super) fn page(encoder: DescriptorEncoder<'e>, before: &'b Counted) -> Self {
        Self { sink: Sink::Page(encoder), before }
    }

    /// Collects the values of counters, and nothing else.
    pub(super) fn collector(counted: &'b mut Counted, before: &'b Counted) -> Self {
        Self { sink: Sink::Counted(counted), before }
    }

    pub(super) fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        value: impl EncodeGaugeValue + Copy,
    ) -> Result<(), Error> {
        self.gauges(name, help, [([], value)])
    }

    pub(super) fn gauges<'l, const N: usize, V: EncodeGaugeValue>(
        &mut self,
        name: &'static str,
        help: &'static str,
        values: impl IntoIterator<Item = Labelled<'l, N, V>>,
    ) -> Result<(), Error> {
        let Sink::Page(encoder) = &mut self.sink else { return Ok(()) };
        let mut metric = describe(encoder, name, help, MetricType::Gauge)?;
        values.into_iter().try_for_each(|(labels, value)| {
            if labels.is_empty() {
                metric.encode_gauge(&value)
            } else {
                metric.encode_family(&labels)?.encode_gauge(&value)
            }
        })
    }

    pub(super) fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        value: u64,
    ) -> Result<(), Error> {
        self.counters(name, help, [([], value)])
    }

    pub(super) fn counters<'l, const N: usize, V: Into<Count>>(
        &mut self,
        name: &'static str,
        help: &'static str,
        values: impl IntoIterator<Item = Labelled<'l, N, V>>,
    ) -> Result<(), Error> {
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let before = self.before.of(name).iter().map(|series| (&series.labels, series.count));
        let mut before: HashMap<_, _> = before.collect();
        let mut all: Vec<Series> = Vec::new();
        for (labels, value) in values {
            let labels: Vec<_> = labels.into_iter().map(owned).collect();
            let count: Count = value.into();
            let count = before.remove(&labels).map_or(count, |before| count.plus(before));
            all.push(Series { labels, count });
        }
        // Those of mirrors and workers that there are no more, in the order of before.
        let gone = self.before.of(name).iter().filter(|series| before.contains_key(&series.labels));
        all.extend(gone.cloned());
        match &mut self.sink {
            Sink::Page(encoder) => {
                let mut metric = describe(encoder, name, help, MetricType::Counter)?;
                all.into_iter().try_for_each(|Series { labels, count }| {
                    metric
                        .encode_family(&labels)?
                        .encode_counter::<[(&str, &str); 0], _, u64>(&count, None)
                })
            }
            Sink::Counted(counted) => {
                for series in all {
                    counted.add(name, series);
                }
                Ok(())
            }
        }
    }
}

fn describe<'d>(
    encoder: &'d mut DescriptorEncoder<'_>,
    name: &'static str,
    help: &'static str,
    kind: MetricType,
) -> Result<MetricEncoder<'d>, Error> {
    encoder.encode_descriptor(name, help, None, kind)
}
