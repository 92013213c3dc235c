//! The cores that the process may run on.

use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The cores of the process's affinity mask, ascending: what `taskset`, a cpuset or systemd's `CPUAffinity=` leaves it.
///
/// # Errors
/// Those of `sched_getaffinity(2)`; `EINVAL` when the system knows of more than 1,024 cores.
pub(super) fn allowed() -> io::Result<Vec<usize>> {
    let mask = sched_getaffinity(Pid::this())?;
    Ok((0..CpuSet::count()).filter(|&core| mask.is_set(core).unwrap_or(false)).collect())
}

/// Pins the calling thread to a core.
///
/// # Errors
/// Those of `sched_setaffinity(2)`: `EINVAL` when the core is not, or no longer, the process's.
pub(super) fn pin(core: usize) -> io::Result<()> {
    let mut mask = CpuSet::new();
    mask.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &mask)?)
}
