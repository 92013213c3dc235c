//! Metrics of the process, by the names that Prometheus' client libraries give them, without the
//! prefix of others.

use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue};
use prometheus_client::metrics::MetricType;

use crate::admin::process::{ProcessStats, ProcessUsage};

/// Collects them.
#[derive(Debug)]
pub(in crate::admin) struct ProcessCollector(pub Arc<ProcessStats>);

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let ProcessUsage {
            started,
            cpu,
            virtual_memory,
            resident_memory,
            open_descriptors,
            max_descriptors,
        } = self.0.usage();
        if let Some(cpu) = cpu {
            let help = "Processor time of the process";
            encoder
                .encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?
                .encode_counter::<[(&str, &str); 0], _, u64>(&cpu, None)?;
        }
        let started = started.as_millisecond() as f64 / 1e3;
        let mut gauge = |name, help, value| gauge(&mut encoder, name, help, value);
        gauge("process_start_time_seconds", "When the process was started", Some(started))?;
        let mut octets =
            |name, help, value: Option<u64>| gauge(name, help, value.map(|value| value as f64));
        octets("process_virtual_memory_bytes", "Address space of the process", virtual_memory)?;
        octets("process_resident_memory_bytes", "What of it is in memory", resident_memory)?;
        octets("process_open_fds", "Open file descriptors", open_descriptors)?;
        octets("process_max_fds", "Most file descriptors that may be open", max_descriptors)
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: Option<impl EncodeGaugeValue>,
) -> Result<(), Error> {
    let Some(value) = value else { return Ok(()) };
    encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
}
