//! Programs and maps in the kernel: bpf(2). With system.rs the only files of the benchmarks with
//! `unsafe`.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Commands of bpf(2) (linux/bpf.h).
const MAP_CREATE: libc::c_int = 0;
const MAP_LOOKUP_ELEM: libc::c_int = 1;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const PROG_LOAD: libc::c_int = 5;
const PROG_TEST_RUN: libc::c_int = 10;
const LINK_CREATE: libc::c_int = 28;

const MAP_TYPE_ARRAY: u32 = 2;
const PROG_TYPE_XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;
/// Attach in the driver.
const XDP_FLAGS_DRV_MODE: u32 = 4;
/// What a program returns is done with the frames (`BPF_F_TEST_XDP_LIVE_FRAMES`).
const LIVE_FRAMES: u32 = 2;

/// An array of values of the same size, shared with programs.
pub struct Map {
    descriptor: OwnedFd,
    value: usize,
}

/// A program that is loaded.
pub struct Program(OwnedFd);

/// A program that is attached to an interface, until this is dropped.
pub struct Link(#[expect(dead_code, reason = "closing it detaches the program")] OwnedFd);

impl Map {
    /// An array of so many values of `value` octets each, all zero.
    pub fn new(value: usize, entries: usize) -> io::Result<Self> {
        let mut attributes =
            [halves(MAP_TYPE_ARRAY, size_of::<u32>() as u32), halves(value as u32, entries as u32)];
        // SAFETY: creating a map reads the attributes alone.
        let descriptor = unsafe { call(MAP_CREATE, &mut attributes)? };
        Ok(Self { descriptor: owned(descriptor), value })
    }

    pub fn set(&self, key: u32, value: &[u8]) -> io::Result<()> {
        assert_eq!(value.len(), self.value);
        let mut attributes = [self.number(), address(&raw const key), address(value.as_ptr())];
        // SAFETY: the kernel reads a key of four octets and a value of the map's size.
        unsafe { call(MAP_UPDATE_ELEM, &mut attributes) }.map(drop)
    }

    pub fn get(&self, key: u32) -> io::Result<Vec<u8>> {
        let mut value = vec![0_u8; self.value];
        let mut attributes = [self.number(), address(&raw const key), address(value.as_mut_ptr())];
        // SAFETY: the kernel reads a key of four octets and writes a value of the map's size.
        unsafe { call(MAP_LOOKUP_ELEM, &mut attributes)? };
        Ok(value)
    }

    /// The descriptor, by which programs name the map.
    pub fn descriptor(&self) -> i32 {
        self.descriptor.as_raw_fd()
    }

    fn number(&self) -> u64 {
        self.descriptor().unsigned_abs().into()
    }
}

impl Program {
    /// Loads an XDP program: instructions of eight octets each.
    pub fn load(code: &[[u8; 8]]) -> io::Result<Self> {
        let mut log = vec![0_u8; 1 << 16];
        let licence = c"Dual MIT/GPL";
        let mut attributes = [
            halves(PROG_TYPE_XDP, code.len() as u32),
            address(code.as_ptr()),
            address(licence.as_ptr()),
            halves(1, log.len() as u32),
            address(log.as_mut_ptr()),
        ];
        // SAFETY: the kernel reads the instructions and the licence, and writes into the log; all
        // live through the call.
        let loaded = unsafe { call(PROG_LOAD, &mut attributes) };
        let descriptor = loaded.map_err(|error| {
            let end = log.iter().position(|octet| *octet == 0).unwrap_or(0);
            io::Error::other(format!("{error}\n{}", String::from_utf8_lossy(&log[..end])))
        })?;
        Ok(Self(owned(descriptor)))
    }

    /// Attaches it to an interface, in the driver.
    pub fn attach(&self, interface: u32) -> io::Result<Link> {
        let mut attributes =
            [halves(self.number(), interface), halves(ATTACH_XDP, XDP_FLAGS_DRV_MODE)];
        // SAFETY: creating a link reads the attributes alone.
        let descriptor = unsafe { call(LINK_CREATE, &mut attributes)? };
        Ok(Link(owned(descriptor)))
    }

    /// Runs it on `count` copies of a frame, and does with them what it says, in batches.
    pub fn run_live(&self, frame: &[u8], count: u32, batch: u32) -> io::Result<()> {
        let mut attributes = [
            halves(self.number(), 0),
            halves(frame.len() as u32, 0),
            address(frame.as_ptr()),
            0,
            halves(count, 0),
            0,
            0,
            0,
            halves(LIVE_FRAMES, 0),
            halves(batch, 0),
        ];
        // SAFETY: the kernel reads the frame, and writes into the attributes alone.
        unsafe { call(PROG_TEST_RUN, &mut attributes) }.map(drop)
    }

    fn number(&self) -> u32 {
        self.0.as_raw_fd().unsigned_abs()
    }
}

/// The number of an interface in the namespace of this thread.
pub fn interface_number(name: &str) -> io::Result<u32> {
    let name = CString::new(name)?;
    // SAFETY: the name ends with a zero and lives through the call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        number => Ok(number),
    }
}

/// Two fields of 32 bits, side by side.
fn halves(first: u32, second: u32) -> u64 {
    let mut both = [0; 8];
    both[..4].copy_from_slice(&first.to_ne_bytes());
    both[4..].copy_from_slice(&second.to_ne_bytes());
    u64::from_ne_bytes(both)
}

fn address<T>(pointer: *const T) -> u64 {
    pointer.addr() as u64
}

fn owned(descriptor: i32) -> OwnedFd {
    // SAFETY: the kernel has just made it, and nobody else has it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// Calls bpf(2).
///
/// # Safety
/// The attributes must be those of the command, and what they point to as long as it expects.
unsafe fn call(command: libc::c_int, attributes: &mut [u64]) -> io::Result<i32> {
    // SAFETY: pointer and length are those of the slice; the rest is the caller's.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            attributes.as_mut_ptr(),
            size_of_val(attributes) as libc::c_uint,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}
