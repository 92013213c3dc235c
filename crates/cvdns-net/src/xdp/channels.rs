//! What only ioctl(2) tells of an interface (`SIOCETHTOOL`).

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// The question about channels, and its answer (`struct ethtool_channels` in linux/ethtool.h).
#[repr(C)]
#[derive(Default)]
struct Channels {
    command: u32,
    max_rx: u32,
    max_tx: u32,
    max_other: u32,
    max_combined: u32,
    rx: u32,
    tx: u32,
    other: u32,
    combined: u32,
}

/// The question about flags, and its answer (`struct ethtool_value`).
#[repr(C)]
#[derive(Default)]
struct Value {
    command: u32,
    value: u32,
}

/// Commands, and the flag of a card that takes VLAN tags out of frames (linux/ethtool.h).
const GET_CHANNELS: u32 = 0x3c;
const GET_FLAGS: u32 = 0x25;
const TAKES_TAGS_OUT: u32 = 1 << 8;
/// linux/sockios.h.
const SIOCETHTOOL: libc::Ioctl = 0x8946;

/// A structure that the kernel knows by the command at its start.
///
/// # Safety
/// The kernel reads and writes no more octets for that command than the structure has.
unsafe trait Question {}
// SAFETY: it is `struct ethtool_channels`, asked with `ETHTOOL_GCHANNELS`.
unsafe impl Question for Channels {}
// SAFETY: it is `struct ethtool_value`, asked with `ETHTOOL_GFLAGS`.
unsafe impl Question for Value {}

/// The receive queues that an interface uses now.
///
/// # Errors
/// Those of ioctl(2): `EOPNOTSUPP` if its driver does not tell.
pub(super) fn receive_queues(socket: impl AsFd, interface: &str) -> io::Result<u32> {
    let mut channels = Channels { command: GET_CHANNELS, ..Channels::default() };
    ask(socket, interface, &mut channels)?;
    Ok(channels.rx.saturating_add(channels.combined))
}

/// Whether an interface takes VLAN tags out of the frames that it receives.
///
/// # Errors
/// As of [`receive_queues`].
pub(super) fn takes_tags_out(socket: impl AsFd, interface: &str) -> io::Result<bool> {
    let mut value = Value { command: GET_FLAGS, ..Value::default() };
    ask(socket, interface, &mut value)?;
    Ok(value.value & TAKES_TAGS_OUT != 0)
}

fn ask(socket: impl AsFd, interface: &str, question: &mut impl Question) -> io::Result<()> {
    // SAFETY: all-zero octets are a valid `ifreq`, which is integers, addresses and pointers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let (name, end) = (interface.as_bytes(), request.ifr_name.len().saturating_sub(1));
    if name.len() > end {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (place, octet) in request.ifr_name.iter_mut().zip(name) {
        *place = octet.cast_signed() as libc::c_char;
    }
    request.ifr_ifru.ifru_data = (&raw mut *question).cast();
    // SAFETY: the request is a live local variable whose name ends with a zero, and the structure
    // to which it points is live and as long as the kernel takes it for (`Question`).
    let status = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
