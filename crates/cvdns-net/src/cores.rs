//! The cores that the process may run on.

use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The cores of the process's affinity mask in ascending order. `taskset`, a cpuset or systemd's
/// `CPUAffinity=` may restrict it.
///
/// # Errors
/// Those of `sched_getaffinity(2)`; `EINVAL` if the system has more than 1,024 cores.
pub(super) fn allowed() -> io::Result<Vec<usize>> {
    let mask = sched_getaffinity(Pid::this())?;
    Ok((0..CpuSet::count()).filter(|&core| mask.is_set(core).unwrap_or(false)).collect())
}

/// Pins the calling thread to a core.
///
/// # Errors
/// Those of `sched_setaffinity(2)`: `EINVAL` if the process may not, or no longer, use the core.
pub(super) fn pin(core: usize) -> io::Result<()> {
    let mut mask = CpuSet::new();
    mask.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &mask)?)
}
