//! What the process gives up so that a defect in it, or whoever makes use of one, can do less.
//!
//! In this file are privileges. [`sandbox`] takes files, ports and system calls away, by means of
//! `files` and `system_calls`.

mod allowed;
#[cfg(target_os = "linux")]
mod files;
mod in_force;
#[cfg(target_os = "linux")]
mod inherited;
pub mod sandbox;
#[cfg(target_os = "linux")]
mod system_calls;

pub use allowed::Allowed;
pub use in_force::{DENIED, beyond};
pub(crate) use in_force::{why_unreadable, why_unwritable};

use std::io;

/// Permissions that no file gets which the process makes: others than owner and group have none,
/// and the group may not write.
const UMASK: u32 = 0o027;

/// Gives up, for this thread and all that it starts, what a server needs at no time: privileges by
/// programs that it might run (`no_new_privs`), and the capabilities of the bounding set, which
/// only root can give up. Capabilities that the process has stay, such as that of binding port 53.
/// Also closes the descriptors that whoever started the process left open, and sets the umask to
/// 027.
///
/// Call this before anything is opened and before the first thread is started.
///
/// # Errors
/// What the system refused, for people. Everything else is given up nevertheless.
pub fn begin() -> Result<(), String> {
    #[cfg(target_os = "linux")]
    inherited::close();
    #[cfg(unix)]
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(UMASK as _));
    #[cfg(target_os = "linux")]
    {
        rustix::thread::set_no_new_privs(true)
            .map_err(|error| format!("cannot set no_new_privs: {error}"))?;
        if nix::unistd::geteuid().is_root() {
            clear_bounding_set()
                .map_err(|error| format!("cannot clear the capability bounding set: {error}"))?;
        }
    }
    Ok(())
}

/// Gives up all capabilities of this thread, unless it belongs to root. A process that gets some
/// without root (`AmbientCapabilities` of systemd) needs none once its addresses are bound, and
/// other threads need none at all.
///
/// # Errors
/// When the system refuses.
pub fn drop_capabilities() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

        if nix::unistd::geteuid().is_root() {
            return Ok(());
        }
        let none = CapabilitySet::empty();
        // This empties the ambient set as well (capabilities(7)).
        set_capabilities(
            None,
            CapabilitySets { effective: none, permitted: none, inheritable: none },
        )?;
    }
    Ok(())
}

/// Gives up, for a thread that is started before [`sandbox::enter`] and handles neither files nor
/// addresses, all capabilities, files and TCP ports.
///
/// What the system refuses is refused to [`drop_capabilities`] and [`sandbox::enter`] as well,
/// which report it; such a thread goes on.
pub fn begin_thread() {
    begin_thread_with(&Allowed::default());
}

/// The same as [`begin_thread`], but for what is allowed.
pub fn begin_thread_with(allowed: &Allowed) {
    let _ = drop_capabilities();
    #[cfg(target_os = "linux")]
    let _ = files::restrict(allowed);
    #[cfg(not(target_os = "linux"))]
    let _ = allowed;
}

#[cfg(target_os = "linux")]
fn clear_bounding_set() -> io::Result<()> {
    use rustix::io::Errno;
    use rustix::thread::{
        CapabilitySet, capability_is_in_bounding_set, remove_capability_from_bounding_set,
    };

    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match capability_is_in_bounding_set(capability) {
            Ok(true) => remove_capability_from_bounding_set(capability)?,
            Ok(false) => {}
            // The kernel knows no more.
            Err(Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
