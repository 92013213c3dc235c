//! File descriptors: as many as the limits on connections need.

use std::fmt;

use super::connection_limiter::ConnectionLimiter;

/// The process may have fewer descriptors than its limits need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shortage {
    /// Connections for which there should be descriptors.
    pub wanted: usize,
    /// Connections for which there are.
    pub connections: usize,
    /// Descriptors that are needed in all.
    pub needed: u64,
    /// Descriptors that the process may have.
    pub allowed: u64,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, connections, needed, allowed } = self;
        write!(
            f,
            "`tcp-max-connections = {wanted}` needs {needed} file descriptors, and this process \
             may have {allowed}: it serves {connections} TCP connections at once; raise the limit \
             (`LimitNOFILE={needed}` in a systemd unit, `ulimit -n {needed}` in a shell), or lower \
             `tcp-max-connections`"
        )
    }
}

/// Raises the process's limit of descriptors (`RLIMIT_NOFILE`), as far as the system allows, to
/// what `wanted` TCP connections need beside `others` descriptors.
///
/// # Errors
/// When the limit stays too low: it says for how many connections it is enough, at least one.
pub fn provide(others: usize, wanted: usize) -> Result<(), Shortage> {
    let beside = others.saturating_add(ConnectionLimiter::MAX_LEAVING) as u64;
    let needed = beside.saturating_add(wanted as u64);
    let allowed = raise(needed);
    if allowed >= needed {
        return Ok(());
    }
    let connections = usize::try_from(allowed.saturating_sub(beside)).unwrap_or(wanted).max(1);
    Err(Shortage { wanted, connections, needed, allowed })
}

/// Raises the limit to `needed` if it is lower and the system allows that, or else as far as
/// possible. Returns the limit that is then in force.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn raise(needed: u64) -> u64 {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    let limit = Resource::RLIMIT_NOFILE;
    // A limit that cannot be read is not known to be too low.
    let Ok((soft, hard)) = getrlimit(limit) else { return needed };
    if soft >= needed {
        return soft;
    }
    let soft = needed.min(hard);
    // Only root may raise the hard limit.
    let raised = needed > hard && setrlimit(limit, needed, needed).is_ok();
    if !raised {
        // If this fails, the limit stays as it was.
        let _ = setrlimit(limit, soft, hard);
    }
    getrlimit(limit).map_or(needed, |(soft, _)| soft)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn raise(needed: u64) -> u64 {
    needed
}
