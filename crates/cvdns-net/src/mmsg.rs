//! Almost all `unsafe` there is: `recvmmsg`, `sendmmsg`, the memory that they use, and the socket options that have no safe wrapper.
//!
//! Everything that the kernel reads or writes lies in one mapped [`Arena`], which never moves and which
//! only [`Ring`] knows. All access goes through the arena's raw pointer; references to parts of it live no
//! longer than the borrow of the ring from which they came.
#![allow(
    clippy::indexing_slicing,
    reason = "the arena's arrays are reached through a raw pointer, where there is no `get`; indexing checks its bound"
)]

use std::alloc::{Layout, handle_alloc_error};
use std::io;
use std::mem::{size_of, size_of_val};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{NonNull, null_mut};

use super::limits::QUERY_MAX;

/// Datagrams in a batch. 16 cost 2 % more, as fewer wait for memory together, and 128 no less. 64 also let a worker
/// that was away for a moment catch up in few calls, and the headers still fit the first-level cache.
pub(super) const WIDTH: usize = 64;

/// Bytes of a slot. A cache line more than whole pages: with slots at the same place of their pages all 64 headers would
/// compete for the same eight places of the first-level cache. It also leaves every query room to grow. Most of a slot
/// is never touched, so that the system gives no memory for it.
pub(super) const SLOT: usize = QUERY_MAX + 1 + 64;

/// ConnectionLimiter for one control message with packet info, of IPv6 as the longer one.
#[allow(clippy::cast_possible_truncation)]
// SAFETY: CMSG_SPACE is arithmetic on its argument.
const CONTROL: usize = unsafe { libc::CMSG_SPACE(size_of::<libc::in6_pktinfo>() as u32) } as usize;

/// Slots for receiving and sending datagrams in batches.
pub(super) struct Ring {
    arena: NonNull<Arena>,
    /// Whether packet info is taken over from query to answer.
    packet_info: bool,
    /// Slots whose headers the kernel has written since they were last set up.
    touched: usize,
    /// Slots that hold a datagram.
    received: usize,
    /// Answers staged for sending.
    staged: usize,
}

/// What a slot holds.
pub(super) enum Datagram<'a> {
    /// What may be a query.
    Query {
        /// Its bytes.
        message: &'a [u8],
        /// From where it came.
        client: SocketAddr,
    },
    /// The kernel cut it off: longer than [`QUERY_MAX`], as only a jumbogram can be (RFC 2675).
    Oversized,
    /// Its source has port 0 or is no internet address.
    Unanswerable,
}

#[repr(C)]
struct Arena {
    incoming: [libc::mmsghdr; WIDTH],
    incoming_vectors: [libc::iovec; WIDTH],
    outgoing: [libc::mmsghdr; WIDTH],
    outgoing_vectors: [libc::iovec; WIDTH],
    /// Holds a `sockaddr_in` as well, which is shorter and no stricter aligned.
    names: [libc::sockaddr_in6; WIDTH],
    controls: [Control; WIDTH],
    buffers: [[u8; SLOT]; WIDTH],
}

#[repr(C, align(8))]
struct Control([u8; CONTROL]);

// SAFETY: the ring is the only owner of its arena, whose pointers all point into the arena itself.
unsafe impl Send for Ring {}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this length, unmapped nowhere else; no field has a destructor. It cannot fail for
        // a whole mapping.
        unsafe { libc::munmap(self.arena.as_ptr().cast(), size_of::<Arena>()) };
    }
}

impl Ring {
    /// Makes a ring; `packet_info` tells whether the address that was asked is taken over into the answer.
    pub(super) fn new(packet_info: bool) -> Self {
        let arena = map_arena();
        for slot in 0..WIDTH {
            // SAFETY: `slot` is in range (the arrays check it) and the arena is valid; `&raw` makes no
            // references that could overlap.
            unsafe {
                let arena = arena.as_ptr();
                let vector = &raw mut (*arena).incoming_vectors[slot];
                (*vector).iov_base = (&raw mut (*arena).buffers[slot]).cast();
                (*vector).iov_len = QUERY_MAX;
                let header = &raw mut (*arena).incoming[slot].msg_hdr;
                (*header).msg_name = (&raw mut (*arena).names[slot]).cast();
                (*header).msg_iov = vector;
                (*header).msg_iovlen = 1;
                if packet_info {
                    (*header).msg_control = (&raw mut (*arena).controls[slot]).cast();
                }
            }
        }
        Self { arena, packet_info, touched: WIDTH, received: 0, staged: 0 }
    }

    /// Receives up to [`WIDTH`] datagrams in place of those held so far and returns their number.
    ///
    /// With `wait` it blocks for the first one, no longer than the socket's receive timeout.
    ///
    /// # Errors
    /// Those of recvmmsg(2): `WouldBlock` when there was none, `Interrupted` after a signal.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>, wait: bool) -> io::Result<usize> {
        self.reset_headers();
        self.received = 0;
        self.staged = 0;
        let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        // SAFETY: WIDTH headers, each with pointers and lengths of parts of the arena that nothing refers to
        // during the call; the descriptor is open as it is borrowed.
        let count = unsafe {
            let headers = (&raw mut (*self.arena.as_ptr()).incoming).cast();
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers,
                WIDTH as libc::c_uint,
                flags as _,
                null_mut(),
            )
        };
        // After an error the kernel may have written to the first header.
        let Ok(count) = usize::try_from(count) else {
            self.touched = 1;
            return Err(io::Error::last_os_error());
        };
        self.touched = count.min(WIDTH);
        self.received = self.touched;
        Ok(self.received)
    }

    /// What the slot holds; `None` when it was not filled by the last reception.
    pub(super) fn datagram(&self, slot: usize) -> Option<Datagram<'_>> {
        if slot >= self.received {
            return None;
        }
        // SAFETY: `slot` is below `received` and so in range; the kernel is done with it.
        let (flags, length) = unsafe {
            let message = &raw const (*self.arena.as_ptr()).incoming[slot];
            ((*message).msg_hdr.msg_flags, (*message).msg_len as usize)
        };
        if flags & libc::MSG_TRUNC != 0 || length > QUERY_MAX {
            return Some(Datagram::Oversized);
        }
        let Some(client) = self.source(slot).filter(|client| client.port() != 0) else {
            return Some(Datagram::Unanswerable);
        };
        // SAFETY: in range; tied to the shared borrow of `self`. The slot's bytes are changed only by the kernel and
        // through `buffer`, in calls that borrow `self` for themselves.
        let buffer = unsafe { &(*self.arena.as_ptr()).buffers[slot] };
        buffer.get(..length).map(|message| Datagram::Query { message, client })
    }

    /// The slot's query and from where it came, when it holds one.
    pub(super) fn query(&self, slot: usize) -> Option<(&[u8], SocketAddr)> {
        match self.datagram(slot) {
            Some(Datagram::Query { message, client }) => Some((message, client)),
            _ => None,
        }
    }

    /// The whole slot, the datagram at its start; `None` when it was not filled by the last reception.
    pub(super) fn buffer(&mut self, slot: usize) -> Option<&mut [u8]> {
        if slot >= self.received {
            return None;
        }
        // SAFETY: in range; the only reference to the slot's bytes, tied to the borrow of `self`. The kernel
        // touches them only in calls that borrow `self` too.
        unsafe { Some(&mut (*self.arena.as_ptr()).buffers[slot]) }
    }

    /// Stages the first `length` bytes of the slot to be sent whence its query came.
    ///
    /// Slots that were not received and more than [`WIDTH`] answers are ignored.
    pub(super) fn stage(&mut self, slot: usize, length: usize) {
        let index = self.staged;
        if slot >= self.received || index >= WIDTH {
            return;
        }
        self.forget_interface(slot);
        // SAFETY: both indices are in range; all pointers point into the arena. The received header is read
        // only, so its control length is the one that the kernel wrote.
        unsafe {
            let arena = self.arena.as_ptr();
            let vector = &raw mut (*arena).outgoing_vectors[index];
            (*vector).iov_base = (&raw mut (*arena).buffers[slot]).cast();
            (*vector).iov_len = length.min(SLOT);
            let query = &raw const (*arena).incoming[slot].msg_hdr;
            let header = &raw mut (*arena).outgoing[index].msg_hdr;
            (*header).msg_name = (*query).msg_name;
            (*header).msg_namelen = (*query).msg_namelen;
            (*header).msg_iov = vector;
            (*header).msg_iovlen = 1;
            let whole = self.packet_info && (*query).msg_flags & libc::MSG_CTRUNC == 0;
            (*header).msg_control = if whole { (*query).msg_control } else { null_mut() };
            (*header).msg_controllen = if whole { (*query).msg_controllen } else { 0 };
        }
        self.staged = index.saturating_add(1);
    }

    /// Answers staged since the last reception.
    pub(super) fn staged(&self) -> usize {
        self.staged
    }

    /// Sends the staged answers from the one numbered `from` on and returns how many went out.
    ///
    /// # Errors
    /// Those of sendmmsg(2), which are those of the first answer; the rest was not tried.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>, from: usize) -> io::Result<usize> {
        if from >= self.staged {
            return Ok(0);
        }
        let count = self.staged.saturating_sub(from) as libc::c_uint;
        // SAFETY: the headers `from..staged` were set up by `stage` since the last reception and point into
        // the arena, where nothing has changed since.
        let sent = unsafe {
            let first = &raw mut (*self.arena.as_ptr()).outgoing[from];
            libc::sendmmsg(socket.as_raw_fd(), first, count, 0)
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    /// Sets up again what the kernel has overwritten in the headers.
    fn reset_headers(&mut self) {
        let control = if self.packet_info { CONTROL } else { 0 };
        for slot in 0..self.touched.min(WIDTH) {
            // SAFETY: `slot` is in range.
            unsafe {
                let header = &raw mut (*self.arena.as_ptr()).incoming[slot].msg_hdr;
                (*header).msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
                (*header).msg_controllen = control as _;
                (*header).msg_flags = 0;
            }
        }
    }

    /// From where the datagram in the slot came.
    fn source(&self, slot: usize) -> Option<SocketAddr> {
        // SAFETY: `slot` is in range as the callers checked; every bit pattern is a valid `sockaddr_in6` and
        // `sockaddr_in`, and the shorter one fits into the longer one with the same alignment.
        unsafe {
            let arena = self.arena.as_ptr();
            let length = (*arena).incoming[slot].msg_hdr.msg_namelen as usize;
            let name = &raw const (*arena).names[slot];
            match libc::c_int::from((*name).sin6_family) {
                libc::AF_INET if length >= size_of::<libc::sockaddr_in>() => {
                    let name = name.cast::<libc::sockaddr_in>();
                    let address = Ipv4Addr::from(u32::from_be((*name).sin_addr.s_addr));
                    Some(SocketAddrV4::new(address, u16::from_be((*name).sin_port)).into())
                }
                libc::AF_INET6 if length >= size_of::<libc::sockaddr_in6>() => {
                    let address = Ipv6Addr::from((*name).sin6_addr.s6_addr);
                    let (port, scope) = (u16::from_be((*name).sin6_port), (*name).sin6_scope_id);
                    Some(SocketAddrV6::new(address, port, (*name).sin6_flowinfo, scope).into())
                }
                _ => None,
            }
        }
    }

    /// Takes the interface out of the slot's packet info, so that routing alone decides where the answer
    /// leaves: it need not be where the query came in. Link-local addresses mean nothing without theirs.
    #[allow(clippy::cast_ptr_alignment)]
    fn forget_interface(&mut self, slot: usize) {
        if !self.packet_info {
            return;
        }
        // SAFETY: the header and its control length are as the kernel left them, so the macros stay within the
        // control buffer; type and length are checked before the data is taken for packet info. It is read
        // and written unaligned as nothing promises its alignment.
        unsafe {
            let header = &raw const (*self.arena.as_ptr()).incoming[slot].msg_hdr;
            let control = libc::CMSG_FIRSTHDR(header);
            if control.is_null() {
                return;
            }
            let data = libc::CMSG_DATA(control);
            let length = (*control).cmsg_len as usize;
            match ((*control).cmsg_level, (*control).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO)
                    if length >= libc::CMSG_LEN(size_of::<libc::in_pktinfo>() as u32) as usize =>
                {
                    let data = data.cast::<libc::in_pktinfo>();
                    let mut info = data.read_unaligned();
                    info.ipi_ifindex = 0;
                    data.write_unaligned(info);
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO)
                    if length >= libc::CMSG_LEN(size_of::<libc::in6_pktinfo>() as u32) as usize =>
                {
                    let data = data.cast::<libc::in6_pktinfo>();
                    let mut info = data.read_unaligned();
                    if !Ipv6Addr::from(info.ipi6_addr.s6_addr).is_unicast_link_local() {
                        info.ipi6_ifindex = 0;
                    }
                    data.write_unaligned(info);
                }
                _ => {}
            }
        }
    }
}

/// Memory for an arena, all zeros. It is mapped and not allocated, so that a slot takes memory only for what was received into
/// it: the allocator may hand out pages that were used before, and clears them.
fn map_arena() -> NonNull<Arena> {
    const { assert!(align_of::<Arena>() <= 4096) };
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new anonymous mapping at a place that the kernel chooses touches no memory of the program. Mappings begin at a
    // page, which is aligned as an arena must be. All-zero bytes are a valid arena: integers and null pointers.
    let memory = unsafe { libc::mmap(null_mut(), size_of::<Arena>(), access, kind, -1, 0) };
    let arena = match NonNull::new(memory.cast::<Arena>()) {
        Some(arena) if memory != libc::MAP_FAILED => arena,
        _ => handle_alloc_error(Layout::new::<Arena>()),
    };
    // A huge page would back 2 MB for the first octet that is touched. Where the system knows none, nothing has to be done.
    // SAFETY: the advice changes no memory, and the range is the mapping that was just made.
    unsafe { libc::madvise(memory, size_of::<Arena>(), libc::MADV_NOHUGEPAGE) };
    arena
}

/// Sets a socket option whose value is an `int`.
///
/// # Errors
/// Those of setsockopt(2).
pub(super) fn set_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: pointer and length are those of a live local; the descriptor is open as it is borrowed.
    let status = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), length)
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives the `SO_REUSEPORT` group of a bound socket a program that chooses the socket of each datagram, by
/// its place in the order in which the group was bound.
///
/// # Errors
/// Those of setsockopt(2): `EINVAL` for what is no program, `ENOMEM` for one over `net.core.optmem_max`.
pub(super) fn steer(socket: BorrowedFd<'_>, program: &[libc::sock_filter]) -> io::Result<()> {
    let len = program.len().try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    // SAFETY: pointer and length are those of a live local, which in turn holds those of a live slice. The
    // kernel copies the instructions and writes to none of them, whatever `filter` would allow; it verifies
    // them before they run. The descriptor is open as it is borrowed.
    let status = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            size_of_val(&program) as libc::socklen_t,
        )
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
