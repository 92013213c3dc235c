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
        // Drivers of virtual interfaces say so.
        Some(libc::ENOSPC) => format!(
            "it has too few receive queues for a program ({error}): a virtual interface needs as many as its peer \
             has for sending (`ethtool -L {name} rx 4` for 4), or `mode = \"generic\"` in [xdp]"
        ),
        Some(libc::EOPNOTSUPP | libc::EINVAL) if mode == XdpMode::Native => {
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

/// Why an interface with a program is left alone of which it is not known whose it is.
pub(super) fn unknown(error: &io::Error, interface: &Interface) -> String {
    let Interface { name, program, .. } = interface;
    format!(
        "an XDP program ({program}) is attached, and the kernel does not tell whether it is that \
         of a running cvdns ({error}): ask as root, or see `ip link show {name}`"
    )
}

/// Why a queue is not served.
pub(super) fn queue(error: &io::Error, number: u32) -> String {
    let what = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => PRIVILEGES,
        Some(libc::EAFNOSUPPORT) => "the kernel has no AF_XDP (CONFIG_XDP_SOCKETS)",
        Some(libc::ENOBUFS | libc::ENOMEM) => {
            "each queue locks 4 MiB of memory, and `cvdns serve --replace` as much again: raise \
             the limit (systemd: `LimitMEMLOCK=`, a shell: `ulimit -l`)"
        }
        Some(libc::EBUSY) => "another program has the queue",
        Some(libc::ENETDOWN) => "the interface is down",
        _ => "see `cvdns check --xdp`",
    };
    format!("queue {number} cannot be served ({error}): {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_queues_are_told_from_a_driver_without_programs() {
        let (name, kind) = ("eth0".to_owned(), "veth".to_owned());
        let interface = Interface { name, kind, queues: 2, ..Interface::default() };
        for (error, words) in [
            (libc::ENOSPC, "it has too few receive queues"),
            (libc::EOPNOTSUPP, "its driver takes no program"),
            (libc::EINVAL, "its driver takes no program"),
        ] {
            let error = io::Error::from_raw_os_error(error);
            let reason = attaching(&error, &interface, XdpMode::Native);
            assert!(reason.starts_with(words) && !reason.contains('\n'), "{reason}");
        }
    }
}
