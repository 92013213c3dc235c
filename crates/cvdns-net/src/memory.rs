//! Memory that the allocator holds and nobody uses.

/// Gives free memory back to the system. It takes a few milliseconds. UDP workers go on meanwhile,
/// as they do not allocate.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the function takes no pointer, may be called from any thread at any time
    // (malloc_trim(3): MT-Safe), and touches nothing but free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}
