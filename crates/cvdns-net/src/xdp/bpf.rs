//! The system call bpf(2): maps, programs and their links.
//!
//! All `unsafe` of this module is that call. Its argument is a union, of which each command reads
//! and writes the first few words; all of them are written here as whole words.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::assembler::Instruction;
use super::status::XdpMode;

/// Words of the largest argument that is used here.
const WORDS: usize = 18;

/// The argument (`union bpf_attr` in linux/bpf.h): what a command does not use must be zero.
type Argument = [u64; WORDS];

/// Commands (`enum bpf_cmd`).
const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE: libc::c_int = 2;
const PROGRAM_LOAD: libc::c_int = 5;
const PROGRAM_BY_ID: libc::c_int = 13;
const OBJECT_INFO: libc::c_int = 15;
#[cfg(test)]
const PROGRAM_TEST_RUN: libc::c_int = 10;
const LINK_CREATE: libc::c_int = 28;

/// Kinds of maps (`enum bpf_map_type`).
const ARRAY: u32 = 2;
const SOCKETS: u32 = 17;
/// A map that processes can map into their memory.
const MAPPABLE: u32 = 1 << 10;

/// A program for frames, and where it is attached (`enum bpf_prog_type`, `enum bpf_attach_type`).
const FOR_FRAMES: u32 = 6;
const TO_INTERFACE: u32 = 37;

/// Octets of the verifier's words about a program that it refuses.
const LOG_SIZE: usize = 1 << 16;

/// The functions that the program calls ask for no licence in particular.
const LICENCE: &CStr = c"MIT OR Apache-2.0";

/// A map with a place for each AF_XDP socket.
///
/// # Errors
/// Those of bpf(2): `EPERM` without `CAP_BPF` and `CAP_NET_ADMIN`.
pub(super) fn map_of_sockets(places: u32) -> io::Result<OwnedFd> {
    create_map(SOCKETS, places, 0)
}

/// A map with one value of 32 bits, which processes can map into their memory.
///
/// # Errors
/// Those of bpf(2).
pub(super) fn map_of_value() -> io::Result<OwnedFd> {
    create_map(ARRAY, 1, MAPPABLE)
}

/// Keys and values have four octets.
fn create_map(kind: u32, entries: u32, flags: u32) -> io::Result<OwnedFd> {
    let mut argument: Argument = [0; WORDS];
    let [first, second, third, ..] = &mut argument;
    (*first, *second, *third) = (words(kind, 4), words(4, entries), words(flags, 0));
    // SAFETY: the argument of this command has no pointers.
    unsafe { descriptor(MAP_CREATE, &mut argument) }
}

/// Puts a socket into its place.
///
/// # Errors
/// Those of bpf(2).
pub(super) fn put_socket(
    map: BorrowedFd<'_>,
    place: u32,
    socket: BorrowedFd<'_>,
) -> io::Result<()> {
    let value = socket.as_raw_fd();
    let mut argument: Argument = [0; WORDS];
    let [first, second, third, ..] = &mut argument;
    *first = word(map);
    *second = (&raw const place).expose_provenance() as u64;
    *third = (&raw const value).expose_provenance() as u64;
    // SAFETY: key and value are live local variables of four octets each, as the map's are; the
    // kernel only reads them.
    unsafe { call(MAP_UPDATE, &mut argument).map(drop) }
}

/// Loads a program for frames.
///
/// # Errors
/// Those of bpf(2); if the verifier refuses the program, with the end of what it says.
pub(super) fn load(program: &[Instruction]) -> io::Result<OwnedFd> {
    let mut argument: Argument = [0; WORDS];
    let [first, second, third, ..] = &mut argument;
    *first = words(FOR_FRAMES, u32::try_from(program.len()).unwrap_or(u32::MAX));
    *second = program.as_ptr().expose_provenance() as u64;
    *third = LICENCE.as_ptr().expose_provenance() as u64;
    let [name, name_end] = name_words();
    let [_, _, _, _, _, _, seventh, eighth, ..] = &mut argument;
    (*seventh, *eighth) = (name, name_end);
    // SAFETY: the program is a live slice of as many instructions as the argument says, the licence
    // a constant string that ends with a zero. The kernel only reads them.
    let error = match unsafe { descriptor(PROGRAM_LOAD, &mut argument.clone()) } {
        Err(error) if error.raw_os_error() != Some(libc::EPERM) => error,
        loaded_or_forbidden => return loaded_or_forbidden,
    };
    // Once more, for the reason.
    let mut log = vec![0_u8; LOG_SIZE];
    let [_, _, _, fourth, fifth, ..] = &mut argument;
    *fourth = words(1, LOG_SIZE as u32);
    *fifth = log.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: as above; the kernel writes at most as many octets into the log as it has.
    match unsafe { descriptor(PROGRAM_LOAD, &mut argument) } {
        Ok(loaded) => Ok(loaded),
        Err(_) => Err(io::Error::new(error.kind(), format!("{error}; {}", last_words(&log)))),
    }
}

/// The last lines of the verifier's log.
fn last_words(log: &[u8]) -> String {
    let written = log.split(|octet| *octet == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(written);
    let mut lines: Vec<_> = text.lines().rev().filter(|line| !line.is_empty()).take(4).collect();
    lines.reverse();
    lines.join(" / ")
}

/// Attaches a program to an interface. It is detached when the last copy of the descriptor is
/// closed, also when the process ends in any way.
///
/// # Errors
/// Those of bpf(2): `EBUSY` or `EEXIST` if there is another program; `EOPNOTSUPP` and others of the
/// driver.
pub(super) fn attach(
    program: BorrowedFd<'_>,
    interface: u32,
    mode: XdpMode,
) -> io::Result<OwnedFd> {
    // `XDP_FLAGS_SKB_MODE` and `XDP_FLAGS_DRV_MODE` (linux/if_link.h).
    let flags = match mode {
        XdpMode::Generic => 2,
        XdpMode::Native => 4,
    };
    let mut argument: Argument = [0; WORDS];
    let [first, second, ..] = &mut argument;
    *first = words(program.as_raw_fd().cast_unsigned(), interface);
    *second = words(TO_INTERFACE, flags);
    // SAFETY: the argument of this command has no pointers.
    unsafe { descriptor(LINK_CREATE, &mut argument) }
}

/// Whether the program with this id is one of cvdns, by its name.
///
/// # Errors
/// Those of bpf(2): `EPERM` without `CAP_SYS_ADMIN`, `ENOENT` if it is gone.
pub(super) fn is_own(program: u32) -> io::Result<bool> {
    let mut argument: Argument = [0; WORDS];
    let [first, ..] = &mut argument;
    *first = words(program, 0);
    // SAFETY: the argument of this command has no pointers.
    let program = unsafe { descriptor(PROGRAM_BY_ID, &mut argument) }?;
    // The beginning of `struct bpf_prog_info`, up to the name.
    let mut information = [0_u64; 10];
    let mut argument: Argument = [0; WORDS];
    let [first, second, ..] = &mut argument;
    *first = words(program.as_raw_fd().cast_unsigned(), size_of_val(&information) as u32);
    *second = information.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: the kernel writes at most as many octets as the argument says, which the array has;
    // zeros in it ask for no instructions and no maps, so that it has no pointers.
    unsafe { call(OBJECT_INFO, &mut argument)? };
    let [.., name, name_end] = information;
    Ok([name, name_end] == name_words())
}

/// What the kernel says of a program's link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttachedProgram {
    /// The number of the program.
    pub program: u32,
    /// The index of its interface; 0 after it was detached by force.
    pub interface: u32,
}

/// Asks which program a link attaches, and to what.
///
/// # Errors
/// Those of bpf(2).
pub(super) fn attached(link: BorrowedFd<'_>) -> io::Result<AttachedProgram> {
    // `struct bpf_link_info` (linux/bpf.h), as far as it is of use.
    let mut info = [0_u32; 8];
    let mut argument: Argument = [0; WORDS];
    let [first, second, ..] = &mut argument;
    *first = words(link.as_raw_fd().cast_unsigned(), size_of_val(&info) as u32);
    *second = info.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: the kernel writes at most as many octets as the argument says, which the live local
    // array has.
    unsafe { call(OBJECT_INFO, &mut argument)? };
    let [_, _, program, _, interface, ..] = info;
    Ok(AttachedProgram { program, interface })
}

/// What a program makes of a frame: the action that it returns.
///
/// # Errors
/// Those of bpf(2): `EINVAL` for frames shorter than an Ethernet header.
#[cfg(test)]
pub(super) fn test_run(program: BorrowedFd<'_>, frame: &[u8]) -> io::Result<u32> {
    let mut argument: Argument = [0; WORDS];
    let [first, second, third, ..] = &mut argument;
    *first = word(program);
    *second = words(frame.len() as u32, 0);
    *third = frame.as_ptr().expose_provenance() as u64;
    // SAFETY: the frame is a live slice of as many octets as the argument says, which the kernel
    // only reads; it is given no place for what becomes of the frame.
    unsafe { call(PROGRAM_TEST_RUN, &mut argument)? };
    Ok((argument[0] >> 32) as u32)
}

/// A descriptor, with zeros behind it.
fn word(descriptor: BorrowedFd<'_>) -> u64 {
    words(descriptor.as_raw_fd().cast_unsigned(), 0)
}

/// Two fields of 32 bits that follow each other.
fn words(first: u32, second: u32) -> u64 {
    let mut octets = [0; 8];
    let (before, behind) = octets.split_at_mut(4);
    before.copy_from_slice(&first.to_ne_bytes());
    behind.copy_from_slice(&second.to_ne_bytes());
    u64::from_ne_bytes(octets)
}

/// The name of programs, for tools that list them.
fn name_words() -> [u64; 2] {
    let (words, _) = b"cvdns\0\0\0\0\0\0\0\0\0\0\0".as_chunks::<8>();
    let [first, second] = words else { return [0; 2] };
    [u64::from_ne_bytes(*first), u64::from_ne_bytes(*second)]
}

/// Makes a call that returns a new descriptor.
///
/// # Safety
/// As of [`call`], for a command that returns a descriptor.
unsafe fn descriptor(command: libc::c_int, argument: &mut Argument) -> io::Result<OwnedFd> {
    // SAFETY: the caller vouches for the argument.
    let result = unsafe { call(command, argument) }?;
    // SAFETY: the command returned a new descriptor, which nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

/// Makes the call.
///
/// # Safety
/// Pointers within the argument must be valid for what the command reads and writes there.
unsafe fn call(command: libc::c_int, argument: &mut Argument) -> io::Result<libc::c_int> {
    let size = size_of_val(argument) as libc::c_uint;
    // SAFETY: the argument is a live array of as many octets as the call is told; the caller
    // vouches for the pointers within.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, argument.as_mut_ptr(), size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as libc::c_int) }
}
