//! Why something fails, and what to do, in a line for people.

use std::io;

use super::interface::Interface;
use super::status::XdpMode;

/// What the set-up takes.
const PRIVILEGES: &str = "it takes root, or CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF (systemd: \
                          `AmbientCapabilities=`)";

/// A reason that was found at the start, for those who read it later.
pub(super) fn at_start(reason: &str) -> String {
    format!("{reason}; once that has changed, restart the server")
}

/// Why no program could be attached.
pub(super) fn attaching(error: &io::Error, interface: &Interface, mode: XdpMode) -> String {
    let name = &interface.name;
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            format!("the kernel refuses the program ({error}): {PRIVILEGES}")
        }
        Some(libc::EBUSY | libc::EEXIST) => foreign(interface),
        Some(libc::ERANGE) if mode == XdpMode::Native => format!(
            "its driver takes no program at an MTU of {} octets ({error}): `ip link set {name} mtu 1500`",
            interface.mtu
        ),
        Some(libc::EOPNOTSUPP | libc::EINVAL | libc::ENOSPC) if mode == XdpMode::Native => {
            format!("its driver takes no program ({error}): write `mode = \"generic\"` in [xdp]")
        }
        _ => format!("no program can be attached: {error}"),
    }
}

/// Why an interface with a program of somebody else is left alone.
pub(super) fn foreign(interface: &Interface) -> String {
    let Interface { name, program, .. } = interface;
    let which = if *program == 0 { String::new() } else { format!(" ({program})") };
    format!("another XDP program{which} is attached: end what attached it (`ip link show {name}`)")
}

/// Why a queue is not served.
pub(super) fn queue(error: &io::Error, number: u32) -> String {
    let what = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => PRIVILEGES,
        Some(libc::EAFNOSUPPORT) => "the kernel has no AF_XDP (CONFIG_XDP_SOCKETS)",
        Some(libc::ENOBUFS | libc::ENOMEM) => {
            "each queue locks 4 MiB of memory: raise the limit (systemd: `LimitMEMLOCK=`, a shell: \
             `ulimit -l`)"
        }
        Some(libc::EBUSY) => "another program has the queue",
        Some(libc::ENETDOWN) => "the interface is down",
        _ => "see `cvdns check --xdp`",
    };
    format!("queue {number} cannot be served ({error}): {what}")
}
