//! Memory that is shared with the kernel: frames, and the rings by which they change hands
//! (`Documentation/networking/af_xdp.rst` in the kernel).
//!
//! Each frame is in one place at any time. [`Frames`] gives all frames to the kernel by the ring
//! `fill`; the kernel returns those with a received frame by `received`. These are *held* until
//! they are answered, by the ring `outgoing`, or given back to `fill`. The kernel returns answers
//! that are sent by `completed`, from where they go to `fill`. Each ring has
//! an entry for each frame, so none overflows, and no list of free frames is needed.
//!
//! References to a frame are given out only while it is held. All access to the mappings is in this
//! file.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Release},
};

use rustix::net::sockopt;
use rustix::net::xdp::{
    XSK_UNALIGNED_BUF_ADDR_MASK, XSK_UNALIGNED_BUF_OFFSET_SHIFT as OFFSET_SHIFT, XdpRingOffset,
    XdpUmemReg, XdpUmemRegFlags,
};

use super::super::datagrams::BATCH_SIZE;
use super::super::mmsg::set_option;

/// Entries of each ring: a power of two, as the kernel wants, and at least as many as frames.
const ENTRIES: u32 = 2048;

/// Octets of all frames of a queue. At a million queries a second they last for 2 ms, in which a
/// thread that was off its core is back on it. Two queues fit the usual limit of locked memory.
pub(super) const POOL_SIZE: usize = 4 << 20;

/// Octets of a frame's place: half a page, the least that the kernel allows.
pub(super) const FRAME_SIZE: usize = 2048;

/// Octets from one place to the next: an odd number of cache lines. At powers of two, the
/// beginnings of all frames of a batch would compete for a few places of the first-level cache.
const STRIDE: usize = FRAME_SIZE + 64;

/// Frames of a queue.
const FRAMES: u32 = (POOL_SIZE / STRIDE) as u32;

/// Octets that the kernel keeps free before each frame (`XDP_PACKET_HEADROOM` in linux/bpf.h).
pub(super) const HEADROOM: usize = 256;

/// The frames of a queue and their rings.
pub(super) struct Frames {
    pool: Mapping,
    fill: Ring<u64>,
    received: Ring<libc::xdp_desc>,
    outgoing: Ring<libc::xdp_desc>,
    completed: Ring<u64>,
    held: [Held; BATCH_SIZE],
    count: usize,
    sent_by_call: usize,
}

/// A frame that is held.
#[derive(Clone, Copy, Default)]
struct Held {
    /// Where it begins in the pool. Behind it there are `length` octets in its place at least.
    start: usize,
    length: usize,
    is_ours: bool,
}

impl Frames {
    /// Registers frames and rings with a new AF_XDP socket. All frames are the kernel's then.
    ///
    /// # Errors
    /// `ENOBUFS` if the process may not lock so much memory (`RLIMIT_MEMLOCK`), and others of the
    /// system.
    pub(super) fn register(socket: BorrowedFd<'_>) -> io::Result<Self> {
        let pool = Mapping::anonymous(POOL_SIZE)?;
        pool.want_huge_pages();
        let registration = XdpUmemReg {
            addr: pool.start.as_ptr().expose_provenance() as u64,
            len: pool.length as u64,
            chunk_size: FRAME_SIZE as u32,
            headroom: 0,
            // Places may begin anywhere.
            flags: XdpUmemRegFlags::XDP_UMEM_UNALIGNED_CHUNK_FLAG,
            tx_metadata_len: 0,
        };
        sockopt::set_xdp_umem_reg(socket, registration)?;
        sockopt::set_xdp_umem_fill_ring_size(socket, ENTRIES)?;
        sockopt::set_xdp_umem_completion_ring_size(socket, ENTRIES)?;
        sockopt::set_xdp_rx_ring_size(socket, ENTRIES)?;
        sockopt::set_xdp_tx_ring_size(socket, ENTRIES)?;
        let offsets = sockopt::xdp_mmap_offsets(socket)?;
        let mut fill = Ring::map(socket, offsets.fr, libc::XDP_UMEM_PGOFF_FILL_RING)?;
        for number in 0..u64::from(FRAMES) {
            fill.push(number.wrapping_mul(STRIDE as u64));
        }
        fill.publish();
        Ok(Self {
            pool,
            fill,
            received: Ring::map(socket, offsets.rx, libc::XDP_PGOFF_RX_RING as u64)?,
            outgoing: Ring::map(socket, offsets.tx, libc::XDP_PGOFF_TX_RING as u64)?,
            completed: Ring::map(socket, offsets.cr, libc::XDP_UMEM_PGOFF_COMPLETION_RING)?,
            held: [Held::default(); BATCH_SIZE],
            count: 0,
            sent_by_call: send_whole_batches(socket),
        })
    }

    /// Gives back all frames that are still held, and those whose answers are sent. Then takes what
    /// was received, up to [`BATCH_SIZE`] frames, and returns their number.
    pub(super) fn take(&mut self) -> usize {
        for number in 0..self.count {
            self.give_back(number);
        }
        let sent = self.completed.waiting(ENTRIES);
        for index in 0..sent {
            self.fill.push(first_of_place(self.completed.peek(index)));
        }
        self.completed.release(sent);
        self.fill.publish();
        let waiting = self.received.waiting(BATCH_SIZE as u32);
        self.count = 0;
        for index in 0..waiting {
            let libc::xdp_desc { addr, len, .. } = self.received.peek(index);
            let (start, length) = (octet_of(addr), len as usize);
            let held = Held { start, length, is_ours: true };
            // The kernel describes no others.
            if let Some(place) = self.held.get_mut(self.count).filter(|_| held.is_whole()) {
                *place = held;
                self.count = self.count.saturating_add(1);
            }
        }
        self.received.release(waiting);
        self.count
    }

    /// The frame with this number among those that were taken last, if it is held.
    pub(super) fn frame(&self, number: usize) -> Option<&[u8]> {
        let held = self.held.get(number).filter(|held| held.is_ours)?;
        // SAFETY: the octets are within the pool, as `is_whole` has checked, and initialised, as
        // the mapping was zeros. The frame is held, so that the kernel does not write to it, and
        // this file writes to it only by `whole_frame`, which borrows `self` exclusively.
        Some(unsafe {
            let start = self.pool.start.as_ptr().add(held.start);
            std::slice::from_raw_parts(start, held.length)
        })
    }

    /// The same to be changed, up to the end of the frame's place.
    pub(super) fn whole_frame(&mut self, number: usize) -> Option<&mut [u8]> {
        let held = self.held.get(number).filter(|held| held.is_ours)?;
        let room = FRAME_SIZE.saturating_sub(held.start % STRIDE);
        // SAFETY: as in `frame`; up to the end of its place a frame shares no octet with others,
        // and this is the only reference to it, as it borrows `self` exclusively.
        Some(unsafe {
            let start = self.pool.start.as_ptr().add(held.start);
            std::slice::from_raw_parts_mut(start, room)
        })
    }

    /// Gives a frame back to be filled anew, if it is held. The kernel sees it after the next call
    /// of [`Self::take`].
    pub(super) fn give_back(&mut self, number: usize) {
        if let Some(held) = self.held.get_mut(number).filter(|held| held.is_ours) {
            held.is_ours = false;
            self.fill.push(first_of_place(held.start as u64));
        }
    }

    /// Hands over a frame, with so many octets, to be sent. The kernel sees it after
    /// [`Self::publish`]. False if it is not held or has no room for these octets: it then stays.
    pub(super) fn hand_over(&mut self, number: usize, length: usize) -> bool {
        let Some(held) = self.held.get_mut(number).filter(|held| held.is_ours) else {
            return false;
        };
        let answer = Held { length, ..*held };
        if !answer.is_whole() {
            return false;
        }
        held.is_ours = false;
        let (addr, len) = (held.start as u64, length as u32);
        self.outgoing.push(libc::xdp_desc { addr, len, options: 0 });
        true
    }

    /// Shows the kernel what was handed over.
    pub(super) fn publish(&mut self) {
        self.outgoing.publish();
    }

    /// Most frames that the kernel sends in one call.
    pub(super) fn sent_by_call(&self) -> usize {
        self.sent_by_call
    }

    /// Frames that were handed over and that the kernel has not taken yet.
    pub(super) fn unsent(&self) -> usize {
        self.outgoing.unread() as usize
    }
}

/// Asks the kernel to send a whole batch in one call, which Linux 6.17 and newer can, and returns
/// how many frames it sends in one call.
fn send_whole_batches(socket: BorrowedFd<'_>) -> usize {
    /// `XDP_MAX_TX_SKB_BUDGET` in `linux/if_xdp.h`.
    const MAX_TX_SKB_BUDGET: libc::c_int = 9;
    /// Frames that the kernel sends in one call where nothing else was said (`TX_BATCH_SIZE` in
    /// net/xdp/xsk.c).
    const SENT_BY_CALL: usize = 32;
    let wanted = libc::c_int::try_from(BATCH_SIZE).unwrap_or(libc::c_int::MAX);
    let is_set = set_option(socket, libc::SOL_XDP, MAX_TX_SKB_BUDGET, wanted);
    if is_set.is_ok() { BATCH_SIZE } else { SENT_BY_CALL }
}

impl Held {
    /// Whether it lies within one place of the pool.
    fn is_whole(&self) -> bool {
        let end = (self.start % STRIDE).saturating_add(self.length);
        self.start < FRAMES as usize * STRIDE && end <= FRAME_SIZE
    }
}

/// The octet of the pool to which an address of the kernel leads. Its upper 16 bits are the
/// distance from the beginning of the place, which the others tell.
fn octet_of(address: u64) -> usize {
    let (start, distance) = (address & XSK_UNALIGNED_BUF_ADDR_MASK, address >> OFFSET_SHIFT);
    start.saturating_add(distance) as usize
}

/// The first octet of the place in which this octet of the pool is.
fn first_of_place(octet: u64) -> u64 {
    octet.saturating_sub(octet % STRIDE as u64)
}

/// A ring of the kernel, one end of which is ours. Indices count on without end, modulo 2^32.
struct Ring<T> {
    memory: Mapping,
    offsets: Offsets,
    /// Our end: what was pushed or released. The kernel may see an earlier one.
    own: u32,
    /// The kernel's end, as it was seen last.
    other: u32,
    entries: PhantomData<T>,
}

/// Where the parts of a ring are in its memory, in octets.
#[derive(Clone, Copy)]
struct Offsets {
    producer: usize,
    consumer: usize,
    entries: usize,
}

// `T` is a type that any octets are valid for: `u64` or `xdp_desc`.
impl<T: Copy> Ring<T> {
    /// Maps the ring of a socket that begins at this place of its file.
    fn map(socket: BorrowedFd<'_>, offset: XdpRingOffset, place: u64) -> io::Result<Self> {
        let offsets = Offsets {
            producer: offset.producer as usize,
            consumer: offset.consumer as usize,
            entries: offset.desc as usize,
        };
        let octets = ENTRIES as usize * size_of::<T>();
        let length = offsets.entries.saturating_add(octets);
        let is_inside = |index: usize| index.is_multiple_of(4) && index.saturating_add(4) <= length;
        let is_aligned = offsets.entries.is_multiple_of(align_of::<T>());
        if !is_aligned || !is_inside(offsets.producer) || !is_inside(offsets.consumer) {
            return Err(io::Error::other("the kernel's rings are not as they should be"));
        }
        let memory = Mapping::shared(socket, length, place)?;
        Ok(Self { memory, offsets, own: 0, other: 0, entries: PhantomData })
    }

    /// As its consumer: how many entries wait, up to `most`.
    fn waiting(&mut self, most: u32) -> u32 {
        if self.other.wrapping_sub(self.own) < most {
            self.other = self.producer().load(Acquire);
        }
        self.other.wrapping_sub(self.own).min(most)
    }

    /// As its consumer: the entry with this number among those that wait.
    fn peek(&self, number: u32) -> T {
        // SAFETY: the place is within the mapping. What the kernel has announced by the producer's
        // index it does not write to until the consumer's index has passed it, and any octets are a
        // valid `T`.
        unsafe { self.place(self.own.wrapping_add(number)).read() }
    }

    /// As its consumer: leaves so many entries to the kernel.
    fn release(&mut self, count: u32) {
        self.own = self.own.wrapping_add(count);
        self.consumer().store(self.own, Release);
    }

    /// As its producer: adds an entry, which the kernel sees after [`Self::publish`]. There is a
    /// free place, as there are as many as frames.
    fn push(&mut self, entry: T) {
        // SAFETY: the place is within the mapping, and the kernel reads only entries up to the
        // published index.
        unsafe { self.place(self.own).write(entry) };
        self.own = self.own.wrapping_add(1);
    }

    /// As its producer: shows the kernel what was added.
    fn publish(&mut self) {
        self.producer().store(self.own, Release);
    }

    /// As its producer: entries that the kernel has not taken.
    fn unread(&self) -> u32 {
        self.own.wrapping_sub(self.consumer().load(Acquire))
    }

    fn producer(&self) -> &AtomicU32 {
        self.index(self.offsets.producer)
    }

    fn consumer(&self) -> &AtomicU32 {
        self.index(self.offsets.consumer)
    }

    fn index(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: `map` has checked that the four octets are within the mapping, which begins at a
        // page, and aligned. Both sides access them as atomics only.
        unsafe { AtomicU32::from_ptr(self.memory.start.as_ptr().add(offset).cast()) }
    }

    fn place(&self, index: u32) -> *mut T {
        let place = (index % ENTRIES) as usize;
        // SAFETY: `map` has mapped room for `ENTRIES` entries behind the offset, which is aligned.
        unsafe { self.memory.start.as_ptr().add(self.offsets.entries).cast::<T>().add(place) }
    }
}

/// A value of 32 bits in a map that the program in the kernel reads.
pub(super) struct SharedValue {
    memory: Mapping,
}

impl SharedValue {
    /// The first value of a map made by [`map_of_value`](super::bpf::map_of_value).
    ///
    /// # Errors
    /// Those of mmap(2).
    pub(super) fn of(map: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self { memory: Mapping::shared(map, size_of::<u32>(), 0)? })
    }

    /// The value, which other processes may have set.
    pub(super) fn get(&self) -> u32 {
        self.value().load(Acquire)
    }

    /// Sets it. The program sees it from the next frame on.
    pub(super) fn set(&self, value: u32) {
        self.value().store(value, Release);
    }

    fn value(&self) -> &AtomicU32 {
        // SAFETY: the mapping has four octets at least and begins at a page. All sides access them
        // as an atomic value or as one aligned word.
        unsafe { AtomicU32::from_ptr(self.memory.start.as_ptr().cast()) }
    }
}

/// Memory mapped into this process, until this is dropped.
struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread; what is written there is either atomic
// or goes through an exclusive borrow of its owner.
unsafe impl Send for Mapping {}
// SAFETY: by a shared borrow of an owner, memory is only read, or accessed by atomics.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Memory of its own, all zeros.
    fn anonymous(length: usize) -> io::Result<Self> {
        Self::new(length, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    }

    /// Asks for huge pages, before anything is written: a frame is in another page than the next
    /// but one, and the processor knows few pages at once. Without them the memory is as good.
    fn want_huge_pages(&self) {
        // SAFETY: this is a mapping of ours, and the advice changes nothing that it holds.
        unsafe { libc::madvise(self.start.as_ptr().cast(), self.length, libc::MADV_HUGEPAGE) };
    }

    /// Memory that belongs to a descriptor.
    fn shared(descriptor: BorrowedFd<'_>, length: usize, offset: u64) -> io::Result<Self> {
        let raw = descriptor.as_fd().as_raw_fd();
        Self::new(length, libc::MAP_SHARED | libc::MAP_POPULATE, raw, offset)
    }

    fn new(
        length: usize,
        kind: libc::c_int,
        descriptor: libc::c_int,
        offset: u64,
    ) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory of the
        // program.
        let memory = unsafe {
            libc::mmap(
                null_mut(),
                length,
                access,
                kind,
                descriptor,
                offset.cast_signed() as libc::off_t,
            )
        };
        match NonNull::new(memory.cast::<u8>()) {
            Some(start) if memory != libc::MAP_FAILED => Ok(Self { start, length }),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `new` has made, nobody else unmaps it, and references
        // into it live no longer than borrows of its owner. The call cannot fail for a whole
        // mapping.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
