//! The sandbox of a server: once it has what it was started for, everything else is taken away.

use super::allowed::Allowed;
#[cfg(target_os = "linux")]
use super::files::{Restriction, restrict};
#[cfg(target_os = "linux")]
use super::in_force;

/// Takes from the process everything that is not allowed, for ever.
///
/// Files and ports are restricted for this thread and all that it starts from now on: call this
/// before the first thread that handles what strangers send, and have older threads call
/// [`begin_thread`](super::begin_thread). System calls are restricted for all threads.
///
/// # Errors
/// Each part of the sandbox that the system lacks or refuses, for people. All others are in force.
pub fn enter(allowed: Allowed) -> Result<(), Vec<String>> {
    let mut lacking = Vec::new();
    #[cfg(target_os = "linux")]
    {
        let restriction = restrict(&allowed);
        if !matches!(restriction, Restriction::None(_)) {
            in_force::note(allowed);
        }
        if let Restriction::Partial(what) | Restriction::None(what) = restriction {
            lacking.push(what);
        }
        lacking.extend(super::system_calls::deny().err());
    }
    #[cfg(not(target_os = "linux"))]
    {
        drop(allowed);
        lacking
            .push("Landlock and seccomp are parts of Linux, and this is another system".to_owned());
    }
    if lacking.is_empty() { Ok(()) } else { Err(lacking) }
}
