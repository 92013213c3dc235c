//! Free memory that the allocator holds.

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
