//! Encodes families of metrics.

use std::fmt::Error;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder,
};
use prometheus_client::metrics::MetricType;

/// Encodes metrics in the order of its calls. Names are given without the prefix `cvdns_`, and
/// those of counters without `_total`.
pub(super) struct MetricsEncoder<'e>(pub DescriptorEncoder<'e>);

/// Labels and a value.
pub(super) type Labelled<'l, const N: usize, V> = ([(&'l str, &'l str); N], V);

impl MetricsEncoder<'_> {
    pub(super) fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        value: impl EncodeGaugeValue + Copy,
    ) -> Result<(), Error> {
        self.describe(name, help, MetricType::Gauge)?.encode_gauge(&value)
    }

    pub(super) fn gauges<'l, const N: usize, V: EncodeGaugeValue>(
        &mut self,
        name: &'static str,
        help: &'static str,
        values: impl IntoIterator<Item = Labelled<'l, N, V>>,
    ) -> Result<(), Error> {
        let mut metric = self.describe(name, help, MetricType::Gauge)?;
        values
            .into_iter()
            .try_for_each(|(labels, value)| metric.encode_family(&labels)?.encode_gauge(&value))
    }

    pub(super) fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        value: u64,
    ) -> Result<(), Error> {
        self.counters(name, help, [([], value)])
    }

    pub(super) fn counters<'l, const N: usize, V: EncodeCounterValue>(
        &mut self,
        name: &'static str,
        help: &'static str,
        values: impl IntoIterator<Item = Labelled<'l, N, V>>,
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
