//! System calls without a safe wrapper: batches of datagrams by recvmmsg(2) and sendmmsg(2),
//! waiting for sockets, precise sleeps, priorities, and children that end with their parent. With
//! xdp/bpf.rs the only file of the benchmarks with `unsafe`.
#![allow(unsafe_code)]

use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr::null_mut;
use std::time::Duration;

/// Most datagrams of one system call.
pub const WIDTH: usize = 64;

/// Size of a buffer in octets: more than any answer has. It is no power of two, as then all buffers
/// would start in the same set of the first-level cache.
pub const SIZE: usize = 1600;

/// Buffers that hold the datagrams of one recvmmsg.
pub struct Batch {
    // None of these is ever resized: the pointers in `headers` and `vectors` hold as long as the
    // batch lives.
    buffers: Vec<[u8; SIZE]>,
    sources: Vec<libc::sockaddr_in>,
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    count: usize,
}

impl Batch {
    pub fn new() -> Self {
        // SAFETY: integers and null pointers may be all zero.
        let (source, vector, header) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed()) };
        Self {
            buffers: vec![[0; SIZE]; WIDTH],
            sources: vec![source; WIDTH],
            vectors: vec![vector; WIDTH],
            headers: vec![header; WIDTH],
            count: WIDTH,
        }
    }

    /// Receives up to [`WIDTH`] datagrams, which replace those in the batch, and returns their
    /// number; 0 after any error. With `wait`, blocks for the first one for at most the socket's
    /// timeout.
    pub fn receive(&mut self, socket: &UdpSocket, wait: bool) -> usize {
        for slot in 0..self.count {
            self.vectors[slot] =
                libc::iovec { iov_base: self.buffers[slot].as_mut_ptr().cast(), iov_len: SIZE };
            let header = &mut self.headers[slot].msg_hdr;
            header.msg_iov = &raw mut self.vectors[slot];
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut self.sources[slot]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        }
        let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        // SAFETY: WIDTH headers whose pointers and lengths are those of `buffers` and `sources`,
        // set up here or in an earlier call; the socket is open as it is borrowed.
        let count = unsafe {
            let headers = self.headers.as_mut_ptr();
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers,
                WIDTH as libc::c_uint,
                flags as _,
                null_mut(),
            )
        };
        // After an error the kernel may have written to the first header.
        self.count = usize::try_from(count).unwrap_or(1);
        usize::try_from(count).unwrap_or(0)
    }

    /// The datagram in a slot. `slot` is less than the number received.
    pub fn datagram(&self, slot: usize) -> &[u8] {
        &self.buffers[slot][..self.length(slot)]
    }

    /// The same as [`Batch::datagram`], mutable.
    pub fn datagram_mut(&mut self, slot: usize) -> &mut [u8] {
        let length = self.length(slot);
        &mut self.buffers[slot][..length]
    }

    /// Sends the first `count` datagrams back to their sources, each extended by `add` octets.
    pub fn send_back(&mut self, socket: &UdpSocket, count: usize, add: usize) {
        let count = count.min(self.count);
        for slot in 0..count {
            self.vectors[slot].iov_len = (self.length(slot) + add).min(SIZE);
        }
        let mut sent = 0;
        while sent < count {
            // SAFETY: `count` headers that the last `receive` set up and the kernel filled; the
            // lengths are within the buffers.
            let more = unsafe {
                let first = self.headers[sent..count].as_mut_ptr();
                libc::sendmmsg(socket.as_raw_fd(), first, (count - sent) as libc::c_uint, 0)
            };
            let Ok(more @ 1..) = usize::try_from(more) else { return };
            sent += more;
        }
    }

    fn length(&self, slot: usize) -> usize {
        (self.headers[slot].msg_len as usize).min(SIZE)
    }
}

/// Sends up to [`WIDTH`] packets over a connected socket and returns the number sent; 0 after any
/// error.
pub fn send(socket: &UdpSocket, packets: &[&[u8]]) -> usize {
    // SAFETY: integers and null pointers may be all zero.
    let (mut headers, mut vectors): ([libc::mmsghdr; WIDTH], [libc::iovec; WIDTH]) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    let count = packets.len().min(WIDTH);
    for slot in 0..count {
        // The kernel only reads from it: the pointer may lose its `const`.
        let base = packets[slot].as_ptr().cast_mut().cast();
        vectors[slot] = libc::iovec { iov_base: base, iov_len: packets[slot].len() };
        headers[slot].msg_hdr.msg_iov = &raw mut vectors[slot];
        headers[slot].msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: `count` headers, each with one vector of a packet that is borrowed during the call;
    // no names, no control data.
    let sent = unsafe {
        libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count as libc::c_uint, 0)
    };
    usize::try_from(sent).unwrap_or(0)
}

/// Sleeps until one of the sockets has a datagram, for at most `timeout`.
pub fn wait<'s>(sockets: impl Iterator<Item = &'s UdpSocket>, timeout: Duration) {
    let of = |socket: &UdpSocket| libc::pollfd {
        fd: socket.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let mut all: Vec<libc::pollfd> = sockets.map(of).collect();
    let timeout = libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: pointer and length are those of `all`; the timeout lives through the call; there is
    // no signal mask.
    unsafe {
        libc::ppoll(
            all.as_mut_ptr(),
            all.len() as libc::nfds_t,
            &raw const timeout,
            std::ptr::null(),
        )
    };
}

/// Makes the sleeps of this thread precise: by default the kernel may prolong each by 50 µs.
pub fn sleep_exactly() {
    // SAFETY: takes a number of nanoseconds, touches no memory of ours.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
}

/// Gives a thread real-time priority, if this process may: `SCHED_RR` of sched(7) with the lowest
/// priority. Niceness is not enough: many kernels apply it within a session only.
pub fn raise_priority(thread: u32) {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: the parameter lives through the call, which touches no other memory of ours.
    unsafe { libc::sched_setscheduler(thread.cast_signed(), libc::SCHED_RR, &raw const lowest) };
}

/// Which thread goes first, among those that are ready to run on a core.
#[derive(Clone, Copy)]
pub enum Policy {
    /// Before threads with a lower number, and before all others; `SCHED_FIFO` of sched(7).
    First(i32),
    /// Whenever no other is ready; `SCHED_IDLE`.
    Idle,
}

/// Sets the policy of a thread, if this process may.
pub fn schedule(thread: u32, policy: Policy) {
    let (policy, sched_priority) = match policy {
        Policy::First(priority) => (libc::SCHED_FIFO, priority),
        Policy::Idle => (libc::SCHED_IDLE, 0),
    };
    let parameter = libc::sched_param { sched_priority };
    // SAFETY: the parameter lives through the call, which touches no other memory of ours.
    unsafe { libc::sched_setscheduler(thread.cast_signed(), policy, &raw const parameter) };
}

/// Has the kernel end the command's process when the thread that started it ends for any reason.
pub fn end_with_parent(command: &mut Command) {
    let ask = || {
        // SAFETY: takes numbers, touches no memory of ours.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM as libc::c_ulong) };
        Ok(())
    };
    // SAFETY: between fork and exec only one system call is made, which is async-signal-safe.
    unsafe { command.pre_exec(ask) };
}
