//! Memory of the process: free memory goes back to the system, and connections are refused before
//! there is none left.
//!
//! A Rust program ends when it cannot allocate, and few libraries offer anything else. So whatever
//! a peer can make grow is allocated here, which fails without an end, and only as long as a
//! reserve is left for everything else.

#[cfg(target_os = "linux")]
mod address_space;
#[cfg(target_os = "linux")]
mod huge_pages;

#[cfg(target_os = "linux")]
pub use huge_pages::prefer as prefer_huge_pages;

/// The system gives no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMemory;

/// Address space that must still be available, in octets: far more than what all threads allocate
/// together between two checks.
const RESERVE: usize = 4 << 20;

/// Octets that are allocated without a look at the reserve. Each connection begins with one, and
/// does not begin without the reserve.
const SMALL: usize = 1024;

/// Makes room for `more` octets.
///
/// # Errors
/// When the system gives no memory, or little is left.
pub(super) fn reserve(buffer: &mut Vec<u8>, more: usize) -> Result<(), NoMemory> {
    if more > SMALL && !has_reserve() {
        return Err(NoMemory);
    }
    buffer.try_reserve_exact(more).map_err(|_| NoMemory)
}

/// So many zeros.
///
/// # Errors
/// When the system gives no memory, or little is left.
pub(super) fn zeros(length: usize) -> Result<Box<[u8]>, NoMemory> {
    let mut buffer = Vec::new();
    reserve(&mut buffer, length)?;
    buffer.resize(length, 0);
    Ok(buffer.into_boxed_slice())
}

/// A copy of these octets.
///
/// # Errors
/// When the system gives no memory, or little is left.
pub fn copied(octets: &[u8]) -> Result<Box<[u8]>, NoMemory> {
    let mut buffer = Vec::new();
    reserve(&mut buffer, octets.len())?;
    buffer.extend_from_slice(octets);
    Ok(buffer.into_boxed_slice())
}

/// Whether the reserve is available: the system would give it, or the allocator has as much at one
/// place.
pub(super) fn has_reserve() -> bool {
    can_map(RESERVE) || Vec::<u8>::new().try_reserve_exact(RESERVE).is_ok()
}

/// Opens and reads what [`can_map`] and [`prefer_huge_pages`] need of the system. To be called
/// before the sandbox is entered.
pub fn prepare() {
    #[cfg(target_os = "linux")]
    {
        address_space::open();
        huge_pages::prepare();
    }
}

/// Whether the system would give so many octets now, by the limit on the address space (`ulimit
/// -v`), or by whether it overcommits; a control group with too little memory is not seen.
#[cfg(target_os = "linux")]
pub fn can_map(octets: usize) -> bool {
    address_space::left().map_or_else(|| is_mapped_for_a_moment(octets), |left| left >= octets)
}

/// Whether so many octets can be mapped, which touches no page and is undone. Meanwhile nobody else
/// has them, so this is only for processes without a limit of their own.
#[cfg(target_os = "linux")]
fn is_mapped_for_a_moment(octets: usize) -> bool {
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new anonymous mapping at an address that the kernel chooses changes no existing
    // one. It is not used, and exactly this mapping is unmapped.
    unsafe {
        let mapped = libc::mmap(std::ptr::null_mut(), octets, access, kind, -1, 0);
        mapped != libc::MAP_FAILED && libc::munmap(mapped, octets) == 0
    }
}

/// Whether so many octets could be mapped now: not known on this system, and taken for granted.
#[cfg(not(target_os = "linux"))]
pub fn can_map(_: usize) -> bool {
    true
}

/// Asks for huge pages: there are none on this system.
#[cfg(not(target_os = "linux"))]
pub fn prefer_huge_pages(_: impl Iterator<Item = std::ops::Range<*const u8>>) {}

/// Returns free memory to the system, which takes a few milliseconds. UDP workers are not delayed,
/// as they do not allocate.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the function takes no pointer, may be called from any thread at any time
    // (malloc_trim(3): MT-Safe), and touches nothing but free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}
