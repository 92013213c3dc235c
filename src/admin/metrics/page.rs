//! Metrics as they are written.

use std::fmt::Error;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder,
};
use prometheus_client::metrics::MetricType;

/// A page of metrics. Names come without the program's prefix, and those of counters without `_total`.
pub(super) struct Page<'e>(pub DescriptorEncoder<'e>);

/// A value with its labels.
pub(super) type Labelled<'l, const N: usize, V> = ([(&'l str, &'l str); N], V);

impl Page<'_> {
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
