//! What the process takes of its machine.

use std::fmt::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue};
use prometheus_client::metrics::MetricType;
use rustix::fs::Dir;

/// Where the process is seen. Its files are opened before the process enters the sandbox, in which
/// nothing can be opened there, and are read again and again.
#[derive(Debug)]
pub struct ProcessStats {
    started: Timestamp,
    /// `/proc/self/statm`: its sizes in pages (proc(5)). `None` where there is no such file.
    sizes: Option<File>,
    /// `/proc/self/fd`: its open descriptors.
    descriptors: Option<Mutex<Dir>>,
    /// Octets of a page of memory.
    page: u64,
}

/// The process at a moment. What the system does not say is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ProcessUsage {
    /// When the process was started.
    started: Timestamp,
    /// Seconds of processor time, in the program and in the system for it.
    cpu: Option<f64>,
    /// Octets of its address space.
    virtual_memory: Option<u64>,
    /// Octets of it that are in memory.
    resident_memory: Option<u64>,
    /// Open file descriptors.
    open_descriptors: Option<u64>,
    /// Most descriptors that it may have open.
    max_descriptors: Option<u64>,
}

impl ProcessStats {
    /// Opens what is read later. The process counts as started now.
    ///
    /// Call this before the process enters its sandbox.
    pub fn open() -> Self {
        let descriptors = File::open("/proc/self/fd").ok();
        Self {
            started: Timestamp::now(),
            sizes: File::open("/proc/self/statm").ok(),
            descriptors: descriptors.and_then(|opened| Dir::new(opened).ok()).map(Mutex::new),
            page: rustix::param::page_size() as u64,
        }
    }

    /// The process now.
    fn usage(&self) -> ProcessUsage {
        let sizes = self.sizes();
        let cpu = getrusage(UsageWho::RUSAGE_SELF).ok().map(|usage| {
            let micros =
                usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
            micros as f64 / 1e6
        });
        ProcessUsage {
            started: self.started,
            cpu,
            virtual_memory: sizes.map(|[all, _]| all),
            resident_memory: sizes.map(|[_, resident]| resident),
            open_descriptors: self.open_descriptors(),
            max_descriptors: getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft),
        }
    }

    /// Octets of the address space, and of what is in memory.
    fn sizes(&self) -> Option<[u64; 2]> {
        let mut octets = [0; 128];
        let length = self.sizes.as_ref()?.read_at(&mut octets, 0).ok()?;
        let text = std::str::from_utf8(octets.get(..length)?).ok()?;
        let mut pages = text.split_whitespace().map(|number| number.parse::<u64>().ok());
        let mut next = || pages.next().flatten().map(|pages| pages.saturating_mul(self.page));
        Some([next()?, next()?])
    }

    fn open_descriptors(&self) -> Option<u64> {
        // The directory is read from its start again, whatever a panic left.
        let mut directory =
            self.descriptors.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        directory.rewind();
        let mut count = 0;
        while let Some(entry) = directory.read() {
            let name = entry.ok()?;
            count += u64::from(!name.file_name().to_bytes().starts_with(b"."));
        }
        Some(count)
    }
}

/// Collects the metrics of the process, by the names that Prometheus' client libraries give them,
/// without the prefix of others.
#[derive(Debug)]
pub(super) struct ProcessCollector(pub Arc<ProcessStats>);

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

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_is_seen_again_and_again() {
        let stats = ProcessStats::open();
        let before = stats.usage();
        assert!(before.resident_memory > Some(0) && before.resident_memory < before.virtual_memory);
        assert!(before.open_descriptors <= before.max_descriptors);
        // Other tests open and close files meanwhile, a few at a time.
        let files: Vec<File> = (0..200).map(|_| File::open("/dev/null").unwrap()).collect();
        let now = stats.usage();
        assert!(now.open_descriptors > before.open_descriptors.map(|before| before + 100));
        assert!(now.cpu >= before.cpu && now.cpu > Some(0.0));
        drop(files);
    }
}
