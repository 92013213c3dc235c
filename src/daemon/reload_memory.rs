//! Whether there is memory for a reload. A Rust program ends when the system gives it none, and a
//! reload that ends the server is worse than one that does not happen.

use cvdns_net::memory::can_map;

/// The memory that reading and compiling everything takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReloadMemory {
    /// In octets; 0 if it is not known.
    octets: usize,
}

/// Why there is no memory, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shortage {
    pub what: String,
    pub help: &'static str,
}

impl ReloadMemory {
    /// As much as the process had resident at most since it began. To be called after the start,
    /// which reads and compiles the same as a reload does.
    pub(super) fn of_start() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self { octets: peak(&status).unwrap_or_default() }
    }

    /// Checks that the system would give as much now, beside what is served meanwhile.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub(super) fn check(self) -> Result<(), Shortage> {
        if self.octets == 0 || can_map(self.octets) {
            return Ok(());
        }
        let mebibytes = self.octets >> 20;
        Err(Shortage {
            what: format!(
                "the system would not give the {mebibytes} MiB that reading everything took at the \
                 start, beside what is served meanwhile"
            ),
            help: "raise the limit on the address space (`ulimit -v`, in systemd `LimitAS=`), or \
                   restart the server",
        })
    }
}

/// The peak of resident memory in octets (`VmHWM` in proc(5), in KiB).
fn peak(status: &str) -> Option<usize> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status() {
        assert_eq!(peak("Name:\tcvdns\nVmHWM:\t   57344 kB\nVmRSS:\t 1 kB\n"), Some(56 << 20));
        assert_eq!(peak("VmHWM:\t 1 MB\n"), None);
    }

    #[test]
    fn only_what_the_system_would_not_give_is_refused() {
        assert_eq!(ReloadMemory { octets: 0 }.check(), Ok(()));
        assert_eq!(ReloadMemory { octets: 1 << 20 }.check(), Ok(()));
        // More than the address space of any processor.
        assert!(ReloadMemory { octets: 1 << 62 }.check().is_err());
    }
}
