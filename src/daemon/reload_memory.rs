//! Whether there is memory for a reload. A Rust program ends when the system gives it none, and a
//! reload that ends the server is worse than one that does not happen.

use cvdns_net::memory::can_map;
use nix::sys::resource::{UsageWho, getrusage};

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
        // In KiB on Linux (getrusage(2)). The sandbox does not allow /proc.
        let peak = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
        Self { octets: usize::try_from(peak).unwrap_or(0).saturating_mul(1024) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_that_of_this_process() {
        let memory = vec![1_u8; 64 << 20];
        let peak = ReloadMemory::of_start().octets;
        assert!((64 << 20..4 << 30).contains(&peak), "{peak}");
        assert_eq!(memory[memory.len() - 1], 1);
    }

    #[test]
    fn only_what_the_system_would_not_give_is_refused() {
        assert_eq!(ReloadMemory { octets: 0 }.check(), Ok(()));
        assert_eq!(ReloadMemory { octets: 1 << 20 }.check(), Ok(()));
        // More than the address space of any processor.
        assert!(ReloadMemory { octets: 1 << 62 }.check().is_err());
    }
}
