//! Almost all `unsafe` of the server: recvmmsg(2), sendmmsg(2), the memory that they use, and
//! socket options without a safe wrapper.
//!
//! Everything that the kernel reads or writes is in one mapped [`Arena`], which never moves and
//! which only [`Ring`] knows. All access goes through the arena's raw pointer; references to parts
//! of it live no longer than the borrow of the ring from which they came.
#![allow(
    clippy::indexing_slicing,
    reason = "the arena's arrays are reached through a raw pointer, where there is no `get`; indexing checks its bound"
)]

use std::alloc::{Layout, handle_alloc_error};
use std::io;
use std::mem::{size_of, size_of_val};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{NonNull, null_mut};

use super::datagrams::{BATCH_SIZE, Datagram, Datagrams};
use super::limits::QUERY_MAX;
use super::source_filter::{Refusal, SourceFilter};

/// Size of a slot in octets: whole pages and a cache line more. If all slots began at the same
/// offset in a page, the 64 message headers would compete for the same eight lines of the
/// first-level cache. Every query has room to grow into an answer. Most of a slot is never touched,
/// and so the system provides no memory for it.
pub(super) const SLOT_SIZE: usize = QUERY_MAX + 1 + 64;

/// Octets of one control message with packet info. That of IPv6 is the longer one.
#[allow(clippy::cast_possible_truncation)]
// SAFETY: CMSG_SPACE is arithmetic on its argument.
const CONTROL_SIZE: usize =
    unsafe { libc::CMSG_SPACE(size_of::<libc::in6_pktinfo>() as u32) } as usize;

/// Slots for receiving and sending datagrams in batches.
pub(super) struct Ring {
    arena: NonNull<Arena>,
    /// The address of the socket.
    address: SocketAddr,
    /// Whether packet info is copied from query to answer.
    packet_info: bool,
    filter: SourceFilter,
    /// Slots whose headers the kernel has written since the last reset.
    touched: usize,
    /// Slots that hold a datagram.
    received: usize,
    /// Answers staged for sending.
    staged: usize,
}

#[repr(C)]
struct Arena {
    incoming: [libc::mmsghdr; BATCH_SIZE],
    incoming_vectors: [libc::iovec; BATCH_SIZE],
    outgoing: [libc::mmsghdr; BATCH_SIZE],
    outgoing_vectors: [libc::iovec; BATCH_SIZE],
    /// Each also holds a `sockaddr_in`, which is shorter and not more strictly aligned.
    names: [libc::sockaddr_in6; BATCH_SIZE],
    controls: [Control; BATCH_SIZE],
    buffers: [[u8; SLOT_SIZE]; BATCH_SIZE],
}

#[repr(C, align(8))]
struct Control([u8; CONTROL_SIZE]);

// SAFETY: the ring is the only owner of its arena, whose pointers all point into the arena itself.
unsafe impl Send for Ring {}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the arena was mapped in `new` with this length and is unmapped nowhere else; no
        // field has a destructor. The call cannot fail for a whole mapping.
        unsafe { libc::munmap(self.arena.as_ptr().cast(), size_of::<Arena>()) };
    }
}

impl Ring {
    /// A new ring for a socket with this address. On a wildcard, answers are sent from the address
    /// that was queried, and the filter knows that address.
    pub(super) fn new(address: SocketAddr, filter: SourceFilter) -> Self {
        let packet_info = address.ip().is_unspecified();
        let arena = map_arena();
        for slot in 0..BATCH_SIZE {
            // SAFETY: `slot` is in range (the arrays check it) and the arena is valid; `&raw` makes
            // no references that could overlap.
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
        let touched = BATCH_SIZE;
        Self { arena, address, packet_info, filter, touched, received: 0, staged: 0 }
    }
}

impl Datagrams for Ring {
    fn receive(&mut self, socket: BorrowedFd<'_>, wait: bool) -> io::Result<usize> {
        self.reset_headers();
        self.received = 0;
        self.staged = 0;
        let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        // SAFETY: BATCH_SIZE headers, each with pointers and lengths of parts of the arena that
        // nothing refers to during the call; the descriptor is open as it is borrowed.
        let count = unsafe {
            let headers = (&raw mut (*self.arena.as_ptr()).incoming).cast();
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers,
                BATCH_SIZE as libc::c_uint,
                flags as _,
                null_mut(),
            )
        };
        // After an error the kernel may have written to the first header.
        let Ok(count) = usize::try_from(count) else {
            self.touched = 1;
            return Err(io::Error::last_os_error());
        };
        self.touched = count.min(BATCH_SIZE);
        self.received = self.touched;
        Ok(self.received)
    }

    fn datagram(&self, slot: usize) -> Option<Datagram<'_>> {
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
        let Some(client) = self.source(slot) else {
            return Some(Datagram::Refused(Refusal::NoReturnAddress));
        };
        if let Some(refusal) = self.filter.refuse(client, self.sent_to(slot)) {
            return Some(Datagram::Refused(refusal));
        }
        // SAFETY: `slot` is in range; the reference is tied to the shared borrow of `self`. The
        // slot's octets are changed only by the kernel and through `buffer`, in calls that borrow
        // `self` exclusively.
        let buffer = unsafe { &(*self.arena.as_ptr()).buffers[slot] };
        buffer.get(..length).map(|message| Datagram::Query { message, client })
    }

    fn destination(&self, slot: usize) -> Option<SocketAddr> {
        let address = self.sent_to(slot).unwrap_or(self.address.ip());
        Some(SocketAddr::new(address, self.address.port()))
    }

    fn buffer(&mut self, slot: usize) -> Option<&mut [u8]> {
        if slot >= self.received {
            return None;
        }
        // SAFETY: `slot` is in range; this is the only reference to the slot's octets, tied to the
        // exclusive borrow of `self`. The kernel touches them only in calls that borrow `self` too.
        unsafe { Some(&mut (*self.arena.as_ptr()).buffers[slot]) }
    }

    /// False for slots without a datagram, and answers beyond [`BATCH_SIZE`].
    fn stage(&mut self, slot: usize, length: usize) -> bool {
        let index = self.staged;
        if slot >= self.received || index >= BATCH_SIZE {
            return false;
        }
        self.clear_interface(slot);
        // SAFETY: both indices are in range; all pointers point into the arena. The received header
        // is only read, so its control length is the one that the kernel wrote.
        unsafe {
            let arena = self.arena.as_ptr();
            let vector = &raw mut (*arena).outgoing_vectors[index];
            (*vector).iov_base = (&raw mut (*arena).buffers[slot]).cast();
            (*vector).iov_len = length.min(SLOT_SIZE);
            let query = &raw const (*arena).incoming[slot].msg_hdr;
            let header = &raw mut (*arena).outgoing[index].msg_hdr;
            (*header).msg_name = (*query).msg_name;
            (*header).msg_namelen = (*query).msg_namelen;
            (*header).msg_iov = vector;
            (*header).msg_iovlen = 1;
            let complete = self.packet_info && (*query).msg_flags & libc::MSG_CTRUNC == 0;
            (*header).msg_control = if complete { (*query).msg_control } else { null_mut() };
            (*header).msg_controllen = if complete { (*query).msg_controllen } else { 0 };
        }
        self.staged = index.saturating_add(1);
        true
    }

    fn staged(&self) -> usize {
        self.staged
    }

    fn send(&mut self, socket: BorrowedFd<'_>, from: usize) -> io::Result<usize> {
        if from >= self.staged {
            return Ok(0);
        }
        let count = self.staged.saturating_sub(from) as libc::c_uint;
        // SAFETY: the headers `from..staged` were set up by `stage` since the last call to
        // `receive` and point into the arena, where nothing has changed since.
        let sent = unsafe {
            let first = &raw mut (*self.arena.as_ptr()).outgoing[from];
            libc::sendmmsg(socket.as_raw_fd(), first, count, 0)
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

impl Ring {
    /// Resets the header fields that the kernel has overwritten.
    fn reset_headers(&mut self) {
        let control = if self.packet_info { CONTROL_SIZE } else { 0 };
        for slot in 0..self.touched.min(BATCH_SIZE) {
            // SAFETY: `slot` is in range.
            unsafe {
                let header = &raw mut (*self.arena.as_ptr()).incoming[slot].msg_hdr;
                (*header).msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
                (*header).msg_controllen = control as _;
                (*header).msg_flags = 0;
            }
        }
    }

    /// The source of the datagram in a slot.
    fn source(&self, slot: usize) -> Option<SocketAddr> {
        // SAFETY: `slot` is in range as the callers checked; every bit pattern is a valid
        // `sockaddr_in6` and `sockaddr_in`, and the shorter one fits into the longer one with the
        // same alignment.
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

    /// Clears the interface in the packet info of a slot, so that routing alone decides on which
    /// interface the answer leaves; it may differ from that of the query. Link-local addresses keep
    /// it, as they are ambiguous without their interface.
    fn clear_interface(&mut self, slot: usize) {
        match self.packet_info(slot) {
            // SAFETY: the pointer is to a whole packet info of this type in the arena, to which
            // nothing else refers. It is read and written unaligned, as nothing guarantees its
            // alignment.
            Some(PacketInfo::V4(data)) => unsafe {
                let mut info = data.read_unaligned();
                info.ipi_ifindex = 0;
                data.write_unaligned(info);
            },
            // SAFETY: as above.
            Some(PacketInfo::V6(data)) => unsafe {
                let mut info = data.read_unaligned();
                if !Ipv6Addr::from(info.ipi6_addr.s6_addr).is_unicast_link_local() {
                    info.ipi6_ifindex = 0;
                }
                data.write_unaligned(info);
            },
            None => {}
        }
    }

    /// The address that the datagram in a slot was sent to; `None` without packet info. For IPv4,
    /// the broadcast address of any network is given as that of all.
    fn sent_to(&self, slot: usize) -> Option<IpAddr> {
        match self.packet_info(slot)? {
            PacketInfo::V4(data) => {
                // SAFETY: as in `clear_interface`.
                let info = unsafe { data.read_unaligned() };
                let [sent_to, own] = [info.ipi_addr, info.ipi_spec_dst]
                    .map(|address| Ipv4Addr::from(u32::from_be(address.s_addr)));
                // They differ if the datagram was not sent to one of this machine's own addresses.
                let is_unicast = sent_to == own || sent_to.is_multicast();
                Some(if is_unicast { sent_to } else { Ipv4Addr::BROADCAST }.into())
            }
            PacketInfo::V6(data) => {
                // SAFETY: as in `clear_interface`.
                let info = unsafe { data.read_unaligned() };
                Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into())
            }
        }
    }

    /// Where the packet info of a slot is.
    #[allow(clippy::cast_ptr_alignment)]
    fn packet_info(&self, slot: usize) -> Option<PacketInfo> {
        if !self.packet_info || slot >= self.received {
            return None;
        }
        // SAFETY: the header and its control length are as the kernel left them, so the macros stay
        // within the control buffer; type and length are checked before the data is taken for
        // packet info.
        unsafe {
            let header = &raw const (*self.arena.as_ptr()).incoming[slot].msg_hdr;
            let control = libc::CMSG_FIRSTHDR(header);
            if control.is_null() {
                return None;
            }
            let data = libc::CMSG_DATA(control);
            let length = (*control).cmsg_len as usize;
            match ((*control).cmsg_level, (*control).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO)
                    if length >= libc::CMSG_LEN(size_of::<libc::in_pktinfo>() as u32) as usize =>
                {
                    Some(PacketInfo::V4(data.cast()))
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO)
                    if length >= libc::CMSG_LEN(size_of::<libc::in6_pktinfo>() as u32) as usize =>
                {
                    Some(PacketInfo::V6(data.cast()))
                }
                _ => None,
            }
        }
    }
}

/// The packet info of a slot, which may be unaligned.
enum PacketInfo {
    V4(*mut libc::in_pktinfo),
    V6(*mut libc::in6_pktinfo),
}

/// Memory for an arena, all zeros. It is mapped, not allocated: the allocator may return used
/// pages, which it would clear and thereby touch, while a mapped slot takes memory only for what is
/// received into it.
fn map_arena() -> NonNull<Arena> {
    const { assert!(align_of::<Arena>() <= 4096) };
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new anonymous mapping at an address that the kernel chooses touches no memory of
    // the program. Mappings begin at a page, which is aligned as an arena must be. All-zero octets
    // are a valid arena: integers and null pointers.
    let memory = unsafe { libc::mmap(null_mut(), size_of::<Arena>(), access, kind, -1, 0) };
    let arena = match NonNull::new(memory.cast::<Arena>()) {
        Some(arena) if memory != libc::MAP_FAILED => arena,
        _ => handle_alloc_error(Layout::new::<Arena>()),
    };
    // A huge page would take 2 MiB for the first octet that is touched. On a system without huge
    // pages the call fails, which does not matter.
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
    // SAFETY: pointer and length are those of a live local variable; the descriptor is open as it
    // is borrowed.
    let status = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), length)
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Attaches a program to the `SO_REUSEPORT` group of a bound socket. It chooses the socket for each
/// datagram by its number in the order of binding.
///
/// # Errors
/// Those of setsockopt(2): `EINVAL` for an invalid program, `ENOMEM` for one over
/// `net.core.optmem_max`.
pub(super) fn steer(socket: BorrowedFd<'_>, program: &[libc::sock_filter]) -> io::Result<()> {
    let len = program.len().try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    // SAFETY: pointer and length are those of a live local variable, which in turn holds those of a
    // live slice. The kernel copies the instructions and writes to none of them, although `filter`
    // is a mutable pointer; it verifies them before they run. The descriptor is open as it is
    // borrowed.
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
