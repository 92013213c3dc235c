//! What the process gives up so that a defect in it, or whoever makes use of one, can do less.

use std::io;

/// Permissions that no file gets which the process makes: others than owner and group have none,
/// and the group may not write.
const UMASK: u32 = 0o027;

/// Gives up, for this thread and all that it starts, what a server needs at no time: privileges by
/// programs that it might run (`no_new_privs`), and the capabilities of the bounding set, which
/// only root can give up. Capabilities that the process has stay, such as that of binding port 53.
/// Also sets the umask of the process to 027.
///
/// Call this before the first thread is started.
///
/// # Errors
/// What the system refused, for people. Everything else is given up nevertheless.
pub fn begin() -> Result<(), String> {
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
